"""Who may use the app: anyone, or those who have signed in by Streamlit's OIDC on servers that are set up for it.

Without a section ``[auth]`` in the server's ``secrets.toml`` anyone can use the app. Streamlit treats a file that it
cannot read like a missing one, so a server that must not be open sets an environment variable as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import streamlit as st

#: Set to ``required``, it lets nobody in where sign-in is not set up or its file is damaged.
VARIABLE = "CELLSTATE_SIGN_IN"
_KNOWN = "is_logged_in"


def is_let_in() -> bool:
    """Return whether the app may be shown: the user has signed in, or needs not to."""
    return lets_in(st.user.to_dict())


def is_set_up() -> bool:
    """Return whether this server has settings of sign-in that Streamlit could read."""
    return _KNOWN in st.user.to_dict()


def lets_in(user: Mapping) -> bool:
    """Return whether a user, given by what `streamlit.user` holds, may use the app."""
    signed_in = user.get(_KNOWN)
    if signed_in is None:
        return os.environ.get(VARIABLE, "").strip().lower() != "required"
    return signed_in is True


def providers(auth: Mapping) -> list[str]:
    """Return the names of the providers in a section ``[auth]``, none where it describes a single one."""
    return [name for name, section in auth.items() if isinstance(section, Mapping) and "client_id" in section]


def signed_in_as() -> str:
    """Return the name or address of the user who signed in; empty without sign-in."""
    user = st.user.to_dict()
    return str(user.get("name") or user.get("email") or "a user without a name") if user.get(_KNOWN) is True else ""
