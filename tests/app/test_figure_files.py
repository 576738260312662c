"""Buttons that save a figure: below every figure, named after it, and with constant code."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from cellstate.ui.components import figure_files, layout
from tests.app.conftest import check, open_evidence


def test_every_figure_has_its_buttons(with_example: AppTest, monkeypatch) -> None:
    calls: list[tuple[str, str, str, str]] = []
    monkeypatch.setattr(layout, "figure_files", lambda *given: calls.append(given))
    check(open_evidence(with_example, "Reconstruction"))
    assert [name for _, _, name, _ in calls] == [
        "cellstate-bins-sample",
        "cellstate-density",
        "cellstate-bins-held-out",
    ]
    assert all(title and title in legend for _, title, _, legend in calls)


def test_the_file_of_a_prediction_is_named_hypothesis(monkeypatch) -> None:
    def script() -> None:
        import plotly.graph_objects as go

        from cellstate.ui.components.layout import chart
        from cellstate.viz import Chart

        chart(Chart(go.Figure(layout={"title": {"text": "A &amp; B"}}), "Nothing.", is_hypothesis=True), key="one two")

    calls: list[tuple[str, str, str, str]] = []
    monkeypatch.setattr(layout, "figure_files", lambda *given: calls.append(given))
    check(AppTest.from_function(script).run())
    [(key, title, name, legend)] = calls
    assert (key, title, name) == ("one two", "A & B", "cellstate-hypothesis-one_two")
    assert legend.startswith("A & B. Nothing.") and "coadread" in legend


def test_the_code_in_the_browser_requests_nothing() -> None:
    code = figure_files._HTML + figure_files._CSS + figure_files._JS
    assert not any(word in code for word in ("http", "fetch", "import ", "innerHTML", "eval"))
