"""What the server does once, before its first visitor: it asks nobody, and imports ahead.

Streamlit imports `app.py` as a module when the server starts, and runs it as a script for each visitor.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from streamlit import net_util

#: What the first page needs, and takes seconds to import.
_FIRST_PAGE = ("cellstate.ui.components.shell", "cellstate.ui.home")
#: What the other pages need beyond that, and the first one must not wait for.
_OTHER_PAGES = ("cellstate.ui.workbench.perturb", "cellstate.ui.candidates.search", "cellstate.ui.validate.comparison")
#: Set when the first page was drawn; without a visitor the rest is imported after so many seconds.
first_drawn = threading.Event()
_NOBODY_S = 30.0


@asynccontextmanager
async def begun(_app: Any) -> AsyncIterator[None]:
    """Prepare the server, and let it run: a lifespan of `streamlit.App`."""
    ask_nobody()
    threading.Thread(target=_import_ahead, name="cellstate-imports", daemon=True).start()
    yield


def ask_nobody() -> None:
    """Keep Streamlit from asking the internet for this machine's address, as it does when a page elsewhere calls.

    There is no setting for it. What the addresses were for, to let such a page in, is ``server.corsAllowedOrigins``.
    """
    net_util.get_external_ip = net_util.get_internal_ip = _unknown


def _unknown() -> None:
    """Return no address, so that none is compared."""


def _import_ahead() -> None:
    """Import what the first page needs while its visitor's browser still begins, and once it is drawn, the rest."""
    for module in _FIRST_PAGE:
        import_module(module)
    first_drawn.wait(_NOBODY_S)
    for module in _OTHER_PAGES:
        import_module(module)
    from cellstate.genes import gene_axis

    gene_axis().search("TP53")
