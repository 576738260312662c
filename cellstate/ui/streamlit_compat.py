"""Every private Streamlit API that the app uses, in one place.

Streamlit offers no public way to do these things. Each function is one of them; nothing else in the project imports
from inside Streamlit. A Streamlit that lacks one of these names is refused when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError

#: The Streamlit versions that the private names were checked with.
OLDEST, BEFORE = (1, 67), (2, 0)


def unsupported(version: str) -> CellStateError:
    """Return the error for a Streamlit version that lacks what the app needs."""
    return CellStateError(
        f"CellState's web app does not run with Streamlit {version}.",
        f"Install the version that it was tested with: pip install 'streamlit=={OLDEST[0]}.{OLDEST[1]}.*'.",
    )


def is_supported(version: str) -> bool:
    """Return whether a version of Streamlit, for example ``1.67.0``, is in the supported range."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return OLDEST <= (major, minor) < BEFORE


if not is_supported(st.__version__):
    raise unsupported(st.__version__)
try:
    from starlette.formparsers import MultiPartParser
    from streamlit import net_util
    from streamlit.runtime import get_instance
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.state.common import WidgetMetadata
except ImportError as error:
    raise unsupported(st.__version__) from error


def browser_tab() -> str | None:
    """Return the id of the browser tab that this run of the page belongs to; None outside of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else context.session_id


def connections() -> tuple[Callable[[str], bool], Callable[[str], None]]:
    """Return two functions of a tab's id, for any thread: whether it is connected, and one that ends its session.

    Streamlit made the second one for signing out.
    """
    server = get_instance()
    return server.is_active_session, server.clear_user_info_for_session


def remove_upload(upload: Any) -> None:
    """Remove an uploaded file from Streamlit's memory, where it would stay until its session ends."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None and hasattr(context.uploaded_file_mgr, "remove_file"):
        context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)


def clear_widget_metadata() -> None:
    """Clear what Streamlit keeps of every widget: its options, which may be names of samples, and its callbacks.

    The entries stay, because a callback of the same click may run after this one; drawing a widget fills its entry.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        metadata = context.session_state._state._new_widget_state.widget_metadata
        for key, widget in metadata.items():
            metadata[key] = WidgetMetadata(key, lambda value: value, lambda value: value, widget.value_type)


def keep_uploads_in_memory() -> None:
    """Keep uploads of any size in memory; by default more than a megabyte passes through a temporary file."""
    MultiPartParser.spool_max_size = 2**40


def never_look_up_addresses() -> None:
    """Keep Streamlit from asking the internet for this machine's address when a foreign page connects.

    ``server.corsAllowedOrigins`` is the setting that lets such a page in.
    """
    net_util.get_external_ip = net_util.get_internal_ip = lambda: None


def use_navigation_only() -> None:
    """Turn off the discovery of the folder ``pages/``, which would run a page without `app.py` around it.

    A server started by ``streamlit run app.py`` discovers before any code of the app runs: its first run starts over.
    """
    was_discovered = PagesManager.uses_pages_directory
    PagesManager.uses_pages_directory = False
    if was_discovered and browser_tab() is not None:
        st.rerun()
