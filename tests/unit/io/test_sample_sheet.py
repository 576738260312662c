"""Sample sheets in many forms."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellstate.errors import ReadError
from cellstate.io.sample_sheet import MAX_BYTES, MAX_CHARS, annotations_in, read_sheet

NAMES = ("A1", "A2", "B1", "B2")
WANTED = {"A1": "control", "A2": "control", "B1": "kd", "B2": "kd"}


@pytest.mark.parametrize(
    "text",
    [
        "sample,group\nA1,control\nA2,control\nB1,kd\nB2,kd\n",
        "A1\tcontrol\nA2\tcontrol\nB1\tkd\nB2\tkd",
        "group;id\r\ncontrol;A1\r\ncontrol;A2\r\nkd;B1\r\nkd;B2\r\n",
        "A1 control\nA2   control\n\nB1 kd\nB2 kd\n",
        # As R writes it: no title above the row names.
        '"diagnosis","group"\n"A1","x","control"\n"A2","x","control"\n"B1","y","kd"\n"B2","y","kd"\n',
        "\ufeffid,age,condition\nA1,50,control\nA2,51,control\nB1,52,kd\nB2,53,kd\n",
    ],
)
def test_sheets_in_many_forms(text: str) -> None:
    sheet = read_sheet(text.encode(), NAMES)
    assert sheet.labels == WANTED
    assert sheet.unknown == ()


def test_unknown_names_are_kept_apart() -> None:
    sheet = read_sheet(b"sample,group\nA1,x\nZ9,y\nZ8,y\nZ9,y\nB1,\n", NAMES)
    assert sheet.labels == {"A1": "x"}
    assert sheet.unknown == ("Z9", "Z8")
    assert sheet.column == "group"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"A1\nA2\n", "one column"),
        (b"", "empty"),
        (b"sample,group\nX,a\nY,b\n", "names none"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture"),
        (b"a,b\n" * (MAX_BYTES // 4 + 1), "larger than"),
        (b"a,b\n" * 20_010, "more than 20,000 rows"),
    ],
)
def test_what_is_no_sheet_is_an_error_with_a_hint(data: bytes, expected: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_sheet(data, NAMES)
    assert expected in caught.value.message
    assert caught.value.hint


NAME = st.text("abXYZ019éß漢", min_size=1, max_size=12)
LABEL = st.text("abXYZ019éß漢.-_/+,;", min_size=1, max_size=MAX_CHARS + 9)


@settings(max_examples=40)
@given(st.dictionaries(NAME, LABEL, min_size=1, max_size=20), st.sampled_from("\t,;"))
def test_a_written_sheet_is_read_back(labels: dict[str, str], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(labels.items())
    found = read_sheet(text.getvalue().encode(), tuple(labels))
    assert found.labels == {name: label[:MAX_CHARS] for name, label in labels.items()}


@given(st.binary(max_size=400))
def test_any_bytes_are_a_sheet_or_an_error(data: bytes) -> None:
    try:
        assert set(read_sheet(data, NAMES).labels) <= set(NAMES)
    except ReadError as error:
        assert error.message


def test_columns_of_a_sheet_are_annotations_in_the_order_of_the_samples() -> None:
    rows = [["Patients of the study"], ["age", "patient", "arm"], ["61", "B", "x"], ["55", "A", "y"], ["", "Z", "y"]]
    assert annotations_in(rows, ("A", "B", "C")) == (("age", ("55", "61", "")), ("arm", ("y", "x", "")))
    assert annotations_in([["A", "x"], ["B", "y"]], ("A", "B")) == (("column 2", ("x", "y")),)
    for other in ([], [["a", "b"]], [["A", "x"]]):
        assert annotations_in(other, ("A", "B", "C")) == ()
