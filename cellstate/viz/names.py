"""Which points of a figure carry their name."""

from __future__ import annotations

import numpy as np

#: What a name takes, as shares of the room of all points.
_ROOM = np.array([0.16, 0.06])


def apart(places: tuple[np.ndarray, np.ndarray], every: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """Return which places, the most telling first, can be named so that no name covers one before.

    Parameters
    ----------
    places : (ndarray, ndarray)
        x and y of those to name.
    every : (ndarray, ndarray)
        x and y of all points.
    """
    room = np.array([max(float(np.ptp(v)), 1e-12) if len(v) else 1.0 for v in every])
    spots = np.column_stack(places) / room
    kept: list[int] = []
    for row, spot in enumerate(spots):
        if not any((np.abs(spot - spots[other]) < _ROOM).all() for other in kept):
            kept.append(row)
    return kept
