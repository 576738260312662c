"""Numbers, lists and names as text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cellstate.formatting import (
    digits,
    escape_html,
    escape_markdown,
    file_stem,
    fold_change,
    join_with_and,
    percent,
    plural,
    shorten,
    signed,
)


@pytest.mark.parametrize(
    ("fraction", "decimals", "text"),
    [(0.59, 0, "59%"), (0.017, 1, "1.7%"), (-0.2, 0, "−20%"), (None, 0, "–"), (0.0, 0, "0%")],
)
def test_percent(fraction: float | None, decimals: int, text: str) -> None:
    assert percent(fraction, decimals) == text


@pytest.mark.parametrize(
    ("value", "n", "text"),
    [(0.0, 3, "0"), (-0.0, 3, "0"), (0.01234, 3, "0.0123"), (123456.0, 3, "123000"), (-1.1, 2, "−1.1"), (2.0, 3, "2")],
)
def test_digits(value: float, n: int, text: str) -> None:
    assert digits(value, n) == text


def test_changes_carry_their_sign_and_factor() -> None:
    assert (signed(0.1234), signed(-0.1234), signed(0.0)) == ("+0.123", "−0.123", "0")
    assert fold_change(-1.1) == "−1.1 log2, 0.47×"
    assert fold_change(1.0) == "+1 log2, 2×"


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C")]
)
def test_names_are_joined(names: list[str], text: str) -> None:
    assert join_with_and(names) == text


def test_texts_are_shortened_with_an_ellipsis() -> None:
    assert (shorten("abc", 3), shorten("abcd", 3)) == ("abc", "ab…")


def test_html_is_escaped() -> None:
    assert escape_html("<b>&") == "&lt;b&gt;&amp;"


@pytest.mark.parametrize("mark", list("<>*_`[]()#$~|\\&!"))
def test_markdown_is_escaped(mark: str) -> None:
    assert escape_markdown(f"a{mark}b") == f"a\\{mark}b"


def test_links_and_emoji_are_broken() -> None:
    for text in (":red[x]", ":tada:", "http://x.example", "www.x.example", "a@b.example"):
        shown = escape_markdown(text)
        assert "\u2060" in shown
        assert shown.replace("\\", "").replace("\u2060", "") == text


def test_long_names_and_lines_are_cut() -> None:
    assert len(escape_markdown("x" * 1000)) == 80
    assert escape_markdown("a\nb\t\x00c") == "a b c"


def test_counts_and_file_names() -> None:
    assert plural(1, "gene") == "1 gene"
    assert plural(2_000, "gene") == "2,000 genes"
    assert file_stem("../../a b<c>") == "a_b_c"
    assert file_stem("///") == "sample"


def test_it_imports_neither_plotly_nor_streamlit() -> None:
    code = "import sys, cellstate.formatting; print(bool({'plotly', 'streamlit', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
