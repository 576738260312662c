"""Whether values grow with the length of the gene, as counts of reads do and TPM do not."""

from __future__ import annotations

import gzip
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cellstate.genes import gene_axis
from cellstate.genes.axis import gene_file

#: Genes that are silent in most tissues say nothing about length.
_MIN_LEVEL = 0.5
_MIN_GENES = 500
#: Values that do not resemble the usual levels, such as made-up ones, say nothing about length either.
_MIN_CORRELATION = 0.3


class LengthBias(NamedTuple):
    """How the logarithm of a value grows with the logarithm of gene length: 0 if not at all, 1 if in proportion.

    Attributes
    ----------
    slope, standard_error : float
        NaN where too few genes are expressed, or not as usual.
    """

    slope: float
    standard_error: float


@lru_cache(maxsize=1)
def usual_levels() -> np.ndarray:
    """Return the usual TPM of each gene of the axis, NaN where it is unknown; shape (A,)."""
    with gzip.open(gene_file("levels-v{}.txt.gz"), "rt", encoding="utf-8") as lines:
        return np.array([float(line) if line.strip() else math.nan for line in lines])


def length_bias(values_SF: np.ndarray, index_F: np.ndarray) -> LengthBias:
    """Return the median length bias of samples.

    Parameters
    ----------
    values_SF : ndarray, shape (S, F)
        Linear values.
    index_F : ndarray of int, shape (F,)
        Position of each feature on the axis, -1 where it has none.

    Notes
    -----
    The usual level of each gene is taken off first, because long genes are less expressed than short ones.
    """
    level_F = np.where(index_F >= 0, usual_levels()[index_F], np.nan)
    log_length_F = np.log2(gene_axis().length_bp[index_F])
    found = []
    for row_F in values_SF:
        with np.errstate(invalid="ignore"):
            is_used = (row_F > 0) & (level_F >= _MIN_LEVEL)
        if is_used.sum() < _MIN_GENES:
            continue
        log_value, log_level = np.log2(row_F[is_used]), np.log2(level_F[is_used])
        if not np.corrcoef(log_value, log_level)[0, 1] > _MIN_CORRELATION:
            continue
        y = log_value - log_level
        x = log_length_F[is_used] - log_length_F[is_used].mean()
        spread = float((x**2).sum())
        slope = float((x * y).sum()) / spread
        rest = y - y.mean() - slope * x
        found.append((slope, math.sqrt(float((rest**2).mean()) / spread)))
    if not found:
        return LengthBias(math.nan, math.nan)
    return LengthBias(*np.median(found, axis=0).tolist())
