"""Controls of every page: a button that calls a function, and a choice of one among few options, all visible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st


def action_button(label: str, icon: str, key: str, call: Callable[..., None], *args: Any, **options: Any) -> None:
    """Draw a button that calls a function with arguments; options are those of ``st.button``."""
    st.button(label, icon=f":material/{icon}:", key=key, on_click=call, args=args, **options)


def choose_one(
    label: str,
    options: Mapping[str, str],
    key: str,
    *,
    is_labelled: bool = False,
    persists: bool = True,
    help_text: str | None = None,
) -> str:
    """Let the user choose one option; at first it is the first one.

    Parameters
    ----------
    label : str
    options : mapping of str to str
        What each option is called, by its value.
    key : str
        Of the widget.
    is_labelled : bool
        Whether the label is visible; screen readers always read it.
    persists : bool
        Whether the choice is kept while other pages are shown.
    help_text : str, optional
    """
    first = next(iter(options))
    chosen = st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        default=first,
        required=True,
        key=key,
        persist_state="session" if persists else None,
        label_visibility="visible" if is_labelled else "collapsed",
        help=help_text,
    )
    return chosen or first
