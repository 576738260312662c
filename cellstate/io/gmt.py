"""Gene sets from GMT files: one set per line, tab-separated: name, description, genes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import BinaryIO

from cellstate.errors import ReadError
from cellstate.expression.reading import ProgressCallback, ProgressReporter
from cellstate.files import resource_path
from cellstate.io.source import FileContent, count_lines, load_content

#: Name of the gene sets that come with CellState, where a goal names a file.
HALLMARK = "hallmark"

#: Largest size of an unpacked GMT file; ten times that of all of MSigDB.
MAX_GMT_BYTES = 200_000_000
#: All of MSigDB has 35,000 sets with four million names.
MAX_SETS, MAX_NAMES = 50_000, 20_000_000
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$", re.ASCII)
_HINT_ABOUT_TABLES = re.compile("expression|matrix|CSV|samples|reads|data file")
_FORM = "A GMT file has one gene set a line: name, description and genes with tabs between them."


def read_gmt(
    source: str | Path | bytes | BinaryIO, *, name: str | None = None, progress: ProgressCallback | None = None
) -> dict[str, tuple[str, ...]]:
    """Read gene sets from a GMT file.

    Parameters
    ----------
    source : path, bytes or binary file
        A GMT file or its content, plain or packed with gzip, with any line ends and with or without byte-order mark.
    name : str, optional
        File name of an upload.
    progress : callable, optional
        As for `read_samples`.

    Returns
    -------
    dict of str to tuple of str
        Gene names of each set, in file order and without repeats; weights after a comma (``TP53,1.0``) are dropped.
        At least one set; sets without genes are left out.

    Raises
    ------
    ReadError
        When the file is not a GMT file, is damaged or too large, or has two different sets with the same name.
    """
    source = source if isinstance(source, str | Path | bytes | bytearray | memoryview) else source.read()
    rows = _rows(source, name, ProgressReporter(progress))
    sets: dict[str, tuple[str, ...]] = {}
    for number, (set_name, *rest) in rows.items():
        if not set_name or not rest:
            raise ReadError(f"Line {number} of the gene sets has no name or no genes.", _FORM, code="damaged_gene_sets")
        genes = tuple(dict.fromkeys(gene for field in rest[1:] if (gene := field.split(",")[0].strip())))
        if sets.setdefault(set_name, genes) != genes:
            text = f"Two different gene sets are called {set_name[:60]!r}."
            raise ReadError(text, "Rename one of them.", code="repeated_gene_set")
    if not (sets := {set_name: genes for set_name, genes in sets.items() if genes}):
        raise ReadError("No gene set of the file holds a gene.", _FORM, code="no_genes")
    return sets


@cache
def hallmark_sets() -> dict[str, tuple[str, ...]]:
    """Return the hallmark gene sets of MSigDB (Liberzon et al., Cell Systems 2015), which come with CellState."""
    return read_gmt(resource_path("data", "gene_sets", "h.all.v7.0.symbols.gmt"))


def _rows(source: str | Path | bytes, name: str | None, report_progress: ProgressReporter) -> dict[int, list[str]]:
    """Return the fields of each line that is neither blank nor a comment, by the number of the line."""
    content = _load(source, name, report_progress)
    if content.is_hdf5:
        raise ReadError("This is an HDF5 file, not a list of gene sets.", _FORM, code="not_gene_sets")
    if len(content.data) > MAX_GMT_BYTES:
        text = f"A list of gene sets may hold at most {MAX_GMT_BYTES // 10**6} MB."
        raise ReadError(text, "Keep the sets you need.", code="too_large")
    if count_lines(content.data) > MAX_SETS or content.data.count(b"\t") > MAX_NAMES:
        text = f"A list of gene sets may hold at most {MAX_SETS:,} sets and {MAX_NAMES // 10**6} million names."
        raise ReadError(text, "Keep the sets you need.", code="too_large")
    rows = {
        number: [field.strip().strip('"').strip() for field in line.split("\t")]
        for number, line in enumerate(content.data.decode("utf-8", errors="replace").split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    }
    if all(len(fields) < 2 for fields in rows.values()):
        raise ReadError("The file has no tabs, so it is not a list of gene sets.", _FORM, code="not_gene_sets")
    if _is_expression_table(list(rows.values())):
        raise ReadError("This is a table of numbers, not a list of gene sets.", _FORM, code="not_gene_sets")
    return rows


def _load(source: str | Path | bytes, name: str | None, report_progress: ProgressReporter) -> FileContent:
    try:
        return load_content(source, name, report_progress)
    except ReadError as error:
        # The error is about an expression table. Replace the words and hints that do not fit gene sets.
        message = re.sub(r"not a table( of expression values)?\.", "not a list of gene sets.", error.message)
        hint = _FORM if _HINT_ABOUT_TABLES.search(error.hint) else error.hint
        raise ReadError(message, hint, code=error.code) from error


def _is_expression_table(rows: list[list[str]]) -> bool:
    """Return whether the rows are an expression table: equally wide, with numbers in place of descriptions and genes.

    Numbers alone are not enough, because the genes of a set may be Entrez ids.
    """
    body = rows[1:]  # without the header
    n_numbers = [sum(_NUMBER.match(field) is not None for field in row[1:]) for row in body]
    is_equally_wide = len({len(row) for row in body}) == 1
    starts = [len(row) > 1 and _NUMBER.match(row[1]) is not None for row in body]
    return is_equally_wide and sum(starts) > len(body) / 2 and sum(n_numbers) > 0.8 * len(body) * (len(body[0]) - 1)
