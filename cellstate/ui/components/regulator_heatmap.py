"""The heat map of a cohort's regulators in the browser; what it shows comes from `cellstate.viz.regulators`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cellstate.viz.regulators import RegulatorHeatmap

_HTML = """
<div class="heatmap" tabindex="0" role="application" aria-label="Heat map: arrow keys choose a cell, Enter opens it">
  <svg class="marks" role="img"></svg><div class="tip" hidden></div><div class="said" aria-live="polite"></div>
</div>
"""
_CSS = """
.heatmap { position: relative; container-type: inline-size; min-height: 300px; color: var(--st-text-color); }
.heatmap:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.heatmap svg { display: block; touch-action: pan-y; user-select: none; }
.heatmap .said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.heatmap .tip {
  position: absolute; z-index: 5; pointer-events: none; padding: 0.4rem 0.6rem; max-width: 220px;
  border: 1px solid var(--st-border-color); border-radius: 0.4rem; background: var(--st-background-color);
  font-size: 0.8rem; line-height: 1.4; box-shadow: 0 2px 8px rgb(0 0 0 / 20%); overflow-wrap: anywhere;
}
"""
_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
# Not isolated: the buttons that save a figure find its SVG on the page.
_VIEW = st.components.v2.component("cellstate_regulator_heatmap", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


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
    _VIEW(key=key, data=data, on_opened_change=opened)
