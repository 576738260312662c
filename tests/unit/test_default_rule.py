"""The rule that makes a method the default, and that no damage to the evidence makes an excluded one the default."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.default_rule import Eligibility, check_default, choose_default, choose_ranking, predictor_evidence
from cellstate.errors import ModelError
from cellstate.evidence import METHODS, PRIOR_KNOWLEDGE, Benchmark, Dataset, Metric, PredictorId, Records, records_of
from cellstate.model.folder import default_model_folder
from cellstate.model.record import EVIDENCE, Evidence, decode
from tests.support.evidence_factories import P, record, rule_records

BOTH = {P.AUTOENCODER: 0.6, P.COEXPRESSION: 0.7, P.PCA: 0.65, P.RIDGE: 0.6, P.RIDGE_TF: 0.9}


def decided(specificity, margin_low, simulated=BOTH):
    """The default and what the rule says of each candidate that was measured."""
    found = choose_default(rule_records(specificity, margin_low, simulated))
    verdicts = {one.predictor: one.verdict for one in found.competing}
    return found.predictor, [verdicts[name] for name in specificity if name is not P.AUTOENCODER]


@pytest.mark.parametrize(
    "specificity, margin_low, simulated, expected, verdicts",
    [
        ({}, {}, {}, P.AUTOENCODER, []),
        ({P.AUTOENCODER: 0.02}, {}, BOTH, P.AUTOENCODER, []),
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06},
            {P.COEXPRESSION: 0.03},
            BOTH,
            P.COEXPRESSION,
            [Eligibility.ELIGIBLE],
        ),
        # Of several the most specific one.
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06, P.PCA: 0.07},
            {P.COEXPRESSION: 0.03, P.PCA: 0.01},
            BOTH,
            P.PCA,
            [Eligibility.ELIGIBLE, Eligibility.ELIGIBLE],
        ),
        # An interval that touches 0 is no difference; a less specific method may have a clear one.
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.07, P.PCA: 0.04},
            {P.COEXPRESSION: 0.0, P.PCA: 0.01},
            BOTH,
            P.PCA,
            [Eligibility.NOT_MORE_SPECIFIC, Eligibility.ELIGIBLE],
        ),
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06},
            {P.COEXPRESSION: 0.03},
            {P.AUTOENCODER: 0.6, P.COEXPRESSION: 0.4},
            P.AUTOENCODER,
            [Eligibility.WORSE_IN_SIMULATION],
        ),
        # As good as the autoencoder is not worse.
        (
            {P.AUTOENCODER: 0.02, P.RIDGE: 0.06},
            {P.RIDGE: 0.03},
            {P.AUTOENCODER: 0.6, P.RIDGE: 0.6},
            P.RIDGE,
            [Eligibility.ELIGIBLE],
        ),
        ({P.AUTOENCODER: 0.02, P.RIDGE_TF: 0.5}, {P.RIDGE_TF: 0.4}, BOTH, P.AUTOENCODER, [Eligibility.PRIOR_KNOWLEDGE]),
        # Missing evidence disqualifies: the candidate's simulation, its interval, its figure; the autoencoder's own.
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06},
            {P.COEXPRESSION: 0.03},
            {P.AUTOENCODER: 0.6},
            P.AUTOENCODER,
            [Eligibility.MISSING_EVIDENCE],
        ),
        ({P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06}, {}, BOTH, P.AUTOENCODER, [Eligibility.MISSING_EVIDENCE]),
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: None},
            {P.COEXPRESSION: 0.03},
            BOTH,
            P.AUTOENCODER,
            [Eligibility.MISSING_EVIDENCE],
        ),
        ({P.COEXPRESSION: 0.06}, {P.COEXPRESSION: 0.03}, BOTH, P.AUTOENCODER, [Eligibility.MISSING_EVIDENCE]),
        (
            {P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06},
            {P.COEXPRESSION: 0.03},
            {P.COEXPRESSION: 0.7},
            P.AUTOENCODER,
            [Eligibility.MISSING_EVIDENCE],
        ),
    ],
)
def test_the_rule(specificity, margin_low, simulated, expected, verdicts):
    assert decided(specificity, margin_low, simulated) == (expected, verdicts)


def test_a_method_that_the_folder_does_not_hold_is_out():
    records = rule_records({P.AUTOENCODER: 0.02, P.PCA: 0.06}, {P.PCA: 0.03}, BOTH)
    found = choose_default(records, [P.AUTOENCODER])
    assert found.predictor is P.AUTOENCODER
    assert {one.verdict for one in found.competing[1:]} == {Eligibility.NOT_IN_FOLDER}


def test_the_decision_carries_its_figures():
    found = choose_default(rule_records({P.AUTOENCODER: 0.02, P.PCA: 0.06}, {P.PCA: 0.03}, BOTH))
    reason = found.reason
    assert (reason.metric, reason.dataset) == (Metric.TARGET_SPECIFICITY, Dataset.TARGETS_MODEL)
    assert (reason.value, reason.reference_value, reason.margin_ci_low, reason.threshold) == (0.06, 0.02, 0.03, 0)
    assert [one.predictor for one in found.competing] == list(METHODS)


def test_a_recorded_default_that_the_records_contradict_is_refused():
    records = rule_records({P.AUTOENCODER: 0.02, P.PCA: 0.06}, {P.PCA: 0.03}, BOTH)
    check_default(choose_default(records), records)
    with pytest.raises(ValueError, match="default_predictor"):
        check_default(msgspec.structs.replace(choose_default(records), predictor=P.COEXPRESSION), records)
    with pytest.raises(ValueError, match="default_predictor"):
        check_default(choose_default(records), Records(records[1:]))


def ranking_records(percentiles):
    """Percentiles of the perturbed gene, in experiments and in signatures, by method."""
    where = (Dataset.REAL_EXPERIMENTS, Dataset.GEO_SIGNATURES)
    return Records(
        record(Benchmark.REAL_PERTURBATIONS, dataset, name, Metric.REGULATOR_PERCENTILE, value)
        for name, values in percentiles.items()
        for dataset, value in zip(where, values, strict=True)
    )


@pytest.mark.parametrize(
    "percentiles, held, expected",
    [
        ({}, METHODS, P.ELASTIC_NET),
        ({P.RIDGE: (0.7, 0.6), P.PCA: (0.64, 0.64)}, METHODS, P.RIDGE),
        ({P.RIDGE: (0.7, 0.6), P.PCA: (0.9, None)}, METHODS, P.RIDGE),
        ({P.RIDGE: (0.6, 0.6), P.RIDGE_TF: (0.9, 0.9), P.COLLECTRI: (0.9, 0.9)}, METHODS, P.RIDGE),
        ({P.RIDGE: (0.6, 0.6), P.PCA: (0.9, 0.9)}, (P.AUTOENCODER, P.RIDGE), P.RIDGE),
    ],
)
def test_what_ranks_regulators(percentiles, held, expected):
    assert choose_ranking(ranking_records(percentiles), P.ELASTIC_NET, held) is expected


def test_a_method_that_came_later_contradicts_no_record():
    records = rule_records({P.AUTOENCODER: 0.02, P.COEXPRESSION: 0.06}, {P.COEXPRESSION: 0.03}, BOTH)
    known = tuple(name for name in METHODS if name is not P.WHITENED_COEXPRESSION)
    found = choose_default(records, known, known)
    check_default(found, records)
    without_reference = msgspec.structs.replace(found, competing=found.competing[1:])
    with pytest.raises(ValueError, match="contradicts"):
        check_default(without_reference, records)


@pytest.fixture(scope="module")
def shipped_text():
    return (default_model_folder() / EVIDENCE).read_text()


def test_the_shipped_model_is_decided_by_the_rule(shipped_text):
    found = decode(shipped_text.encode(), Evidence, EVIDENCE)
    assert found.default_predictor is not None
    assert found.default_predictor.predictor is P.ELASTIC_NET
    assert choose_default(records_of(found.results.values())) == found.default_predictor


def allowed(records: Records) -> set[PredictorId]:
    """What may be the default, worked out again from the plain figures."""
    figures = {name: predictor_evidence(records)[name] for name in METHODS}
    own = figures[P.AUTOENCODER]
    found = {P.AUTOENCODER}
    for name, one in figures.items():
        known = (one.target_specificity, one.margin_ci_low, one.simulated_pearson_delta)
        if name in PRIOR_KNOWLEDGE or None in (*known, own.target_specificity, own.simulated_pearson_delta):
            continue
        assert one.margin_ci_low is not None and one.simulated_pearson_delta is not None
        assert own.simulated_pearson_delta is not None
        if one.margin_ci_low > 0 and one.simulated_pearson_delta >= own.simulated_pearson_delta:
            found.add(name)
    return found


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from([*PredictorId, *Metric, *Dataset]).map(str),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


@given(data=st.data())
def test_no_damage_to_a_folder_makes_an_excluded_method_the_default(shipped_text, data):
    """Rename, drop or corrupt records, or any entry of the file: it is one sentence, or the default obeys the rule."""
    document = json.loads(shipped_text)
    for _ in range(data.draw(st.integers(1, 3))):
        place = document
        if data.draw(st.booleans()):
            # The figures that decide are few among many.
            decisive = [
                one
                for name in ("regulons", "simulated")
                for one in document.get("results", {}).get(name, {}).get("records", [])
                if isinstance(one, dict) and one.get("metric") in ("target_specificity", "target_specificity_gain")
            ]
            if decisive:
                place = data.draw(st.sampled_from(decisive))
        while isinstance(place, (dict, list)) and place:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], (dict, list)) and place[key] and data.draw(st.integers(0, 9)):
                place = place[key]
                continue
            if data.draw(st.booleans()):
                del place[key]
            else:
                place[key] = data.draw(LEAVES)
            break
    keep_default = data.draw(st.booleans())
    if not keep_default and isinstance(document, dict):
        document.pop("default_predictor", None)
    try:
        found = decode(json.dumps(document).encode(), Evidence, EVIDENCE)
    except ModelError as error:
        assert error.message.startswith("evidence.json is damaged") and error.message.endswith(".")
        assert "\n" not in error.message and error.hint
        return
    records = records_of(found.results.values())
    assert choose_default(records).predictor in allowed(records)
    if found.default_predictor is not None:
        assert found.default_predictor.predictor in allowed(records)
