"""GCT 1.2 and 1.3, the Broad Institute's table format."""

from __future__ import annotations

import re
from dataclasses import replace

from cellstate.errors import ReadError
from cellstate.io.columns import MOST_NAME_COLUMNS, best_names, names_a_value, names_of, unit_in
from cellstate.io.content import Content
from cellstate.io.grid import read_grid
from cellstate.io.layout import first_lines
from cellstate.io.table import Overrides, RawTable, check_size, one_line

#: Version and dimensions.
LINES_BEFORE = 2


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read a GCT file: version, dimensions, header, for 1.3 also rows about the samples, then one row a gene."""
    lines = first_lines(content.data, 3)
    version = one_line(lines[0].lstrip("# "), len("1.3"))
    sizes = [int(n) for n in re.findall(r"\d{1,9}", lines[1] if len(lines) > 1 else "")]
    if len(lines) < 3 or len(sizes) < 2:
        raise ReadError("The GCT file lacks its line of dimensions.", "Export it again.")
    n_genes, n_samples = sizes[:2]
    n_about_genes, n_about_samples = (sizes[2], sizes[3]) if len(sizes) >= 4 else (1, 0)
    check_size(n_samples, n_genes)
    if n_about_samples > 10_000 or n_about_genes > 10_000:
        raise ReadError("The GCT file's line of dimensions is damaged.", "Export it again.")
    about_samples = range(LINES_BEFORE + 1, LINES_BEFORE + 1 + n_about_samples)
    grid = read_grid(content, skip=LINES_BEFORE, drop_lines=tuple(about_samples), delimiter="\t")
    first_sample = 1 + n_about_genes
    values = [c for c in grid.numeric if c >= first_sample]
    if not values:
        raise ReadError("The GCT file holds no expression values.", "Export it again.")
    about = range(min(first_sample, MOST_NAME_COLUMNS))
    names = best_names([names_of(grid.header[c], grid.text(c), c) for c in about], overrides.id_type)
    sample_names = [grid.header[c] for c in values]
    hint = unit_in(content.stem)
    if len(sample_names) == 1 and names_a_value(sample_names[0]):
        hint = unit_in(sample_names[0]) or hint
        sample_names = [content.stem]
    table = RawTable(
        grid.matrix(values),
        names.ids if names else [],
        sample_names,
        f"gct {version}",
        unit_hint=hint,
        warnings=grid.warnings,
    )
    if grid.n_rows == n_genes and len(values) == n_samples:
        return table
    told = (
        f"The file announces {n_genes:,} genes and {n_samples:,} samples but holds {grid.n_rows:,} and "
        f"{len(values):,}; it may have been cut or edited."
    )
    return replace(table, warnings=(*table.warnings, told))
