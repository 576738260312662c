"""The Markdown files of the help page, and the explanation of a view that comes from one of them.

A file holds text with ``$name`` placeholders, or sections: a heading ``## Title``, then ``- Field: value`` lines, then
text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

import streamlit as st

from cellstate.evaluation.enrichment import LEAST_GENES, LEAST_P, MOST_GENES
from cellstate.report.narrative.prediction import RELIABLE_MEANING

#: Values of the placeholders in content/how_to_read.md.
HOW_TO_READ: dict[str, object] = {
    "reliable_meaning": RELIABLE_MEANING,
    "min_p": f"{LEAST_P:g}",
    "min_genes": LEAST_GENES,
    "max_genes": MOST_GENES,
}
_FIELD = re.compile(r"- ([A-Z][a-z ]+): (.+)")


@dataclass(frozen=True)
class Section:
    """A section of a Markdown file.

    Attributes
    ----------
    title : str
    fields : mapping of str to str
        Value of each ``- Field: value`` line.
    text : str
        Markdown after the fields.
    """

    title: str
    fields: Mapping[str, str]
    text: str

    def items(self, field: str) -> tuple[str, ...]:
        """Return the comma-separated values of a field; none where it is missing."""
        return tuple(filter(None, self.fields.get(field, "").split(", ")))


def markdown(name: str, **values: object) -> str:
    """Return a file's text with every placeholder filled; ``KeyError`` for one without a value."""
    return Template(_source(name)).substitute(values).strip()


def sections(name: str, **values: object) -> tuple[Section, ...]:
    """Return the sections of a file, with every placeholder filled."""
    _, *parts = re.split(r"^## ", "\n" + markdown(name, **values), flags=re.MULTILINE)
    return tuple(_section(part) for part in parts)


def how_to_read(title: str) -> None:
    """Draw an explanation, folded."""
    found = {one.title: one.text for one in sections("how_to_read", **HOW_TO_READ)}
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(found[title])


def _section(part: str) -> Section:
    title, *lines = part.strip().splitlines()
    fields = {}
    while lines and (found := _FIELD.fullmatch(lines[0])):
        fields[found[1]] = found[2]
        lines.pop(0)
    return Section(title, fields, "\n".join(lines).strip())


@cache
def _source(name: str) -> str:
    return files(__package__).joinpath("content", f"{name}.md").read_text(encoding="utf-8")
