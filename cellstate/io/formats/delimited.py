"""Plain tables, separated by commas, tabs, semicolons or spaces, with genes in rows or in columns."""

from __future__ import annotations

import numpy as np

from cellstate.io.columns import ColumnRoles, assign_roles, is_value_name, unit_in
from cellstate.io.layout import DELIMITERS
from cellstate.io.raw_table import ROWS, RawTable, ReadOptions, check_size
from cellstate.io.source import FileContent
from cellstate.io.table import ParsedTable, read_table

#: Rows that are not genes: reads without a gene (HTSeq, STAR), and comment lines.
_NOT_GENES = ("__", "N_", "#")


def read(content: FileContent, options: ReadOptions) -> RawTable:
    """Read a plain text table."""
    delimiters = {name: delimiter for delimiter, name in DELIMITERS.items()}
    table = read_table(content, delimiter=delimiters.get(options.format or ""))
    roles = assign_roles(table, options)
    if roles.orientation == ROWS:
        return _genes_in_rows(table, roles, content)
    return _genes_in_columns(table, roles, content)


def _genes_in_columns(table: ParsedTable, roles: ColumnRoles, content: FileContent) -> RawTable:
    check_size(table.n_rows, len(roles.values))
    values_SF = table.matrix(roles.values).T
    names = table.text(roles.sample_names) if roles.sample_names is not None else [""] * len(values_SF)
    if len(names) == 1 and not names[0]:
        names = [content.stem]
    return RawTable(
        values_SF,
        roles.gene_names.ids,
        names,
        table.format,
        roles.orientation,
        unit_hint=unit_in(content.stem),
        warnings=table.warnings,
    )


def _genes_in_rows(table: ParsedTable, roles: ColumnRoles, content: FileContent) -> RawTable:
    check_size(len(roles.values), table.n_rows)
    values_SF = table.matrix(roles.values)
    ids = roles.gene_names.ids
    is_gene_F = np.array([not name.startswith(_NOT_GENES) for name in ids], dtype=bool)
    names = [table.header[c] for c in roles.values]
    if len(names) == 1 and is_value_name(names[0]):
        names = [content.stem]
    length_bp = None if roles.length is None else table.numbers(roles.length)
    if not is_gene_F.all():
        values_SF = values_SF[:, is_gene_F]
        ids = [name for name, is_gene in zip(ids, is_gene_F, strict=True) if is_gene]
        length_bp = None if length_bp is None else length_bp[is_gene_F]
    return RawTable(
        values_SF,
        ids,
        names,
        table.format,
        roles.orientation,
        unit_hint=roles.unit_hint or unit_in(content.stem),
        length_bp=length_bp,
        warnings=(*roles.warnings, *table.warnings),
    )
