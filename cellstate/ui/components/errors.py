"""Errors on a page: one clear sentence and a hint, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import format_tb

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown

_log = logging.getLogger("cellstate.app")
_MAX_CHARS = 400


@contextmanager
def error_boundary(doing: str) -> Iterator[None]:
    """Show an error that is raised inside as a sentence; the rest of the page is drawn.

    Parameters
    ----------
    doing : str
        Ends the sentence "Something went wrong while ...".
    """
    try:
        yield
    except CellStateError as error:
        show_error(error)
    except MemoryError:
        st.error("This needs more memory than the machine has. Use a file with fewer samples.", title="Too large")
    # Streamlit's own signals (rerun, stop) are no Exception and pass through.
    except Exception as error:
        # The place in the code, without the message: that may hold a sample's name or values.
        _log.error("%s while %s\n%s", type(error).__name__, doing, "".join(format_tb(error.__traceback__)))
        st.error(
            f"Something went wrong while {doing}. Your data is unchanged: try again, or go back one step.",
            title="That is our mistake, not yours",
            icon=":material/error:",
        )


def show_error(error: CellStateError, title: str | None = None) -> None:
    """Show a user's error: what is wrong, then what to do."""
    text = "\n\n".join(escape_markdown(part, _MAX_CHARS) for part in (error.message, error.hint) if part)
    st.error(text, title=title, icon=":material/error:")
