"""What each column of a table is: the gene's name, a sample, a gene length, or annotation to leave aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import ReadError
from cellstate.genes import FOUND, Resolution, gene_axis
from cellstate.io.cells import to_numbers
from cellstate.io.grid import Grid
from cellstate.io.table import COLUMNS, ROWS, Overrides

#: Gene lengths, the most fitting for counts first.
LENGTH_NAMES = ("effectivelength", "efflength", "length", "genelength", "width", "bplength", "exonlength", "lengthbp")
_ID_NAMES = {"entrez", "entrezid", "entrezgene", "entrezgeneid", "geneid", "ncbi", "ncbigeneid", "ncbiid", "locusid"}
#: Numeric columns that describe genes (or, lying the other way, samples) and are never expression values.
_ANNOTATION = {
    *LENGTH_NAMES, *_ID_NAMES,
    "transcriptlength", "mergedlength", "cdslength", "chr", "chrom", "chromosome", "seqname", "start", "end", "stop",
    "strand", "txstart", "txend", "chromstart", "chromend", "startposition", "endposition", "position", "tss",
    "exon", "exons", "exoncount", "exonnumber", "numexons", "nexons", "transcriptcount", "ntranscripts", "gc",
    "gccontent", "percentagegccontent", "hgnc", "hgncid", "omim", "mimid", "taxid", "version", "rank", "row",
    "rownumber", "index", "no", "fpkmconflo", "fpkmconfhi", "fpkmlo", "fpkmhi", "isopct", "tpmcilow", "tpmcihigh",
    "librarysize", "libsize", "totalreads", "totalcounts", "age", "sd", "stdev", "variance",
}  # fmt: skip
#: Summaries of the samples, unless there is nothing they could be summaries of.
_SUMMARIES = {"mean", "average", "median", "sum", "total", "basemean"}
_FOLD_CHANGE = {"log2foldchange", "logfc", "log2fc", "log2foldchangemle", "avglog2fc", "avglogfc"}
_SIGNIFICANCE = {"padj", "pvalue", "pval", "fdr", "adjpval", "qvalue", "pvaladj", "adjpvalue"}
#: Columns that name a unit, not a sample; where several stand side by side, the first kind here is taken.
_UNITS = (
    ("TPM", r"tpm|transcriptspermillion"),
    ("counts", r"(est|expected|read|raw|num|n)?(counts?|reads)|unstranded"),
    ("FPKM", r"fpkm|rpkm"),
    ("CPM", r"cpm"),
    ("coverage", r"coverage"),
)
_VALUE_NAMES = re.compile(r"value|expression|expr|signal|abundance|level")
_PREFERENCE = ("ensembl", "transcript", "entrez", "symbol")
#: Two name columns are as good as each other when their numbers of genes differ by no more than this.
_TIE = 0.02
#: Columns that are looked into for names, as each is resolved whole: of many columns of text, the first.
MOST_NAME_COLUMNS = 40


@dataclass(frozen=True)
class Names:
    """A list of feature names that resolves to genes.

    Attributes
    ----------
    title : str
        Of the column.
    ids : list of str
    id_type : str
        ``ensembl``, ``transcript``, ``entrez``, ``symbol``, or empty when nothing resolves.
    n_genes : int
        Different genes found.
    column : int or None
        Position in the table.
    """

    title: str
    ids: list[str]
    id_type: str
    n_genes: int
    column: int | None = None


@dataclass(frozen=True)
class Roles:
    """Orientation and the role of each column; positions are those of the grid."""

    orientation: str
    names: Names
    values: list[int]
    length: int | None = None
    sample_names: int | None = None
    unit_hint: str | None = None
    warnings: tuple[str, ...] = ()


def plain(name: str) -> str:
    """Return a column's name in lower case without anything but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def id_type(resolution: Resolution) -> str:
    """Return the kind of name that most of the resolved names are, empty if none resolves."""
    tally: dict[str, int] = {}
    for status, n in resolution.counts().items():
        if status in FOUND:
            kind = "symbol" if status in ("previous", "alias", "repaired") else status
            tally[kind] = tally.get(kind, 0) + n
    return max(tally, key=lambda kind: tally[kind]) if tally else ""


def names_of(title: str, ids: list[str], column: int | None = None) -> Names:
    """Resolve a list of names and describe it."""
    resolution = gene_axis().resolve(ids)
    found = resolution.index[resolution.index >= 0]
    return Names(title, ids, id_type(resolution), len(np.unique(found)), column)


def best_names(candidates: Sequence[Names], wanted: str | None = None) -> Names | None:
    """Choose the names that mean most genes; Ensembl ids win a near tie.

    Parameters
    ----------
    candidates : sequence of Names
    wanted : str, optional
        The user's choice: the name of a column or a kind of id.
    """
    if wanted:
        chosen = [c for c in candidates if wanted in (c.title, c.id_type)]
        if not chosen:
            raise ReadError(f"The file has no gene names of kind {wanted!r}.", "Leave the id type to the reader.")
        candidates = chosen
    if not candidates:
        return None
    most = max(c.n_genes for c in candidates)
    near = [c for c in candidates if c.n_genes >= (1 - _TIE) * most]
    return min(near, key=lambda c: _PREFERENCE.index(c.id_type) if c.id_type in _PREFERENCE else len(_PREFERENCE))


def assign_roles(grid: Grid, overrides: Overrides) -> Roles:
    """Decide what each column is.

    Raises
    ------
    ReadError
        When the table holds no numbers, or the results of a comparison in place of expression values.
    """
    plain_names = [plain(name) for name in grid.header]
    if _FOLD_CHANGE & set(plain_names) and _SIGNIFICANCE & set(plain_names):
        raise ReadError(
            "These are the results of a differential-expression test, not expression values.",
            "Upload the table of counts or TPM that the test was run on.",
        )
    numeric = list(grid.numeric)
    if not numeric:
        raise ReadError("The table holds text only, no expression values.", "Upload a table of counts or TPM.")
    text = sorted(set(range(len(grid.header))) - set(numeric))
    row_numbers = {c for c in numeric[:2] if _counts_up(grid.numbers(c))}
    candidates = _row_candidates(grid, text, numeric, row_numbers, plain_names, overrides)
    in_header = _header_names(grid, numeric)
    orientation = overrides.orientation
    if orientation is None:
        in_columns = in_header.n_genes > max((c.n_genes for c in candidates), default=0)
        orientation = COLUMNS if in_columns else ROWS
    if orientation == COLUMNS:
        return _genes_in_columns(grid, text, numeric, row_numbers, plain_names, in_header)
    names = best_names(candidates, overrides.id_type) or names_of(grid.header[0], grid.text(0), 0)
    return _genes_in_rows(grid, numeric, row_numbers, plain_names, names, candidates)


def _genes_in_rows(
    grid: Grid, numeric: list[int], row_numbers: set[int], plain_names: list[str], names: Names, others: Sequence[Names]
) -> Roles:
    ids = {c.column for c in others if c.n_genes > 0 and c.id_type == "entrez"} | {names.column}
    free = [c for c in numeric if c not in ids and c not in row_numbers and plain_names[c] not in _ANNOTATION]
    values = [c for c in free if plain_names[c] not in _SUMMARIES] or free
    if not values:
        raise ReadError("The table has gene names but no column of expression values.", "Upload counts or TPM.")
    lengths = [plain_names.index(name) for name in LENGTH_NAMES if name in plain_names]
    length = next((c for c in lengths if c in numeric and c not in values), None)
    values, hint = _one_unit(values, grid.header)
    warnings = []
    rivals = [c for c in others if c.column != names.column and c.n_genes > names.n_genes / 2]
    if rivals:
        told = " or ".join(f"{_title(c)} ({c.n_genes:,} genes)" for c in rivals[:3])
        warnings.append(f"Genes are taken from {_title(names)} ({names.n_genes:,} genes) rather than from {told}.")
    return Roles(ROWS, names, values, length, unit_hint=hint, warnings=tuple(warnings))


def _title(names: Names) -> str:
    return f"column {names.title!r}" if names.title else "the unnamed column"


def _genes_in_columns(
    grid: Grid, text: list[int], numeric: list[int], row_numbers: set[int], plain_names: list[str], in_header: Names
) -> Roles:
    # GC is a gene as well as a column of annotation.
    about = {c for c in numeric if plain_names[c] in _ANNOTATION and gene_axis().resolve([grid.header[c]]).index[0] < 0}
    values = [c for c in numeric if c not in row_numbers and c not in about]
    named = text[0] if text else None
    if named is None and (plain_names[0] in ("", "sample", "sampleid", "id", "patient", "case") or row_numbers):
        named = 0
    values = [c for c in values if c != named]
    kept = Names(in_header.title, [grid.header[c] for c in values], in_header.id_type, in_header.n_genes)
    return Roles(COLUMNS, kept, values, sample_names=named)


def _row_candidates(
    grid: Grid, text: list[int], numeric: list[int], row_numbers: set[int], plain_names: list[str], overrides: Overrides
) -> list[Names]:
    """Return the columns that could name the gene of each row."""
    asked = [c for c in (*text, *numeric) if overrides.id_type and grid.header[c] == overrides.id_type]
    likely = [c for c in numeric if c == 0 or plain_names[c] in _ID_NAMES or (c < 4 and _is_id_like(grid, c))]
    numbers = [c for c in likely if c not in row_numbers and _looks_entrez(grid, c, plain_names[c])]
    return [
        names_of(grid.header[c], grid.text(c), c) for c in dict.fromkeys([*text[:MOST_NAME_COLUMNS], *asked, *numbers])
    ]


def _header_names(grid: Grid, numeric: list[int]) -> Names:
    """Read the header as gene names; sample numbers 1, 2, 3 are no Entrez ids."""
    ids = [grid.header[c] for c in numeric]
    if _counts_up(to_numbers(pd.Series(ids, dtype=object))):
        return Names("", ids, "", 0)
    return names_of("", ids)


def _one_unit(values: list[int], header: Sequence[str]) -> tuple[list[int], str | None]:
    """Where columns give the same samples in several units, keep those of one unit; also return the unit's name."""
    kinds = {c: unit_in(header[c]) for c in values}
    present = [unit for unit, _ in _UNITS if unit in kinds.values()]
    if not present or None in kinds.values():
        return values, None
    return [c for c in values if kinds[c] == present[0]], present[0]


def unit_in(name: str) -> str | None:
    """Return the unit that a column's or file's name mentions as a word of its own."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    for unit, pattern in _UNITS:
        if re.fullmatch(pattern, plain(name)) or any(re.fullmatch(pattern, word) for word in words):
            return unit
    return None


def names_a_value(name: str) -> bool:
    """Whether a column's name says what its numbers are rather than which sample they come from."""
    short = plain(name)
    return bool(not short or _VALUE_NAMES.fullmatch(short) or any(re.fullmatch(p, short) for _, p in _UNITS))


def _counts_up(values: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ...: a row number."""
    return len(values) > 1 and values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))


def _is_id_like(grid: Grid, column: int) -> bool:
    """Whether whole numbers hardly ever repeat: a column of counts repeats its small numbers."""
    values = grid.numbers(column)
    values = values[~np.isnan(values)]
    whole = len(values) > 20 and bool((values > 0).all() and (values == np.floor(values)).all())
    return whole and len(np.unique(values)) > 0.95 * len(values)


def _looks_entrez(grid: Grid, column: int, plain_name: str) -> bool:
    every = max(1, grid.n_rows // 500)
    values = grid.numbers(column)[::every]
    values = values[~np.isnan(values)]
    if not len(values) or (values < 0).any() or (values != np.floor(values)).any():
        return False
    known = [s in (*FOUND, "outside") for s in gene_axis().resolve(map(int, np.clip(values, 0, 1e12))).status]
    return float(np.mean(known)) > (0.3 if plain_name in _ID_NAMES else 0.7)
