"""What surrounds every page: sign-in before it, the status strip above it and the guard around it."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cellstate.resources import resource_path
from cellstate.ui.components.errors import guard
from cellstate.ui.components.status import status_strip
from cellstate.ui.runtime import sign_in
from cellstate.ui.runtime.server import first_drawn
from cellstate.ui.runtime.sessions import present

#: A file of ours, so that the browser fetches nothing elsewhere.
ICON = str(Path(__file__).parents[1] / "icon.svg")
_MARK = "cellstate-navigated"
#: Streamlit writes what is chosen in its accent colour on a tint of it, too faint on a dark page; frame and tint stay.
_CHOSEN = "<style>.stApp button[data-variant][data-selected]:not([data-disabled]) { color: inherit; }</style>"


def draw(page: st.Page) -> None:
    """Run the page that `app.py` navigated to, with the status strip above it; first of all ask for sign-in."""
    if not sign_in.is_let_in():
        with guard("signing you in"):
            sign_in.ask()
        return
    present()
    st.html(_CHOSEN)
    # The strip is filled last, so that it tells what this very run has changed.
    strip = st.container()
    if st.query_params:
        with guard("opening the link"):
            # It takes in all that a search needs, which the first page of a server must not wait for.
            from cellstate.ui.components.share_link import open_link

            open_link()
    st.session_state[_MARK] = True
    with guard("showing this page"):
        page.run()
    with strip, guard("opening the model"):
        status_strip()
    first_drawn.set()


def show(body: Callable[[], None]) -> None:
    """Draw a page's body.

    Until st.navigation was called once in a server, Streamlit's old discovery of a folder named pages/ runs the page
    of an address without `app.py`: then `app.py` is run here, and navigates to this very page.
    """
    if st.session_state.pop(_MARK, False):
        body()
    else:
        runpy.run_path(str(resource_path("app.py")), run_name="__main__")
