"""Gene sets from a GMT file: one set a line, tab-separated: name, description, genes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from cellstate.errors import ReadError
from cellstate.io.content import load

#: Most bytes of a GMT file once unpacked; all of MSigDB has a tenth of this.
MAX_GMT_BYTES = 200_000_000
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$", re.ASCII)
_ABOUT_TABLES = re.compile("expression|matrix|CSV|samples|reads|data file")
_FORM = "A GMT file has one gene set a line: name, description and genes with tabs between them."


def read_gmt(source: str | Path | bytes | BinaryIO, *, name: str | None = None) -> dict[str, tuple[str, ...]]:
    """Read gene sets.

    Parameters
    ----------
    source : path, bytes or binary file
        A GMT file, or its contents. Plain or packed with gzip; any line ends, with or without a byte-order mark.
    name : str, optional
        File name of an upload.

    Returns
    -------
    dict of set name to gene names
        In file order, each gene of a set once; weights after a comma (``TP53,1.0``) are left out. Never empty.

    Raises
    ------
    ReadError
        When the file is no GMT file, is damaged, or gives one name to two different sets.
    """
    if not isinstance(source, str | Path | bytes | bytearray | memoryview):
        source = source.read()
    try:
        content = load(source, name)
    except ReadError as error:
        # What is wrong with the file stays true; that it should be a table of expression values does not.
        what = error.message.replace("a table of expression values", "a list of gene sets")
        hint = _FORM if _ABOUT_TABLES.search(error.hint) else error.hint
        raise ReadError(what.replace(", not a table.", ", not a list of gene sets."), hint) from error
    if content.is_hdf5:
        raise ReadError("This is an HDF5 file, not a list of gene sets.", _FORM)
    if len(content.data) > MAX_GMT_BYTES:
        raise ReadError(f"A list of gene sets may hold at most {MAX_GMT_BYTES // 10**6} MB.", "Keep the sets you need.")
    rows = [
        (number, [field.strip().strip('"').strip() for field in line.split("\t")])
        for number, line in enumerate(content.data.decode("utf-8", errors="replace").split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not any(len(fields) > 1 for _, fields in rows):
        raise ReadError("The file has no tabs, so it is not a list of gene sets.", _FORM)
    if _is_numbers([fields for _, fields in rows]):
        raise ReadError("This is a table of numbers, not a list of gene sets.", _FORM)
    sets: dict[str, tuple[str, ...]] = {}
    for number, (title, *rest) in rows:
        if not title or not rest:
            raise ReadError(f"Line {number} of the gene sets has no name or no genes.", _FORM)
        genes = tuple(dict.fromkeys(gene for field in rest[1:] if (gene := field.split(",")[0].strip())))
        if sets.setdefault(title, genes) != genes:
            raise ReadError(f"Two different gene sets are called {title[:60]!r}.", "Rename one of them.")
    if not (sets := {title: genes for title, genes in sets.items() if genes}):
        raise ReadError("No gene set of the file holds a gene.", _FORM)
    return sets


def _is_numbers(rows: list[list[str]]) -> bool:
    """Whether this is an expression table: lines of one width, numbers where GMT has a description and genes.

    Numbers alone do not tell, as genes may be Entrez ids.
    """
    body = rows[1:]  # the first line of a table is its header
    numbers = [sum(_NUMBER.match(field) is not None for field in row[1:]) for row in body]
    lined_up = len({len(row) for row in body}) == 1
    begins = [len(row) > 1 and _NUMBER.match(row[1]) is not None for row in body]
    return lined_up and sum(begins) > len(body) / 2 and sum(numbers) > 0.8 * len(body) * (len(body[0]) - 1)
