"""A file that could not be read: why, what it holds, and the user's own decisions about it."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.samples import ReadReport
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.load_samples import retry
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.detected_settings import choices, preview_table


def refused_file(state: Session) -> None:
    """Draw the file that could not be read, until it is read or dropped."""
    what = state.failed_upload
    assert what is not None
    with st.container(border=True):
        show_error(what.error, title=f"{escape_markdown(what.name)} could not be read")
        if what.preview is not None:
            left, right = st.columns([3, 2], gap="large")
            with left:
                st.markdown("**What the file holds**")
                preview_table(what.preview, key="refused-preview")
            with right:
                st.markdown("**Decide in the reader's place**")
                decided = ReadReport(format=what.preview.format, unit="")
                wanted = choices(decided, what.overrides, key=f"refused-{state.round}", ask="Try again")
                if wanted is not None:
                    retry(wanted)
                    st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            label = "Close" if what.preview is None else "Drop this file"
            st.button(label, icon=":material/close:", key="drop-refused", on_click=_drop, args=(state,))
            st.caption(_kept(state, has_bytes=what.preview is not None))


def _drop(state: Session) -> None:
    state.failed_upload = None


def _kept(state: Session, *, has_bytes: bool) -> str:
    told = "It is kept only as long as it is shown here." if has_bytes else "Nothing of that file was kept."
    if state.loaded is None:
        return told
    return f"{told} You still work with {escape_markdown(state.loaded.samples.names[state.selected])}."
