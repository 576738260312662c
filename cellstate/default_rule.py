"""The rule by which a model's evidence makes one prediction method its default.

A candidate replaces the autoencoder where it discriminates a regulator's own targets from those of other regulators
better than the autoencoder does (``benchmarks.regulons`` on the weights at hand: the low end of the 95% interval of
the difference lies above 0), is not worse in a simulated gene network (``benchmarks.simulated``), and does not use
prior knowledge. Of several candidates the most specific one is the default. Missing evidence disqualifies: a candidate
that lacks a figure is out, and without the autoencoder's own figures no candidate can be compared with it.

The plain AUROC of known targets does not decide, because a ranking by how much each gene varies, which does not depend
on the perturbed gene, beats every method there. Target specificity is 0 for such a ranking. Real experiments do not
decide either: there are two, and no method predicts them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec

from cellstate.evidence import METHODS, PRIOR_KNOWLEDGE, Benchmark, Dataset, Metric, PredictorId, Records

#: The low end of the interval of the gain in target specificity must lie above this.
THRESHOLD = 0.0
REFERENCE = PredictorId.AUTOENCODER


class Rule(StrEnum):
    """Rules that have been used; a change of the rule is a new id."""

    TARGET_SPECIFICITY = "target_specificity"


class Eligibility(StrEnum):
    """What the rule says of one method."""

    #: The method that candidates are compared with.
    REFERENCE = "reference"
    #: Meets every condition; the most specific of these is the default.
    ELIGIBLE = "eligible"
    NOT_IN_FOLDER = "not_in_folder"
    PRIOR_KNOWLEDGE = "prior_knowledge"
    MISSING_EVIDENCE = "missing_evidence"
    NOT_MORE_SPECIFIC = "not_more_specific"
    WORSE_IN_SIMULATION = "worse_in_simulation"


class PredictorEvidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rule looks at, of one method.

    Attributes
    ----------
    predictor : PredictorId
    target_specificity : float or None
        AUROC of a regulator's own targets less that of other regulators' targets; 0 is chance.
    margin_ci_low : float or None
        Low end of the 95% bootstrap interval of the difference of ``target_specificity`` from the autoencoder's.
    simulated_pearson_delta : float or None
        Correlation of the same method's predictions with the true changes in a simulated gene network.
    verdict : Eligibility
    """

    predictor: PredictorId
    target_specificity: float | None
    margin_ci_low: float | None
    simulated_pearson_delta: float | None
    verdict: Eligibility


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures that decided: of the default method, and of the autoencoder as the reference."""

    metric: Metric
    dataset: Dataset
    value: float | None
    reference: PredictorId
    reference_value: float | None
    margin_ci_low: float | None
    threshold: float


class DefaultPredictor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default method of a model folder, with the rule, the reason, and every method that was compared.

    Attributes
    ----------
    predictor : PredictorId
    rule : Rule
    reason : Reason
    competing : tuple of PredictorEvidence
        Every method, the autoencoder first.
    """

    predictor: PredictorId
    rule: Rule
    reason: Reason
    competing: tuple[PredictorEvidence, ...]


def predictor_evidence(
    records: Records, held: Collection[PredictorId] = METHODS, methods: Sequence[PredictorId] = METHODS
) -> dict[PredictorId, PredictorEvidence]:
    """Return what the rule looks at, and its verdict, for every method.

    Parameters
    ----------
    held : collection of PredictorId
        Methods that the model folder holds.
    methods : sequence of PredictorId
        Methods that are compared, the autoencoder among them.
    """
    reference = _figures(records, REFERENCE)
    return {
        name: PredictorEvidence(
            predictor=name,
            target_specificity=(own := _figures(records, name))[0],
            margin_ci_low=own[1],
            simulated_pearson_delta=own[2],
            verdict=_verdict(name, own, reference, name in held),
        )
        for name in methods
    }


def choose_default(
    records: Records, held: Collection[PredictorId] = METHODS, methods: Sequence[PredictorId] = METHODS
) -> DefaultPredictor:
    """Return the default method by the rule of this module; for the parameters see `predictor_evidence`."""
    competing = predictor_evidence(records, held, methods)
    eligible = [one for one in competing.values() if one.verdict is Eligibility.ELIGIBLE]
    reference = competing[REFERENCE]
    best = max(eligible, key=lambda one: one.target_specificity or 0.0, default=reference)
    return DefaultPredictor(
        predictor=best.predictor,
        rule=Rule.TARGET_SPECIFICITY,
        reason=Reason(
            metric=Metric.TARGET_SPECIFICITY,
            dataset=Dataset.TARGETS_MODEL,
            value=best.target_specificity,
            reference=REFERENCE,
            reference_value=reference.target_specificity,
            margin_ci_low=best.margin_ci_low,
            threshold=THRESHOLD,
        ),
        competing=tuple(competing.values()),
    )


def check_default(default: DefaultPredictor, records: Records) -> None:
    """Raise ``ValueError`` where a recorded default is not what the rule makes of the records beside it.

    Methods that it does not list did not exist when it was recorded.
    """
    held = {one.predictor for one in default.competing if one.verdict is not Eligibility.NOT_IN_FOLDER}
    listed = [one.predictor for one in default.competing]
    if REFERENCE not in listed or default != choose_default(records, held, listed):
        raise ValueError("`default_predictor` contradicts the records beside it")


_Figures = tuple[float | None, float | None, float | None]


def _figures(records: Records, name: PredictorId) -> _Figures:
    specificity = records.value(Benchmark.REGULONS, Dataset.TARGETS_MODEL, name, Metric.TARGET_SPECIFICITY)
    gain = records.one(
        Benchmark.REGULONS, Dataset.TARGETS_MODEL, name, Metric.TARGET_SPECIFICITY_GAIN, reference=REFERENCE
    )
    simulated = records.value(Benchmark.SIMULATED, Dataset.SIMULATION, name, Metric.PEARSON_DELTA)
    return specificity, None if gain is None else gain.ci_low, simulated


def _verdict(name: PredictorId, own: _Figures, reference: _Figures, held: bool) -> Eligibility:
    if name is REFERENCE:
        return Eligibility.REFERENCE
    if not held:
        return Eligibility.NOT_IN_FOLDER
    if name in PRIOR_KNOWLEDGE:
        return Eligibility.PRIOR_KNOWLEDGE
    specificity, margin_ci_low, simulated = own
    reference_specificity, _, reference_simulated = reference
    if specificity is None or margin_ci_low is None or reference_specificity is None:
        return Eligibility.MISSING_EVIDENCE
    if simulated is None or reference_simulated is None:
        return Eligibility.MISSING_EVIDENCE
    if not margin_ci_low > THRESHOLD:
        return Eligibility.NOT_MORE_SPECIFIC
    if simulated < reference_simulated:
        return Eligibility.WORSE_IN_SIMULATION
    return Eligibility.ELIGIBLE


def ranking_percentile(records: Records, name: PredictorId) -> float | None:
    """Return how well a method finds the perturbed gene from its measured change; ``None`` where a figure is missing.

    The mean of the percentiles over experiments and over signatures, which weigh the same: either alone is a choice of
    laboratories.
    """
    found = [
        records.value(Benchmark.REAL_PERTURBATIONS, dataset, name, Metric.REGULATOR_PERCENTILE)
        for dataset in (Dataset.REAL_EXPERIMENTS, Dataset.GEO_SIGNATURES)
    ]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if len(known) == len(found) else None


def choose_ranking(records: Records, default: PredictorId, held: Collection[PredictorId] = METHODS) -> PredictorId:
    """Return the method that ranks regulators: of the methods held, the one that best finds a perturbed gene.

    Another question than the one that `choose_default` answers: which gene explains a measured change, whatever the
    sizes of the changes. Methods that use prior knowledge are out, and missing evidence disqualifies; where no method
    has any, the default method ranks.

    Parameters
    ----------
    default : PredictorId
    held : collection of PredictorId
        Methods that the model folder holds.
    """
    measured = {
        name: value
        for name in METHODS
        if name in held and name not in PRIOR_KNOWLEDGE and (value := ranking_percentile(records, name)) is not None
    }
    return max(measured, key=measured.__getitem__, default=default)
