"""What a comparison of prediction and experiment says, in words that do not flatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.base import PredictorId

#: From this correlation on, an agreement is called clear; below the other it is none, however many genes are compared:
#: genes move together, so an interval over genes is narrower than that of a repeat would be.
CLEAR, NONE = 0.3, 0.05
#: Correlations closer than this are called equal.
EQUAL = 0.01
_WORDS = {
    "autoencoder": "the autoencoder",
    "pca": "PCA",
    "coexpression": "co-expression",
    "ridge": "ridge",
    "elastic_net": "elastic net",
    "ridge_tf": "ridge on transcription factors",
}


@dataclass(frozen=True)
class Agreement:
    """How one predictor's shift agrees with the measured one.

    Attributes
    ----------
    pearson_delta : float or None
        Pearson correlation of predicted and measured log2 change over genes; ``None`` where nothing is predicted to
        move, as no-change does.
    low, high : float or None
        95 % bootstrap interval over genes.
    sign_accuracy_top50 : float or None
        Share of the 50 genes that changed most whose direction is right; 0.5 is chance. One that is predicted not to
        move counts half.
    """

    pearson_delta: float | None
    low: float | None
    high: float | None
    sign_accuracy_top50: float | None


def verdict(
    predictor: PredictorId,
    perturbations: Sequence[Perturbation],
    perturbed: pd.DataFrame,
    agreement: Mapping[PredictorId, Agreement],
    *,
    far: bool,
) -> str:
    """Put a comparison in words.

    Parameters
    ----------
    predictor : str
        Method of the prediction.
    perturbations : sequence of Perturbation
    perturbed : DataFrame
        Columns gene and measured_log2, one row a perturbed gene.
    agreement : mapping of predictor to Agreement
        With the leading one.
    far : bool
        Whether the control samples are out of the model's distribution.
    """
    who, first = _WORDS.get(predictor, predictor), agreement[predictor]
    if first.pearson_delta is None or first.low is None or first.high is None:
        return f"{who[:1].upper()}{who[1:]} predicts that nothing moves, so there is nothing to compare."
    # Rounded first: a small negative number is shown as 0.00, not as -0.00.
    shown = [round(value, 2) + 0.0 for value in (first.pearson_delta, first.low, first.high)]
    r = "r = {:.2f}, 95 % interval {:.2f} to {:.2f}".format(*shown)
    if first.low <= 0 <= first.high:
        how = "does not agree with"
    elif abs(first.pearson_delta) < NONE:
        how = "has next to nothing to do with"
    elif first.low > 0:
        how = "agrees clearly with" if first.pearson_delta >= CLEAR else "agrees only weakly with"
    else:
        how = "points against"
    said = [f"The shift that {who} predicts {how} the measured one ({r})."]
    baselines = {n: a.pearson_delta for n, a in agreement.items() if n != predictor and a.pearson_delta is not None}
    good = [_WORDS.get(n, n) for n, value in baselines.items() if value > first.pearson_delta - EQUAL]
    if good:
        said.append(f"As good or better: {', '.join(good)}.")
    elif baselines:
        said.append("No other predictor does as well.")
    if first.sign_accuracy_top50 is not None:
        said.append(
            f"Of the genes that changed most, {100 * first.sign_accuracy_top50:.0f} % move in the predicted direction; "
            "chance is 50 %."
        )
    said += _against_the_perturbation(perturbations, perturbed)
    if far:
        said.append("The control samples are unlike the training samples, so little was to be expected.")
    return " ".join(said)


def _against_the_perturbation(perturbations: Sequence[Perturbation], perturbed: pd.DataFrame) -> list[str]:
    """Say where a perturbed gene itself moved against its perturbation: then the experiment is about something else."""
    directions = {"knock-out": -1, "knock-down": -1}
    said = []
    # The rows follow the model's gene order, so a perturbation finds its gene only where there is one of each.
    if len(perturbations) == len(perturbed) == 1 and perturbations[0].kind != "set":
        perturbation, change = perturbations[0], float(perturbed["measured_log2"].iloc[0])
        direction = directions.get(perturbation.kind, 1 if perturbation.amount > 1 else -1)
        if change * direction < 0:
            word = "rose" if change > 0 else "fell"
            said.append(
                f"{perturbed['gene'].iloc[0]} itself {word} by {abs(change):.2f} log2 in the experiment, "
                "against the perturbation."
            )
    return said
