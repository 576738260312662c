"""What the server does once, before its first visitor: it keeps little memory, asks nobody, and imports ahead.

Streamlit imports `app.py` as a module when the server starts, and runs it as a script for each visitor.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from typing import Any

from streamlit import net_util

#: What the first page needs, and takes seconds to import.
_FIRST_PAGE = ("cellstate.ui.shell", "cellstate.ui.home")
#: What the other pages need beyond that, and the first one must not wait for.
_OTHER_PAGES = ("cellstate.ui.perturb", "cellstate.ui.regulators", "cellstate.ui.experiment")
#: Set when the first page was drawn; without a visitor the rest is imported after so many seconds.
first_drawn = threading.Event()
_NOBODY_S = 30.0
#: Numbers of glibc's mallopt: how much may lie free at the end of a heap, and from which size on a piece of memory goes
#: back as soon as it is freed. Left alone, glibc raises both up to 64 MB, for each of 16 heaps, and trims none of them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 2**20


@asynccontextmanager
async def begun(_app: Any) -> AsyncIterator[None]:
    """Prepare the server, and let it run: a lifespan of `streamlit.App`."""
    keep_little()
    ask_nobody()
    threading.Thread(target=_import_ahead, name="cellstate-imports", daemon=True).start()
    yield


def keep_little() -> None:
    """Let the C library of Linux hand large pieces of memory back when they are freed, whichever thread had them."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        for threshold in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(threshold, _KEPT_BYTES)


def ask_nobody() -> None:
    """Keep Streamlit from asking the internet for this machine's address, as it does when a page elsewhere calls.

    There is no setting for it. What the addresses were for, to let such a page in, is ``server.corsAllowedOrigins``.
    """
    net_util.get_external_ip = net_util.get_internal_ip = _unknown


def _unknown() -> None:
    """Return no address, so that none is compared."""


def _import_ahead() -> None:
    """Import what the first page needs while its visitor's browser still begins, and once it is drawn, the rest."""
    with _collector_at_rest():
        for module in _FIRST_PAGE:
            import_module(module)
    first_drawn.wait(_NOBODY_S)
    with _collector_at_rest():
        for module in _OTHER_PAGES:
            import_module(module)
        from cellstate.genes import gene_axis

        gene_axis().search("TP53")


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Make things that stay: they are not looked through for garbage, now or later.

    To do so again and again takes a third of the time; and after every run of a page Streamlit does so, a quarter of a
    second in which nobody else's page goes on.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
