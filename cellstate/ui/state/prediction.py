"""What a session predicts: the prediction of its perturbations, and the distance of its sample, each computed once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from cellstate.evaluation.answer_evidence import AnswerEvidence, agreement, prediction_evidence, same_sign
from cellstate.evaluation.ood import OodScore, ood_score_after, ood_scores
from cellstate.evaluation.reliability import change_over_error, reliability_table
from cellstate.model import Model
from cellstate.perturb.predict import Prediction, predict
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session


@dataclass(frozen=True, eq=False)
class PredictionResult:
    """A prediction with its reliability.

    Attributes
    ----------
    predictor : str
        The method.
    sample : str
    perturbations : str
        As text.
    table : DataFrame
        As `cellstate.evaluation.reliability_table` returns it.
    agreement : dict of str to float or None
        Pearson correlation of each other method with this one over the genes that were not perturbed; None where one
        of both changes no gene.
    before, after : OodScore
        Distance of the sample from the training samples, without and with the predicted change.
    over_error : float or None
        Largest reliable change as a fraction of the autoencoder's usual error in that gene.
    evidence : AnswerEvidence
    same_sign : Series of int
        Of each row of the table, how many methods change the gene in the same direction, this one included.
    n_methods : int
    """

    predictor: str
    sample: str
    perturbations: str
    table: pd.DataFrame
    agreement: Mapping[str, float | None]
    before: OodScore
    after: OodScore
    over_error: float | None
    evidence: AnswerEvidence
    same_sign: pd.Series
    n_methods: int


def distance(state: Session, opened: Model) -> OodScore:
    """Return the distance of the selected sample from the training samples."""

    def compute() -> OodScore:
        with queue().turn():
            return ood_scores([state.prepared(opened)])[0]

    return state.cached("distance", (state.selected, opened.stamp), compute)


def prediction_key(state: Session, opened: Model, predictor: str | None) -> tuple[Hashable, ...]:
    """Return the key under which the session keeps a prediction, and everything that follows from it."""
    return state.selected, state.perturbations, predictor, opened.stamp


def prediction_result(state: Session, opened: Model, predictor: str | None = None) -> PredictionResult:
    """Predict the effect of the session's perturbations on the selected sample."""
    before = distance(state, opened)

    def compute() -> PredictionResult:
        with queue().turn():
            return judged(predict(state.prepared(opened), state.perturbations, predictor), before)

    return state.cached("prediction", prediction_key(state, opened, predictor), compute)


def judged(prediction: Prediction, before: OodScore) -> PredictionResult:
    """Return a prediction with its reliability and evidence; ``before`` is the score of its sample."""
    after = ood_score_after(prediction)
    sample = prediction.sample
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    counts, n_methods = same_sign(table)
    return PredictionResult(
        predictor=prediction.predictor,
        sample=sample.name,
        perturbations=", ".join(one.label for one in prediction.perturbations),
        table=table,
        agreement=agreement(table),
        before=before,
        after=after,
        over_error=change_over_error(sample.model, table),
        evidence=prediction_evidence(prediction, before, after, table),
        same_sign=counts,
        n_methods=n_methods,
    )
