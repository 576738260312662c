"""Plain tables, separated by commas, tabs, semicolons or spaces, with genes in rows or in columns.

The reader detects the orientation and the role of each column: gene name, sample, gene length, or annotation that is
ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.gene_names import MAX_NAME_COLUMNS, GeneNames, best_names, readable_names, resolve_names
from cellstate.expression.reading import (
    COLUMNS,
    ORIENTATION,
    ROWS,
    Decision,
    RawTable,
    ReadOptions,
    ReadWarning,
    check_size,
    cut_name,
)
from cellstate.expression.units import is_value_name, plain_name, unit_in
from cellstate.genes import FOUND, gene_axis
from cellstate.io.columns import (
    agreement,
    are_alike,
    choose_samples,
    chosen_samples,
    genes_in_header,
    is_about_genes,
    is_clinical,
    samples_decision,
)
from cellstate.io.formats.quantifiers import choose_strand, star_sample_name
from cellstate.io.layout import DELIMITERS
from cellstate.io.long_table import Pivoted, pivot_long
from cellstate.io.source import FileContent
from cellstate.io.table import ParsedTable, read_table

#: Columns of gene lengths, the most suitable for counts first.
_LENGTH_NAMES = ("effectivelength", "efflength", "length", "genelength", "width", "bplength", "exonlength", "lengthbp")
_ID_NAMES = {"entrez", "entrezid", "entrezgene", "entrezgeneid", "geneid", "ncbi", "ncbigeneid", "ncbiid", "locusid"}
#: Numeric columns that describe genes (or samples, if genes lie in columns) and are never expression values.
_ANNOTATION = {
    *_LENGTH_NAMES, *_ID_NAMES,
    "transcriptlength", "mergedlength", "cdslength", "chr", "chrom", "chromosome", "seqname", "start", "end", "stop",
    "strand", "txstart", "txend", "chromstart", "chromend", "startposition", "endposition", "position", "tss",
    "exon", "exons", "exoncount", "exonnumber", "numexons", "nexons", "transcriptcount", "ntranscripts", "gc",
    "gccontent", "percentagegccontent", "hgnc", "hgncid", "omim", "mimid", "taxid", "version", "row",
    "rownumber", "index", "no", "fpkmconflo", "fpkmconfhi", "fpkmlo", "fpkmhi", "isopct", "tpmcilow", "tpmcihigh",
    "librarysize", "libsize", "totalreads", "totalcounts", "age",
}  # fmt: skip
_FOLD_CHANGE = {"log2foldchange", "logfc", "log2fc", "log2foldchangemle", "avglog2fc", "avglogfc"}
_SIGNIFICANCE = {"padj", "pvalue", "pval", "fdr", "adjpval", "qvalue", "pvaladj", "adjpvalue"}
#: Titles of columns of a sample sheet. A sheet names fewer genes than this, and is shorter than a table of genes.
_SHEET_TITLES = frozenset(
    ["sample", "sampleid", "samplename", "condition", "group", "treatment", "genotype", "batch", "tissue", "patient"]
)
_FEW_GENES, _MANY_ROWS = 3, 2_000
#: Columns about the samples that are kept with them.
_MAX_ANNOTATIONS = 200
#: So many columns of numbers are offered as samples.
_MAX_OFFERED = 500
#: Further columns of test results.
_RESULTS = {"lr", "stat", "t", "b", "f", "z", "lfcse", "basemean", "logcpm", "aveexpr", "svalue", "df", "unshrunklogfc"}
_SAMPLE_COLUMNS = ("", "sample", "sampleid", "id", "patient", "case")
#: Rows that are not genes: reads without a gene (HTSeq, also before 0.6, and STAR), sums, and comment lines.
_NOT_GENES = ("__", "N_", "#", "!")
_NO_GENE = re.compile(
    r"no_feature|ambiguous|too_low_aqual|not_aligned|alignment_not_unique|unassigned.*|unmapped|library[ _]?size|"
    r"(grand[ _]?|column[ _]?)?(total|sum|mean|average|median)s?([ _](reads|counts?|tpm|fpkm))?|"
    r"(gspikein[_-])?ercc-\d{5}.*|sirv\w*|gspikein.*|spike-?in.*",
    re.IGNORECASE,
)
#: STAR's three counts of a gene: the first is about the sum of the others. So many rows must show it.
_STAR_ROWS, _STAR_SHARE = 100, 0.9


def read(content: FileContent, options: ReadOptions) -> RawTable:
    """Read a plain text table.

    Raises
    ------
    ReadError
        When the table has no numbers, or results of a differential-expression test.
    """
    delimiters = {name: delimiter for delimiter, name in DELIMITERS.items()}
    table = read_table(content, delimiter=delimiters.get(options.format or ""))
    plain_names = [plain_name(name) for name in table.header]
    if not table.numeric and not any(c.n_genes >= _FEW_GENES for c in _name_columns(table, [], plain_names, options)):
        _refuse_sample_sheet(table)
    if not table.numeric:
        raise ReadError(
            "The table holds text only, no expression values.", "Upload a table of counts or TPM.", code="no_numbers"
        )
    # Row numbers are neither names nor values.
    numeric = [c for c in table.numeric if not (c in table.numeric[:2] and _is_row_number(table.numbers(c)))]
    in_columns = _name_columns(table, numeric, plain_names, options)
    in_header = _header_names(table)
    n_in_column = max((c.n_genes for c in in_columns), default=0)
    orientation = options.orientation or (COLUMNS if in_header.n_genes > n_in_column else ROWS)
    low, high = sorted((n_in_column, in_header.n_genes))
    direction = orientation_decision(orientation, high, low, is_chosen=options.orientation is not None)
    if orientation == COLUMNS:
        return replace(_genes_in_columns(table, numeric, plain_names, content), decisions=(direction,))
    if n_in_column < _FEW_GENES and table.n_rows < _MANY_ROWS:
        _refuse_sample_sheet(table)
    names = best_names(in_columns, options.id_type) or resolve_names(table.header[0], table.text(0), 0)
    if pivoted := pivot_long(table, names, numeric):
        return _of_long_table(table, pivoted, content)
    rows = _genes_in_rows(table, numeric, plain_names, names, in_columns, content, options)
    return replace(rows, decisions=(direction, *rows.decisions))


def _refuse_sample_sheet(table: ParsedTable) -> None:
    """Refuse a table that describes samples and names no genes."""
    titles = [plain_name(name) for name in table.header]
    about = [title in _SHEET_TITLES or is_clinical(name) for title, name in zip(titles, table.header, strict=True)]
    if titles[0] in _SHEET_TITLES or (any(t in _SHEET_TITLES for t in titles) and np.mean(about) > 0.5):
        raise ReadError(
            "This is a sample sheet: it describes samples and holds no expression values.",
            "Upload the table of counts or TPM first; the sheet can then give the groups.",
            code="sample_sheet",
        )


def _of_long_table(table: ParsedTable, pivoted: Pivoted, content: FileContent) -> RawTable:
    return RawTable(
        pivoted.values_SF,
        pivoted.genes,
        pivoted.samples,
        table.format,
        ROWS,
        unit_hint=pivoted.quantity or unit_in(content.stem),
        warnings=(pivoted.warning, *table.warnings),
    )


def is_gene_row(name: str) -> bool:
    """Return whether the name of a row could be a gene: not a sum, a spike-in, reads without a gene, or a comment."""
    return not name.startswith(_NOT_GENES) and _NO_GENE.fullmatch(name.strip()) is None


def _genes_in_rows(
    table: ParsedTable,
    numeric: list[int],
    plain_names: list[str],
    names: GeneNames,
    others: Sequence[GeneNames],
    content: FileContent,
    options: ReadOptions,
) -> RawTable:
    ids = {c.column for c in others if c.id_type == "entrez" and _agree(c, names)} | {names.column}
    free = [c for c in numeric if c not in ids and plain_names[c] not in _ANNOTATION]
    if not free:
        raise ReadError(
            "The table has gene names but no column of expression values.", "Upload counts or TPM.", code="no_values"
        )
    lengths = [plain_names.index(name) for name in _LENGTH_NAMES if name in plain_names]
    length = next((c for c in lengths if c in table.numeric and c not in free), None)
    if _FOLD_CHANGE & set(plain_names) and _SIGNIFICANCE & set(plain_names):
        free = _beside_results(table, free)
    samples = chosen_samples(table, options.columns) if options.columns else choose_samples(table, free)
    check_size(len(samples.columns), table.n_rows)
    values_SF, sample_names, warnings = table.matrix(samples.columns), samples.names, samples.warnings
    is_gene_F = np.array([is_gene_row(name) for name in names.ids], dtype=bool)
    if _are_strands(table, samples.columns):
        counts_F, warning = choose_strand(values_SF.astype(np.float64), is_gene_F)
        values_SF, sample_names, warnings = counts_F[None], [star_sample_name(content.stem)], (*warnings, warning)
    return RawTable(
        values_SF if is_gene_F.all() else values_SF[:, is_gene_F],
        [name for name, is_gene in zip(names.ids, is_gene_F, strict=True) if is_gene],
        _sample_names(sample_names, content),
        table.format,
        ROWS,
        unit_hint=samples.quantity or unit_in(content.stem),
        length_bp=None if length is None else table.numbers(length)[is_gene_F],
        number_columns=tuple((c + 1, table.header[c]) for c in numeric if c not in ids)[:_MAX_OFFERED],
        sample_columns=tuple(c + 1 for c in samples.columns),
        decisions=(samples_decision(samples, agreement(table, samples.columns), is_chosen=bool(options.columns)),),
        warnings=(*_other_names(names, others), *warnings, *table.warnings),
    )


def _beside_results(table: ParsedTable, columns: Sequence[int]) -> list[int]:
    """Return the samples in a table of test results; raise ``ReadError`` if it has none."""
    samples = [
        c for c in columns if plain_name(table.header[c]) not in _RESULTS and not is_about_genes(table.header[c])
    ]
    if len(samples) < 2 or not are_alike(table, samples):
        raise ReadError(
            "These are the results of a differential-expression test, not expression values.",
            "Upload the table of counts or TPM that the test was run on.",
            code="test_results",
        )
    return samples


def _agree(one: GeneNames, other: GeneNames) -> bool:
    """Return whether two columns name the same genes. Counts may look like Entrez ids, but of other genes."""
    some = slice(0, None, max(1, len(one.ids) // 500))
    first, second = (gene_axis().resolve(readable_names(names.ids[some])).index for names in (one, other))
    both = (first >= 0) & (second >= 0)
    return bool(both.any() and np.mean(first[both] == second[both]) > 0.5)


def _are_strands(table: ParsedTable, columns: Sequence[int]) -> bool:
    """Return whether three columns without names are STAR's counts: of both strands, the first and the second."""
    if len(columns) != 3 or any(table.header) or table.n_rows < _STAR_ROWS:
        return False
    both_R, first_R, second_R = table.matrix(columns).astype(np.float64)
    is_read_R = both_R > 0
    adds_up_R = np.abs(first_R + second_R - both_R) <= 0.2 * both_R + 2
    return bool(is_read_R.any() and np.mean(adds_up_R[is_read_R]) > _STAR_SHARE)


def _sample_names(header: list[str], content: FileContent) -> list[str]:
    """Return the names of the samples; a single one is named by the file if its column is named by the values."""
    return [content.stem] if len(header) == 1 and is_value_name(header[0]) else header


def _other_names(names: GeneNames, others: Sequence[GeneNames]) -> list[ReadWarning]:
    """Return a warning that lists further columns of many gene names."""

    def described(names: GeneNames) -> str:
        title = f"column {names.title!r}" if names.title else "the unnamed column"
        return f"{title} ({names.n_genes:,} genes)"

    alternatives = [c for c in others if c.column != names.column and c.n_genes > names.n_genes / 2]
    if not alternatives:
        return []
    listed = " or ".join(map(described, alternatives[:3]))
    text = f"Genes are taken from {described(names)} rather than from {listed}."
    return [ReadWarning(text, "several_name_columns")]


def _genes_in_columns(table: ParsedTable, numeric: list[int], plain_names: list[str], content: FileContent) -> RawTable:
    is_gene_C = genes_in_header([table.header[c] for c in numeric])
    # A name such as GC is annotation and also a gene. In a header of genes it is the gene.
    values = [c for c, is_gene in zip(numeric, is_gene_C, strict=True) if is_gene or plain_names[c] not in _ANNOTATION]
    about = [c for c, is_gene in zip(numeric, is_gene_C, strict=True) if not is_gene and is_clinical(table.header[c])]
    text, has_row_numbers = table.text_columns, len(numeric) < len(table.numeric)
    sample_names = text[0] if text else 0 if plain_names[0] in _SAMPLE_COLUMNS or has_row_numbers else None
    values = [c for c in values if c != sample_names and c not in about]
    check_size(table.n_rows, len(values))
    names = [""] * table.n_rows if sample_names is None else table.text(sample_names)
    annotations = [c for c in sorted({*text, *numeric} - {*values, sample_names}) if table.header[c]]
    return RawTable(
        table.matrix(values).T,
        [table.header[c] for c in values],
        [content.stem] if names == [""] else names,
        table.format,
        COLUMNS,
        unit_hint=unit_in(content.stem),
        warnings=(*_annotation_warnings([table.header[c] for c in annotations]), *table.warnings),
        annotations=tuple((table.header[c], tuple(table.text(c))) for c in annotations[:_MAX_ANNOTATIONS]),
    )


def _annotation_warnings(names: Sequence[str]) -> list[ReadWarning]:
    if not names:
        return []
    subject = "Column" if len(names) == 1 else "Columns"
    verb = "describes" if len(names) == 1 else "describe"
    listed = summarise_list([cut_name(name) for name in names], 6)
    return [ReadWarning(f"{subject} {listed} {verb} the samples and {'is' if len(names) == 1 else 'are'} no gene.",
                        "sample_annotations")]  # fmt: skip


def _name_columns(
    table: ParsedTable, numeric: list[int], plain_names: list[str], options: ReadOptions
) -> list[GeneNames]:
    """Return the columns that may hold the gene name of each row."""
    text = table.text_columns
    wanted = [c for c in (*text, *table.numeric) if options.id_type and table.header[c] == options.id_type]
    likely = [c for c in numeric if c == 0 or plain_names[c] in _ID_NAMES or (c < 4 and _is_id_like(table, c))]
    numbers = [c for c in likely if _looks_entrez(table, c, plain_names[c])]
    columns = dict.fromkeys([*text[:MAX_NAME_COLUMNS], *wanted, *numbers])
    return [resolve_names(table.header[c], table.text(c), c) for c in columns]


def _header_names(table: ParsedTable) -> GeneNames:
    """Resolve the header as gene names. Sample numbers 1, 2, 3, ... are not taken for Entrez ids."""
    ids = [table.header[c] for c in table.numeric]
    if _is_row_number(np.array([_to_number(name) for name in ids])):
        return GeneNames("", ids, "", 0)
    return resolve_names("", ids)


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


def orientation_decision(orientation: str, n_chosen: int, n_other: int, *, is_chosen: bool) -> Decision:
    """Return the decision on where the genes are, from the number of genes in the rows and in the header."""
    if is_chosen:
        return Decision(ORIENTATION, orientation, 1.0, "it was chosen")
    other = "the header" if orientation.endswith("rows") else "a column"
    reason = f"{n_chosen:,} genes are named there and {n_other:,} in {other}"
    return Decision(ORIENTATION, orientation, max(0.0, 1.0 - n_other / max(1, n_chosen)), reason)
