"""The parts of the site that are made when it is built, so that nothing is written twice.

A page asks for one by a comment of its own line, such as ``<!-- made: commands -->``; `made` has them all. The API
reference is Sphinx's autodoc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs.site import commands, help_texts, notebooks, repository

if TYPE_CHECKING:
    from sphinx.application import Sphinx

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


def _scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if page.startswith("tutorials/"):
        app.add_js_file(notebooks.PLOTLY)
        app.add_js_file(notebooks.DRAW)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the parts with Sphinx."""
    app.connect("builder-inited", _prepare)
    app.connect("source-read", _read)
    app.connect("html-page-context", _scripts)
    return {"parallel_read_safe": False}
