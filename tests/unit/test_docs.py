"""Documents that are read outside this repository: links lead somewhere, the version is right; see also tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cellstate import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = [page for page in REPOSITORY.glob("docs/**/*.md") if "_build" not in page.parts]
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS, *REPOSITORY.glob("deploy/*.md")])
#: Words of the README.
MOST_WORDS = 900
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_no_link_inside_the_repository_is_dead(page):
    dead = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_readme_is_one_screen_of_why_and_one_of_how():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= MOST_WORDS
    assert re.findall(r"^## (\w+)", text, re.MULTILINE)[:2] == ["Why", "How"]
    assert {"make run", "make test"} <= set(re.findall(r"^(make \w+)", text, re.MULTILINE))


def test_the_citation_names_this_version():
    text = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", text, re.MULTILINE) == [__version__]
    assert re.findall(r"^license: (\S+)$", text, re.MULTILINE) == ["Apache-2.0"]
