"""Predicted against true: the autoencoder, the gene mean and PCA on the same samples.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from cellstate.evaluate.bins import EDGES, Bin, Tolerance, accuracy_per_bin, check_edges
from cellstate.evaluate.calibration import likeliest_tpm
from cellstate.evaluate.ceiling import ceiling_per_bin, share_of_ceiling
from cellstate.evaluate.intervals import Intervals, intervals
from cellstate.evaluate.metrics import median, r2_per_gene, r2_per_sample, r2_pooled
from cellstate.genes import gene_axis
from cellstate.model.impute import impute_missing
from cellstate.perturb.predictors.components import load_components
from cellstate.perturb.predictors.propagate import check_numbers
from cellstate.perturb.sample import PreparedSample, stack

#: The predictors in the order in which tables show them, with the words that pages use.
PREDICTORS = {"autoencoder": "Autoencoder", "pca": "PCA of equal latent width", "gene_mean": "Gene mean (no model)"}


@dataclass(frozen=True, eq=False)
class Quality:
    """How one predictor does.

    Attributes
    ----------
    r2_pooled : float
    r2_gene_G : ndarray of float64, shape (G,)
        NaN where a gene has too few samples or does not vary.
    r2_sample_S : ndarray of float64, shape (S,)
    bins : list of Bin
    """

    r2_pooled: float
    r2_gene_G: np.ndarray
    r2_sample_S: np.ndarray
    bins: list[Bin]

    @property
    def r2_gene_median(self) -> float | None:
        """Median over genes; ``None`` with fewer than three samples."""
        return median(self.r2_gene_G)

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return {
            "r2_pooled": self.r2_pooled,
            "r2_gene_median": self.r2_gene_median,
            "r2_sample_median": median(self.r2_sample_S),
            "bins": [bin_to_dict(b) for b in self.bins],
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Every predictor's quality on the same samples, with the values behind it.

    Attributes
    ----------
    names : tuple of str, length S
    symbols : tuple of str, length G
    truth_tpm_SG : ndarray, shape (S, G)
        NaN where a gene was not measured.
    predicted_tpm : dict of predictor to ndarray, shape (S, G)
    quality : dict of predictor to Quality
    ceiling : list of Bin
        Accuracy that sampling noise alone allows, per bin.
    intervals : Intervals or None
        90 % intervals of the autoencoder's predictions; ``None`` for a model that was not calibrated.
    likeliest : list of Bin or None
        Accuracy of the autoencoder per bin when it is read out at the likeliest value (see `calibration`).
    """

    names: tuple[str, ...]
    symbols: tuple[str, ...]
    truth_tpm_SG: np.ndarray
    predicted_tpm: dict[str, np.ndarray]
    quality: dict[str, Quality]
    ceiling: list[Bin]
    intervals: Intervals | None = None
    likeliest: list[Bin] | None = None

    def to_dict(self) -> dict:
        """What ``cellstate evaluate --json`` prints."""
        own = self.quality["autoencoder"]
        shares = share_of_ceiling(own.bins, self.ceiling)
        likeliest = [None] * len(shares) if self.likeliest is None else [b.accuracy for b in self.likeliest]
        bins = [
            bin_to_dict(b) | {"ceiling": c.accuracy, "share_of_ceiling": share, "accuracy_likeliest": hit}
            for b, c, share, hit in zip(own.bins, self.ceiling, shares, likeliest, strict=True)
        ]
        return own.to_dict() | {
            "n_samples": len(self.names),
            "n_values": int((~np.isnan(self.truth_tpm_SG)).sum()),
            "bins": bins,
            "interval_coverage": self._interval_coverage(),
            "samples": [{"name": name, "r2": float(r2)} for name, r2 in zip(self.names, own.r2_sample_S, strict=True)],
            "baselines": {name: q.to_dict() for name, q in self.quality.items() if name != "autoencoder"},
        }

    def _interval_coverage(self) -> dict | None:
        edges = [b.low for b in self.ceiling] + [self.ceiling[-1].high]
        return None if self.intervals is None else self.intervals.coverage(self.truth_tpm_SG, edges)


def evaluate(
    samples: Sequence[PreparedSample],
    *,
    edges: Sequence[float] = EDGES,
    tolerance: Tolerance = Tolerance(),  # noqa: B008 - a frozen value
) -> Evaluation:
    """Reconstruct samples and compare with what was measured.

    Every figure is on the measured genes of the model, on log1p TPM (R2) or TPM (bins), each beside the gene mean
    and, for a trained model, PCA of the same latent width.
    """
    edges = check_edges(edges)
    batch = stack(samples)
    model = batch.model
    z_hat = {"autoencoder": model.reconstruct(batch.z_SG)}
    check_numbers(torch.from_numpy(z_hat["autoencoder"]))
    if (pca := load_components(model)) is not None:
        # PCA imputes by itself: what the autoencoder imputed would lend it the autoencoder's knowledge.
        measured_SG = batch.measured_SG
        z_SG = np.where(measured_SG, batch.z_SG, np.float32(0))
        z_hat["pca"] = pca.reconstruct(impute_missing(pca.reconstruct, z_SG, measured_SG))
    z_hat["gene_mean"] = np.zeros_like(batch.z_SG)

    truth_SG = np.log1p(batch.tpm_SG)
    predicted_tpm, quality = {}, {}
    hat = {name: model.space.log1p_tpm(z) for name, z in z_hat.items()}
    for name, log1p_SG in hat.items():
        predicted_tpm[name] = np.expm1(log1p_SG)
        quality[name] = Quality(
            r2_pooled(truth_SG, log1p_SG),
            r2_per_gene(truth_SG, log1p_SG),
            r2_per_sample(truth_SG, log1p_SG),
            accuracy_per_bin(batch.tpm_SG, predicted_tpm[name], edges=edges, tolerance=tolerance),
        )
    length_bp_G = gene_axis().length_bp[model.space.axis_index_G]
    ceiling = ceiling_per_bin(batch.tpm_SG, length_bp_G, batch.library_size_S, edges=edges, tolerance=tolerance)
    expected = intervals(model, batch.tpm_SG, hat["autoencoder"])
    moved_SG = likeliest_tpm(model, batch.tpm_SG, hat["autoencoder"])
    likeliest = None
    if moved_SG is not None:
        likeliest = accuracy_per_bin(batch.tpm_SG, moved_SG, edges=edges, tolerance=tolerance)
    return Evaluation(
        batch.names, model.space.symbols, batch.tpm_SG, predicted_tpm, quality, ceiling, expected, likeliest
    )


def bin_to_dict(one: Bin) -> dict:
    """A bin for JSON, where infinity has no place: the last bin's ``high`` is ``None``."""
    return asdict(one) | {"high": one.high if np.isfinite(one.high) else None}
