"""Sign-in by Streamlit's OIDC, before anything else is drawn, on servers that are set up for it.

Without a section ``[auth]`` in the server's ``secrets.toml`` anyone can use the app. Streamlit treats a file that it
cannot read like a missing one, so a server that must not be open sets an environment variable as well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import streamlit as st
from streamlit.errors import StreamlitAuthError

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import show_error
from cellstate.ui.state.session import delete_my_data

#: Set to ``required``, it lets nobody in where sign-in is not set up or its file is damaged.
VARIABLE = "CELLSTATE_SIGN_IN"
_KNOWN = "is_logged_in"
_BROKEN = CellStateError(
    "Sign-in is not set up correctly on this server, so nobody is let in.",
    "Tell its administrator: the server's log names what is missing.",
)
_log = logging.getLogger("cellstate.app")


def is_let_in() -> bool:
    """Return whether the app may be shown: the user has signed in, or needs not to."""
    return lets_in(st.user.to_dict())


def lets_in(user: Mapping) -> bool:
    """Return whether a user, given by what `streamlit.user` holds, may use the app."""
    signed_in = user.get(_KNOWN)
    if signed_in is None:
        return os.environ.get(VARIABLE, "").strip().lower() != "required"
    return signed_in is True


def ask() -> None:
    """Draw the sign-in form; nothing else is on the page."""
    with st.container(width=440):
        st.title("CellState", anchor=False)
        st.markdown("Sign in to use this server. You come back to the first page.")
        if _KNOWN not in st.user.to_dict():
            _log.error("%s is 'required', but secrets.toml has no section [auth] that can be read", VARIABLE)
            show_error(_BROKEN)
            return
        for name in providers(st.secrets["auth"]) or [""]:
            label = f"Sign in with {escape_markdown(name)}" if name else "Sign in"
            if st.button(label, type="primary", icon=":material/login:", key=f"sign-in-{name}", width="stretch"):
                _sign_in(name)


def providers(auth: Mapping) -> list[str]:
    """Return the names of the providers in a section ``[auth]``, none where it describes a single one."""
    return [name for name, section in auth.items() if isinstance(section, Mapping) and "client_id" in section]


def signed_in_as() -> str:
    """Return the name or address of the user who signed in; empty without sign-in."""
    user = st.user.to_dict()
    return str(user.get("name") or user.get("email") or "a user without a name") if user.get(_KNOWN) is True else ""


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
