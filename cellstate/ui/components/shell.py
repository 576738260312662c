"""What surrounds every page: sign-in before it, the status strip above it, an error boundary, and old addresses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.model_choice import follow_sample
from cellstate.ui.components.status import status_strip
from cellstate.ui.runtime import sign_in
from cellstate.ui.runtime.server import first_drawn
from cellstate.ui.runtime.sessions import register_session
from cellstate.ui.state.session import session

#: A file of the app, so that the browser fetches nothing elsewhere.
ICON = str(Path(__file__).with_name("icon.svg"))
#: Pages by the addresses that they had before, with the parameters that open the right tab.
_OLD_ADDRESSES: dict[str, tuple[str, dict[str, str]]] = {
    "home": ("home", {}),
    "sample": ("workbench", {}),
    "perturb": ("workbench", {}),
    "regulators": ("candidates", {}),
    "experiment": ("validate", {}),
    "accuracy": ("evidence", {"tab": "Reconstruction"}),
    "quality": ("evidence", {"tab": "All figures"}),
    "model": ("evidence", {"tab": "About this model"}),
}
_STYLE = Path(__file__).with_name("style.css")


def old_addresses() -> list[st.Page]:
    """Return a hidden page for each old address, which redirects to the present one."""
    return [
        st.Page(partial(_redirect, page, parameters), title=page.title(), url_path=old, visibility="hidden")
        for old, (page, parameters) in _OLD_ADDRESSES.items()
    ]


def _redirect(page: str, parameters: dict[str, str]) -> None:
    st.switch_page(f"pages/{page}.py", query_params=parameters | st.query_params.to_dict())


def menu_position() -> Literal["top", "hidden"]:
    """Return where the menu of pages is; it is hidden until a user has signed in."""
    return "top" if sign_in.is_let_in() else "hidden"


def draw(page: st.Page) -> None:
    """Draw the sign-in form, or the selected page with the status strip above it."""
    st.logo(ICON, size="large")
    if not sign_in.is_let_in():
        with error_boundary("signing you in"):
            sign_in.ask()
        return
    if page.url_path in _OLD_ADDRESSES:
        page.run()
    register_session()
    st.html(_STYLE)
    # The strip is filled last, so that it shows what this very run has changed.
    strip = st.container()
    if st.query_params:
        with error_boundary("opening the link"):
            # It imports all that a search needs, which the first page of a server must not wait for.
            from cellstate.ui.components.share_link import open_link

            open_link()
    with error_boundary("choosing the model"):
        follow_sample(session())
    with error_boundary("showing this page"):
        page.run()
    with error_boundary("choosing the model"):
        if follow_sample(session()):
            # The page has just read a sample that another model fits.
            st.rerun()
    with strip, error_boundary("opening the model"):
        status_strip()
    first_drawn.set()
