"""Detection of a file's format by its content. The file name does not matter."""

from __future__ import annotations

from collections.abc import Callable

from cellstate.errors import ReadError
from cellstate.io.formats import delimited, gct, quantifiers
from cellstate.io.layout import DELIMITERS, first_lines
from cellstate.io.raw_table import RawTable, ReadOptions
from cellstate.io.source import FileContent

Reader = Callable[[FileContent, ReadOptions], RawTable]


def _read_h5ad(content: FileContent, options: ReadOptions) -> RawTable:
    from cellstate.io.formats import h5ad  # imports h5py and scipy

    return h5ad.read(content, options)


#: The reader of each format.
READERS: dict[str, Reader] = {
    **dict.fromkeys(DELIMITERS.values(), delimited.read),
    "gct": gct.read,
    **{tool.name: tool.read for tool in quantifiers.TOOLS},
    "star": quantifiers.read_star,
    "featurecounts": quantifiers.read_featurecounts,
    "h5ad": _read_h5ad,
}


def choose_reader(content: FileContent, options: ReadOptions) -> Reader:
    """Return the reader of the chosen format, or of the detected one.

    Raises
    ------
    ReadError
        When the chosen format does not exist, or is text for a binary file (or the reverse).
    """
    if options.format is None:
        return READERS[detect_format(content)]
    wanted = options.format.strip().lower().split(" ")[0]
    if wanted not in READERS:
        raise ReadError(
            f"There is no format {options.format!r}.", f"The formats are: {', '.join(READERS)}.", code="unknown_option"
        )
    if content.is_hdf5 != (wanted == "h5ad"):
        raise ReadError(
            f"The file is not of format {wanted!r}.", "Let CellState detect the format.", code="wrong_format"
        )
    return READERS[wanted]


def detect_format(content: FileContent) -> str:
    """Return the name of a file's format; ``tsv`` stands for any delimited text."""
    if content.is_hdf5:
        return "h5ad"
    lines = [line for line in first_lines(content.data) if line.strip()] or [""]
    if lines[0].replace(" ", "").startswith(("#1.2", "#1.3")):
        return "gct"
    if lines[0].startswith("N_unmapped\t"):
        return "star"
    header = next((line for line in lines if not line.startswith("#")), "").split("\t")
    for tool in quantifiers.TOOLS:
        if tool.has_header(header):
            return tool.name
    if quantifiers.is_featurecounts(header):
        return "featurecounts"
    return "tsv"
