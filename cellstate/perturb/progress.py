"""How long runs tell what they are at, and are stopped."""

from __future__ import annotations

from collections.abc import Callable

#: Called with (done, total, what) as a run goes on; raises `cellstate.errors.Stopped` to stop it.
Progress = Callable[[int, int, str], None]
