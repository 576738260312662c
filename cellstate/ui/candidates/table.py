"""The table of the best candidates in the browser; its rows come from `cellstate.report.candidates`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

_HTML = """<div class="candidates" role="region" tabindex="0"><table></table></div>"""
_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_VIEW = st.components.v2.component("cellstate_candidates", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


def candidates_table(data: dict[str, Any], alt: str) -> int | None:
    """Draw the table; returns the row whose button "Try" was pressed.

    Parameters
    ----------
    data : dict
        As `cellstate.report.candidates.table_data` returns it.
    alt : str
        What the table shows, for screen readers.
    """
    pressed = _VIEW(key="candidates-table", data=data | {"alt": alt}, on_attempt_change=lambda: None).attempt
    return pressed if isinstance(pressed, int) and 0 <= pressed < len(data["rows"]) else None
