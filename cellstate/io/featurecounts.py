"""featureCounts: a comment line, Geneid, Chr, Start, End, Strand, Length, then one column of counts a BAM file."""

from __future__ import annotations

import re

from cellstate.errors import ReadError
from cellstate.io.content import Content
from cellstate.io.grid import read_grid
from cellstate.io.table import Overrides, RawTable, check_size

COLUMNS = ("geneid", "chr", "start", "end", "strand", "length")
_BAM_ENDING = re.compile(r"(\.?Aligned)?(\.?sorted(ByCoord)?)?(\.?out)?\.(bam|sam|cram)$", re.IGNORECASE)


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read the counts of all BAM files and the gene lengths; samples are named by file, without the folders."""
    grid = read_grid(content, delimiter="\t")
    ids, length = grid.column("geneid"), grid.column("length")
    if ids is None or length is None or length + 1 >= len(grid.header):
        raise ReadError("This is not a featureCounts table.", "Leave the format to the reader.")
    extra = ("gene_name", "gene_id", "gene_biotype", "gene_type")  # asked for with --extraAttributes
    values = [c for c in grid.numeric if c > length and grid.header[c].lower() not in extra]
    if not values:
        raise ReadError("The featureCounts table has no column of counts.", "Upload the whole table.")
    check_size(len(values), grid.n_rows)
    return RawTable(
        grid.matrix(values),
        grid.text(ids),
        [sample_name(grid.header[c]) for c in values],
        "featurecounts",
        unit="counts",
        length_bp=grid.numbers(length),
        warnings=grid.warnings,
    )


def sample_name(path: str) -> str:
    """Shorten a BAM file's path to what names the sample."""
    base = re.split(r"[\\/]", path.strip())[-1]
    return _BAM_ENDING.sub("", base) or base
