"""Five questions about a model, each with a verdict, figures for one chart, and one sentence, from typed records alone.

A verdict never counts missing evidence for a model: a question that was not measured has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cellstate.evaluation.answer_evidence import CHANCE, CLEAR_R, true_regulators
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId, Records, Stratum
from cellstate.labels import DATASETS, STRATA, predictor_label
from cellstate.model.record import ModelRecord
from cellstate.report.narrative import questions as narrative
from cellstate.report.sections import held_out
from cellstate.viz.dots import Dot

#: The autoencoder is better than PCA if its median R2 per gene is higher by this much.
BETTER_R2 = 0.01
#: A correlation below this is none.
LEAST_R = 0.05
#: From this share of pairs with the predicted sign in held-out tumours on, sets that cooperate are found.
MIN_PAIR_SIGNS = 0.75
_METHODS = (
    PredictorId.AUTOENCODER, PredictorId.PCA, PredictorId.COEXPRESSION, PredictorId.RIDGE, PredictorId.ELASTIC_NET,
    PredictorId.RIDGE_TF,
)  # fmt: skip


class Verdict(StrEnum):
    """Answer to a question."""

    YES = "yes"
    IN_PART = "in_part"
    NO = "no"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Question:
    """One question about a model, and its answer.

    Attributes
    ----------
    key : str
    title : str
    verdict : Verdict
    sentence : str
        Plain text.
    rule : str
        When the answer is yes, in part or no.
    dots : tuple of Dot
        Figures of the chart; empty where nothing was measured.
    axis : str
        What they measure.
    chance : float or None
        Value of a method that knows nothing.
    sections : tuple of str
        Keys of the sections with the numbers (`cellstate.report.sections`).
    """

    key: str
    title: str
    verdict: Verdict
    sentence: str
    rule: str
    dots: tuple[Dot, ...] = ()
    axis: str = ""
    chance: float | None = None
    sections: tuple[str, ...] = ()


def questions(record: ModelRecord) -> list[Question]:
    """Return the five questions, in the order in which a reader asks."""
    return [
        _unseen_patients(record),
        _unfamiliar_samples(record),
        _true_regulator(record),
        _real_knock_outs(record),
        _cooperating_sets(record),
    ]


def _unseen_patients(record: ModelRecord) -> Question:
    key, found = "patients", held_out(record)
    dots, pairs = [], []
    for split, one in found.items():
        pca = one.baselines.get(PredictorId.PCA)
        own, other = one.r2_gene_median, None if pca is None else pca.r2_gene_median
        mean = one.baselines[PredictorId.GENE_MEAN].r2_gene_median
        # All are held out, as the axis says.
        where = DATASETS[split].removeprefix(DATASETS[Dataset.TEST])
        for name, value in ((PredictorId.AUTOENCODER, own), (PredictorId.PCA, other), (PredictorId.GENE_MEAN, mean)):
            if value is not None:
                dots.append(Dot(predictor_label(name) + where, value, is_own=name is PredictorId.AUTOENCODER))
        if own is not None:
            pairs.append((own, other))
    if not pairs:
        return _unmeasured(key)
    better = [other is not None and own - other >= BETTER_R2 for own, other in pairs]
    above_mean = all(own > 0 for own, _ in pairs)
    verdict = Verdict.NO if not above_mean else Verdict.YES if all(better) else Verdict.IN_PART
    own, other = pairs[0]
    sections = ("patients", "reconstruction", "levels", "intervals")
    return _question(key, verdict, narrative.unseen_patients(own, other), dots, chance=0.0, sections=sections)


def _unfamiliar_samples(record: ModelRecord) -> Question:
    key = "unfamiliar"
    kinds = [one for one in record.records if one.metric in (Metric.OOD_AUROC, Metric.OOD_FLAGGED)]
    aurocs = [one for one in kinds if one.metric is Metric.OOD_AUROC and one.value is not None]
    judged = [
        one
        for one in record.records
        if one.metric in (Metric.OOD_AUROC, Metric.OOD_FLAGGED, Metric.FALSE_ALARM_RATE) and one.passed is not None
    ]
    if not aurocs or not judged:
        return _unmeasured(key)
    # The first set of patients is enough for the chart; every record counts for the verdict.
    shown = [one for one in aurocs if one.dataset == aurocs[0].dataset]
    dots = [Dot(STRATA[one.stratum] if one.stratum else "all", one.value or 0.0, is_own=True) for one in shown]
    passed = sum(one.passed is True for one in judged)
    verdict = Verdict.YES if passed == len(judged) else Verdict.IN_PART if 2 * passed > len(judged) else Verdict.NO
    alarms = [one.value for one in record.records if one.metric is Metric.FALSE_ALARM_RATE and one.value is not None]
    worst = min(aurocs, key=lambda one: one.value or 0.0)
    sentence = narrative.unfamiliar_samples(worst, max(alarms, default=None), passed, len(judged))
    return _question(key, verdict, sentence, dots, chance=CHANCE, sections=("flags", "ood"))


def _true_regulator(record: ModelRecord) -> Question:
    key, metric = "regulator", Metric.REGULATOR_PERCENTILE
    found, own, n = _real(record, Dataset.REAL_POOLED, metric)
    if own is None or own.value is None:
        return _unmeasured(key)
    variability = _of(found, PredictorId.VARIABILITY, metric)
    judged = [
        one
        for one in record.records.where(benchmark=Benchmark.REAL_PERTURBATIONS, metric=metric)
        if one.predictor is record.default_predictor and one.passed is not None
    ]
    uninformed = None if variability is None else variability.value
    is_informed = true_regulators(record, record.default_predictor).passed
    is_named = bool(judged) and all(one.passed for one in judged)
    verdict = Verdict.NO if not is_informed else Verdict.YES if is_named else Verdict.IN_PART
    sentence = narrative.true_regulator(own, n, uninformed)
    dots = _dots(found, metric, record.default_predictor, (*_METHODS, PredictorId.VARIABILITY))
    return _question(key, verdict, sentence, dots, chance=CHANCE, sections=("real_perturbations", "regulons"))


def _real_knock_outs(record: ModelRecord) -> Question:
    key, metric = "knock_outs", Metric.PEARSON_DELTA
    found, own, n = _real(record, Dataset.REAL_EXPERIMENTS, metric)
    if own is None or own.value is None:
        return _unmeasured(key)
    replicates = _of(found, PredictorId.REPLICATES, metric)
    verdict = Verdict.YES if own.value >= CLEAR_R else Verdict.IN_PART if own.value >= LEAST_R else Verdict.NO
    sentence = narrative.real_knock_outs(own, n, None if replicates is None else replicates.value)
    references = (PredictorId.OTHER_PERTURBATIONS, PredictorId.REPLICATES)
    dots = _dots(found, metric, record.default_predictor, (*_METHODS, *references))
    sections = ("real_perturbations", "experiments", "default_predictor")
    return _question(key, verdict, sentence, dots, chance=0.0, sections=sections)


def _cooperating_sets(record: ModelRecord) -> Question:
    key, metric = "sets", Metric.PAIR_SIGN_AGREEMENT_TOP1000
    found = record.records.where(benchmark=Benchmark.PAIRS, metric=metric)
    by_split = {where: found.where(dataset=where) for where in found.having("dataset")}
    own = {where: _value(here, PredictorId.COHORT, metric) for where, here in by_split.items()}
    known = {where: value for where, value in own.items() if value is not None}
    if not known:
        return _unmeasured(key)
    random = {where: _value(by_split[where], PredictorId.RANDOM, metric) for where in known}
    above = all((reference := random[where]) is not None and value > reference for where, value in known.items())
    lowest = min(known.values())
    verdict = Verdict.YES if lowest >= MIN_PAIR_SIGNS else Verdict.IN_PART if above else Verdict.NO
    names = (PredictorId.COHORT, PredictorId.AUTOENCODER, PredictorId.RANDOM)
    first = next(iter(by_split.values()))
    simulated = record.records.value(
        Benchmark.SIMULATED,
        Dataset.SIMULATION,
        PredictorId.COHORT,
        Metric.GOAL_PAIR_TOP20,
        stratum=Stratum.REGULATOR_PAIRS,
    )
    sentence = narrative.cooperating_sets(lowest, simulated)
    dots = _dots(first, metric, PredictorId.COHORT, names)
    return _question(key, verdict, sentence, dots, chance=CHANCE, sections=("pairs", "simulated"))


def _question(
    key: str,
    verdict: Verdict,
    sentence: str,
    dots: Sequence[Dot] = (),
    *,
    chance: float | None = None,
    sections: tuple[str, ...] = (),
) -> Question:
    title, axis, rule = narrative.TITLES[key], narrative.AXES[key], narrative.RULES[key]
    return Question(key, title, verdict, sentence, rule, tuple(dots), axis, chance, sections)


def _unmeasured(key: str) -> Question:
    return _question(key, Verdict.NOT_MEASURED, narrative.NOT_MEASURED)


def _real(record: ModelRecord, where: Dataset, metric: Metric) -> tuple[Records, EvidenceRecord | None, float | None]:
    """Return the records on real perturbations, that of the default method, and the number of perturbed genes."""
    found = record.records.where(benchmark=Benchmark.REAL_PERTURBATIONS, dataset=where)
    own = record.default_predictor
    return found, _of(found, own, metric), _value(found, own, Metric.N_PERTURBED_GENES)


def _of(found: Records, name: PredictorId, metric: Metric) -> EvidenceRecord | None:
    return next(iter(found.where(predictor=name, metric=metric, stratum=None, reference=None)), None)


def _value(found: Records, name: PredictorId, metric: Metric) -> float | None:
    one = _of(found, name, metric)
    return None if one is None else one.value


def _dots(found: Records, metric: Metric, own: PredictorId, names: Sequence[PredictorId]) -> list[Dot]:
    return [
        Dot(predictor_label(name), one.value, one.ci_low, one.ci_high, is_own=name is own)
        for name in names
        if (one := _of(found, name, metric)) is not None and one.value is not None
    ]
