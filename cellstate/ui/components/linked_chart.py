"""The linked charts of a prediction in the browser; what they show comes from `cellstate.viz.linked_chart`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from cellstate.viz.linked_chart import LinkedChart

_HTML = """<div class="linked"><svg class="marks" role="img"></svg><div class="tip" hidden></div></div>"""
# The space is kept while the browser loads the drawing: nothing below moves.
_CSS = """
.linked { position: relative; container-type: inline-size; min-height: 394px; color: var(--st-text-color); }
.linked svg { display: block; touch-action: pan-y; user-select: none; }
.linked .tip {
  position: absolute; z-index: 5; pointer-events: none; padding: 0.4rem 0.6rem; max-width: 220px;
  border: 1px solid var(--st-border-color); border-radius: 0.4rem; background: var(--st-background-color);
  font-size: 0.8rem; line-height: 1.4; box-shadow: 0 2px 8px rgb(0 0 0 / 20%);
}
"""
_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
# Not isolated: the buttons that save a figure find its SVG on the page.
_VIEW = st.components.v2.component("cellstate_linked_chart", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


def draw_linked_chart(drawn: LinkedChart, key: str, turn: int) -> dict[str, Any]:
    """Draw the charts; returns the user's selection, as `cellstate.viz.linked_chart.selected_rows` takes it.

    Parameters
    ----------
    drawn : LinkedChart
    key : str
        Of this prediction: with another one, zoom and selection start anew.
    turn : int
        With another one, the selection starts anew and the zoom stays.
    """
    data = drawn.data | {"key": key, "turn": turn, "alt": f"{drawn.title}. {drawn.alt}"}
    found = _VIEW(key="linked-chart", data=data, on_selection_change=lambda: None).selection or {}
    is_present = found.get("key") == key and found.get("turn") == turn
    return dict(found) if is_present else {}
