"""The sign-in form, and signing out."""

from __future__ import annotations

import logging

import streamlit as st
from streamlit.errors import StreamlitAuthError

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import show_error
from cellstate.ui.runtime.sign_in import VARIABLE, is_set_up, providers
from cellstate.ui.state.session import delete_my_data

_BROKEN = CellStateError(
    "Sign-in is not set up correctly on this server, so nobody is let in.",
    "Tell its administrator: the server's log names what is missing.",
)
_log = logging.getLogger("cellstate.app")


def ask() -> None:
    """Draw the sign-in form; nothing else is on the page."""
    with st.container(width=440):
        st.title("CellState", anchor=False)
        st.markdown("Sign in to use this server. You come back to the first page.")
        if not is_set_up():
            _log.error("%s is 'required', but secrets.toml has no section [auth] that can be read", VARIABLE)
            show_error(_BROKEN)
            return
        for name in providers(st.secrets["auth"]) or [""]:
            label = f"Sign in with {escape_markdown(name)}" if name else "Sign in"
            if st.button(label, type="primary", icon=":material/login:", key=f"sign-in-{name}", width="stretch"):
                _sign_in(name)


def sign_out() -> None:
    """Delete the user's data and sign them out."""
    delete_my_data()
    st.logout()


def _sign_in(name: str) -> None:
    try:
        st.login(name or None)
    except StreamlitAuthError as error:
        # The error names a missing package or setting, never its value.
        _log.error("Sign-in is not set up: %s", error)
        show_error(_BROKEN)
