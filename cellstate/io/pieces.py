"""Passes over the bytes of a large file, piece by piece: a single call of `bytes` or `re` would hold up all threads."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import numpy as np

_PIECE_BYTES = 8_000_000
#: No pattern that is looked for is longer.
_OVERLAP_BYTES = 64


def count_lines(data: bytes) -> int:
    """Count the ends of lines."""
    letters = np.frombuffer(data, np.uint8)
    ends = (letters[at : at + _PIECE_BYTES] == ord("\n") for at in range(0, len(letters), _PIECE_BYTES))
    return sum(map(int, map(np.count_nonzero, ends)))


def matches(data: bytes, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Find where a short pattern occurs; a place between two pieces may come twice."""
    for at in range(0, len(data), _PIECE_BYTES):
        yield from pattern.finditer(data, at, at + _PIECE_BYTES + _OVERLAP_BYTES)


def found_in(data: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether a short pattern occurs."""
    return any(True for _ in matches(data, pattern))


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8 text."""
    decode = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            decode.decode(data[at : at + _PIECE_BYTES])
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def from_latin_1(data: bytes) -> bytes:
    """Return Latin-1 text as UTF-8."""
    pieces = (data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
    return b"".join(piece.decode("latin-1").encode() for piece in pieces)
