"""Evidence for tests: the figures that the rule looks at, and records of a simple kind."""

from __future__ import annotations

from typing import Any

from cellstate.default_rule import choose_default
from cellstate.evidence import (
    METHODS,
    Benchmark,
    BenchmarkResult,
    Dataset,
    EvidenceRecord,
    Metric,
    PredictorId,
    Records,
    records_of,
)
from cellstate.model.record import Evidence

P = PredictorId


def record(
    benchmark: Benchmark,
    dataset: Dataset,
    predictor: PredictorId | None,
    metric: Metric,
    value: float | None,
    **more: Any,
) -> EvidenceRecord:
    """Return a record."""
    return EvidenceRecord(benchmark=benchmark, dataset=dataset, predictor=predictor, metric=metric, value=value, **more)


def rule_records(
    specificity: dict[PredictorId, float | None],
    margin_low: dict[PredictorId, float | None],
    simulated: dict[PredictorId, float | None],
) -> Records:
    """Return the records that the rule looks at."""
    where, own, gain = Dataset.TARGETS_MODEL, Metric.TARGET_SPECIFICITY, Metric.TARGET_SPECIFICITY_GAIN
    return Records(
        [
            *(record(Benchmark.REGULONS, where, name, own, value) for name, value in specificity.items()),
            *(
                record(Benchmark.REGULONS, where, name, gain, None, ci_low=low, reference=P.AUTOENCODER)
                for name, low in margin_low.items()
            ),
            *(
                record(Benchmark.SIMULATED, Dataset.SIMULATION, name, Metric.PEARSON_DELTA, value)
                for name, value in simulated.items()
            ),
        ]
    )


def evidence(*records: EvidenceRecord, default: bool = True, held: tuple[PredictorId, ...] = METHODS) -> Evidence:
    """Return the evidence of a folder, with the default method by the rule."""
    results = {
        benchmark: BenchmarkResult("2026-01-02", "a machine", tuple(r for r in records if r.benchmark is benchmark))
        for benchmark in dict.fromkeys(r.benchmark for r in records)
    }
    return Evidence(results, choose_default(records_of(results.values()), held) if default else None)


def favouring(name: PredictorId) -> Evidence:
    """Return evidence by which one method is the default."""
    return evidence(*rule_records({P.AUTOENCODER: 0.02, name: 0.06}, {name: 0.03}, {P.AUTOENCODER: 0.6, name: 0.7}))
