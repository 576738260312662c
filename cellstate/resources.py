"""Paths of the files that come with CellState: models, data, app."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_path(*parts: str) -> Path:
    """Return the path of a file or folder that comes with CellState: ``resource_path("models", "coadread")``.

    They are next to the package in a checkout, and inside it in an installed wheel.
    """
    inside = _PACKAGE / "_shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)
