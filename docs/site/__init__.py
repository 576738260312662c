"""The parts of the site that are made when it is built, so that nothing is written twice.

A page asks for one by a comment of its own line, such as ``<!-- made: commands -->``; `made` has them all. The API
reference is Sphinx's autodoc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.domains.python import PyObject

from docs.site import commands, help_texts, notebooks, repository

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Names with one type, such as ``names, symbols : tuple of str``.
_SEVERAL = re.compile(r"(\w+(?:, \w+)+) : (.+)")
_PLACE = re.compile(r"^<!-- made: (\S+?)(?: (\S+))? -->$", re.MULTILINE)
_MAKERS: dict[str, Callable[..., str]] = {
    "commands": commands.reference,
    "file": repository.page_of,
    "figures": help_texts.figures,
    "formats": help_texts.formats,
    "glossary": help_texts.glossary,
    "help": help_texts.text,
    "templates": help_texts.templates,
}


def made(source: str) -> str:
    """Return a page with every ``<!-- made: WHAT ARGUMENT -->`` replaced; ``KeyError`` for an unknown one."""
    return _PLACE.sub(lambda place: _MAKERS[place[1]](*filter(None, [place[2]])), source)


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(page))
    if path.suffix == ".md":
        source[0] = repository.with_site_links(made(source[0]), path)


def _prepare(app: Sphinx) -> None:
    static = Path(app.doctreedir) / "made"
    help_texts.write_templates(static / "templates")
    notebooks.write_downloads(static / "notebooks")
    notebooks.write_plotly(static)
    app.config.html_static_path.append(str(static))


def _signature(*event: Any) -> tuple[str | None, str | None]:
    """Hide the name of a module's own constant; what it stands for is in the text of the parameter."""
    *_, arguments, result = event
    return arguments and re.sub(r"=_[A-Z_]+", "=...", arguments), result


def _docstring(*event: Any) -> None:
    """Give each of several attributes that share a type a line of its own, as Sphinx reads them."""
    lines: list[str] = event[-1]
    lines[:] = [
        f"{name} : {found[2]}" if found else line
        for line in lines
        for found in [_SEVERAL.match(line)]
        for name in (found[1].split(", ") if found else [""])
    ]


def _scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if page.startswith("tutorials/"):
        app.add_js_file(notebooks.PLOTLY)
        app.add_js_file(notebooks.DRAW)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the parts with Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("builder-inited", _prepare)
    app.connect("source-read", _read)
    app.connect("autodoc-process-signature", _signature)
    # Before napoleon reads the text.
    app.connect("autodoc-process-docstring", _docstring, priority=100)
    app.connect("html-page-context", _scripts)
    return {"parallel_read_safe": False}
