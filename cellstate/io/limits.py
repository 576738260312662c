"""Limits of what is unpacked, for all kinds of packed files."""

from __future__ import annotations

from cellstate.errors import ReadError

#: Largest size of an unpacked file.
MAX_BYTES = 2_000_000_000
#: Files that unpack to more than this are refused as decompression bombs if they grow by more than MAX_RATIO.
RATIO_CHECKED_ABOVE_BYTES = 30_000_000
MAX_RATIO = 60


def too_large() -> ReadError:
    """Return the error for a file that unpacks to too much."""
    return ReadError(
        f"The file is too large: unpacked it may hold at most {MAX_BYTES // 10**9} GB.",
        "Split it into files with fewer samples.",
        code="too_large",
    )
