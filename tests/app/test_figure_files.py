"""Buttons that save a figure: on every figure, named after it, with nothing from outside in what the browser runs."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from cellstate.ui.components import figure_files
from cellstate.ui.components import layout as parts
from tests.app.conftest import check


def test_every_figure_has_its_buttons(with_example: AppTest, monkeypatch) -> None:
    seen: list[tuple[str, str, str]] = []
    monkeypatch.setattr(parts, "figure_files", lambda *said: seen.append(said))
    with_example.switch_page("pages/evidence.py").run()
    check(with_example)
    assert [name for _, _, name in seen] == ["cellstate-bins-sample", "cellstate-density", "cellstate-bins-held-out"]
    assert all(title for _, title, _ in seen)


def test_a_hypothesis_says_so_in_the_file_name(monkeypatch) -> None:
    def script() -> None:
        import plotly.graph_objects as go

        from cellstate.ui.components.layout import chart
        from cellstate.viz import Chart

        chart(Chart(go.Figure(layout={"title": {"text": "A &amp; B"}}), "Nothing.", is_hypothesis=True), key="one two")

    seen: list[tuple[str, str, str]] = []
    monkeypatch.setattr(parts, "figure_files", lambda *said: seen.append(said))
    check(AppTest.from_function(script).run())
    assert seen == [("one two", "A & B", "cellstate-hypothesis-one_two")]


def test_what_the_browser_runs_is_constant_and_asks_for_nothing() -> None:
    code = figure_files._HTML + figure_files._CSS + figure_files._JS
    assert not any(word in code for word in ("http", "fetch", "import ", "innerHTML", "eval"))
