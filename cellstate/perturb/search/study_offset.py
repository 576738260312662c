"""What separates two studies rather than two samples: a trend of the difference with expression level and gene length.

Libraries, protocols and pipelines scale genes by how long and how highly expressed they are. Over thousands of genes
such a trend is smooth, and what a tissue or a perturbation changes is not, so a robust fit tells them apart: the
trimmed mean of log ratios (Robinson and Oshlack, Genome Biology 2010), with slopes on properties of genes as in
conditional quantile normalisation (Hansen, Irizarry and Wu, Biostatistics 2012). What differs between studies gene by
gene stays.

Shape suffixes: G genes of the model, N genes compared, T terms.
"""

from __future__ import annotations

import re

import numpy as np

from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis

#: Ribosomal proteins of both ribosomes, and genes of the mitochondrial genome: they follow depth and library protocol.
_FOLLOWS_DEPTH = re.compile(r"M?RP[LS](?:\d+[AXYL]*\d?|P[012]|A)|MT-.+")
#: Robust SDs beyond which a gene is no part of the trend, and how often that is asked.
_OUTLIER, _ROUNDS = 2.5, 3
#: Genes for each term of the trend; with fewer there is no trend to see.
_PER_TERM = 10
_MAD_TO_SD = 1.4826
#: A distance from the trend, in log1p TPM, that is rounding.
_SAME = 1e-5


def follows_depth(space: GeneSpace) -> np.ndarray:
    """Return which genes encode ribosomal proteins or lie in the mitochondrial genome, shape (G,) of bool."""
    return np.array([bool(_FOLLOWS_DEPTH.fullmatch(symbol)) for symbol in space.symbols])


def study_trend(way_G: np.ndarray, compared_G: np.ndarray, space: GeneSpace) -> np.ndarray:
    """Return the trend of a difference with expression level and log gene length: a quadratic surface of both.

    Parameters
    ----------
    way_G : ndarray of float, shape (G,)
        Difference of two profiles in z.
    compared_G : ndarray of bool, shape (G,)
        Genes that both measure.

    Returns
    -------
    ndarray of float64, shape (G,)
        In z; 0 for genes that are not compared, and for all where these are too few.
    """
    trend_G = np.zeros(len(way_G))
    # Technical factors act on expression, so the trend is one of log1p TPM.
    scale_N = space.scale_G[compared_G].astype(np.float64)
    change_N = way_G[compared_G] * scale_N
    level_N, length_N = (
        _centred(x[compared_G]) for x in (space.mean_G, np.log(gene_axis().length_bp[space.axis_index_G]))
    )
    terms = (np.ones_like(level_N), level_N, length_N, level_N**2, length_N**2, level_N * length_N)
    term_NT = np.stack(terms, axis=1)
    if len(term_NT) < _PER_TERM * term_NT.shape[1]:
        return trend_G
    fitted_N = np.ones(len(term_NT), bool)
    for _ in range(_ROUNDS):
        slope_T = np.linalg.lstsq(term_NT[fitted_N], change_N[fitted_N], rcond=None)[0]
        off_N = np.abs(change_N - term_NT @ slope_T)
        # Where most genes lie on the trend exactly, rounding shall not decide which do.
        fitted_N = off_N <= max(_OUTLIER * _MAD_TO_SD * float(np.median(off_N)), _SAME)
    trend_G[compared_G] = term_NT @ slope_T / scale_N
    return trend_G


def _centred(x_N: np.ndarray) -> np.ndarray:
    x_N = x_N.astype(np.float64)
    return (x_N - x_N.mean()) / max(float(x_N.std()), 1e-9) if len(x_N) else x_N
