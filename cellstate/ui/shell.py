"""What surrounds every page: the status strip above it and the guard around it."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import streamlit as st

from cellstate.paths import shipped
from cellstate.ui.guard import guard
from cellstate.ui.link import open_link
from cellstate.ui.status import status_strip

_MARK = "cellstate-navigated"


def draw(page: st.Page) -> None:
    """Run the page that `app.py` navigated to, with the status strip above it."""
    st.session_state[_MARK] = True
    # The strip is filled last, so that it tells what this very run has changed.
    strip = st.container()
    with guard("opening the link"):
        open_link()
    with guard("showing this page"):
        page.run()
    with strip, guard("opening the model"):
        status_strip()


def show(body: Callable[[], None]) -> None:
    """Draw a page's body.

    Until st.navigation was called once in a server, Streamlit's old discovery of a folder named pages/ runs the page
    of an address without `app.py`: then `app.py` is run here, and navigates to this very page.
    """
    if st.session_state.pop(_MARK, False):
        body()
    else:
        runpy.run_path(str(shipped("app.py")))
