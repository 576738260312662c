"""What surrounds every page: sign-in before it, an error boundary, old addresses, and the status strip above it.

The strip names sample, model, device, perturbations and a running search, and has the button "Delete my data".
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from cellstate.formatting import escape_markdown, percent, plural
from cellstate.model.network import device_label
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.model_choice import follow_sample, model_picker
from cellstate.ui.components.sign_in import ask, sign_out
from cellstate.ui.runtime.resources import is_chosen_by_server, model, model_folder_name
from cellstate.ui.runtime.server import first_drawn
from cellstate.ui.runtime.sign_in import is_let_in, signed_in_as
from cellstate.ui.state.session import COHORT, DELETED, Session, delete_my_data, session
from cellstate.ui.state.sessions import register_session

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
#: Characters of a name in the strip.
MAX_CHARS = 28
#: Polling interval of a running search, in seconds.
_POLL_S = 2.0
_STYLE = Path(__file__).with_name("style.css")
_MENU = st.components.v2.component("cellstate_menu", js=Path(__file__).with_name("menu.js").read_text(encoding="utf-8"))


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
    return "top" if is_let_in() else "hidden"


def draw(page: st.Page) -> None:
    """Draw the sign-in form, or the selected page with the status strip above it."""
    st.logo(ICON, size="large")
    if not is_let_in():
        with error_boundary("signing you in"):
            ask()
        return
    if page.url_path in _OLD_ADDRESSES:
        page.run()
    register_session()
    st.html(_STYLE)
    _MENU(key="menu")
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
        _status_strip()
    first_drawn.set()


def _status_strip() -> None:
    """Draw the strip."""
    if st.session_state.pop(DELETED, False):
        # Streamlit drops downloads with the run after the next.
        st.rerun()
    state, opened = session(), model()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="status"):
        _sample(state)
        label = f"{escape_markdown(model_folder_name(), MAX_CHARS)} · {len(opened.space):,} genes"
        if is_chosen_by_server():
            st.badge(
                label,
                icon=":material/network_node:",
                color="gray" if opened.is_trained else "red",
                help="The model." if opened.is_trained else "Random weights: this model is not trained.",
            )
        else:
            model_picker(state, opened, label)
        # Not on a phone, where the answer needs the room.
        with st.container(horizontal=True, width="content", gap="xsmall", key="status-more"):
            st.badge(escape_markdown(device_label(opened.device), MAX_CHARS), icon=":material/memory:", color="gray")
            _perturbations(state)
        if state.is_searching:
            with st.container(width="content"):
                _search(state)
        if state.has_data:
            st.button(
                "Delete my data",
                icon=":material/delete:",
                type="tertiary",
                key="delete-data",
                on_click=_delete,
                help="Deletes your samples, perturbations and results from this server's memory at once. Nothing was "
                "ever written to disk.",
            )
        if name := signed_in_as():
            st.button(
                f"Sign out {escape_markdown(name, MAX_CHARS)}",
                icon=":material/logout:",
                type="tertiary",
                key="sign-out",
                on_click=sign_out,
                help="Deletes your data, too.",
            )


def _sample(state: Session) -> None:
    if state.loaded is None:
        st.badge("No sample", icon=":material/person_off:", color="gray")
        return
    names = state.loaded.samples.names
    of_many = f" ({state.selected + 1:,} of {len(names):,})" if len(names) > 1 else ""
    st.badge(
        escape_markdown(names[state.selected], MAX_CHARS) + of_many,
        icon=":material/person:",
        color="blue",
        help=f"The sample, from {escape_markdown(state.loaded.name)}.",
    )


def _perturbations(state: Session) -> None:
    n = len(state.perturbations)
    st.badge(
        plural(n, "perturbation") if n else "No perturbations",
        icon=":material/edit:",
        color="orange" if n else "gray",
        help=escape_markdown(", ".join(item.label for item in state.perturbations), 400) or None,
    )


def _delete() -> None:
    delete_my_data()
    st.toast("Your samples, perturbations and results are deleted from this server's memory.", icon=":material/delete:")


@st.fragment(run_every=_POLL_S)
def _search(state: Session) -> None:
    """Draw the progress of a running search as a link to it; nothing once it has ended."""
    job = state.job
    if job is None or job.has_ended:
        return
    step = job.step()
    progress = percent(step.done / step.total) if step.total else "…"
    page = "workbench" if job.kind == COHORT else "candidates"
    st.page_link(f"pages/{page}.py", label=f"Searching: {progress}", icon=":material/hourglass_top:")
