"""Groups of samples: their order, and which is the control."""

from __future__ import annotations

import pytest

from cellstate.io.sample_sheet import SampleSheet
from cellstate.ui.workbench.sample_sheet import control_first, groups_in, groups_of, in_words, match_sentence

WANTED = {"A1": "control", "A2": "control", "B1": "kd", "B2": "kd"}


def test_the_sentence_names_the_column() -> None:
    sheet = SampleSheet({"A1": "x"}, (), "group")
    assert match_sentence(sheet, 4) == "1 sample of 4 got a group from the column group."


@pytest.mark.parametrize(
    ("groups", "first"),
    [
        (("kd", "control"), "control"),
        (("hoxa1_sirna", "control_sirna"), "control_sirna"),
        (("CASE", "CTRL"), "CTRL"),
        (("drug", "DMSO"), "DMSO"),
        (("mutant", "WT"), "WT"),
        (("TP53-/-", "wt_1"), "wt_1"),
        (("siEHF", "siNC"), "siNC"),
        (("Female", "Male"), "Female"),
        (("control a", "control b"), "control a"),
        (("ntrk", "wto"), "ntrk"),
    ],
)
def test_the_control_comes_first(groups: tuple[str, str], first: str) -> None:
    assert control_first(groups)[0] == first
    assert set(control_first(groups)) == set(groups)


def test_groups_keep_the_order_of_the_file() -> None:
    groups = groups_of(WANTED | {"gone": "kd"}, ("B2", "A1", "new", "A2"))
    assert groups == {"kd": [0], "control": [1, 3]}
    assert in_words(groups) == "kd (1), control (2)"


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        (("x", "y", "x", ""), ["x", "y", "x", ""]),
        (("1", "0", "0", "1"), ["1", "0", "0", "1"]),
        (("5", "7", "9", ""), ["up to 7", "up to 7", "above 7", ""]),
        (("a", "b", "c", "d"), ["", "", "", ""]),
        (("a", "a", "a", "a"), ["", "", "", ""]),
        (("", "", "", ""), ["", "", "", ""]),
    ],
)
def test_groups_of_a_column(values: tuple[str, ...], groups: list[str]) -> None:
    assert groups_in(values) == groups
