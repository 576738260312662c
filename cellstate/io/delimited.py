"""Plain tables: comma, tab, semicolon or spaces; genes in rows or in columns; annotation columns among the samples."""

from __future__ import annotations

import numpy as np

from cellstate.io.columns import Roles, assign_roles, names_a_value, unit_in
from cellstate.io.content import Content
from cellstate.io.grid import Grid, read_grid
from cellstate.io.layout import DELIMITERS
from cellstate.io.table import ROWS, Overrides, RawTable, check_size

_SUMMARY_PREFIXES = ("__", "N_")


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read a plain text table."""
    wanted = {name: delimiter for delimiter, name in DELIMITERS.items()}
    grid = read_grid(content, delimiter=wanted.get(overrides.format or ""))
    return from_grid(grid, content, overrides)


def from_grid(grid: Grid, content: Content, overrides: Overrides) -> RawTable:
    """Turn a parsed table into values, ids and sample names."""
    roles = assign_roles(grid, overrides)
    if roles.orientation == ROWS:
        check_size(len(roles.values), grid.n_rows)
        return _genes_in_rows(grid, roles, content)
    check_size(grid.n_rows, len(roles.values))
    values_SF = grid.matrix(roles.values).T
    names = grid.text(roles.sample_names) if roles.sample_names is not None else [""] * len(values_SF)
    if len(names) == 1 and not names[0]:
        names = [content.stem]
    return RawTable(
        values_SF,
        roles.names.ids,
        names,
        grid.format,
        roles.orientation,
        unit_hint=unit_in(content.stem),
        warnings=grid.warnings,
    )


def _genes_in_rows(grid: Grid, roles: Roles, content: Content) -> RawTable:
    values_SF = grid.matrix(roles.values)
    # HTSeq and STAR count the reads without a gene in rows of their own; a comment line leaves an empty row.
    keep_F = np.array([not name.startswith((*_SUMMARY_PREFIXES, "#")) for name in roles.names.ids], dtype=bool)
    names = [grid.header[c] for c in roles.values]
    if len(names) == 1 and names_a_value(names[0]):
        names = [content.stem]
    all_kept = bool(keep_F.all())
    length_bp = None if roles.length is None else grid.numbers(roles.length)
    return RawTable(
        values_SF if all_kept else values_SF[:, keep_F],
        [name for name, keep in zip(roles.names.ids, keep_F, strict=True) if keep],
        names,
        grid.format,
        roles.orientation,
        unit_hint=roles.unit_hint or unit_in(content.stem),
        length_bp=length_bp if length_bp is None or all_kept else length_bp[keep_F],
        warnings=(*roles.warnings, *grid.warnings),
    )
