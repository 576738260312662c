"""Documents that are read outside this repository: links lead somewhere, commands exist, the version is right."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from cellstate import __version__
from cellstate.cli import parser

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("deploy/*.md")])
#: Pages whose code blocks are commands, each whole on one line.
COMMAND_PAGES = ("reproduce-the-poster.md",)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands() -> list[str]:
    """Return the command lines of the pages."""
    texts = [(REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in COMMAND_PAGES]
    return [line for text in texts for block in _BLOCK.findall(text) for line in block.splitlines()]


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


def test_the_pages_have_commands():
    assert {line.split()[0] for line in commands()} >= {"cellstate", "python"}


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_of_a_page_exists(line):
    words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=\S+", word)]
    if words[0] == "cellstate":
        assert callable(parser(words[1]).parse_args(words[1:]).run)
    else:
        assert words[:2] == ["python", "-m"] and find_spec(words[2]) is not None


@pytest.mark.parametrize("path", re.findall(r"(?:data/examples|train/configs)/[\w.\-]+", "\n".join(commands())))
def test_a_file_that_a_command_names_exists(path):
    assert (REPOSITORY / path).is_file()


def test_the_citation_names_this_version():
    text = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", text, re.MULTILINE) == [__version__]
    assert re.findall(r"^license: (\S+)$", text, re.MULTILINE) == ["Apache-2.0"]
