"""Every private Streamlit API that the app uses, in one place.

Streamlit offers no public way to do these things. Each function is one of them; nothing else in the project imports
from inside Streamlit. A Streamlit that lacks one of these names is refused when this module is imported.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
    from starlette.middleware import Middleware
    from starlette.requests import HTTPConnection
    from streamlit import file_util, net_util
    from streamlit.auth_util import get_secrets_auth_section
    from streamlit.runtime import get_instance
    from streamlit.runtime.media_file_manager import MediaFileManager
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.state.common import WidgetMetadata
    from streamlit.web.server.server_util import is_xsrf_enabled
    from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
    from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME
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


@dataclass(frozen=True)
class Visitor:
    """The browser of a connected tab.

    Attributes
    ----------
    user : dict of str to object
        What `streamlit.user` holds in a page of this tab.
    token : bytes or None
        Of the cookie that the browser got with its first request; None where XSRF protection is switched off.
    """

    user: dict[str, Any]
    token: bytes | None

    def sent(self, scope: Any) -> bool:
        """Return whether a request, given by its ASGI scope, is of this browser."""
        return self.token is None or self.token == _token(HTTPConnection(scope).cookies)


def visitor(tab: str) -> Visitor | None:
    """Return the browser of a tab; None where no such tab is connected."""
    connected: Any = get_instance()._session_mgr.get_active_session_info(tab)
    if connected is None:
        return None
    user = dict(connected.session._user_info)
    if get_secrets_auth_section():
        user.setdefault("is_logged_in", False)
    if not is_xsrf_enabled():
        return Visitor(user, None)
    # A browser without the cookie has sent nothing: no request is like an empty one.
    return Visitor(user, _token(connected.client.client_context.cookies) or b"")


def _token(cookies: Any) -> bytes | None:
    """Return the token of the XSRF cookie, which is written differently in each answer."""
    return decode_xsrf_token_string(cookies.get(XSRF_COOKIE_NAME, ""))[0]


#: Tabs that a media file was made for, by the name in its address. Streamlit's own note of them has gaps: while a page
#: is drawn anew, and for what is made once its button is pressed.
_made_for: defaultdict[str, set[str]] = defaultdict(set)


def media_visitors(file: str) -> list[Visitor]:
    """Return the browsers whose pages offer a file, given by the end of its address."""
    tabs = _made_for.get(_media_name(file), ())
    return [found for tab in tuple(tabs) if (found := visitor(tab)) is not None]


def note_media_visitors() -> None:
    """From now on, note for whom each media file is made."""
    add, make = MediaFileManager.add, MediaFileManager.execute_deferred

    def note(media: MediaFileManager, address: str, tabs: set[str]) -> str:
        with media._lock:
            for gone in [name for name in _made_for if name not in media._file_metadata]:
                del _made_for[gone]
            _made_for[_media_name(address.rpartition("/")[2])] |= tabs
        return address

    def added(media: MediaFileManager, *file: Any, **more: Any) -> str:
        tab = browser_tab()
        return note(media, add(media, *file, **more), set() if tab is None else {tab})

    def made(media: MediaFileManager, placeholder: str) -> str:
        address = make(media, placeholder)
        with media._lock:
            pages = media._files_by_session_and_coord.items()
            tabs = {tab for tab, files in pages if placeholder in files.values()}
        return note(media, address, tabs)

    for name, function in (("add", added), ("execute_deferred", made)):
        setattr(MediaFileManager, name, function)


def _media_name(file: str) -> str:
    """Return a media file's name without its ending, as Streamlit finds it."""
    return os.path.splitext(file)[0]


def stored_uploads() -> dict[str, list[int]]:
    """Return the sizes of the uploads that Streamlit keeps, by tab."""
    kept: Any = get_instance().uploaded_file_mgr
    with kept._lock:
        return {tab: [len(file.data) for file in files.values()] for tab, files in kept.file_storage.items()}


def drop_upload(tab: str, file: str) -> None:
    """Remove one upload of a tab, and the tab's entry where it was the last one."""
    kept: Any = get_instance().uploaded_file_mgr
    kept.remove_file(tab, file)
    if not kept.file_storage.get(tab, True):
        kept.remove_session_files(tab)


def drop_uploads_of(tab: str) -> None:
    """Remove all uploads of a tab from Streamlit's memory."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None and hasattr(context.uploaded_file_mgr, "remove_session_files"):
        context.uploaded_file_mgr.remove_session_files(tab)


def index_page() -> str:
    """Return the text of the one HTML page that Streamlit serves."""
    return (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")


def asgi_middleware(*kinds: Callable) -> list[Any]:
    """Return ASGI middleware, outermost first, as Streamlit's app takes it."""
    return [Middleware(kind) for kind in kinds]
