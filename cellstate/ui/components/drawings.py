"""Charts that are drawn in the browser, each in one SVG: the linked charts of a prediction, the heat map of a cohort.

What they show comes from `cellstate.viz.linked_chart` and `cellstate.viz.regulators`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from cellstate.viz.linked_chart import LinkedChart
from cellstate.viz.regulators import RegulatorHeatmap

_HERE = Path(__file__).parent
#: What both need; a component is one text, and imports nothing.
_SHARED_JS, _CSS = (_HERE.joinpath(name).read_text(encoding="utf-8") for name in ("drawing.js", "drawing.css"))


def _component(name: str, html: str) -> Any:
    script = _HERE.joinpath(f"{name}.js").read_text(encoding="utf-8")
    # Not isolated: the buttons that save a figure find its SVG on the page.
    return st.components.v2.component(
        f"cellstate_{name}", html=html, css=_CSS, js=f"{_SHARED_JS}\n{script}", isolate_styles=False
    )


_LINKED = _component(
    "linked_chart",
    """<div class="drawing linked"><svg class="marks" role="img"></svg><div class="tip" hidden></div></div>""",
)
_HEATMAP = _component(
    "regulator_heatmap",
    """
<div class="drawing heatmap" tabindex="0" role="application"
  aria-label="Heat map: arrow keys choose a cell, Enter opens it">
  <svg class="marks" role="img"></svg><div class="tip" hidden></div><div class="said" aria-live="polite"></div>
</div>
""",
)


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
    found = _LINKED(key="linked-chart", data=data, on_selection_change=lambda: None).selection or {}
    is_present = found.get("key") == key and found.get("turn") == turn
    return dict(found) if is_present else {}


def draw_regulator_heatmap(drawn: RegulatorHeatmap, key: str, on_open: Callable[[str, str, bool], None]) -> None:
    """Draw the heat map.

    Parameters
    ----------
    drawn : RegulatorHeatmap
    key : str
    on_open : callable
        Called with the names of sample and gene of a cell that was opened, and whether the regulator is more active
        than in the reference, before the page is drawn again. Streamlit keeps it: it must hold no data of a user.
    """

    def opened() -> None:
        if cell := st.session_state[key].get("opened"):
            on_open(str(cell["sample"]), str(cell["gene"]), bool(cell["more"]))

    data = drawn.data | {"alt": f"{drawn.title}. {drawn.alt}"}
    _HEATMAP(key=key, data=data, on_opened_change=opened)
