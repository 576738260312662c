"""The code blocks of the documentation, and how each is run.

``bash`` and ``python`` run. ``bash cluster`` needs hours, gigabytes, a download or a cluster: its commands are parsed.
Other blocks are text.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cellstate.cli import parser

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(
            REPOSITORY / name
            for name in ("README.md", "CONTRIBUTING.md", "deploy/README.md", "train/cluster/README.md")
        ),
        *(path for path in (REPOSITORY / "docs").rglob("*.md") if "_build" not in path.parts),
        *(REPOSITORY / "docs" / "tutorials").glob("*.py"),
    ]
)
CLUSTER, SERVERS = "cluster", ("cellstate app",)
#: Words that begin a command; a block that is not marked must not hide one.
COMMANDS = ("cellstate", "python", "make", "torchrun", "sbatch", "pip", "docker")
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:cellstate|python -m) [^`]+)`")
_TARGET = re.compile(r"^make ([\w-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    place : str
        Page and number of the block.
    marks : tuple of str
        Words after the fence: the language first.
    text : str
    """

    place: str
    marks: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        """``bash``, ``python``, or another word; empty for none."""
        return self.marks[0] if self.marks else ""

    def lines(self) -> list[str]:
        """Return the commands, continued lines joined, comments left out."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in map(str.strip, joined.splitlines()) if line and not line.startswith("#")]


def _text(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    # Of a tutorial, the Markdown cells.
    return re.sub(r"^# ?", "", text, flags=re.MULTILINE) if page.suffix == ".py" else text


def commands_in_sentences() -> Iterator[tuple[str, str]]:
    """Yield page and text of each command that stands within a sentence, on one line."""
    for page in PAGES:
        for found in _INLINE.findall(_FENCE.sub("", _text(page))):
            yield page.relative_to(REPOSITORY).as_posix(), " ".join(found.split())


def blocks() -> Iterator[Block]:
    """Yield the blocks of every page."""
    for page in PAGES:
        text = _text(page)
        for number, (marks, block) in enumerate(_FENCE.findall(text), 1):
            name = page.relative_to(REPOSITORY).as_posix()
            yield Block(f"{name}:{number}", tuple(marks.split()), block)


def targets(block: Block) -> list[str]:
    """Return the targets of make in a block."""
    return _TARGET.findall(block.text)


def servers(block: Block) -> list[str]:
    """Return the commands of a block that serve until they are stopped."""
    return [line for line in block.lines() if line.startswith(SERVERS)]


def script(block: Block) -> str:
    """Return what else a block does, as a script."""
    return "\n".join(line for line in block.lines() if line not in servers(block) and not _TARGET.match(line))


def workshop(folder: Path) -> dict[str, str]:
    """Make a folder look like a checkout whose files are read only by agreement; returns the environment of a command.

    What a command writes stays in the folder. ``cellstate`` and ``python`` are those of this environment.
    """
    for name in ("benchmarks", "cellstate", "data", "models", "tests", "train", "app.py", "pages", ".streamlit"):
        (folder / name).symlink_to(REPOSITORY / name)
    tools = folder / "tools"
    tools.mkdir()
    for name, words in (("python", ""), ("cellstate", " -m cellstate")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (tools / name).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(REPOSITORY), "BROWSER": "true"}


def parse(line: str) -> None:
    """Check a command that is not run: the parser takes it, its module and the files that it names exist.

    Raises
    ------
    SystemExit, AssertionError
    """
    words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=\S+", word)]
    if words[0] == "torchrun":
        words = ["python", *words[words.index("-m") :]]
    if words[0] == "python":
        assert words[1] == "-m" and find_spec(words[2]) is not None, line
        words = words[2:]
        words[:1] = ["cellstate", "train"] if words[0] == "train" else words[:1]
    if words[:2] == ["cellstate", "train"]:
        from train.__main__ import parser as trainer

        assert callable(trainer("train").parse_args(words[2:]).run)
    elif words[0] == "cellstate":
        assert callable(parser(words[1]).parse_args(words[1:]).run)
    for name in re.findall(r"(?:data/examples|train/configs|train/cluster|deploy)/[\w.\-]+", line):
        assert (REPOSITORY / name).exists(), name
