"""Text for the page: what came from a file or a search box is shown as it stands, never as markup."""

from __future__ import annotations

import re

#: A name is cut beyond this: a file may carry one of any length.
MAX_CHARS = 80
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Links and emoji are recognised after backslashes are gone; a word joiner (of no width) breaks their pattern.
_REPLACED_LATE = re.compile(r"(?i)([:@]|www(?=\.))")


def one_line(text: object) -> str:
    """Return text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def literal(text: object, max_chars: int = MAX_CHARS) -> str:
    """Return text escaped for Markdown, on one line, cut to a length."""
    line = one_line(text)
    if len(line) > max_chars:
        line = line[: max_chars - 1] + "…"
    return _PUNCTUATION.sub(r"\\\1", _REPLACED_LATE.sub("\\1\u2060", line))


def plural(n: int, one: str, many: str = "") -> str:
    """Return ``1 edit``, ``2 edits``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def file_stem(text: str) -> str:
    """Return a sample name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._")[:60] or "sample"
