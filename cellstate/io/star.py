"""STAR's ReadsPerGene.out.tab: gene, then counts for an unstranded, a forward and a reverse library."""

from __future__ import annotations

import numpy as np

from cellstate.errors import ReadError
from cellstate.io.content import Content
from cellstate.io.grid import read_grid
from cellstate.io.table import Overrides, RawTable, total

STRANDS = ("unstranded", "forward strand", "reverse strand")
#: A library is stranded when one strand has at least this share of both strands' reads.
_CLEARLY_STRANDED = 0.9


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read the column that fits the library, and say which."""
    grid = read_grid(content, delimiter="\t")
    if len(grid.header) < 4:
        raise ReadError("This is not a STAR ReadsPerGene file: it needs four columns.", "Upload the whole file.")
    ids = grid.text(0)
    keep_F = np.array([not name.startswith("N_") for name in ids], dtype=bool)
    counts_CF = np.stack([grid.numbers(c)[keep_F] for c in (1, 2, 3)])
    totals = np.array([total(counts_F) for counts_F in counts_CF])
    stranded = totals[1:].max() >= _CLEARLY_STRANDED * max(totals[1:].sum(), 1.0)
    chosen = int(np.argmax(totals[1:])) + 1 if stranded else 0
    share = totals[chosen] / max(totals[1:].sum(), 1.0)
    why = f"it has {share:.0%} of both strands' reads" if stranded else "no strand clearly has most of the reads"
    return RawTable(
        counts_CF[chosen][None],
        [name for name, keep in zip(ids, keep_F, strict=True) if keep],
        [content.stem.removesuffix(".ReadsPerGene.out").removesuffix("ReadsPerGene.out") or content.stem],
        "star",
        unit="counts",
        warnings=(f"Counts are taken from the {STRANDS[chosen]} column, because {why}.", *grid.warnings),
    )
