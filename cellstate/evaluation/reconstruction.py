"""Predicted against true: the autoencoder, the gene mean and PCA on the same samples.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import torch

from cellstate.evaluation.batch_offset import leave_one_out_offset
from cellstate.evaluation.calibration import conditional_mode_tpm
from cellstate.evaluation.intervals import Intervals, intervals
from cellstate.evaluation.metrics import (
    EDGES,
    Bin,
    Tolerance,
    accuracy_per_bin,
    ceiling_per_bin,
    check_edges,
    median,
    r2_per_gene,
    r2_per_sample,
    r2_pooled,
    share_of_ceiling,
    within_groups,
)
from cellstate.evidence import PredictorId
from cellstate.genes import gene_axis
from cellstate.model.impute import impute_missing
from cellstate.model.record import AccuracyBin, CeilingBin, Coverage, EvaluationRecord, Quality, TissueQuality
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.predictors.propagate import check_numbers
from cellstate.perturb.sample import PreparedSample, stack

#: The predictors in the order in which tables show them, with the words that pages use.
PREDICTORS = {
    PredictorId.AUTOENCODER.value: "Autoencoder",
    PredictorId.PCA.value: "PCA of equal latent width",
    PredictorId.GENE_MEAN.value: "Gene mean (no model)",
}

AUTOENCODER = PredictorId.AUTOENCODER.value
#: The words for the autoencoder's predictions with the offset of the batch.
BATCH_OFFSET = "Autoencoder, batch offset"


@dataclass(frozen=True, eq=False)
class PredictorQuality:
    """R2 and accuracy of one method.

    Attributes
    ----------
    r2_pooled : float
    r2_gene_G : ndarray of float64, shape (G,)
        NaN where a gene has too few samples or does not vary.
    r2_sample_S : ndarray of float64, shape (S,)
    bins : list of Bin
    r2_within_G : ndarray of float64, shape (G,), optional
        R2 of each gene with every group's own mean removed, see `within_groups`.
    """

    r2_pooled: float
    r2_gene_G: np.ndarray
    r2_sample_S: np.ndarray
    bins: list[Bin]
    r2_within_G: np.ndarray | None = None

    @property
    def r2_gene_median(self) -> float | None:
        """Median over genes; ``None`` with fewer than three samples."""
        return median(self.r2_gene_G)

    @property
    def r2_sample_median(self) -> float | None:
        """Median over samples."""
        return median(self.r2_sample_S)

    @property
    def r2_within_median(self) -> float | None:
        """Median over genes of `r2_within_G`; ``None`` without groups."""
        return None if self.r2_within_G is None else median(self.r2_within_G)

    def record(self) -> Quality:
        """Return the summary that a model folder keeps."""
        return Quality(
            r2_pooled=self.r2_pooled,
            r2_gene_median=self.r2_gene_median,
            r2_sample_median=self.r2_sample_median,
            r2_within_median=self.r2_within_median,
            bins=tuple(AccuracyBin(low=b.low, high=_high(b), n=b.n, accuracy=b.accuracy) for b in self.bins),
        )


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
    quality : dict of predictor to PredictorQuality
    ceiling : list of Bin
        Accuracy that sampling noise alone allows, per bin.
    intervals : Intervals or None
        90% intervals of the network's predictions; ``None`` for a model that was not calibrated.
    conditional_mode : list of Bin or None
        Accuracy of the autoencoder per bin at the conditional mode (`cellstate.evaluation.calibration`).
    tissues : dict of str to TissueQuality
        Where the samples' tissues and data sets were given.
    batch_offset : PredictorQuality or None
        The autoencoder's with each sample's offset from the others of its batch; ``None`` where no batch has three.
    """

    names: tuple[str, ...]
    symbols: tuple[str, ...]
    truth_tpm_SG: np.ndarray
    predicted_tpm: dict[str, np.ndarray]
    quality: dict[str, PredictorQuality]
    ceiling: list[Bin]
    intervals: Intervals | None = None
    conditional_mode: list[Bin] | None = None
    tissues: dict[str, TissueQuality] = field(default_factory=dict)
    batch_offset: PredictorQuality | None = None

    def record(self) -> EvaluationRecord:
        """Return the summary that a model folder keeps."""
        own = self.quality[AUTOENCODER]
        shares = share_of_ceiling(own.bins, self.ceiling)
        modes = [None] * len(shares) if self.conditional_mode is None else [b.accuracy for b in self.conditional_mode]
        return EvaluationRecord(
            r2_pooled=own.r2_pooled,
            r2_gene_median=own.r2_gene_median,
            r2_sample_median=own.r2_sample_median,
            r2_within_median=own.r2_within_median,
            bins=tuple(
                CeilingBin(
                    low=b.low,
                    high=_high(b),
                    n=b.n,
                    accuracy=b.accuracy,
                    ceiling=c.accuracy,
                    share_of_ceiling=share,
                    accuracy_conditional_mode=mode,
                )
                for b, c, share, mode in zip(own.bins, self.ceiling, shares, modes, strict=True)
            ),
            n_samples=len(self.names),
            n_values=int((~np.isnan(self.truth_tpm_SG)).sum()),
            interval_coverage=self._interval_coverage(),
            tissues=self.tissues,
            batch_offset=None if self.batch_offset is None else self.batch_offset.record(),
            baselines={PredictorId(name): q.record() for name, q in self.quality.items() if name != AUTOENCODER},
        )

    def to_dict(self) -> dict:
        """Return what ``cellstate evaluate --json`` prints: the record, and R2 of each sample."""
        r2_S = self.quality[AUTOENCODER].r2_sample_S
        samples = [{"name": name, "r2": float(r2)} for name, r2 in zip(self.names, r2_S, strict=True)]
        return msgspec.to_builtins(self.record()) | {"samples": samples}

    def _interval_coverage(self) -> Coverage | None:
        edges = [b.low for b in self.ceiling] + [self.ceiling[-1].high]
        return None if self.intervals is None else self.intervals.coverage(self.truth_tpm_SG, edges)


def evaluate(
    samples: Sequence[PreparedSample],
    *,
    edges: Sequence[float] = EDGES,
    tolerance: Tolerance = Tolerance(),  # noqa: B008 - a frozen value
    groups: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
) -> Evaluation:
    """Reconstruct samples and compare with what was measured.

    Every figure is on the measured genes of the model, on log1p TPM (R2) or TPM (bins), each beside the gene mean
    and, for a trained model, PCA of the same latent width.

    Parameters
    ----------
    samples : sequence of PreparedSample, length S
        Of one model.
    edges : sequence of float
        Ends of the bins in TPM, ascending from 0 or more.
    tolerance : Tolerance
        Largest difference, relative and in TPM, of a value that counts as right.
    groups, tissues : sequence of str, length S, optional
        Data set and tissue of each sample: then R2 is also told within data sets, and by tissue. Without data sets the
        samples are one batch.

    Returns
    -------
    Evaluation
        R2 over all values, by gene and by sample, and the accuracy in each bin, of the autoencoder, PCA, the gene mean
        and the ceiling that counting noise sets.

    Raises
    ------
    CellStateError
        No sample, samples of several models, edges that do not ascend, weights that give no number.
    """
    edges = check_edges(edges)
    batch = stack(samples)
    model = batch.model
    z_hat = {AUTOENCODER: model.reconstruct(batch.z_SG)}
    check_numbers(torch.from_numpy(z_hat[AUTOENCODER]))
    if (pca := load_components(model)) is not None:
        # PCA imputes by itself: what the autoencoder imputed would lend it the autoencoder's knowledge.
        measured_SG = batch.measured_SG
        z_SG = np.where(measured_SG, batch.z_SG, np.float32(0))
        z_hat["pca"] = pca.reconstruct(impute_missing(pca.reconstruct, z_SG, measured_SG))
    z_hat["gene_mean"] = np.zeros_like(batch.z_SG)

    truth_SG = np.log1p(batch.tpm_SG)

    def quality_of(log1p_SG: np.ndarray, tpm_SG: np.ndarray) -> PredictorQuality:
        return PredictorQuality(
            r2_pooled(truth_SG, log1p_SG),
            r2_per_gene(truth_SG, log1p_SG),
            r2_per_sample(truth_SG, log1p_SG),
            accuracy_per_bin(batch.tpm_SG, tpm_SG, edges=edges, tolerance=tolerance),
            None if groups is None else _r2_within(truth_SG, log1p_SG, groups),
        )

    hat = {name: model.space.log1p_tpm(z) for name, z in z_hat.items()}
    predicted_tpm = {name: np.expm1(log1p_SG) for name, log1p_SG in hat.items()}
    quality = {name: quality_of(log1p_SG, predicted_tpm[name]) for name, log1p_SG in hat.items()}
    offset_SG = leave_one_out_offset(truth_SG - hat[AUTOENCODER], groups)
    moved = None
    if offset_SG.any():
        # Nothing is below 0 TPM.
        offset_hat_SG = np.maximum(hat[AUTOENCODER] + offset_SG, 0)
        moved = quality_of(offset_hat_SG, np.expm1(offset_hat_SG))
    length_bp_G = gene_axis().length_bp[model.space.axis_index_G]
    ceiling = ceiling_per_bin(batch.tpm_SG, length_bp_G, batch.library_size_S, edges=edges, tolerance=tolerance)
    expected = intervals(model, batch.tpm_SG, hat[AUTOENCODER])
    moved_SG = conditional_mode_tpm(model, batch.tpm_SG, hat[AUTOENCODER])
    mode = None
    if moved_SG is not None:
        mode = accuracy_per_bin(batch.tpm_SG, moved_SG, edges=edges, tolerance=tolerance)
    by_tissue = {}
    if groups is not None and tissues is not None:
        by_tissue = _by_tissue(batch.tpm_SG, hat[AUTOENCODER], expected, groups, tissues)
    return Evaluation(
        batch.names,
        model.space.symbols,
        batch.tpm_SG,
        predicted_tpm,
        quality,
        ceiling,
        expected,
        mode,
        by_tissue,
        moved,
    )


def _r2_within(truth_SG: np.ndarray, hat_SG: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    return r2_per_gene(within_groups(truth_SG, truth_SG, groups), within_groups(hat_SG, truth_SG, groups))


def _by_tissue(
    tpm_SG: np.ndarray, hat_SG: np.ndarray, expected: Intervals | None, groups: Sequence[str], tissues: Sequence[str]
) -> dict[str, TissueQuality]:
    found, groups_S, tissues_S = {}, np.asarray(groups, dtype=str), np.asarray(tissues, dtype=str)
    for tissue in sorted(set(tissues_S)):
        rows = np.flatnonzero(tissues_S == tissue)
        inside = None
        if expected is not None:
            own = Intervals(expected.low_tpm_SG[rows], expected.high_tpm_SG[rows])
            inside = own.coverage(tpm_SG[rows], EDGES).overall
        found[tissue] = TissueQuality(
            n_samples=len(rows),
            n_datasets=len(set(groups_S[rows])),
            r2_gene_median=median(_r2_within(np.log1p(tpm_SG[rows]), hat_SG[rows], groups_S[rows].tolist())),
            coverage=inside,
        )
    return found


def _high(one: Bin) -> float | None:
    """Upper end of a bin for JSON, where infinity has no place."""
    return one.high if np.isfinite(one.high) else None
