"""Buttons that call a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def action_button(label: str, icon: str, key: str, call: Callable[..., None], *args: Any, **options: Any) -> None:
    """Draw a button that calls a function with arguments; options are those of ``st.button``."""
    st.button(label, icon=f":material/{icon}:", key=key, on_click=call, args=args, **options)
