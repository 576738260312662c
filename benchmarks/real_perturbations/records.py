"""The table and the evidence records of an evaluation: means over perturbed genes with bootstrap intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.real_perturbations.baselines import NO_CHANGE, REPLICATES, SAME_SYSTEM, VARIABILITY
from benchmarks.real_perturbations.data import EXPERIMENTS, POOLED, SIGNATURES, Perturbations
from benchmarks.real_perturbations.judge import (
    DIRECTION,
    DISCRIMINATION,
    MATCHED,
    METRICS,
    PEARSON,
    PERCENTILE,
    TOP5,
    by_target,
    interval,
)
from benchmarks.real_perturbations.methods import CURATED, CURATED_MEAN, PRODUCT
from benchmarks.report import measured
from cellstate.evidence import METHODS, Benchmark, Criterion, Dataset, EvidenceRecord, Metric, PredictorId

Tables = Mapping[str, pd.DataFrame]

NESTED_CHOICE = "ranking: chosen of all (nested)"
MEDIAN = "pearson (median)"
#: Methods that have an id; the others are candidates and stand in the table alone.
PREDICTORS = {PRODUCT + name: name for name in METHODS} | {
    NO_CHANGE: PredictorId.NO_CHANGE,
    VARIABILITY: PredictorId.VARIABILITY,
    CURATED: PredictorId.COLLECTRI,
    CURATED_MEAN: PredictorId.COLLECTRI_MEAN,
    SAME_SYSTEM: PredictorId.OTHER_PERTURBATIONS,
    REPLICATES: PredictorId.REPLICATES,
    NESTED_CHOICE: PredictorId.CORPUS_NESTED,
}
DATASETS = {
    EXPERIMENTS: Dataset.REAL_EXPERIMENTS,
    SIGNATURES: Dataset.GEO_SIGNATURES,
    POOLED: Dataset.REAL_POOLED,
}
METRIC_IDS = {
    PERCENTILE: Metric.REGULATOR_PERCENTILE,
    TOP5: Metric.REGULATOR_TOP_5_PERCENT,
    MATCHED: Metric.REGULATOR_PERCENTILE_MATCHED,
    PEARSON: Metric.PEARSON_DELTA,
    MEDIAN: Metric.PEARSON_DELTA_MEDIAN,
    DIRECTION: Metric.SIGN_ACCURACY_TOP100,
    DISCRIMINATION: Metric.DISCRIMINATION,
}
#: What the project aims at, of the default method: the least value.
AIMS = {
    (EXPERIMENTS, PERCENTILE): 0.72,
    (EXPERIMENTS, TOP5): 0.25,
    (SIGNATURES, PERCENTILE): 0.58,
    (SIGNATURES, TOP5): 0.15,
}
#: Differences between two methods, by gene: reference, data set, metric, id of the difference. Each should be above 0.
GAINS = (
    (CURATED, POOLED, PERCENTILE, Metric.REGULATOR_PERCENTILE_GAIN),
    (SAME_SYSTEM, EXPERIMENTS, PEARSON, Metric.PEARSON_DELTA_GAIN),
)


@dataclass(frozen=True)
class Figure:
    """Mean of a metric over the perturbed genes of a data set, or its median, with the 95 % interval."""

    method: str
    dataset: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n_genes: int


def figures(tables: Tables, data: Perturbations) -> Iterator[Figure]:
    """Yield every figure; of both data sets pooled, only what both have."""
    for name, table in tables.items():
        present = set(table["dataset"])
        for dataset in (EXPERIMENTS, SIGNATURES, POOLED):
            if dataset not in present and (dataset != POOLED or len(present) < 2):
                continue
            values = by_target(table, dataset)
            for metric in (m for m in METRICS if m in values and values[m].notna().any()):
                if dataset == POOLED and metric in (PEARSON, DISCRIMINATION):
                    continue
                yield _figure(name, dataset, metric, values[metric], data)
                if metric == PEARSON:
                    yield _figure(name, dataset, MEDIAN, values[metric], data)


def _figure(name: str, dataset: str, metric: str, value_T: pd.Series, data: Perturbations) -> Figure:
    value_T = value_T.dropna()
    statistic = np.median if metric == MEDIAN else np.mean
    low, high = interval(value_T, data.unit_of, statistic)
    return Figure(name, dataset, metric, float(statistic(value_T)), low, high, len(value_T))


def to_records(tables: Tables, data: Perturbations, default: PredictorId) -> list[EvidenceRecord]:
    """Return the records of the methods that have an id; the aims apply to the default method."""
    records = []
    for one in figures(tables, data):
        if (predictor := PREDICTORS.get(one.method)) is None:
            continue
        aim = AIMS.get((one.dataset, one.metric)) if predictor == default else None
        records.append(_record(one, predictor, METRIC_IDS[one.metric], threshold=aim))
        if one.metric in (PERCENTILE, PEARSON):
            n_genes = _record(one, predictor, Metric.N_PERTURBED_GENES, value=one.n_genes)
            if all(n_genes.key != known.key for known in records):
                records.append(n_genes)
    return [*records, *gains(tables, data, default)]


def file_criteria(tables: Tables, data: Perturbations) -> list[Criterion]:
    """Return the figures of files of effects, which have no id, as plain measurements."""
    return [
        measured("_".join(re.findall("[a-z0-9]+", f"{one.dataset} {one.method} {one.metric}".lower())), one.value)
        for one in figures(tables, data)
    ]


def gains(tables: Tables, data: Perturbations, default: PredictorId) -> Iterator[EvidenceRecord]:
    """Yield how far each method is above the references that matter, paired over the genes that both cover.

    Ranking is compared with the curated network, amounts with the mean of other perturbations of the cell system.
    """
    for reference, dataset, metric, gain in GAINS:
        if reference not in tables:
            continue
        reference_T = by_target(tables[reference], dataset)[metric]
        for name, table in tables.items():
            if name == reference or metric not in table or (predictor := PREDICTORS.get(name)) is None:
                continue
            if dataset == POOLED and table["dataset"].nunique() < 2:
                continue
            difference_T = (by_target(table, dataset)[metric] - reference_T).dropna()
            if len(difference_T):
                yield _record(
                    _figure(name, dataset, metric, difference_T, data),
                    predictor,
                    gain,
                    threshold=0.0 if predictor == default else None,
                    reference=PREDICTORS[reference],
                )


def _record(
    one: Figure,
    predictor: PredictorId,
    metric: Metric,
    *,
    value: float | None = None,
    threshold: float | None = None,
    reference: PredictorId | None = None,
) -> EvidenceRecord:
    low, high = (one.ci_low, one.ci_high) if value is None else (None, None)
    return EvidenceRecord(
        benchmark=Benchmark.REAL_PERTURBATIONS,
        dataset=DATASETS[one.dataset],
        predictor=predictor,
        metric=metric,
        value=one.value if value is None else float(value),
        ci_low=low,
        ci_high=high,
        threshold=threshold,
        reference=reference,
    )


def print_table(tables: Tables, data: Perturbations) -> None:
    """Print a row a method and data set, with 95 % intervals."""
    found: dict[tuple[str, str], dict[str, Figure]] = {}
    for one in figures(tables, data):
        found.setdefault((one.method, one.dataset), {})[one.metric] = one
    print(f"| method | data | genes | {' | '.join(METRIC_IDS)} |\n| --- | --- | --- |{' --- |' * len(METRIC_IDS)}")
    for (name, dataset), row in found.items():
        cells = [
            f"{row[m].value:.3f} [{row[m].ci_low:.3f}, {row[m].ci_high:.3f}]" if m in row else "" for m in METRIC_IDS
        ]
        print(f"| {name} | {dataset} | {max(one.n_genes for one in row.values())} | {' | '.join(cells)} |")
