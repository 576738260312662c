"""GCT 1.2 and 1.3, the table format of the Broad Institute."""

from __future__ import annotations

import re

from cellstate.errors import ReadError
from cellstate.expression.gene_names import MAX_NAME_COLUMNS, best_names, resolve_names
from cellstate.expression.reading import RawTable, ReadOptions, ReadWarning, check_size, cut_name
from cellstate.expression.units import is_value_name, unit_in
from cellstate.io.layout import first_lines
from cellstate.io.source import FileContent
from cellstate.io.table import read_table

#: Lines before the header: version and dimensions.
LINES_BEFORE_HEADER = 2


def read(content: FileContent, options: ReadOptions) -> RawTable:
    """Read a GCT file: version, dimensions, header, rows about the samples (GCT 1.3 only), then one row a gene."""
    lines = first_lines(content.data, 3)
    version = cut_name(lines[0].lstrip("# "), len("1.3"))
    sizes = [int(n) for n in re.findall(r"\d{1,9}", lines[1] if len(lines) > 1 else "")]
    if len(lines) < 3 or len(sizes) < 2:
        raise ReadError("The GCT file lacks its line of dimensions.", "Export it again.", code="damaged_gct")
    n_genes, n_samples = sizes[:2]
    n_gene_columns, n_sample_rows = (sizes[2], sizes[3]) if len(sizes) >= 4 else (1, 0)
    check_size(n_samples, n_genes)
    if n_sample_rows > 10_000 or n_gene_columns > 10_000:
        raise ReadError("The GCT file's line of dimensions is damaged.", "Export it again.", code="damaged_gct")
    sample_rows = tuple(range(LINES_BEFORE_HEADER + 1, LINES_BEFORE_HEADER + 1 + n_sample_rows))
    table = read_table(content, skip=LINES_BEFORE_HEADER, drop_lines=sample_rows, delimiter="\t")
    first_sample = 1 + n_gene_columns
    values = [c for c in table.numeric if c >= first_sample]
    if not values:
        raise ReadError("The GCT file holds no expression values.", "Export it again.", code="no_values")
    name_columns = range(min(first_sample, MAX_NAME_COLUMNS))
    names = best_names([resolve_names(table.header[c], table.text(c), c) for c in name_columns], options.id_type)
    sample_names = [table.header[c] for c in values]
    unit_hint = unit_in(content.stem)
    if len(sample_names) == 1 and is_value_name(sample_names[0]):
        unit_hint = unit_in(sample_names[0]) or unit_hint
        sample_names = [content.stem]
    warnings = table.warnings
    if (table.n_rows, len(values)) != (n_genes, n_samples):
        text = (
            f"The file announces {n_genes:,} genes and {n_samples:,} samples but holds {table.n_rows:,} and "
            f"{len(values):,}; it may have been cut or changed."
        )
        warnings = (*warnings, ReadWarning(text, "size_mismatch"))
    return RawTable(
        table.matrix(values),
        names.ids if names else [],
        sample_names,
        f"gct {version}",
        unit_hint=unit_hint,
        warnings=warnings,
    )
