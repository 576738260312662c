"""Long tables: one row for each gene of each sample, as databases and the tidyverse write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.gene_names import GeneNames
from cellstate.expression.reading import ReadWarning, check_size
from cellstate.expression.units import plain_name, unit_in
from cellstate.io.columns import is_about_genes, split_name
from cellstate.io.table import ParsedTable

#: Names of columns that name samples, the most specific first.
_SAMPLE_TITLES = (
    "sample", "sampleid", "samplename", "submittedsampleid", "icgcspecimenid", "specimen", "specimenid", "run",
    "barcode", "individualid", "patient", "patientid", "donor", "icgcdonorid", "tissue", "cellline", "celltype",
    "cluster", "condition", "group",
)  # fmt: skip
#: A table in which a gene has so many rows on average, and as many in the middle, is long.
_MIN_ROWS_A_GENE = 1.9
#: So many pairs of sample and gene must be different.
_MIN_DIFFERENT = 0.98
#: Of all pairs of sample and gene, so many have a row, if no column says that it names samples.
_MIN_FILLED = 0.5
_VALUE_TITLES = ("value", "expression", "expressionvalue", "normalizedreadcount", "rawreadcount", "abundance")
_PREFERRED = ("TPM", "counts", "FPKM", "FPKM-UQ", "CPM")


class Pivoted(NamedTuple):
    """A long table with one row a sample: values, genes, samples, and the quantity that the column states."""

    values_SF: np.ndarray
    genes: list[str]
    samples: list[str]
    quantity: str | None
    warning: ReadWarning


def pivot_long(table: ParsedTable, names: GeneNames, numeric: Sequence[int]) -> Pivoted | None:
    """Return the samples of a long table; None if the table is not long.

    Raises
    ------
    ReadError
        When the table is long, but no column tells the samples or the values apart.
    """
    if not names.n_genes or names.column is None:
        return None
    titles = {c: plain_name(title) for c, title in enumerate(table.header)}
    named = sorted(
        (c for c in range(len(titles)) if titles[c] in _SAMPLE_TITLES and c != names.column),
        key=lambda c: _SAMPLE_TITLES.index(titles[c]),
    )
    rows_of_gene = Counter(names.ids)
    is_long = table.n_rows >= _MIN_ROWS_A_GENE * len(rows_of_gene) and np.median([*rows_of_gene.values()]) >= 2
    # A transcript or a probe repeats its gene too, but its other columns do not tell samples apart.
    candidates = [*named, *(c for c in table.text_columns if c not in (*named, names.column))]
    # A column that names the sample of each row makes a table long, also if each gene is there once.
    told = [c for c in named if titles[c].startswith(("sample", "submitted")) and _repeats(table.text(c))]
    if not told and not (is_long and candidates):
        return None
    import pandas as pd

    gene_of_row, genes = pd.factorize(np.array(names.ids, dtype=object))
    for column in candidates if is_long else told:
        sample_of_row, samples = pd.factorize(np.array(table.text(column), dtype=object))
        pair = sample_of_row.astype(np.int64) * len(genes) + gene_of_row
        if len(np.unique(pair)) < _MIN_DIFFERENT * table.n_rows or len(samples) > table.n_rows / 2:
            continue
        if column not in named and table.n_rows < _MIN_FILLED * len(samples) * len(genes):
            continue
        value, quantity = _value_column(table, titles, [c for c in numeric if c not in (*named, names.column)])
        check_size(len(samples), len(genes))
        values_SF = np.full((len(samples), len(genes)), np.nan)
        values_SF[sample_of_row, gene_of_row] = table.numbers(value)
        text = (
            f"The table is long: one row for each gene of each sample. Its {len(samples):,} samples are named by "
            f"column {table.header[column]!r}, their values are those of column {table.header[value]!r}."
        )
        return Pivoted(values_SF, list(genes), list(samples), quantity, ReadWarning(text, "long_table"))
    if not named:
        return None
    raise ReadError(
        "This is a long table, with one row for each gene of each sample, but no column tells the samples apart.",
        "Upload a table with one row per gene and one column per sample.",
        code="long_table",
    )


def _repeats(names: Sequence[str]) -> bool:
    return bool(names) and len(set(names)) <= max(1, len(names) / 10)


def _value_column(table: ParsedTable, titles: dict[int, str], numeric: Sequence[int]) -> tuple[int, str | None]:
    """Return the column of values and the quantity that its name states."""
    stated = {c: part.quantity for c in numeric if (part := split_name(table.header[c])) and part.quantity}
    for quantity in _PREFERRED:
        of = [c for c in stated if stated[c] == quantity]
        if of:
            return min(of, key=lambda c: len(titles[c])), quantity
    named = [c for c in numeric if titles[c] in _VALUE_TITLES]
    free = named or [c for c in numeric if not is_about_genes(table.header[c]) and len(np.unique(table.numbers(c))) > 2]
    if named or len(free) == 1:
        return free[0], unit_in(table.header[free[0]])
    raise ReadError(
        "This is a long table, with one row for each gene of each sample, and it is not clear which column holds the "
        "expression values.",
        "Call the column TPM or counts, or upload a table with one row per gene and one column per sample.",
        code="long_table",
    )
