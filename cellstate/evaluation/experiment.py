"""Virtual against real: the predicted change of a perturbation beside what an experiment measured.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.evaluation.metrics import same_direction
from cellstate.evaluation.ood import ood_score_after, ood_scores
from cellstate.evaluation.reliability import reliability_reasons
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.base import PredictorId, SearchProgress
from cellstate.perturb.sample import PreparedSample, stack

#: Genes with the largest measured change, on which the direction is asked; the name of the score says so too.
TOP = 50
BOOTSTRAPS = 1_000
#: Genes below this mean TPM on both sides are left out: their measured change is counting noise.
MIN_TPM = 1.0
MIN_GENES = 100


@dataclass(frozen=True)
class Agreement:
    """How one method's predicted change agrees with the measured one.

    Attributes
    ----------
    pearson_delta : float or None
        Pearson correlation of predicted and measured log2 change over genes; ``None`` where no change is predicted.
    low, high : float or None
        95 % bootstrap interval over genes.
    sign_accuracy_top50 : float or None
        Fraction of the 50 genes that changed most whose direction is right; 0.5 is chance. One without a predicted
        change counts half.
    """

    pearson_delta: float | None
    low: float | None
    high: float | None
    sign_accuracy_top50: float | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """A measured change with every prediction of it.

    Attributes
    ----------
    predictor : PredictorId
    perturbations : tuple of Perturbation
    n_control, n_treated : int
    table : DataFrame
        One row a compared gene, by measured change, largest first: gene, ensembl_id, tpm_control, tpm_treated,
        measured_log2, ``predicted_log2`` of the method, one ``predicted_log2_<id>`` of each other, is_reliable,
        reason.
    perturbed : DataFrame
        The same measured columns for the perturbed genes, which no score includes.
    agreement : dict of PredictorId to Agreement
        That of the method first, then all others.
    is_ood : bool
        Whether a control sample is out of the model's distribution.
    """

    predictor: PredictorId
    perturbations: tuple[Perturbation, ...]
    n_control: int
    n_treated: int
    table: pd.DataFrame
    perturbed: pd.DataFrame
    agreement: dict[PredictorId, Agreement]
    is_ood: bool

    def to_dict(self) -> dict:
        """Return what ``cellstate compare --json`` prints, without the verdict in words."""
        shown = {name: vars(a) for name, a in self.agreement.items()}
        return {
            "perturbations": [perturbation.spec for perturbation in self.perturbations],
            "n_control": self.n_control,
            "n_treated": self.n_treated,
            "n_genes": len(self.table),
            "predictor": self.predictor,
            **shown.pop(self.predictor),
            "baselines": shown,
            "is_ood": self.is_ood,
            "perturbed": self.perturbed.to_dict("records"),
            "kind": "hypothesis",
        }


def compare(
    control: Sequence[PreparedSample],
    treated: Sequence[PreparedSample],
    perturbations: Sequence[Perturbation],
    *,
    predictor: str | None = None,
    seed: int = 0,
    progress: SearchProgress | None = None,
) -> Experiment:
    """Predict a perturbation of the control samples and compare with the treated ones.

    Measured: difference of the groups' means of log2(TPM + 1). Predicted: mean over the control samples of the change.
    Compared on the model's genes that every sample measures, at `MIN_TPM` or more on either side, without the
    perturbed genes. The interval resamples genes, so it speaks of these samples, not of a repeat of the experiment.

    Parameters
    ----------
    control, treated : sequence of PreparedSample
        The samples of each group, of one model.
    perturbations : sequence of Perturbation
        What was done to the treated samples, at most one perturbation a gene.
    predictor : str, optional
        As in `predict`; all other methods are compared too.
    seed : int
        Of the resampling of genes.
    progress : SearchProgress, optional
        Called before each control sample is predicted, and before the methods are compared.

    Returns
    -------
    Experiment
        Measured and predicted log2 fold change of each gene compared, and the agreement of every method.

    Raises
    ------
    CellStateError
        When the groups share too few genes, or nothing was changed; what `predict` raises.
    """
    predictions = []
    for i, sample in enumerate(control):
        if progress:
            progress(i, len(control), "predicting each control sample")
        predictions.append(predict(sample, perturbations, predictor))
    if progress:
        progress(len(control), len(control), "comparing every method")
    before_SG, after_SG = (np.log2(stack(group).tpm_SG + 1) for group in (control, treated))
    before_G, after_G = before_SG.mean(axis=0), after_SG.mean(axis=0)
    measured_G = np.isfinite(before_G) & np.isfinite(after_G)
    first = predictions[0]
    model, is_perturbed_G, others = first.sample.model, first.is_perturbed_G, list(first.baseline_log1p_after)
    is_ood = any(d.is_ood for d in ood_scores(control))
    is_ood_after = any(ood_score_after(prediction).is_ood for prediction in predictions)
    reasons = reliability_reasons(model, measured_G, is_ood=is_ood, is_ood_after=is_ood_after)
    baseline = [prediction.baseline_log2_fold_changes() for prediction in predictions]
    table = pd.DataFrame(
        {
            "gene": model.space.symbols,
            "ensembl_id": model.space.ensembl,
            "tpm_control": np.exp2(before_G) - 1,
            "tpm_treated": np.exp2(after_G) - 1,
            "measured_log2": after_G - before_G,
            "predicted_log2": np.mean([prediction.log2_fold_change_G for prediction in predictions], axis=0),
            **{f"predicted_log2_{name}": np.mean([one[name] for one in baseline], axis=0) for name in others},
            "is_reliable": [not reason for reason in reasons],
            "reason": reasons,
        }
    )
    perturbed = table.loc[is_perturbed_G, ["gene", "tpm_control", "tpm_treated", "measured_log2"]]
    loud_G = np.fmax(table["tpm_control"], table["tpm_treated"]) >= MIN_TPM
    table = table[measured_G & loud_G & ~is_perturbed_G]
    if len(table) < MIN_GENES:
        raise CellStateError(
            f"Control and treated samples share only {len(table):,} expressed genes of the model.",
            "Upload whole-transcriptome files of the same kind.",
        )
    if not table["measured_log2"].any():
        raise CellStateError("Control and treated samples are the same.", "Choose the two groups again.")
    table = table.sort_values("measured_log2", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)
    rng = np.random.default_rng(seed)
    counts_BG = _resamples(rng, len(table))
    columns = {first.predictor: "predicted_log2"} | {name: f"predicted_log2_{name}" for name in others}
    agreement = {name: _agree(table, column, counts_BG) for name, column in columns.items()}
    return Experiment(
        first.predictor, tuple(perturbations), len(control), len(treated), table, perturbed, agreement, is_ood
    )


def _resamples(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return how often each of `n` genes is drawn in each resample, float32, shape (B, G)."""
    rows_BG = rng.integers(0, n, (BOOTSTRAPS, n))
    return np.stack([np.bincount(rows, minlength=n) for rows in rows_BG]).astype(np.float32)


def _agree(table: pd.DataFrame, column: str, counts_BG: np.ndarray) -> Agreement:
    predicted, measured = table[column].to_numpy(np.float64), table["measured_log2"].to_numpy(np.float64)
    if not predicted.any():
        return Agreement(None, None, None, None)
    low, high = np.nanquantile(_resampled_pearson(predicted, measured, counts_BG), [0.025, 0.975])
    right = same_direction(predicted[:TOP], measured[:TOP])
    return Agreement(_pearson(predicted, measured), float(low), float(high), float(right.mean()))


def _resampled_pearson(a: np.ndarray, b: np.ndarray, counts_BG: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation of each resample from weighted sums; NaN where one side is constant."""
    a, b = ((values - values.mean()) / (values.std() or 1.0) for values in (a, b))
    terms_G5 = np.stack([a, b, a * b, a * a, b * b], axis=1)
    # In blocks, so that the counts are never all in double precision at once.
    blocks = np.array_split(counts_BG, 10)
    sums_B5 = np.concatenate([block.astype(np.float64) @ terms_G5 for block in blocks]) / len(a)
    mean_a, mean_b, product, square_a, square_b = sums_B5.T
    spread = (square_a - mean_a**2) * (square_b - mean_b**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (product - mean_a * mean_b) / np.sqrt(np.maximum(spread, 0)), np.nan)


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")
