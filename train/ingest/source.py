"""Sources of samples, and blocks of samples as they are read.

Shape suffixes: S samples of a block, A genes of the axis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

#: With fewer known genes a sample cannot be compared with others.
FEWEST_GENES = 1_000


@dataclass(frozen=True, eq=False)
class Block:
    """Some samples as they were read.

    Attributes
    ----------
    log1p_SA : ndarray of float16, shape (S, 19383)
        log1p TPM, NaN where not measured.
    table : DataFrame
        One row a sample: sample, series, library_size, detected_genes, single_cell_probability, source, position (in
        the source); NaN or empty where the source does not state it.
    removed : Counter
        Samples that were left out, by filter.
    """

    log1p_SA: np.ndarray
    table: pd.DataFrame
    removed: Counter[str] = field(default_factory=Counter)

    def where(self, passed: dict[str, np.ndarray]) -> Block:
        """Leave out what does not pass every filter; a sample counts for the first that it fails.

        Parameters
        ----------
        passed : dict
            For each filter, in order, which samples pass it.
        """
        kept_S, removed = np.ones(len(self.table), bool), Counter(self.removed)
        for name, passed_S in passed.items():
            removed[name] += int((kept_S & ~passed_S).sum())
            kept_S &= passed_S
        return Block(self.log1p_SA if kept_S.all() else self.log1p_SA[kept_S], self.table[kept_S], removed)


class Source(Protocol):
    """Samples in parts that can be read in any order, by several threads."""

    @property
    def files(self) -> Sequence[Path]:
        """Every file that is read."""

    @property
    def n_parts(self) -> int:
        """Number of parts."""

    def read(self, part: int) -> Block:
        """Read one part; raises ``ReadError`` where it is damaged."""

    def describe(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table of the kept samples with everything that the source states about them."""


def labels(files: Sequence[Path]) -> list[str]:
    """Return the label of each file in the store: its name, with its folder's where names repeat."""
    names = Counter(path.name for path in files)
    short = [path.name if names[path.name] == 1 else f"{path.resolve().parent.name}/{path.name}" for path in files]
    again = Counter(short)
    return [name if again[name] == 1 else f"{name} ({i})" for i, name in enumerate(short, start=1)]
