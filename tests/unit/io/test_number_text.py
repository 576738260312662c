"""Numbers as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.io.number_text import (
    NumberMarks,
    filled_numbers,
    find_marks,
    is_number,
    parse_numbers,
    without_blank_groups,
)


@pytest.mark.parametrize(
    "cell", ["1", "-1.5", ".5", "1e-3", "1,234", "1 234", "1\u00a0234", "1'234", "<0.1", "≤ 5", "NA"]
)
def test_numbers_are_recognised(cell):
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["TP53", "1-Mar", "12 34", "1.2.3", "<low", "5'", "1,23,4"])
def test_text_is_no_number(cell):
    assert not is_number(cell, ",")


def test_empty_cells_are_no_filled_numbers():
    assert filled_numbers(["1", "", "  ", "x", "<0.1", "1,5"]) == [True, False, False, False, True, True]
    assert filled_numbers(["1,5"], ",") == [False]


@pytest.mark.parametrize(
    ("cells", "marks"),
    [
        (["1.5", "2", "x"], NumberMarks()),
        (["1,5", "0,25"], NumberMarks(",")),
        (["1.234,5", "0,25"], NumberMarks(",", ".")),
        (["1,234", "5"], NumberMarks(".", ",")),
        (["1,234.5", "5"], NumberMarks(".", ",")),
        (["1 234", "5"], NumberMarks(".", " ")),
        (["1'234,5", "5"], NumberMarks(",", " ")),
        ([*["1.234"] * 12, "17"], NumberMarks(",", ".")),  # German counts
        ([*["1.234"] * 12, "1234"], NumberMarks()),  # 1234 has no point: these are decimals
        ([*["1.234"] * 12, "0.5"], NumberMarks()),
        (["1.234", "17"], NumberMarks()),  # too few to tell
    ],
)
def test_marks_are_those_of_all_cells(cells, marks):
    assert find_marks(cells) == marks


@pytest.mark.parametrize(
    ("text", "marks", "number"),
    [
        ("1.5", NumberMarks(), 1.5),
        ("1,5", NumberMarks(","), 1.5),
        ("1.234,5", NumberMarks(",", "."), 1234.5),
        ("1,234.5", NumberMarks(), 1234.5),  # rare thousands that no sampled cell showed
        ("12 345,67", NumberMarks(","), 12345.67),
        ("<0.1", NumberMarks(), 0.05),
        ("<0,1", NumberMarks(","), 0.05),
        ("1e999999999", NumberMarks(), np.nan),
        ("n.d.", NumberMarks(), np.nan),
    ],
)
def test_cells_become_numbers(text, marks, number):
    numbers, is_text = parse_numbers(np.array([[text], ["7"]], dtype=object), marks)
    np.testing.assert_allclose(numbers.ravel(), [number, 7.0])
    assert is_text.ravel().tolist() == [np.isnan(number), False]


def test_empty_cells_are_no_text():
    numbers, is_text = parse_numbers(np.array(["", None, np.nan, "-", " NA "], dtype=object), NumberMarks())
    assert np.isnan(numbers).all() and not is_text.any()


def test_groups_are_joined_only_between_digits_of_a_number():
    text = "G,5'-nucleotidase 12,1\u00a0234,5'678\n".encode()
    assert without_blank_groups(text) == b"G,5'-nucleotidase 12,1234,5678\n"
