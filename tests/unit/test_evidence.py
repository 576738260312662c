"""Typed evidence: criteria are computed, contradictions are refused, and every id has its words."""

from __future__ import annotations

import math

import msgspec
import pytest

from cellstate import labels
from cellstate.evidence import (
    TPM_BINS,
    Benchmark,
    BenchmarkResult,
    Best,
    Criterion,
    Dataset,
    EvidenceRecord,
    Metric,
    PredictorId,
    Records,
    Stratum,
    passes,
    records_of,
)
from tests.support.evidence_factories import record

AUTOENCODER = PredictorId.AUTOENCODER


@pytest.mark.parametrize(
    "value, threshold, best, expected",
    [
        (0.5, None, None, None),
        (None, None, Best.HIGHER, None),
        (0.5, 0.5, Best.HIGHER, True),
        (0.49, 0.5, Best.HIGHER, False),
        (0.5, 0.5, Best.LOWER, True),
        (0.51, 0.5, Best.LOWER, False),
        (None, 0.5, Best.LOWER, False),
    ],
)
def test_a_criterion_is_computed_and_a_missing_value_passes_none(value, threshold, best, expected):
    assert passes(value, threshold, best) is expected


def test_a_threshold_without_a_direction_is_refused():
    with pytest.raises(ValueError, match="direction"):
        passes(0.5, 0.5, None)
    with pytest.raises(ValueError, match="direction"):
        record(Benchmark.RELIABILITY, Dataset.TRAINING_MEAN, AUTOENCODER, Metric.RESPONSE_OWN, 0.5, threshold=0.1)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_a_missing_value(number):
    found = record(Benchmark.RELIABILITY, Dataset.TEST, AUTOENCODER, Metric.OOD_AUROC, number, threshold=0.95)
    assert found.value is None and found.passed is False
    assert Criterion("a", number, "s").value is None


def test_a_threshold_of_a_gain_applies_to_the_low_end():
    def gain(ci_low):
        return record(
            Benchmark.REGULONS,
            Dataset.TARGETS_TUMOURS,
            AUTOENCODER,
            Metric.TARGET_AUROC_GAIN,
            0.2,
            ci_low=ci_low,
            threshold=0.0,
            reference=PredictorId.COEXPRESSION,
        )

    assert [gain(low).passed for low in (0.01, 0.0, -0.01, None)] == [True, True, False, False]
    assert Criterion.of(gain(-0.01)).value == -0.01


def test_a_stated_outcome_that_contradicts_the_figures_is_refused():
    good = record(Benchmark.RELIABILITY, Dataset.TEST, AUTOENCODER, Metric.OOD_AUROC, 0.9, threshold=0.95)
    text = msgspec.json.encode(good)
    assert msgspec.json.decode(text, type=EvidenceRecord) == good
    with pytest.raises(msgspec.ValidationError, match="contradicts"):
        msgspec.json.decode(text.replace(b'"passed":false', b'"passed":true'), type=EvidenceRecord)
    criterion = msgspec.json.encode(Criterion.of(good))
    with pytest.raises(msgspec.ValidationError, match="contradicts"):
        msgspec.json.decode(criterion.replace(b'"passed":false', b'"passed":true'), type=Criterion)


@pytest.mark.parametrize("name", ["", "Upper", "two words", "a..b", "a:b", "µ"])
def test_the_name_of_a_criterion_is_an_id(name):
    with pytest.raises(ValueError, match="id"):
        Criterion(name, 1.0, "s")


def test_records_are_found_by_ids_alone():
    strata = [
        record(Benchmark.RELIABILITY, Dataset.TEST, AUTOENCODER, Metric.OOD_AUROC, value, stratum=stratum)
        for value, stratum in ((0.9, Stratum.LOG_OF_LOG), (0.8, Stratum.HPA_BRAIN))
    ]
    found = Records(strata)
    key = (Benchmark.RELIABILITY, Dataset.TEST, AUTOENCODER, Metric.OOD_AUROC)
    assert found.value(*key, stratum=Stratum.HPA_BRAIN) == 0.8
    assert found.value(*key) is None and found.value(*key, stratum=Stratum.GENES_MISSING) is None
    assert len(found.where(dataset=Dataset.TEST)) == 2 and not found.where(dataset=Dataset.OLDER_TEST)
    assert found.having("stratum") == [Stratum.LOG_OF_LOG, Stratum.HPA_BRAIN]
    assert [one.name for one in found] == [
        "test.autoencoder.ood_auroc.log_of_log",
        "test.autoencoder.ood_auroc.hpa_brain",
    ]


def test_a_result_holds_no_figure_twice():
    one = record(Benchmark.RELIABILITY, Dataset.TEST, AUTOENCODER, Metric.OOD_AUROC, 0.9)
    assert len(records_of([BenchmarkResult("2026-01-02", "", (one,))])) == 1
    with pytest.raises(ValueError, match=r"test\.autoencoder\.ood_auroc"):
        BenchmarkResult("2026-01-02", "", (one, one))


@pytest.mark.parametrize(
    "ids, words",
    [
        (PredictorId, labels.PREDICTORS),
        (Dataset, labels.DATASETS),
        (Stratum, labels.STRATA),
        (Metric, labels.METRICS),
    ],
)
def test_every_id_has_words_of_its_own(ids, words):
    assert set(words) == set(ids)
    assert len(set(words.values())) == len(words) and all(words.values())


def test_labels_inside_a_sentence():
    assert labels.in_sentence("Elastic net") == "elastic net" and labels.in_sentence("PCA") == "PCA"
    assert labels.predictor_label("elastic_net") == "Elastic net" and labels.predictor_label("oracle") == "oracle"


def test_bins_are_those_of_the_evaluation():
    from cellstate.evaluation.metrics import EDGES

    assert len(TPM_BINS) == len(EDGES) - 1
