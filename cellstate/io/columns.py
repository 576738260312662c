"""The role of each column of a table: gene name, sample, gene length, or annotation that is ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import FOUND, Resolution, gene_axis
from cellstate.io.raw_table import COLUMNS, ROWS, ReadOptions
from cellstate.io.table import ParsedTable
from cellstate.samples import ReadWarning

#: Columns of gene lengths, the most suitable for counts first.
LENGTH_NAMES = ("effectivelength", "efflength", "length", "genelength", "width", "bplength", "exonlength", "lengthbp")
_ID_NAMES = {"entrez", "entrezid", "entrezgene", "entrezgeneid", "geneid", "ncbi", "ncbigeneid", "ncbiid", "locusid"}
#: Numeric columns that describe genes (or samples, if genes lie in columns) and are never expression values.
_ANNOTATION = {
    *LENGTH_NAMES, *_ID_NAMES,
    "transcriptlength", "mergedlength", "cdslength", "chr", "chrom", "chromosome", "seqname", "start", "end", "stop",
    "strand", "txstart", "txend", "chromstart", "chromend", "startposition", "endposition", "position", "tss",
    "exon", "exons", "exoncount", "exonnumber", "numexons", "nexons", "transcriptcount", "ntranscripts", "gc",
    "gccontent", "percentagegccontent", "hgnc", "hgncid", "omim", "mimid", "taxid", "version", "rank", "row",
    "rownumber", "index", "no", "fpkmconflo", "fpkmconfhi", "fpkmlo", "fpkmhi", "isopct", "tpmcilow", "tpmcihigh",
    "librarysize", "libsize", "totalreads", "totalcounts", "age", "sd", "stdev", "variance",
}  # fmt: skip
#: Summaries over the samples. They are expression values only if the table has no others.
_SUMMARIES = {"mean", "average", "median", "sum", "total", "basemean"}
_FOLD_CHANGE = {"log2foldchange", "logfc", "log2fc", "log2foldchangemle", "avglog2fc", "avglogfc"}
_SIGNIFICANCE = {"padj", "pvalue", "pval", "fdr", "adjpval", "qvalue", "pvaladj", "adjpvalue"}
#: Names of units in columns. If a table has columns of several units, the first unit of this list is taken.
_UNITS = (
    ("TPM", r"tpm|transcriptspermillion"),
    ("counts", r"(est|expected|read|raw|num|n)?(counts?|reads)|unstranded"),
    ("FPKM", r"fpkm|rpkm"),
    ("CPM", r"cpm"),
    ("coverage", r"coverage"),
)
_VALUE_NAMES = re.compile(r"value|expression|expr|signal|abundance|level")
_PREFERENCE = ("ensembl", "transcript", "entrez", "symbol")
#: Two columns of names are equally good if their numbers of genes differ by no more than this fraction.
_TIE = 0.02
#: Only so many columns of text are tried as gene names, because all their names must be resolved.
MAX_NAME_COLUMNS = 40


@dataclass(frozen=True)
class GeneNames:
    """A list of feature names, resolved to genes.

    Attributes
    ----------
    title : str
        Name of the column.
    ids : list of str
    id_type : str
        ``ensembl``, ``transcript``, ``entrez``, ``symbol``, or empty when nothing resolves.
    n_genes : int
        Number of different genes.
    column : int or None
        Position of the column.
    """

    title: str
    ids: list[str]
    id_type: str
    n_genes: int
    column: int | None = None


@dataclass(frozen=True)
class ColumnRoles:
    """Orientation of a table and the positions of its columns by role."""

    orientation: str
    gene_names: GeneNames
    values: list[int]
    length: int | None = None
    sample_names: int | None = None
    unit_hint: str | None = None
    warnings: tuple[str, ...] = ()


def _plain(name: str) -> str:
    """Return the lower-case letters and digits of a column's name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def most_common_id_type(resolution: Resolution) -> str:
    """Return the most common kind of the resolved names; empty if no name resolves."""
    counts: dict[str, int] = {}
    for status, n in resolution.counts().items():
        if status in FOUND:
            kind = "symbol" if status in ("previous", "alias", "repaired") else status
            counts[kind] = counts.get(kind, 0) + n
    return max(counts, key=lambda kind: counts[kind]) if counts else ""


def resolve_names(title: str, ids: list[str], column: int | None = None) -> GeneNames:
    """Resolve a list of names to genes."""
    resolution = gene_axis().resolve(ids)
    found = resolution.index[resolution.index >= 0]
    return GeneNames(title, ids, most_common_id_type(resolution), len(np.unique(found)), column)


def best_names(candidates: Sequence[GeneNames], wanted: str | None = None) -> GeneNames | None:
    """Choose the names that mean the most genes; in a near tie, Ensembl ids are preferred.

    Parameters
    ----------
    candidates : sequence of GeneNames
    wanted : str, optional
        The user's choice: the name of a column or a kind of name.

    Raises
    ------
    ReadError
        When no candidate is the wanted one.
    """
    if wanted:
        chosen = [c for c in candidates if wanted in (c.title, c.id_type)]
        if not chosen:
            raise ReadError(
                f"The file has no gene names of kind {wanted!r}.", "Let CellState detect it.", code="unknown_option"
            )
        candidates = chosen
    if not candidates:
        return None
    most = max(c.n_genes for c in candidates)
    near = [c for c in candidates if c.n_genes >= (1 - _TIE) * most]
    return min(near, key=lambda c: _PREFERENCE.index(c.id_type) if c.id_type in _PREFERENCE else len(_PREFERENCE))


def assign_roles(table: ParsedTable, options: ReadOptions) -> ColumnRoles:
    """Detect the orientation of a table and the role of each column.

    Raises
    ------
    ReadError
        When the table has no numbers, or results of a differential-expression test.
    """
    plain_names = [_plain(name) for name in table.header]
    if _FOLD_CHANGE & set(plain_names) and _SIGNIFICANCE & set(plain_names):
        raise ReadError(
            "These are the results of a differential-expression test, not expression values.",
            "Upload the table of counts or TPM that the test was run on.",
            code="test_results",
        )
    numeric = list(table.numeric)
    if not numeric:
        raise ReadError(
            "The table holds text only, no expression values.", "Upload a table of counts or TPM.", code="no_numbers"
        )
    text = sorted(set(range(len(table.header))) - set(numeric))
    row_numbers = {c for c in numeric[:2] if _is_row_number(table.numbers(c))}
    candidates = _row_candidates(table, text, numeric, row_numbers, plain_names, options)
    in_header = _header_names(table, numeric)
    orientation = options.orientation
    if orientation is None:
        in_columns = in_header.n_genes > max((c.n_genes for c in candidates), default=0)
        orientation = COLUMNS if in_columns else ROWS
    if orientation == COLUMNS:
        return _genes_in_columns(table, text, numeric, row_numbers, plain_names, in_header)
    names = best_names(candidates, options.id_type) or resolve_names(table.header[0], table.text(0), 0)
    return _genes_in_rows(table, numeric, row_numbers, plain_names, names, candidates)


def _genes_in_rows(
    table: ParsedTable,
    numeric: list[int],
    row_numbers: set[int],
    plain_names: list[str],
    names: GeneNames,
    others: Sequence[GeneNames],
) -> ColumnRoles:
    ids = {c.column for c in others if c.n_genes > 0 and c.id_type == "entrez"} | {names.column}
    free = [c for c in numeric if c not in ids and c not in row_numbers and plain_names[c] not in _ANNOTATION]
    values = [c for c in free if plain_names[c] not in _SUMMARIES] or free
    if not values:
        raise ReadError(
            "The table has gene names but no column of expression values.", "Upload counts or TPM.", code="no_values"
        )
    lengths = [plain_names.index(name) for name in LENGTH_NAMES if name in plain_names]
    length = next((c for c in lengths if c in numeric and c not in values), None)
    values, hint = _one_unit(values, table.header)
    warnings = []
    alternatives = [c for c in others if c.column != names.column and c.n_genes > names.n_genes / 2]
    if alternatives:
        listed = " or ".join(f"{_title(c)} ({c.n_genes:,} genes)" for c in alternatives[:3])
        warnings.append(
            ReadWarning(
                f"Genes are taken from {_title(names)} ({names.n_genes:,} genes) rather than from {listed}.",
                "several_name_columns",
            )
        )
    return ColumnRoles(ROWS, names, values, length, unit_hint=hint, warnings=tuple(warnings))


def _title(names: GeneNames) -> str:
    return f"column {names.title!r}" if names.title else "the unnamed column"


def _genes_in_columns(
    table: ParsedTable,
    text: list[int],
    numeric: list[int],
    row_numbers: set[int],
    plain_names: list[str],
    in_header: GeneNames,
) -> ColumnRoles:
    # A name such as GC is annotation and also a gene. In a header of genes it is the gene.
    annotation = {
        c for c in numeric if plain_names[c] in _ANNOTATION and gene_axis().resolve([table.header[c]]).index[0] < 0
    }
    values = [c for c in numeric if c not in row_numbers and c not in annotation]
    sample_names = text[0] if text else None
    if sample_names is None and (plain_names[0] in ("", "sample", "sampleid", "id", "patient", "case") or row_numbers):
        sample_names = 0
    values = [c for c in values if c != sample_names]
    kept = GeneNames(in_header.title, [table.header[c] for c in values], in_header.id_type, in_header.n_genes)
    return ColumnRoles(COLUMNS, kept, values, sample_names=sample_names)


def _row_candidates(
    table: ParsedTable,
    text: list[int],
    numeric: list[int],
    row_numbers: set[int],
    plain_names: list[str],
    options: ReadOptions,
) -> list[GeneNames]:
    """Return the columns that may hold the gene name of each row."""
    asked = [c for c in (*text, *numeric) if options.id_type and table.header[c] == options.id_type]
    likely = [c for c in numeric if c == 0 or plain_names[c] in _ID_NAMES or (c < 4 and _is_id_like(table, c))]
    numbers = [c for c in likely if c not in row_numbers and _looks_entrez(table, c, plain_names[c])]
    return [
        resolve_names(table.header[c], table.text(c), c)
        for c in dict.fromkeys([*text[:MAX_NAME_COLUMNS], *asked, *numbers])
    ]


def _header_names(table: ParsedTable, numeric: list[int]) -> GeneNames:
    """Resolve the header as gene names. Sample numbers 1, 2, 3, ... are not taken for Entrez ids."""
    ids = [table.header[c] for c in numeric]
    if _is_row_number(np.array([_to_number(name) for name in ids])):
        return GeneNames("", ids, "", 0)
    return resolve_names("", ids)


def _one_unit(values: list[int], header: Sequence[str]) -> tuple[list[int], str | None]:
    """If the columns are named by units, return those of the preferred unit and its name."""
    kinds = {c: unit_in(header[c]) for c in values}
    present = [unit for unit, _ in _UNITS if unit in kinds.values()]
    if not present or None in kinds.values():
        return values, None
    return [c for c in values if kinds[c] == present[0]], present[0]


def unit_in(name: str) -> str | None:
    """Return the unit that the name of a column or file has as a separate word, or None."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    for unit, pattern in _UNITS:
        if re.fullmatch(pattern, _plain(name)) or any(re.fullmatch(pattern, word) for word in words):
            return unit
    return None


def is_value_name(name: str) -> bool:
    """Return whether the name of a column describes its numbers (such as "TPM"), not a sample."""
    short = _plain(name)
    return bool(not short or _VALUE_NAMES.fullmatch(short) or any(re.fullmatch(p, short) for _, p in _UNITS))


def _is_row_number(values: np.ndarray) -> bool:
    """Return whether a column is 0, 1, 2, ... or 1, 2, 3, ..."""
    return len(values) > 1 and values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))


def _to_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_id_like(table: ParsedTable, column: int) -> bool:
    """Return whether a column has whole numbers that hardly repeat. Counts repeat their small numbers."""
    values = table.numbers(column)
    values = values[~np.isnan(values)]
    whole = len(values) > 20 and bool((values > 0).all() and (values == np.floor(values)).all())
    return whole and len(np.unique(values)) > 0.95 * len(values)


def _looks_entrez(table: ParsedTable, column: int, plain_name: str) -> bool:
    """Return whether most of about 500 values of a column are known Entrez ids."""
    every = max(1, table.n_rows // 500)
    values = table.numbers(column)[::every]
    values = values[~np.isnan(values)]
    if not len(values) or (values < 0).any() or (values != np.floor(values)).any():
        return False
    known = [s in (*FOUND, "outside") for s in gene_axis().resolve(map(int, np.clip(values, 0, 1e12))).status]
    return float(np.mean(known)) > (0.3 if plain_name in _ID_NAMES else 0.7)
