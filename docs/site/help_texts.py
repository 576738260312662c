"""Texts of the app's Help page, for the site: one source, read by both."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cellstate.evaluation.experiment import TOP
from cellstate.ui.help.content import HOW_TO_READ, markdown, sections
from cellstate.ui.help.glossary import GLOSSARY
from cellstate.ui.help.page import PAGES, figure_colours, file_limits
from cellstate.ui.help.templates import TEMPLATES

#: Values of the texts with placeholders.
_VALUES: dict[str, Callable[[], Mapping[str, object]]] = {
    "experiment_guide": dict,
    "figure_tools": lambda: {"colours": figure_colours()},
    "files": file_limits,
    "how_to_read": lambda: HOW_TO_READ,
    "keyboard": dict,
    "reading_experiment": lambda: {"top": TOP},
    "reading_search": dict,
}
#: What the table of formats says of each.
_FORMAT = ("Files", "Recognised by", "Read")
_ICON = re.compile(r":material/\w+: ?")


def text(name: str) -> str:
    """Return a text of the Help page; ``KeyError`` for one that belongs to the app alone."""
    return _ICON.sub("", markdown(name, **_VALUES[name]()))


def figures() -> str:
    """Return how to read each figure, by page."""
    parts = []
    for page, title in PAGES.items():
        parts.append(f"## {title}")
        for one in sections("figures"):
            if one.fields["Page"] == page:
                said = (
                    one.fields["Shows"],
                    f"**Look at**: {one.fields['Look at']}",
                    f"**Beware**: {one.fields['Beware']}",
                )
                parts += [f"### {one.title}", *said]
    return "\n\n".join(parts)


def formats() -> str:
    """Return the supported formats as a table."""
    rows = (
        " | ".join((f"**{one.title}**", *(one.fields[name].replace("|", "\\|") for name in _FORMAT)))
        for one in sections("formats")
    )
    return "\n".join(
        ["| format | files | recognised by | read |", "| --- | --- | --- | --- |", *map("| {} |".format, rows)]
    )


def glossary() -> str:
    """Return every term, with its synonyms."""
    parts = []
    for term in sorted(GLOSSARY, key=lambda one: one.name.casefold()):
        also = f"*Also: {', '.join(term.also)}.* " if term.also else ""
        parts.append(f"## {term.name}\n\n{also}{term.text}")
    return "\n\n".join(parts)


def templates() -> str:
    """Return a link to each template."""
    links = [
        f'- <a href="../_static/templates/{one.file_name}" download>{one.name}</a>: {one.note}' for one in TEMPLATES
    ]
    return "\n".join(links)


def write_templates(folder: Path) -> None:
    """Write the template files."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in TEMPLATES:
        (folder / one.file_name).write_bytes(one.make())
