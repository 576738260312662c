"""Pages from files outside ``docs/``, and links that lead where the site has what they name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_FILE = re.compile(r"^<!-- made: file (\S+) -->$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def page_of(name: str) -> str:
    """Return a Markdown file of the repository, its links absolute."""
    source = REPOSITORY / name

    def link(words: str, path: str, anchor: str) -> str:
        return f"[{words}]({(source.parent / path).resolve()}{anchor})"

    return _with_links(source.read_text(encoding="utf-8"), link)


def with_site_links(text: str, page: Path) -> str:
    """Return a page's text whose links to files of the repository lead to their pages on the site.

    A file without a page becomes a download, a folder without one its name. A link that leads nowhere stays, so that
    Sphinx reports it.
    """

    def link(words: str, path: str, anchor: str) -> str:
        target = Path(path) if path.startswith("/") else (page.parent / path).resolve()
        if target.is_dir():
            target /= "README.md"
            if not target.exists():
                return words
        shown = _pages().get(target, target)
        leads = os.path.relpath(shown, page.parent)
        if shown.is_relative_to(DOCS) or not target.exists():
            return f"[{words}]({leads}{anchor})"
        return f"{{download}}`{words.replace('`', '')} <{leads}>`"

    return _with_links(text, link)


@cache
def _pages() -> dict[Path, Path]:
    """Return the page of each file that a page shows."""
    found = {}
    for page in DOCS.rglob("*.md"):
        for name in _FILE.findall(page.read_text(encoding="utf-8")):
            found[REPOSITORY / name] = page
    return found


def _with_links(text: str, link: Callable[[str, str, str], str]) -> str:
    """Replace every link to a file outside code blocks by what ``link(words, path, anchor)`` returns."""

    def one(found: re.Match) -> str:
        words, path, anchor = found[1], found[2], found[3] or ""
        return found[0] if not path or re.match(r"[a-z]+:", path) else link(words, path, anchor)

    parts, at = [], 0
    for block in _CODE.finditer(text):
        parts += [_LINK.sub(one, text[at : block.start()]), block[0]]
        at = block.end()
    return "".join([*parts, _LINK.sub(one, text[at:])])
