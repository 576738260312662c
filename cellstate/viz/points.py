"""Which points of a scatter plot are drawn, and which of them carry their name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from cellstate.formatting import escape_html

#: Cells of the grid in which one point stands for all: a cell is as large as a point, so the others would be hidden.
GRID = (100, 64)
#: Width and height of a name, as fractions of the extent of all points.
_NAME_EXTENT = np.array([0.16, 0.06])


def thin(x: np.ndarray, y: np.ndarray, first: np.ndarray | None = None, grid: tuple[int, int] = GRID) -> np.ndarray:
    """Return which points to draw: in each cell of a grid, the one farthest from zero in y.

    Parameters
    ----------
    x, y : ndarray, shape (N,)
    first : ndarray of bool, shape (N,), optional
        Points that are preferred in their cell.
    grid : (int, int), optional
        Cells along x and y.

    Returns
    -------
    ndarray of int
        Rising positions.
    """
    if len(x) == 0:
        return np.zeros(0, dtype=int)
    cells = [
        np.minimum((v - v.min()) / max(float(np.ptp(v)), 1e-12) * n, n - 1).astype(int)
        for v, n in zip((x, y), grid, strict=True)
    ]
    order = np.lexsort((-np.abs(y), np.zeros(len(y)) if first is None else ~first))
    _, found = np.unique((cells[0] * grid[1] + cells[1])[order], return_index=True)
    return np.sort(order[found])


def without_overlap(named: tuple[np.ndarray, np.ndarray], every: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """Return which points can be named so that no name covers an earlier one.

    Parameters
    ----------
    named : (ndarray, ndarray)
        x and y of the points to name, the most important first.
    every : (ndarray, ndarray)
        x and y of all points.
    """
    extent = np.array([max(float(np.ptp(v)), 1e-12) if len(v) else 1.0 for v in every])
    spots = np.column_stack(named) / extent
    kept: list[int] = []
    for row, spot in enumerate(spots):
        if not any((np.abs(spot - spots[other]) < _NAME_EXTENT).all() for other in kept):
            kept.append(row)
    return kept


def add_names(figure: go.Figure, x: np.ndarray, y: np.ndarray, names: Iterable[str], positions: Sequence[str]) -> None:
    """Write the names of points beside them, at one of plotly's text positions each."""
    # The space on both sides keeps a name off its point.
    text = [f"\u2002{escape_html(name)}\u2002" for name in names]
    font = {"size": 11}
    figure.add_scatter(
        x=x, y=y, mode="text", text=text, textposition=positions, textfont=font, hoverinfo="skip", showlegend=False
    )
