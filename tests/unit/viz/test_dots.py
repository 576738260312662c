"""Dots with intervals: every figure has its place, its interval and its number."""

from __future__ import annotations

from cellstate.viz.dots import Dot, dots

ROWS = (Dot("Own", 0.6, 0.5, 0.7, is_own=True), Dot("Other", 0.512), Dot("<b>Third", 0.4, 0.1, 0.6))


def test_rows_stand_in_order_with_their_intervals() -> None:
    figure = dots(ROWS, "r", chance=0.5).figure
    own, others = figure.data
    assert list(own.x) == [0.6] and list(own.y) == [3]
    assert list(others.x) == [0.512, 0.4] and list(others.y) == [2, 1]
    assert [round(v, 6) for v in others.error_x.array] == [0, 0.2]
    assert [round(v, 6) for v in others.error_x.arrayminus] == [0, 0.3]
    assert [note.text for note in figure.layout.annotations] == ["0.60", "0.51", "0.40"]
    assert figure.layout.shapes[0].x0 == 0.5
    # A label is never markup.
    assert figure.layout.yaxis.ticktext[2] == "&lt;b&gt;Third"


def test_the_sentence_says_the_same() -> None:
    assert "Own 0.60; Other 0.51" in dots(ROWS, "r", chance=0.5).alt
    assert "Chance" not in dots(ROWS, "r").alt
