"""The evidence behind an answer: each check by its numbers, and the level that follows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation.answer_evidence import (
    CHANCE,
    CLEAR_R,
    COHORT_CHECKS,
    GROUP_CHECKS,
    MIN_SAME_SIGN,
    PREDICTION_CHECKS,
    RANKING_CHECKS,
    AnswerEvidence,
    CheckResult,
    EvidenceCheck,
    EvidenceLevel,
    answer_evidence,
    cohort_evidence,
    real_knock_outs,
    regulator_evidence,
    same_sign,
    true_regulators,
)
from cellstate.evaluation.cohort_regulators import CohortRegulators
from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.evaluation.reliability import MIN_R2
from cellstate.evidence import Benchmark, Dataset, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.model import Model, load_model
from cellstate.perturb.regulators.search import FDR, NORMAL_STATE, Regulators

IN_RANGE, OUTSIDE = OodScore(1.0, False, ""), OodScore(9.0, True, "")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(resource_path("models", "coadread"))


def table(signs: Sequence[Sequence[float]]) -> pd.DataFrame:
    """One row a gene: the change by the method in use, then by each other method."""
    columns = ["log2_fold_change", *(f"log2_fold_change_{i}" for i in range(len(signs[0]) - 1))]
    return pd.DataFrame(signs, columns=columns, dtype=float).assign(is_perturbed=False, is_reliable=True)


def gene(model: Model, known: bool) -> int:
    r2 = model.gene_table["r2_validation"].to_numpy(float)
    return int(np.flatnonzero(r2 >= MIN_R2 if known else r2 < MIN_R2)[0])


def check(found: AnswerEvidence, which: EvidenceCheck) -> CheckResult:
    return next(one for one in found.checks if one.check is which)


def evidence(model: Model, **more: object) -> AnswerEvidence:
    given = {
        "genes": [gene(model, True)],
        "measured_G": np.ones(len(model.space), bool),
        "before": IN_RANGE,
        "after": IN_RANGE,
        "table": table([[1, 1, 1]]),
    } | more
    return answer_evidence(model, PredictorId.ELASTIC_NET, **given)


def test_a_sample_is_in_range_before_and_after(model: Model) -> None:
    for before, after, passed, value in (
        (IN_RANGE, IN_RANGE, True, 1.0),
        (OUTSIDE, IN_RANGE, False, 9.0),
        (IN_RANGE, OUTSIDE, False, 9.0),
        (OodScore(None, False, ""), IN_RANGE, False, 1.0),
    ):
        one = check(evidence(model, before=before, after=after), EvidenceCheck.SAMPLE_IN_RANGE)
        assert (one.passed, one.value, one.threshold) == (passed, value, OOD_LIMIT)


def test_every_perturbed_gene_must_be_well_modelled_and_measured(model: Model) -> None:
    known, poor = gene(model, True), gene(model, False)
    assert check(evidence(model), EvidenceCheck.GENE_MODELLED).passed
    both = check(evidence(model, genes=[known, poor]), EvidenceCheck.GENE_MODELLED)
    assert not both.passed and both.n == 2
    assert both.value == pytest.approx(float(model.gene_table["r2_validation"].iloc[poor]))
    measured_G = np.ones(len(model.space), bool)
    measured_G[known] = False
    assert not check(evidence(model, measured_G=measured_G), EvidenceCheck.GENE_MODELLED).passed


def test_signs_are_counted_over_the_methods_that_change_anything() -> None:
    found = table([[1, 2, -1, 0], [-1, -3, -2, 0], [0, 1, 1, 0]])
    counts, n = same_sign(found)
    # The last method changes no gene; a change of 0 has no sign.
    assert n == 3 and counts.tolist() == [2, 3, 0]


def test_methods_agree_from_a_threshold_on(model: Model) -> None:
    for signs, value in (([[1, 1, 1]] * 4 + [[1, 1, -1]] * 1, 0.9), ([[1, 1, 1]] * 1 + [[1, 1, -1]] * 4, 0.6)):
        one = check(evidence(model, table=table(signs)), EvidenceCheck.METHODS_AGREE)
        assert one.value == pytest.approx(value) and one.passed is (value >= MIN_SAME_SIGN) and one.n == 2
    alone = check(evidence(model, table=table([[1, 0]])), EvidenceCheck.METHODS_AGREE)
    assert alone.value is None and not alone.passed


def test_real_knock_outs_are_those_of_the_records(model: Model) -> None:
    for name in (PredictorId.ELASTIC_NET, PredictorId.PCA):
        expected = model.record.records.value(
            Benchmark.REAL_PERTURBATIONS, Dataset.REAL_EXPERIMENTS, name, Metric.PEARSON_DELTA
        )
        one = real_knock_outs(model.record, name)
        assert expected is not None and one.value == expected and one.passed is (expected >= CLEAR_R) and one.n > 1


def ranking(
    model: Model, genes: Sequence[int], z: Sequence[float], fdr: Sequence[float], reference: str = NORMAL_STATE
) -> Regulators:
    """A ranking of one sample with these figures."""
    z_ST, fdr_ST = np.array([z], np.float32), np.array([fdr], np.float32)
    return Regulators(
        model,
        PredictorId.ELASTIC_NET,
        reference,
        ("S",),
        np.array(genes),
        z_ST,
        z_ST,
        z_ST,
        fdr_ST,
        fdr_ST,
        z_ST,
        z_ST,
    )


def test_the_evidence_of_a_ranking_is_that_of_its_first_regulator(model: Model) -> None:
    known, poor = gene(model, True), gene(model, False)
    measured_G = np.ones(len(model.space), bool)
    for z, fdr, modelled, called in (
        ([3, 1], [FDR / 2, 0.9], True, True),
        ([1, 3], [FDR / 2, 0.9], False, False),
        ([3, 1], [np.nan, FDR / 2], True, False),
    ):
        found = ranking(model, [known, poor], z, fdr)
        checks = regulator_evidence(found, measured_G=measured_G, before=IN_RANGE)
        assert tuple(one.check for one in checks.checks) == RANKING_CHECKS
        assert check(checks, EvidenceCheck.GENE_MODELLED).passed is modelled
        assert check(checks, EvidenceCheck.REGULATOR_CALLED).passed is called
        assert check(checks, EvidenceCheck.SAMPLE_IN_RANGE).passed
        outside = regulator_evidence(found, measured_G=measured_G, before=OUTSIDE)
        assert outside.level is EvidenceLevel.NONE
    assert check(checks, EvidenceCheck.REGULATOR_CALLED).value is None


def test_against_a_group_its_own_samples_count_and_missing_p_values_come_first(model: Model) -> None:
    known, measured_G = gene(model, True), np.ones(len(model.space), bool)
    for fdr, called in ((FDR / 2, True), (0.5, False)):
        found = ranking(model, [known], [3], [fdr], "group control (6 samples)")
        checks = regulator_evidence(found, measured_G=measured_G, before=IN_RANGE)
        assert tuple(one.check for one in checks.checks) == GROUP_CHECKS
        assert check(checks, EvidenceCheck.BEYOND_GROUP).passed is called
    found = ranking(model, [known], [3], [np.nan], "normal colon")
    checks = regulator_evidence(found, measured_G=measured_G, before=IN_RANGE)
    first = checks.checks[0]
    assert (first.check, first.passed, first.value) == (EvidenceCheck.BEYOND_GROUP, False, None)
    assert {one.check for one in checks.checks} == set(GROUP_CHECKS)


def cohort_of(model: Model, fdr_ST: list[list[float]], is_ood: list[bool]) -> CohortRegulators:
    """Regulators of a cohort; the first gene is well modelled, the second is not."""
    genes, fdr = np.array([gene(model, True), gene(model, False)]), np.array(fdr_ST, np.float32)
    names = tuple(f"S{s}" for s in range(len(fdr)))
    return CohortRegulators(
        model, PredictorId.ELASTIC_NET, "x", names, genes, np.ones_like(fdr), fdr, np.array(is_ood, bool)
    )


def test_the_evidence_of_a_cohort_is_that_of_its_most_recurrent_regulator(model: Model) -> None:
    found = cohort_evidence(cohort_of(model, [[0.01, 0.9], [0.01, 0.9], [0.9, 0.01]], [False] * 3))
    assert tuple(one.check for one in found.checks) == COHORT_CHECKS
    recurs = check(found, EvidenceCheck.REGULATOR_RECURS)
    assert recurs.passed and recurs.value == pytest.approx(2 / 3) and check(found, EvidenceCheck.GENE_MODELLED).passed
    assert check(found, EvidenceCheck.SAMPLES_IN_RANGE).value == 1
    none = cohort_evidence(cohort_of(model, [[0.9, 0.9]] * 3, [False] * 3))
    assert not check(none, EvidenceCheck.REGULATOR_RECURS).passed
    # Without p-values nothing recurs, and with too many samples out of range nothing counts.
    unknown = cohort_evidence(cohort_of(model, [[np.nan, np.nan]] * 3, [False] * 3))
    assert check(unknown, EvidenceCheck.REGULATOR_RECURS).value is None
    outside = cohort_evidence(cohort_of(model, [[0.01, 0.9]] * 3, [True, False, False]))
    assert outside.level is EvidenceLevel.NONE


def test_true_regulators_are_those_of_the_records(model: Model) -> None:
    where = Benchmark.REAL_PERTURBATIONS, Dataset.REAL_POOLED
    metric = Metric.REGULATOR_PERCENTILE
    uninformed = model.record.records.value(*where, PredictorId.VARIABILITY, metric)
    for name in (PredictorId.ELASTIC_NET, PredictorId.RIDGE, PredictorId.VARIABILITY):
        own = model.record.records.one(*where, name, metric)
        found = true_regulators(model.record, name)
        assert own is not None and own.value is not None and uninformed is not None
        assert found.value == own.value and found.n > 1
        # More than chance is not enough: variability alone knows no regulator, and still is above it.
        assert found.threshold == max(CHANCE, uninformed) and found.passed is (own.value > found.threshold)
    missing = true_regulators(model.record, PredictorId.NO_CHANGE)
    assert missing.value is None and not missing.passed


@pytest.mark.parametrize("which", [PREDICTION_CHECKS, RANKING_CHECKS])
def test_the_level_follows_from_the_checks(which: tuple[EvidenceCheck, ...]) -> None:
    for passed in product([True, False], repeat=4):
        checks = zip(which, passed, strict=True)
        level = AnswerEvidence(tuple(CheckResult(check, held, None, 0.0) for check, held in checks)).level
        in_range, _, _, confirmed = passed
        n = sum(passed)
        expected = EvidenceLevel.WEAK
        if not in_range or n == 1:
            expected = EvidenceLevel.NONE
        elif n == 4:
            expected = EvidenceLevel.STRONG
        elif n == 3 and confirmed:
            expected = EvidenceLevel.MODERATE
        assert level is expected
