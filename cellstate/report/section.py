"""One section about a model: words, a table and notes, for a page and for a file alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key : str
        Names the section for whoever draws it.
    title : str
    text : str
        Markdown; of what came from a file it holds numbers and plain words alone.
    table : DataFrame, optional
        Cells are text, ready to be shown, and may hold names from a file.
    notes : tuple of str
        Plain text below the table; may hold names from a file.
    absent : str
        Why there is no table, in one sentence; empty where there is one, or where none belongs.
    """

    key: str
    title: str
    text: str
    table: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    absent: str = ""


def markdown(section: Section) -> str:
    """Return a section as it stands in a file."""
    parts = [f"## {section.title}", section.text]
    if section.table is not None:
        rows = [list(section.table.columns), ["---"] * section.table.shape[1], *section.table.to_numpy().tolist()]
        parts.append("\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows))
    if section.absent:
        parts.append(f"*{section.absent}*")
    if section.notes:
        parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(part for part in parts if part)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
