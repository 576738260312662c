"""Refuse words that the project has given up: `python -m tests.lint.retired_words` prints each place and exits 1.

`retired_words.txt` beside this file has one a line: a regular expression, a tab, and what to write instead. An
underscore ends a word, so a retired word is found inside a Python name too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).with_name("retired_words.txt")
#: History keeps its words, ids of mutants never change, and the list names them.
LEFT_OUT = ("docs/lab-notes/", "benchmarks/mutants.toml", "CHANGELOG.md", "tests/", "LICENSE")
ENDINGS = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".sh", ".cfg", ""}


def retired_words(path: Path = LIST) -> dict[re.Pattern[str], str]:
    """Return what is searched for, and what to write instead."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", re.IGNORECASE): use for word, use in rows}


def found_in(text: str, words: dict[re.Pattern[str], str]) -> list[tuple[int, str, str]]:
    """Return line number, word and its replacement for each retired word in a text."""
    return [
        (number, match.group(), use)
        for number, line in enumerate(text.splitlines(), 1)
        for word, use in words.items()
        for match in word.finditer(line)
    ]


def main() -> int:
    """Search every text file that git tracks."""
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0")
    words, n_found = retired_words(), 0
    for name in filter(None, names):
        path = Path(name)
        if name.startswith(LEFT_OUT) or path.suffix not in ENDINGS or not path.is_file():
            continue
        for line, word, use in found_in(path.read_text(encoding="utf-8", errors="ignore"), words):
            n_found += 1
            print(f"{name}:{line}: {word!r} is retired, write {use}")
    return 1 if n_found else 0


if __name__ == "__main__":
    sys.exit(main())
