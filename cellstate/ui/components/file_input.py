"""A file other than the sample's: its upload box, its error, and the line that shows what is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import show_error
from cellstate.ui.state.session import Session


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


def loaded_file(text: str, key: str, remove: Callable[[], None], *, help: str | None = None) -> None:
    """Show what was loaded from a file, in Markdown, with a button that removes it; the key ends the button's."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: {text}", width="stretch")
        if st.button("Remove", icon=":material/close:", type="tertiary", key=f"remove-{key}", help=help):
            remove()
            st.rerun()
