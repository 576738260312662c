"""Numbers, lists and names as text."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cellstate import formatting as f


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (f.percent, (0.59,), "59%"),
        (f.percent, (0.017, 1), "1.7%"),
        (f.percent, (-0.2,), "−20%"),
        (f.percent, (None,), "–"),
        (f.percent, (0.0,), "0%"),
        (f.digits, (0.0,), "0"),
        (f.digits, (-0.0,), "0"),
        (f.digits, (0.01234,), "0.0123"),
        (f.digits, (123456.0,), "123000"),
        (f.digits, (-1.1, 2), "−1.1"),
        (f.digits, (2.0,), "2"),
        (f.signed, (0.1234,), "+0.123"),
        (f.signed, (-0.1234,), "−0.123"),
        (f.signed, (0.0,), "0"),
        (f.fold_change, (-1.1,), "−1.1 log2, 0.47×"),
        (f.fold_change, (1.0,), "+1 log2, 2×"),
        (f.join_with_and, ([],), ""),
        (f.join_with_and, (["A"],), "A"),
        (f.join_with_and, (["A", "B"],), "A and B"),
        (f.join_with_and, (["A", "B", "C"],), "A, B and C"),
        (f.shorten, ("abc", 3), "abc"),
        (f.shorten, ("abcd", 3), "ab…"),
        (f.plural, (1, "gene"), "1 gene"),
        (f.plural, (2_000, "gene"), "2,000 genes"),
        (f.file_stem, ("../../a b<c>",), "a_b_c"),
        (f.file_stem, ("///",), "sample"),
        (f.escape_html, ("<b>&",), "&lt;b&gt;&amp;"),
        (f.escape_markdown, ("a\nb\t\x00c",), "a b c"),
        *((f.escape_markdown, (f"a{mark}b",), f"a\\{mark}b") for mark in "<>*_`[]()#$~|\\&!"),
    ],
)
def test_text(function: Callable[..., str], arguments: tuple[Any, ...], text: str) -> None:
    assert function(*arguments) == text


@pytest.mark.parametrize("text", [":red[x]", ":tada:", "http://x.example", "www.x.example", "a@b.example"])
def test_markdown_links_and_emoji_are_broken(text: str) -> None:
    shown = f.escape_markdown(text)
    assert "\u2060" in shown
    assert shown.replace("\\", "").replace("\u2060", "") == text


def test_long_names_are_cut() -> None:
    assert len(f.escape_markdown("x" * 1000)) == 80


def test_it_imports_neither_plotly_nor_streamlit() -> None:
    code = "import sys, cellstate.formatting; print(bool({'plotly', 'streamlit', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
