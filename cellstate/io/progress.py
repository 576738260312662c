"""How far a read is: told in words and as a share, so that a page can draw it and stop it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]

UNPACKING, READING, MATCHING, CONVERTING = "Unpacking", "Reading the table", "Matching names", "Converting to TPM"
#: The share of a read that is done when each step begins: most of the time goes into the table itself.
_BEGINS = {UNPACKING: 0.0, READING: 0.15, MATCHING: 0.75, CONVERTING: 0.85}
_ENDS = dict(zip(_BEGINS, (*list(_BEGINS.values())[1:], 1.0), strict=True))


class Told:
    """What is told while a file is read: a step in words and the share of the whole that is done, never falling.

    Whoever is told may raise to end the read; nothing is left behind.

    Parameters
    ----------
    tell : callable, optional
        Receives the step and the share, from the thread that reads.
    """

    def __init__(self, tell: Progress | None = None) -> None:
        self._tell, self._furthest = tell, 0.0

    def __call__(self, step: str, share: float = 0.0) -> None:
        """Tell that a share (0 to 1) of a step is done."""
        begin, end = _BEGINS[step], _ENDS[step]
        self._furthest = max(self._furthest, begin + min(max(share, 0.0), 1.0) * (end - begin))
        if self._tell is not None:
            self._tell(step, self._furthest)
