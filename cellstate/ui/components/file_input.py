"""A file other than the sample's: its upload box, its error, and the line that shows what is loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from cellstate.expression.reading import ReadReport
from cellstate.formatting import escape_markdown
from cellstate.report.narrative.sample import doubt_sentence
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.load_samples import confirm_other
from cellstate.ui.state.session import Session

_MAX_CHARS = 600


def file_input(
    state: Session, file: str, label: str, load: Callable[[Any], object], *, place: str = "", help: str | None = None
) -> None:
    """Draw the upload box of a file, and the error of the last one that could not be read.

    Parameters
    ----------
    state : Session
    file : str
        Its name in `Session.turns` and `Session.refused`.
    label : str
    load : callable
        Reads the upload into the session.
    place : str, optional
        Begins the key, so that a page can have two boxes for the same file.
    help : str, optional
    """
    upload = st.file_uploader(label, key=f"upload-{place}{file}-{state.turns[file]}", help=help)
    if upload is not None:
        load(upload)
        # Another part of the page may show the file too.
        st.rerun()
    if file in state.refused:
        name, error = state.refused[file]
        show_error(error, title=f"{escape_markdown(name)} could not be read")
        st.caption("Nothing of that file was kept.")
    if file in state.doubtful:
        waiting = state.doubtful[file]
        show_doubts(waiting.name, waiting.report, f"confirm-{place}{file}", partial(confirm_other, file))


def show_doubts(name: str, report: ReadReport, key: str, use: Callable[[], object]) -> None:
    """Ask for the decisions on a file that are not sure; nothing is predicted from it before."""
    doubts = "\n".join(f"- {escape_markdown(doubt_sentence(doubt), _MAX_CHARS)}" for doubt in report.doubts)
    st.warning(doubts, title=f"{escape_markdown(name)}: is this right?", icon=":material/help:")
    if st.button("Yes, use the file so", type="primary", icon=":material/check:", key=key):
        use()
        st.rerun()


def loaded_file(text: str, key: str, remove: Callable[[], None], *, help: str | None = None) -> None:
    """Show what was loaded from a file, in Markdown, with a button that removes it; the key ends the button's."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: {text}", width="stretch")
        if st.button("Remove", icon=":material/close:", type="tertiary", key=f"remove-{key}", help=help):
            remove()
            st.rerun()
