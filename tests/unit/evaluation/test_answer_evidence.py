"""The evidence behind an answer: each check by its numbers, and the level that follows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation.answer_evidence import (
    CLEAR_R,
    MIN_SAME_SIGN,
    AnswerEvidence,
    CheckResult,
    EvidenceCheck,
    EvidenceLevel,
    answer_evidence,
    real_knock_outs,
    same_sign,
)
from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.evaluation.reliability import MIN_R2
from cellstate.evidence import Benchmark, Dataset, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.model import Model, load_model

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


def test_the_level_follows_from_the_checks() -> None:
    for passed in product([True, False], repeat=len(EvidenceCheck)):
        checks = zip(EvidenceCheck, passed, strict=True)
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
