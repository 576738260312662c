"""A file that a page asks the user for: the box to bring it, why it could not be read, and what is held of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import show_error
from cellstate.ui.state.session import Session


def file_input(
    state: Session, file: str, label: str, load: Callable[[Any], object], *, place: str = "", told: str | None = None
) -> None:
    """Let the user bring a file, and say why the last one could not be read.

    Parameters
    ----------
    state : Session
    file : str
        What `Session.turns` and `Session.refused` call it.
    label : str
    load : callable
        Reads the upload, or refuses it.
    place : str, optional
        Begins the key, so that a page can ask for the same file twice.
    told : str, optional
        Help at the box.
    """
    upload = st.file_uploader(label, key=f"upload-{place}{file}-{state.turns[file]}", help=told)
    if upload is not None:
        load(upload)
        # Another part of the page may show the file too.
        st.rerun()
    if file in state.refused:
        name, error = state.refused[file]
        show_error(error, title=f"{escape_markdown(name)} could not be read")
        st.caption("Nothing of that file was kept.")


def loaded_file(what: str, key: str, remove: Callable[[], None], *, told: str | None = None) -> None:
    """Say what is held of a file, in Markdown, with the button that removes it.

    Parameters
    ----------
    what : str
    key : str
        Ends the button's key.
    remove : callable
    told : str, optional
        Help at the button.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: {what}", width="stretch")
        if st.button("Remove", icon=":material/close:", type="tertiary", key=f"remove-{key}", help=told):
            remove()
            st.rerun()
