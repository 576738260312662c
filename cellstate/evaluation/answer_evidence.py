"""The evidence behind one answer: four checks, and one level.

Is the sample like the training samples? Is the gene well modelled? Of a predicted expression change: do the methods
agree on the direction of the largest changes, and did the method predict real knock-outs? Of a ranking of regulators:
does the first one differ from the reference by more than samples of the reference do, in a cohort, in more samples than
by chance, and did the method find the gene that was really perturbed? All thresholds are stated with each check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.evaluation.reliability import MIN_R2
from cellstate.evidence import METHODS, Benchmark, Dataset, Metric, PredictorId
from cellstate.model import Model
from cellstate.model.record import ModelRecord
from cellstate.perturb.predict import Prediction

if TYPE_CHECKING:
    from cellstate.evaluation.cohort_regulators import CohortRegulators
    from cellstate.perturb.regulators.search import Regulators

#: A correlation with measured changes of at least this is called clear.
CLEAR_R = 0.3
#: Genes with the largest changes whose direction the methods are compared on.
N_TOP = 20
#: Of the other methods' signs in these genes, this fraction must be the default method's; 0.5 is chance.
MIN_SAME_SIGN = 0.8
#: Share of candidates above which a ranking that knows nothing puts the right gene.
CHANCE = 0.5
_CHANGE, _CHANGE_OF = "log2_fold_change", "log2_fold_change_"
_EXPERIMENTS = (Dataset.HOXA1_KNOCKDOWN, Dataset.EHF_OVEREXPRESSION)
#: Correlations from which two predictions are almost the same, or similar.
SAME, ALIKE = 0.98, 0.7


class EvidenceCheck(StrEnum):
    """Checks of an answer."""

    SAMPLE_IN_RANGE = "sample_in_range"
    GENE_MODELLED = "gene_modelled"
    METHODS_AGREE = "methods_agree"
    REAL_KNOCK_OUTS = "real_knock_outs"
    REGULATOR_CALLED = "regulator_called"
    BEYOND_GROUP = "beyond_group"
    SAMPLES_IN_RANGE = "samples_in_range"
    REGULATOR_RECURS = "regulator_recurs"
    TRUE_REGULATORS = "true_regulators"


_BOTH = (EvidenceCheck.SAMPLE_IN_RANGE, EvidenceCheck.GENE_MODELLED)
#: Checks of a predicted change, and of a ranking of regulators, in the order in which pages show them.
PREDICTION_CHECKS = (*_BOTH, EvidenceCheck.METHODS_AGREE, EvidenceCheck.REAL_KNOCK_OUTS)
RANKING_CHECKS = (*_BOTH, EvidenceCheck.REGULATOR_CALLED, EvidenceCheck.TRUE_REGULATORS)
#: Checks of a ranking against a group, where its samples are the null, and of a cohort's regulators.
GROUP_CHECKS = (*_BOTH, EvidenceCheck.BEYOND_GROUP, EvidenceCheck.TRUE_REGULATORS)
COHORT_CHECKS = (
    EvidenceCheck.SAMPLES_IN_RANGE,
    EvidenceCheck.GENE_MODELLED,
    EvidenceCheck.REGULATOR_RECURS,
    EvidenceCheck.TRUE_REGULATORS,
)
#: Share of a cohort's samples that must be in range.
MIN_IN_RANGE = 0.9
#: Without them nothing else counts.
_IN_RANGE = {EvidenceCheck.SAMPLE_IN_RANGE, EvidenceCheck.SAMPLES_IN_RANGE}
#: Checks against real perturbations.
_CONFIRMING = {EvidenceCheck.REAL_KNOCK_OUTS, EvidenceCheck.TRUE_REGULATORS}


class EvidenceLevel(StrEnum):
    """How far an answer is supported, from least to most."""

    NONE = "none"
    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"


@dataclass(frozen=True)
class CheckResult:
    """One check.

    Attributes
    ----------
    check : EvidenceCheck
    passed : bool
        Missing evidence never passes.
    value : float or None
        OOD score, held-out R2, fraction of equal signs, correlation, false discovery rate, share of samples, or share
        of candidates that rank below the gene that was really perturbed; None where it is unknown.
    threshold : float
    n : int
        Genes, other methods, samples, or genes in real experiments that the value rests on.
    """

    check: EvidenceCheck
    passed: bool
    value: float | None
    threshold: float
    n: int = 0


@dataclass(frozen=True)
class AnswerEvidence:
    """The checks of one answer, such as `PREDICTION_CHECKS`, and its level."""

    checks: tuple[CheckResult, ...]

    @property
    def level(self) -> EvidenceLevel:
        """Level of the answer.

        None where the sample is out of range or nothing else holds; strong where all four checks hold; moderate where
        real perturbations confirm the method and one other check fails. Without that confirmation it is weak at most.
        """
        passed = {one.check for one in self.checks if one.passed}
        if not passed & _IN_RANGE or len(passed) == 1:
            return EvidenceLevel.NONE
        if len(passed) == len(self.checks):
            return EvidenceLevel.STRONG
        if passed & _CONFIRMING and len(passed) == len(self.checks) - 1:
            return EvidenceLevel.MODERATE
        return EvidenceLevel.WEAK


def answer_evidence(
    model: Model,
    predictor: str,
    *,
    genes: Sequence[int] | np.ndarray,
    measured_G: np.ndarray,
    before: OodScore,
    after: OodScore | None = None,
    table: pd.DataFrame | None = None,
) -> AnswerEvidence:
    """Check an answer.

    Parameters
    ----------
    model : Model
    predictor : str
        The method that gave the answer.
    genes : sequence of int
        Model positions of the perturbed genes.
    measured_G : ndarray of bool, shape (G,)
        Which genes the sample measures.
    before, after : OodScore
        Of the sample without and with the predicted change; an answer without a profile has no ``after``.
    table : DataFrame, optional
        As `cellstate.evaluation.reliability.reliability_table` returns it; None where no method predicts a change.
    """
    return AnswerEvidence(
        (
            _sample_in_range(model, before, after),
            _gene_modelled(model, genes, measured_G),
            _methods_agree(table),
            real_knock_outs(model.record, PredictorId(predictor)),
        )
    )


def prediction_evidence(
    prediction: Prediction, before: OodScore, after: OodScore, table: pd.DataFrame
) -> AnswerEvidence:
    """Check a prediction; ``table`` is its `cellstate.evaluation.reliability.reliability_table`."""
    sample = prediction.sample
    return answer_evidence(
        sample.model,
        prediction.predictor,
        genes=np.flatnonzero(prediction.is_perturbed_G),
        measured_G=sample.measured_G,
        before=before,
        after=after,
        table=table,
    )


def candidate_evidence(
    model: Model, predictor: str, *, gene: int, same: int, n_methods: int, measured_G: np.ndarray, before: OodScore
) -> AnswerEvidence:
    """Check one candidate of a search, whose predicted profile is not there to be checked.

    Parameters
    ----------
    model, predictor, measured_G, before
        As for `answer_evidence`.
    gene : int
        Model position of the perturbed gene.
    same, n_methods : int
        As `same_score_sign` returns them.
    """
    others = n_methods - 1
    return AnswerEvidence(
        (
            _sample_in_range(model, before, None),
            _gene_modelled(model, [gene], measured_G),
            _agreement((same - 1) / others if others and same else None, others),
            real_knock_outs(model.record, PredictorId(predictor)),
        )
    )


def regulator_evidence(
    found: Regulators, *, measured_G: np.ndarray, before: OodScore, sample: int = 0
) -> AnswerEvidence:
    """Check the first regulator of a ranking.

    Parameters
    ----------
    found : Regulators
    measured_G : ndarray of bool, shape (G,)
        Which genes the sample measures.
    before : OodScore
        Of the sample.
    sample : int, optional
        Position of the sample in the ranking.

    Returns
    -------
    AnswerEvidence
        `RANKING_CHECKS`, or `GROUP_CHECKS` for another reference than the closest normal state. Without p-values, that
        is said first.
    """
    # It loads scipy, which a first page does not wait for.
    from cellstate.perturb.regulators.search import FDR, NORMAL_STATE

    model, first = found.model, measured(found.table(sample)).iloc[0]
    fdr = float(first["fdr"]) if np.isfinite(first["fdr"]) else None
    is_called = fdr is not None and fdr <= FDR
    check = EvidenceCheck.REGULATOR_CALLED if found.reference == NORMAL_STATE else EvidenceCheck.BEYOND_GROUP
    checks = [
        _sample_in_range(model, before, None),
        _gene_modelled(model, [model.space.find(first["ensembl_id"])], measured_G),
        CheckResult(check, is_called, fdr, FDR, 1),
        true_regulators(model.record, found.predictor),
    ]
    return AnswerEvidence(tuple(checks if found.has_null else sorted(checks, key=lambda one: one.check is not check)))


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """Return the regulators that the sample measures, since others are not tested; all where it measures none."""
    known = table[table["tpm"].notna()]
    return known.reset_index(drop=True) if len(known) else table


def cohort_evidence(found: CohortRegulators) -> AnswerEvidence:
    """Check the regulator that most samples of a cohort call: `COHORT_CHECKS`.

    Without any true regulator, at most `FDR` of the samples call one at all: that is what a recurrent one must exceed.
    """
    from cellstate.perturb.regulators.search import FDR

    model, n = found.model, len(found.samples)
    n_in_range = n - int(found.is_ood_S.sum())
    in_range = CheckResult(
        EvidenceCheck.SAMPLES_IN_RANGE,
        model.is_trained and n_in_range >= MIN_IN_RANGE * n,
        n_in_range / n,
        MIN_IN_RANGE,
        n,
    )
    first = found.recurrence().iloc[0]
    share = (first["n_more_active"] + first["n_less_active"]) / n if found.has_null else None
    # What a sample calls, it measures.
    measured_G = np.ones(len(model.space), bool)
    return AnswerEvidence(
        (
            in_range,
            _gene_modelled(model, [model.space.find(first["ensembl_id"])], measured_G),
            CheckResult(EvidenceCheck.REGULATOR_RECURS, share is not None and share > FDR, share, FDR, n),
            true_regulators(model.record, found.predictor),
        )
    )


def same_score_sign(table: pd.DataFrame) -> tuple[pd.Series, int]:
    """Return how many methods give each score the sign that the method in use gives it, and how many there are.

    The method itself counts, and one that scores everything 0 does not; a score of 0 has no sign.

    Parameters
    ----------
    table : DataFrame
        With ``score``, and ``score_`` and the id of each other method.
    """
    others = [column for method in METHODS if (column := f"score_{method}") in table]
    columns = ["score", *(column for column in others if (table[column].fillna(0) != 0).any())]
    return _same(table, columns), len(columns)


def _same(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Count in each row the columns with the sign of the first one."""
    signs = np.sign(table[list(columns)].to_numpy(float))
    own = signs[:, :1]
    return pd.Series(((signs == own) & (own != 0)).sum(axis=1), index=table.index)


def same_sign(table: pd.DataFrame) -> tuple[pd.Series, int]:
    """Return how many methods change each gene in the direction of the method in use, and how many there are.

    The method itself counts, and one that changes no gene does not.

    Parameters
    ----------
    table : DataFrame
        With ``log2_fold_change``, ``log2_fold_change_`` and the id of each other method, and ``is_perturbed``.
    """
    columns = _methods(table)
    return _same(table, columns), len(columns)


def _methods(table: pd.DataFrame) -> list[str]:
    rest = table[~table["is_perturbed"]]
    others = [column for column in table if column.startswith(_CHANGE_OF) and (rest[column] != 0).any()]
    return [_CHANGE, *others]


def _sample_in_range(model: Model, before: OodScore, after: OodScore | None) -> CheckResult:
    scores = [one for one in (before, after) if one is not None]
    known = [one.score for one in scores if one.score is not None]
    passed = model.is_trained and len(known) == len(scores) and not any(one.is_ood for one in scores)
    return CheckResult(EvidenceCheck.SAMPLE_IN_RANGE, passed, max(known, default=None), OOD_LIMIT, len(scores))


def _gene_modelled(model: Model, genes: Sequence[int] | np.ndarray, measured_G: np.ndarray) -> CheckResult:
    positions = np.asarray(genes, dtype=int)
    worst = None
    if len(positions) and model.is_trained and "r2_validation" in model.gene_table:
        r2 = model.gene_table["r2_validation"].to_numpy(float)[positions]
        worst = float(r2.min()) if np.isfinite(r2).all() else None
    passed = worst is not None and worst >= MIN_R2 and bool(measured_G[positions].all())
    return CheckResult(EvidenceCheck.GENE_MODELLED, passed, worst, MIN_R2, len(positions))


def _methods_agree(table: pd.DataFrame | None) -> CheckResult:
    value, n_others = None, 0
    if table is not None:
        counts, n = same_sign(table)
        n_others = n - 1
        rest = ~table["is_perturbed"] & (table[_CHANGE] != 0)
        reliable = rest & table["is_reliable"]
        top = counts[reliable if reliable.any() else rest].iloc[:N_TOP]
        if len(top) and n_others:
            value = float((top - 1).mean() / n_others)
    return _agreement(value, n_others)


def _agreement(value: float | None, n_others: int) -> CheckResult:
    passed = value is not None and value >= MIN_SAME_SIGN
    return CheckResult(EvidenceCheck.METHODS_AGREE, passed, value, MIN_SAME_SIGN, n_others)


def real_knock_outs(record: ModelRecord, predictor: PredictorId) -> CheckResult:
    """Return whether a method's predictions correlate with the changes that real knock-outs made.

    Many perturbed genes count where they were measured; otherwise the worst of the single experiments.
    """
    benchmark, where = Benchmark.REAL_PERTURBATIONS, Dataset.REAL_EXPERIMENTS
    value = record.records.value(benchmark, where, predictor, Metric.PEARSON_DELTA)
    n = record.records.value(benchmark, where, predictor, Metric.N_PERTURBED_GENES)
    if value is None or n is None:
        found = [
            one
            for experiment in _EXPERIMENTS
            if (one := record.records.value(Benchmark.EXPERIMENTS, experiment, predictor, Metric.PEARSON_DELTA))
            is not None
        ]
        value, n = min(found, default=None), len(found)
    passed = value is not None and value >= CLEAR_R
    return CheckResult(EvidenceCheck.REAL_KNOCK_OUTS, passed, value, CLEAR_R, int(n))


def agreement(table: pd.DataFrame) -> dict[str, float | None]:
    """Correlate the default method's change with each baseline's, over the genes that were not perturbed."""
    rest = table[~table["is_perturbed"]]
    columns = [column for column in rest.columns if column.startswith(_CHANGE_OF)]
    return {column.removeprefix(_CHANGE_OF): correlation(rest[[_CHANGE, column]]) for column in columns}


def correlation(both: pd.DataFrame) -> float | None:
    """Correlate two columns (Pearson); None below three rows, and where one of them does not vary."""
    values_N2 = both.to_numpy(float)
    if len(values_N2) < 3 or not np.ptp(values_N2, axis=0).min() > 0:
        return None
    return float(np.corrcoef(values_N2.T)[0, 1])


def true_regulators(record: ModelRecord, predictor: PredictorId) -> CheckResult:
    """Return whether a method ranks the gene that was really perturbed above chance, given the measured change.

    It must also rank it higher than genes ranked by their variability alone, which knows no regulator.
    """
    benchmark, where, metric = Benchmark.REAL_PERTURBATIONS, Dataset.REAL_POOLED, Metric.REGULATOR_PERCENTILE
    own = record.records.one(benchmark, where, predictor, metric)
    uninformed = record.records.value(benchmark, where, PredictorId.VARIABILITY, metric)
    n = record.records.value(benchmark, where, predictor, Metric.N_PERTURBED_GENES)
    threshold = max(CHANCE, uninformed or 0.0)
    value, ci_low = (None, None) if own is None else (own.value, own.ci_low)
    passed = value is not None and value > threshold and ci_low is not None and ci_low > CHANCE
    return CheckResult(EvidenceCheck.TRUE_REGULATORS, passed, value, threshold, int(n or 0))
