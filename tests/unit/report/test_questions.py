"""The five questions about a model: verdicts and figures by the numbers of the records."""

from __future__ import annotations

import msgspec
import pytest

from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId, Stratum
from cellstate.files import resource_path
from cellstate.model import load_model
from cellstate.model.record import EvaluationRecord, ModelRecord
from cellstate.report.questions import Question, Verdict, questions
from cellstate.report.sections import sections
from tests.support.evidence_factories import evidence, record
from tests.support.golden import check_golden

P = PredictorId
REAL, OOD = Benchmark.REAL_PERTURBATIONS, Benchmark.RELIABILITY


def asked(key: str, *records: EvidenceRecord) -> Question:
    found = ModelRecord(evidence=evidence(*records, default=False))
    return next(one for one in questions(found) if one.key == key)


def reconstructing(own: float, pca: float) -> ModelRecord:
    shipped = load_model(resource_path("models", "coadread")).record.evaluation[Dataset.TEST]
    fields = {name: getattr(shipped, name) for name in shipped.__struct_fields__}
    baselines = {
        name: type(one)(**({f: getattr(one, f) for f in one.__struct_fields__} | {"r2_gene_median": value}))
        for (name, one), value in zip(
            sorted(shipped.baselines.items()),
            [0.0 if n is P.GENE_MEAN else pca for n in sorted(shipped.baselines)],
            strict=True,
        )
    }
    one = EvaluationRecord(**(fields | {"r2_gene_median": own, "baselines": baselines}))
    training = load_model(resource_path("models", "coadread")).record.training
    assert training is not None
    return ModelRecord(training=msgspec.structs.replace(training, evaluation={Dataset.TEST: one}))


@pytest.mark.parametrize("name", ["coadread", "human"])
def test_the_shipped_models(name: str) -> None:
    found = questions(load_model(resource_path("models", name)).record)
    assert [one.key for one in found] == ["patients", "unfamiliar", "regulator", "knock_outs", "sets"]
    lines = [f"## {one.title}\n{one.verdict}. {one.sentence}\n{one.rule}" for one in found]
    check_golden(f"questions_{name}", "\n\n".join(lines) + "\n")


def test_the_numbers_are_in_sections_that_exist() -> None:
    shipped = load_model(resource_path("models", "coadread")).record
    keys = {one.key for one in sections(shipped)} | {"ood"}
    assert all(set(one.sections) <= keys for one in questions(shipped))


def test_random_weights_answer_nothing() -> None:
    found = questions(ModelRecord())
    assert {one.verdict for one in found} == {Verdict.NOT_MEASURED} and not any(one.dots for one in found)


@pytest.mark.parametrize(
    "own, pca, verdict",
    [(0.62, 0.6, Verdict.YES), (0.605, 0.6, Verdict.IN_PART), (-0.1, -0.2, Verdict.NO)],
)
def test_reconstruction_is_judged_against_pca(own: float, pca: float, verdict: Verdict) -> None:
    one = questions(reconstructing(own, pca))[0]
    assert one.verdict is verdict and [dot.value for dot in one.dots if dot.is_own] == [own]


@pytest.mark.parametrize("values, verdict", [((0.99, 0.97), Verdict.YES), ((0.99, 0.9), Verdict.NO)])
def test_every_kind_of_unfamiliar_sample_counts(values: tuple[float, float], verdict: Verdict) -> None:
    kinds = (Stratum.LOG_OF_LOG, Stratum.SHUFFLED_GENES)
    records = [
        record(OOD, Dataset.TEST, P.AUTOENCODER, Metric.OOD_AUROC, value, stratum=kind, threshold=0.95)
        for value, kind in zip(values, kinds, strict=True)
    ]
    one = asked("unfamiliar", *records)
    assert one.verdict is verdict and [dot.value for dot in one.dots] == list(values)
    alarm = record(OOD, Dataset.TEST, P.AUTOENCODER, Metric.FALSE_ALARM_RATE, 0.01, threshold=0.05)
    assert asked("unfamiliar", *records, alarm).verdict is (Verdict.YES if verdict is Verdict.YES else Verdict.IN_PART)


@pytest.mark.parametrize(
    "value, low, threshold, verdict",
    [
        (0.8, 0.7, 0.72, Verdict.YES),
        (0.6, 0.52, 0.72, Verdict.IN_PART),
        (0.6, 0.52, None, Verdict.IN_PART),
        (0.6, 0.48, 0.55, Verdict.NO),
    ],
)
def test_the_regulator_must_be_above_chance_and_meet_its_criterion(
    value: float, low: float, threshold: float | None, verdict: Verdict
) -> None:
    one = asked(
        "regulator",
        record(
            REAL, Dataset.REAL_POOLED, P.AUTOENCODER, Metric.REGULATOR_PERCENTILE, value, ci_low=low, ci_high=0.9,
            threshold=threshold,
        ),
    )  # fmt: skip
    assert one.verdict is verdict and (one.dots[0].value, one.dots[0].low) == (value, low)


def test_a_method_below_a_ranking_by_variability_names_no_regulator() -> None:
    where, metric = Dataset.REAL_POOLED, Metric.REGULATOR_PERCENTILE
    own = record(REAL, where, P.AUTOENCODER, metric, 0.6, ci_low=0.55, ci_high=0.65)
    for other, verdict in ((0.66, Verdict.NO), (0.55, Verdict.IN_PART)):
        assert asked("regulator", own, record(REAL, where, P.VARIABILITY, metric, other)).verdict is verdict


@pytest.mark.parametrize("r, verdict", [(0.4, Verdict.YES), (0.1, Verdict.IN_PART), (0.01, Verdict.NO)])
def test_real_knock_outs_are_judged_by_correlation(r: float, verdict: Verdict) -> None:
    one = asked("knock_outs", record(REAL, Dataset.REAL_EXPERIMENTS, P.AUTOENCODER, Metric.PEARSON_DELTA, r))
    assert one.verdict is verdict
    # The figure of another method alone is none of the default's.
    other = record(REAL, Dataset.REAL_EXPERIMENTS, P.RIDGE, Metric.PEARSON_DELTA, r)
    assert asked("knock_outs", other).verdict is Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    "cohort, random, verdict",
    [(0.8, 0.5, Verdict.YES), (0.6, 0.5, Verdict.IN_PART), (0.5, 0.52, Verdict.NO), (0.6, None, Verdict.NO)],
)
def test_pairs_are_judged_beside_random_ones(cohort: float, random: float | None, verdict: Verdict) -> None:
    values = {P.COHORT: cohort} | ({} if random is None else {P.RANDOM: random})
    one = asked(
        "sets",
        *(
            record(Benchmark.PAIRS, Dataset.TEST, name, Metric.PAIR_SIGN_AGREEMENT_TOP1000, value)
            for name, value in values.items()
        ),
    )
    assert one.verdict is verdict
