"""One section of what is known about a model: words, a table and notes, for a page and for a file alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cellstate.viz.style import look

#: Said in place of a table where the trainer left no such figures.
UNTRAINED = "This model folder holds no such figures: its weights are random, or were trained by an older version."
#: What no figure of this project supports, in Markdown.
LIMITS = """
- **A shift is not an effect.** It is how genes go together in the training samples. A real knock-out can do nothing, or
  the opposite.
- **A high pooled R² is mostly the gene mean's.** Compare the rows of the rivals before you believe one.
- **Other tissues are unknown territory.** A sample unlike the training samples is flagged, and none of its genes is
  trusted.
- **Genes that the cohort hardly expresses** are not in the model, and weakly expressed ones are mostly counting noise.
- **No decision about a patient** may rest on this. It is for research, and every answer is a hypothesis.
""".strip()


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


def label(predictor: str) -> str:
    """Return a predictor's name as every table and figure gives it."""
    name = look(predictor).label
    return name[:1].upper() + name[1:]


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals, a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
