"""A user's own table about genes: one row a gene, its name in one column, and anything in the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.reading import ProgressCallback, ProgressReporter
from cellstate.formatting import one_line
from cellstate.genes import gene_axis
from cellstate.io.layout import split
from cellstate.io.source import load_content

#: Every gene of the axis some times over, with long remarks.
MAX_BYTES, MAX_ROWS, MAX_COLUMNS = 20_000_000, 100_000, 20
#: A value is cut beyond this.
MAX_CHARS = 120
#: Names that are looked at to find the column of genes, and how many of them must be genes.
_N_LOOKED_AT, _LEAST_KNOWN = 500, 0.5
_HINT = "It needs one row a gene, titles in the first row, and a comma, semicolon or tab between the columns."
_GENE_TITLE = re.compile(r"^(hgnc_?)?(gene|symbol|ensembl|entrez)([ _.-]?(id|name|symbol|gene|gene_?id))?s?$", re.I)


@dataclass(frozen=True)
class GeneTable:
    """A table about genes.

    Attributes
    ----------
    name : str
        Of the file.
    columns : tuple of str
        Titles, without that of the genes.
    rows : dict of str to tuple of str
        Values of each gene by its Ensembl id, in the order of the columns; those of several rows are joined.
    unknown : tuple of str
        Names that are no gene of the axis.
    """

    name: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]


def read_gene_table(data: bytes, *, name: str | None = None, progress: ProgressCallback | None = None) -> GeneTable:
    """Read a table about genes from text with commas, semicolons or tabs, plain or packed with gzip.

    The genes are in the column that is titled so, or else in the one with the most names of genes.

    Parameters
    ----------
    data : bytes
    name : str, optional
        File name of an upload.
    progress : callable, optional
        As for `read_samples`.

    Raises
    ------
    ReadError
        When it is no such table, is too large, or names no gene.
    """
    titles, *body = _rows(data, name, ProgressReporter(progress))
    by = _gene_column(titles, body)
    others = [c for c, title in enumerate(titles) if c != by and title][:MAX_COLUMNS]
    if not others:
        raise ReadError("The table has no titled column beside the genes.", _HINT, code="no_gene_table")
    found = gene_axis().resolve([row[by] for row in body])
    values: dict[str, list[dict[str, None]]] = {}
    unknown: dict[str, None] = {}
    for row, gene in zip(body, found.index.tolist(), strict=True):
        if gene < 0:
            unknown[row[by]] = None
            continue
        own = values.setdefault(gene_axis().ensembl[gene], [{} for _ in others])
        for column, c in zip(own, others, strict=True):
            if row[c]:
                column[row[c]] = None
    return GeneTable(
        name or "table",
        tuple(titles[c][:MAX_CHARS] for c in others),
        {gene: tuple("; ".join(column)[:MAX_CHARS] for column in own) for gene, own in values.items()},
        tuple(filter(None, unknown)),
    )


def _rows(data: bytes, name: str | None, report_progress: ProgressReporter) -> list[list[str]]:
    """Return the cells of each row, the titles first, split where that gives the most columns."""
    if len(data) > MAX_BYTES:
        raise _too_large()
    content = load_content(data, name, report_progress)
    if content.is_hdf5:
        raise ReadError("This is an HDF5 file, not a table of text.", _HINT, code="no_gene_table")
    if len(content.data) > MAX_BYTES:
        raise _too_large()
    lines = [line for line in content.data.decode("utf-8", errors="replace").splitlines() if line.strip()]
    if len(lines) > MAX_ROWS + 1:
        raise ReadError(f"A table about genes may hold at most {MAX_ROWS:,} rows.", "Keep the rows you need.")
    cells = max((_cells(lines, mark) for mark in "\t,;"), key=lambda table: len(table[0]) if table else 0)
    if len(cells) < 2 or len(cells[0]) < 2:
        raise ReadError("The table needs two columns and a row below its titles.", _HINT, code="no_gene_table")
    return cells


def _cells(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Return the cells of each line, every row as wide as the first."""
    rows = split(lines, mark)
    width = len(rows[0]) if rows else 0
    return [[one_line(cell) for cell in row[:width]] + [""] * (width - len(row)) for row in rows]


def _gene_column(titles: Sequence[str], body: Sequence[Sequence[str]]) -> int:
    known = {c: _known([row[c] for row in body[:_N_LOOKED_AT]]) for c in range(len(titles))}
    titled = {c: n for c, n in known.items() if _GENE_TITLE.match(titles[c]) and n}
    # Without a title, numbers are no Entrez ids, and a few remarks that are names of genes are no column of genes.
    others = {
        c: n for c, n in known.items() if n >= _LEAST_KNOWN and not any(row[c].isdigit() for row in body[:_N_LOOKED_AT])
    }
    if not (candidates := titled or others):
        shown = summarise_list([repr(title[:40]) for title in titles])
        raise ReadError(
            f"No column of the table holds names of genes; its columns are {shown}.",
            "Call the column of symbols or Ensembl ids 'gene'.",
            code="no_gene_column",
        )
    return max(candidates, key=candidates.__getitem__)


def _known(cells: Sequence[str]) -> float:
    """Return which fraction of the filled cells are names of genes."""
    names = [cell for cell in cells if cell]
    return float((gene_axis().resolve(names).index >= 0).mean()) if names else 0.0


def _too_large() -> ReadError:
    text = f"A table about genes may hold at most {MAX_BYTES // 10**6} MB."
    return ReadError(text, "Keep the rows you need.", code="too_large")
