"""Block-wise parsing with Arrow gives the same table as parsing at once with pandas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from cellstate.errors import ReadError
from cellstate.io import table
from cellstate.io.source import load_content
from cellstate.io.table import ParsedTable, read_table

_CELLS = st.sampled_from(
    ["TP53", "7157", "0", "1", "2.5", "-0.1", "", "NA", "n.d.", " 3", "4 ", "+5", "1e3", "1E-400", "inf", ".5",
     '"6"', '"a,b"', '" x"', ' "y"', "12345678901234567890", "é", "True", "0.1234567890123456789", "null"]
)  # fmt: skip


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a line or two."""
    monkeypatch.setattr(table, "_BLOCK_BYTES", 40)
    monkeypatch.setattr(table, "_BLOCK_LINES", 1)


def _table(profile, **changes) -> str:
    """Return sixty genes of three samples as CSV, some cells replaced by position."""
    lines = profile.frame(profile.tpm_SF).round(3).iloc[:60].to_csv().splitlines()
    for at, line in changes.items():
        lines[int(at.removeprefix("line"))] = line
    return "\n".join(lines) + "\n"


def _both(text: str) -> tuple[ParsedTable, ParsedTable]:
    """Parse in blocks and at once; fails if the table is not parsed in blocks."""
    content = load_content(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_parse_whole", None)
        in_blocks = read_table(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_parse_blocks", lambda *_: None)
        return in_blocks, read_table(content)


def _assert_same(one: ParsedTable, other: ParsedTable) -> None:
    for name in ("header", "format", "n_rows", "numeric", "warnings"):
        assert getattr(one, name) == getattr(other, name)
    # pandas' own reading of a decimal may be some bits off.
    np.testing.assert_allclose(one.matrix(one.numeric), other.matrix(one.numeric), rtol=2e-15)
    for column in range(len(one.header)):
        assert [t.strip() for t in one.text(column)] == [t.strip() for t in other.text(column)]


CHANGES = {
    "plain": {},
    "empty cells": {"line5": "TP53,,1.5,NA"},
    "text among numbers": {"line5": "TP53,n.d.,1.5,2", "line40": "MYC,1,below,2"},
    "short row": {"line5": "TP53,1.5"},
    "blank line": {"line5": "", "line6": "   "},
    "quotes": {"line5": '"TP53","1","2.5","3"', "line6": '"a,b",1,2,3'},
    "quote after a space": {"line5": 'TP53, "1", 2, 3'},
    "a cell of two lines": {"line5": '"TP53\nagain",1,2,3'},
    "plus signs": {"line5": "TP53,+1,+2.5,3"},
    "beyond float64": {"line5": "TP53,1e400,1e-400,3"},
    "lines of commas": {"line5": ",,,"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_blocks_and_whole_parsing_agree(profile, change, monkeypatch):
    monkeypatch.setattr(table, "_BLOCK_BYTES", 400)
    monkeypatch.setattr(table, "_BLOCK_LINES", 1)
    _assert_same(*_both(_table(profile, **CHANGES[change])))


@pytest.mark.usefixtures("small_blocks")
@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=2, max_size=9))
def test_any_table_is_the_same_in_blocks(rows):
    content = load_content(("gene,a,b\n" + "\n".join(",".join(row) for row in rows) + "\n").encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_parse_blocks", lambda *_: None)
        try:
            whole = read_table(content)
        except ReadError:
            assume(False)
    found = read_table(content)
    assert (found.header, found.n_rows) == (whole.header, whole.n_rows)
    assert found.numeric == whole.numeric
    np.testing.assert_allclose(found.matrix(found.numeric), whole.matrix(found.numeric), rtol=2e-15)


def test_column_whose_text_begins_late_is_text(profile, small_blocks):
    frame = profile.frame(profile.tpm_SF).round(3).iloc[:200]
    frame.insert(0, "note", [""] * 100 + ["kinase"] * 100)
    in_blocks, whole = _both(frame.to_csv())
    _assert_same(in_blocks, whole)
    assert in_blocks.numeric == (2, 3, 4) and in_blocks.text(1)[99:101] == ["", "kinase"]


@pytest.mark.parametrize("cell", ["-", "NA", "none"])
def test_column_of_dashes_is_not_numeric(profile, small_blocks, cell):
    frame = profile.frame(profile.tpm_SF).round(3).iloc[:60]
    frame.insert(1, "about", [*[""] * 40, *[cell] * 20])
    in_blocks, whole = _both(frame.to_csv())
    _assert_same(in_blocks, whole)
    assert (2 in in_blocks.numeric) == (cell == "NA")


def test_decimal_commas_in_a_column_with_text(profile):
    frame = profile.frame(profile.tpm_SF).round(3).astype(object)
    frame.iloc[7, 1] = "n.d."
    text = frame.map(lambda v: v if v == "n.d." else str(v).replace(".", ",")).to_csv(sep=";")
    found = read_table(load_content(text.encode()))
    assert found.numeric == (1, 2, 3) and [w.code for w in found.warnings] == ["text_in_numbers"] and found.n_lost == 1
    np.testing.assert_allclose(found.numbers(1), profile.tpm_SF[0].round(3))
    assert np.isnan(found.numbers(2)[7])


def test_counts_are_float32_and_decimals_float64(profile, small_blocks):
    counts, tpm = (
        read_table(load_content(profile.frame(v).to_csv().encode())) for v in (profile.counts_SF, profile.tpm_SF)
    )
    assert counts.values_CR.dtype == np.float32 and tpm.values_CR.dtype == np.float64
    np.testing.assert_array_equal(counts.matrix((1, 2, 3)), profile.counts_SF)
    late = profile.counts_SF[:, :300].copy()
    late[1, 250] = 2.0**24 + 1
    mixed = read_table(load_content(profile.frame(profile.counts_SF).iloc[:300].assign(b=late[1]).to_csv().encode()))
    np.testing.assert_array_equal(mixed.numbers(4), late[1])


def test_names_that_are_long_numbers_stay_exact(small_blocks):
    names = [f"2023101512345678{n}" for n in range(10)]
    text = "sample,TP53,MYC\n" + "".join(f"{name},{n},7\n" for n, name in enumerate(names, start=3))
    assert read_table(load_content(text.encode())).text(0) == names


def test_quoted_cell_across_blocks(profile, small_blocks):
    text = _table(profile, line5='"TP53\n' + "of a long story " * 20 + '",1,2,3')
    found = read_table(load_content(text.encode()))
    assert found.n_rows == 60 and found.text(0)[4].startswith("TP53\nof a long")


@pytest.mark.parametrize("end", ["\r\r\n", "\r"])
def test_mixed_line_ends(profile, end):
    text = profile.frame(profile.tpm_SF).to_csv()
    lines = text.split("\n")
    mixed = "\n".join(lines[:20]) + end + end.join(lines[20:30]) + end + "\n".join(lines[30:])
    assert read_table(load_content(mixed.encode())).n_rows == 3000


def test_missing_cells_are_those_of_pandas():
    assert set(table.MISSING) == set(STR_NA_VALUES)


def test_samples_need_not_be_adjacent(profile):
    frame = profile.frame(profile.tpm_SF)
    frame.insert(1, "Start", 7)
    found = read_table(load_content(frame.to_csv().encode()))
    np.testing.assert_allclose(found.matrix((1, 3, 4)), profile.tpm_SF)
    assert np.shares_memory(found.matrix((3, 4)), found.values_CR)
