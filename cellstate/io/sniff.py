"""Which reader a file needs, decided by what it holds and never by its ending."""

from __future__ import annotations

from collections.abc import Callable

from cellstate.errors import ReadError
from cellstate.io import delimited, featurecounts, gct, h5ad, quantifiers, star
from cellstate.io.content import Content
from cellstate.io.layout import DELIMITERS, first_lines
from cellstate.io.table import Overrides, RawTable

Reader = Callable[[Content, Overrides], RawTable]

READERS: dict[str, Reader] = {
    **dict.fromkeys(DELIMITERS.values(), delimited.read),
    "gct": gct.read,
    **{tool.name: quantifiers.reader(tool) for tool in quantifiers.TOOLS},
    "star": star.read,
    "featurecounts": featurecounts.read,
    "h5ad": h5ad.read,
}


def choose_reader(content: Content, overrides: Overrides) -> Reader:
    """Return the reader for a file, or the one the user asked for.

    Raises
    ------
    ReadError
        When the user asks for a format there is not, or for text of a binary file (or the reverse).
    """
    if overrides.format is None:
        return READERS[sniff(content)]
    wanted = overrides.format.strip().lower().split(" ")[0]
    if wanted not in READERS:
        raise ReadError(f"There is no format {overrides.format!r}.", f"The formats are: {', '.join(READERS)}.")
    if content.is_hdf5 != (wanted == "h5ad"):
        raise ReadError(f"The file is not of format {wanted!r}.", "Leave the format to the reader.")
    return READERS[wanted]


def sniff(content: Content) -> str:
    """Name the format of a file; ``tsv`` stands for any delimited text."""
    if content.is_hdf5:
        return "h5ad"
    # A file may begin with more blank lines than are looked at.
    lines = [line for line in first_lines(content.data) if line.strip()] or [""]
    if lines[0].replace(" ", "").startswith(("#1.2", "#1.3")):
        return "gct"
    if lines[0].startswith("N_unmapped\t"):
        return "star"
    header = next((line for line in lines if not line.startswith("#")), "").split("\t")
    for tool in quantifiers.TOOLS:
        if tool.wrote(header):
            return tool.name
    lower = [name.strip().strip('"').lower() for name in header]
    if lower[: len(featurecounts.COLUMNS)] == list(featurecounts.COLUMNS):
        return "featurecounts"
    return "tsv"
