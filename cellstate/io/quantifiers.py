"""salmon, kallisto and RSEM: one sample a file, with TPM, estimated counts and effective lengths side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.io.content import Content
from cellstate.io.grid import read_grid
from cellstate.io.table import Overrides, RawTable, total


@dataclass(frozen=True)
class Tool:
    """The columns of one tool's output."""

    name: str
    feature: tuple[str, ...]
    tpm: str
    counts: str
    length: str

    def wrote(self, header: list[str]) -> bool:
        """Whether a header line is this tool's."""
        lower = {name.strip().lower() for name in header}
        return header[0].strip().lower() in self.feature and {self.tpm, self.counts, self.length} <= lower


SALMON = Tool("salmon", ("name",), "tpm", "numreads", "effectivelength")
KALLISTO = Tool("kallisto", ("target_id",), "tpm", "est_counts", "eff_length")
RSEM = Tool("rsem", ("gene_id", "transcript_id"), "tpm", "expected_count", "effective_length")
TOOLS = (SALMON, KALLISTO, RSEM)


def reader(tool: Tool):
    """Return the reader of one tool's files."""

    def read(content: Content, overrides: Overrides) -> RawTable:
        return _read(tool, content, overrides)

    return read


def _read(tool: Tool, content: Content, overrides: Overrides) -> RawTable:
    grid = read_grid(content, delimiter="\t")
    ids, tpm, counts, length = (grid.column(*n) for n in (tool.feature, (tool.tpm,), (tool.counts,), (tool.length,)))
    if ids is None or tpm is None or counts is None or length is None:
        raise ReadError(f"This is not a file that {tool.name} wrote.", "Leave the format to the reader.")
    counts_F = grid.numbers(counts)
    as_counts = overrides.unit == "counts"
    return RawTable(
        (counts_F if as_counts else grid.numbers(tpm))[None],
        grid.text(ids),
        [sample_name(content.stem)],
        tool.name,
        unit="counts" if as_counts else "TPM",
        # An effective length below one base is an artefact of very short features.
        length_bp=np.maximum(grid.numbers(length), 1.0) if as_counts else None,
        reads_S=np.array([total(counts_F)]),
        warnings=grid.warnings,
    )


def sample_name(stem: str) -> str:
    """Drop from a file's name what every file of the tool is called: ``A.salmon.quant`` is ``A``."""
    return re.sub(r"[._]?(salmon|kallisto|rsem)?[._]?(quant|abundance)?$", "", stem) or stem
