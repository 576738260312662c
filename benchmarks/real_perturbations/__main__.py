"""Real gene perturbations: which method finds the true regulator, and which predicts the measured change?

    python -m benchmarks.real_perturbations [--quick] [--data DIR] [--cache DIR] [--effects FILE ...] [--model DIR]

``DIR`` of ``--data`` is the folder of shared data (default: the environment variable CELLSTATE_SHARED_DATA, else
../shared/data): perturbation_benchmark/, corpus/ and reference/. Nothing of it is part of the project. ``--effects``
judges a file that ``cellstate effects`` or any outside method wrote. ``--cache`` keeps the corpus's components.

Per method, by target gene: the percentile of the true regulator among the expressed transcription factors and targets
(0.5 is chance), the share in the top 5 %, Pearson of predicted and measured change over expressed genes (Pearson is
about experiments alone: signatures are lists), the direction of the 100 most changed genes, and discrimination: the
share of other targets' measured changes that the prediction resembles less than its own (0.5 is chance). The target's
own change never counts. Intervals are bootstraps over targets; targets that share control samples are drawn together.
``nested`` methods learn or choose from the benchmark's own targets, and report each target without having seen it or
any target that shares its controls.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real_perturbations import baselines
from benchmarks.real_perturbations.amounts import Transfer, judge_transfer
from benchmarks.real_perturbations.corpus import corpus_components
from benchmarks.real_perturbations.data import (
    EXPERIMENTS,
    POOLED,
    SIGNATURES,
    Perturbations,
    needed,
    read_perturbations,
    shared_folder,
)
from benchmarks.real_perturbations.effects import fuse, read_effects
from benchmarks.real_perturbations.judge import (
    METRICS,
    PEARSON,
    PERCENTILE,
    TOP5,
    by_target,
    fuse_ranks,
    interval,
    judge_effects,
    judge_method,
    retrieval,
    score_experiments,
    score_signatures,
)
from benchmarks.real_perturbations.methods import (
    CURATED,
    Learned,
    choose_nested,
    cosine_effects,
    curated_effects,
    product_methods,
)
from benchmarks.report import machine
from cellstate import load_model
from cellstate.errors import CellStateError, print_error
from cellstate.paths import shipped

NAME = "real_perturbations"
#: Bands of components whose weights are learned: the first component of each.
BANDS = (0, 5, 20, 60, 150, 300, 450, 600)
#: Widths and whitening among which a nested run chooses.
WIDTHS, WHITENED = (100, 200, 300, 450, 600), (0.5, 0.75, 1.0)
TRANSFERS = (
    Transfer("mean of other perturbations by likeness of the control", control=10),
    Transfer("the same, more local", control=30),
    Transfer("changes of like genes", control=0, likeness=1, ridge=1),
    Transfer("changes of like genes by likeness of the control", control=10, likeness=1, ridge=1),
)
#: What the project aims at: (dataset, metric, least value), of the method that ranks regulators.
AIMS = (
    (EXPERIMENTS, PERCENTILE, 0.72),
    (EXPERIMENTS, TOP5, 0.25),
    (SIGNATURES, PERCENTILE, 0.58),
    (SIGNATURES, TOP5, 0.15),
)

Tables = dict[str, pd.DataFrame]


def run(
    folder: Path, cache: Path, model_folder: Path | None, files: list[Path], *, quick: bool
) -> tuple[Perturbations, Tables]:
    """Judge every method; returns the data and one table a method, in the order of judging."""
    data = read_perturbations(folder / "perturbation_benchmark")
    tables: Tables = {}
    for name, table in _judged(data, folder, cache, model_folder, files, quick=quick):
        tables[name] = table
        print(_line(name, table, data), file=sys.stderr, flush=True)
    return data, tables


def _judged(
    data: Perturbations, folder: Path, cache: Path, model_folder: Path | None, files: list[Path], *, quick: bool
) -> Iterator[tuple[str, pd.DataFrame]]:
    for path in files:
        yield path.name, judge_effects(read_effects(path), data)
    yield CURATED, judge_effects(curated_effects(needed(folder / "reference" / "collectri.csv.gz"), data), data)
    product = product_methods(load_model(model_folder, device="cpu"), data)
    for method in product:
        yield method.name, judge_method(method, data)
    yield from baselines.judge_baselines(data).items()
    if quick:
        return
    found = corpus_components(folder / "corpus", cache)
    unit_G = found.sd_G / np.log(2)
    yield baselines.VARIABILITY, baselines.judge_variability(data, found.symbols, unit_G)
    correlation = cosine_effects(found, data.candidates, len(found.variance_P), 0)
    yield "corpus: correlation, data sets centred", judge_effects(correlation, data)
    grid = {}
    for whitened in WHITENED:
        for width in WIDTHS:
            name = f"corpus: cosine, {width} components, whitened {whitened:g}"
            grid[name] = judge_effects(cosine_effects(found, data.candidates, width, whitened), data)
            yield name, grid[name]
    chosen, counts = choose_nested(grid, data, PERCENTILE)
    print(f"nested choice of components: {counts}", file=sys.stderr)
    yield "corpus: cosine, components chosen (nested)", chosen
    cosine = cosine_effects(found, data.candidates, 300)
    by_name = {method.name: method.found for method in product}
    sparse, ridge = by_name["product: elastic_net"], by_name["product: ridge"]
    fused = {
        "fusion: cosine 300 + elastic net": (cosine, sparse),
        "fusion: cosine 300 + ridge": (cosine, ridge),
        "fusion: cosine 300 + elastic net + ridge": (cosine, sparse, ridge),
    }
    for name, parts in fused.items():
        fused_table = judge_effects(fuse(*parts), data)
        yield name, fused_table
        yield f"rank {name}", _rank_fusion(parts, data)
    bands = tuple(cosine_effects(found, data.candidates, end - start, first=start) for start, end in pairwise(BANDS))
    yield from _learned("learned: bands of components (nested)", bands, data)
    yield from _learned("learned: bands + elastic net + ridge (nested)", (*bands, sparse, ridge), data)
    yield from _learned("learned: cosine 300, elastic net, ridge (nested)", (cosine, sparse, ridge), data)
    transfers = {method.name: judge_transfer(method, data, cosine) for method in TRANSFERS}
    for name, table in transfers.items():
        yield f"amounts: {name} (nested)", table
    yield "amounts: chosen (nested)", choose_nested(transfers, data, PEARSON)[0]


def _learned(name: str, parts: tuple, data: Perturbations) -> Iterator[tuple[str, pd.DataFrame]]:
    method = Learned(name, data, parts)
    print(f"{name}: weights on all targets {method.weights(frozenset()).round(3).tolist()}", file=sys.stderr)
    yield name, judge_method(method, data)


def _rank_fusion(parts: tuple, data: Perturbations) -> pd.DataFrame:
    tables = []
    for dataset, score, items in (
        (EXPERIMENTS, score_experiments, data.recommended),
        (SIGNATURES, score_signatures, data.signatures),
    ):
        scores = [score(part, data, items) for part in parts]
        common = set.intersection(*({item.name for item in one.items} for one in scores))
        kept = [score(part, data, [item for item in items if item.name in common]) for part in parts]
        tables.append(retrieval(fuse_ranks(kept)).assign(dataset=dataset))
    return pd.concat(tables, ignore_index=True).drop(columns="discrimination")


def records_of(tables: Tables, data: Perturbations) -> list[dict]:
    """Return one record a method, data set and metric: mean over targets (for Pearson, the median as well)."""
    records = []
    for name, table in tables.items():
        for dataset in (EXPERIMENTS, SIGNATURES, POOLED):
            if dataset != POOLED and dataset not in set(table["dataset"]):
                continue
            values = by_target(table, dataset)
            for metric in (m for m in METRICS if m in values and values[m].notna().any()):
                found = [(metric, np.mean)] + ([(f"{metric} (median)", np.median)] if metric == PEARSON else [])
                for label, statistic in found:
                    value_T = values[metric].dropna()
                    low, high = interval(value_T, data.unit_of, statistic)
                    records.append(
                        _record(name, dataset, label, float(statistic(value_T)), low, high)
                        | {"n_targets": len(value_T)}
                    )
    return records


def differences(tables: Tables, data: Perturbations) -> list[dict]:
    """Return how far each method is above the curated network, paired over the targets that both cover."""
    records, curated = [], by_target(tables[CURATED], POOLED)
    for name, table in tables.items():
        if name == CURATED or PERCENTILE not in table:
            continue
        values = by_target(table, POOLED)
        difference_T = (values[PERCENTILE] - curated[PERCENTILE]).dropna()
        if len(difference_T):
            low, high = interval(difference_T, data.unit_of)
            record = _record(name, POOLED, "percentile less CollecTRI's", float(difference_T.mean()), low, high)
            records.append(record | {"n_targets": len(difference_T)})
    return records


def _record(name: str, dataset: str, metric: str, value: float, low: float, high: float) -> dict:
    return {
        "benchmark": NAME,
        "dataset": dataset,
        "predictor": name,
        "metric": metric,
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "threshold": None,
        "passed": None,
    }


def judge_aims(records: list[dict], ranks: str, *, quick: bool) -> list[dict]:
    """Compare the method that ranks regulators with the project's aims; a quick run claims nothing."""
    criteria = []
    for dataset, metric, least in AIMS:
        key = (ranks, dataset, metric)
        record = next((r for r in records if (r["predictor"], r["dataset"], r["metric"]) == key), None)
        if record is not None:
            passed = None if quick else record["value"] >= least
            record["threshold"], record["passed"] = (None, None) if quick else (f">= {least:g}", passed)
            criteria.append(
                {
                    "name": f"{ranks}: {metric}, {dataset}",
                    "value": record["value"],
                    "unit": "",
                    "threshold": None if quick else f">= {least:g}",
                    "passed": passed,
                }
            )
    return criteria


def _line(name: str, table: pd.DataFrame, data: Perturbations) -> str:
    parts = []
    for dataset in (EXPERIMENTS, SIGNATURES, POOLED):
        values = by_target(table, dataset)
        if len(values):
            shown = ", ".join(f"{m} {values[m].mean():.3f}" for m in METRICS if m in values and values[m].notna().any())
            parts.append(f"{dataset} ({len(values)}): {shown}")
    return f"{name}\n    " + "\n    ".join(parts)


def print_table(records: list[dict]) -> None:
    """Print a row a method and data set, with 95 % intervals."""
    labels = list(dict.fromkeys(r["metric"] for r in records))
    print("| method | data | targets | " + " | ".join(labels) + " |\n| --- | --- | --- |" + " --- |" * len(labels))
    for name, dataset in dict.fromkeys((r["predictor"], r["dataset"]) for r in records):
        rows = {r["metric"]: r for r in records if (r["predictor"], r["dataset"]) == (name, dataset)}
        cells = [
            f"{rows[m]['value']:.3f} [{rows[m]['ci_low']:.3f}, {rows[m]['ci_high']:.3f}]" if m in rows else ""
            for m in labels
        ]
        print(f"| {name} | {dataset} | {max(r['n_targets'] for r in rows.values())} | {' | '.join(cells)} |")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="the product's predictors and the baselines; claims nothing"
    )
    parser.add_argument("--data", type=Path, help="folder of shared data")
    parser.add_argument("--cache", type=Path, default=shipped("artifacts", NAME), help="folder of prepared matrices")
    parser.add_argument(
        "--effects", type=Path, nargs="*", default=[], metavar="FILE", help="npz files of effects to judge"
    )
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped demo model)")
    parser.add_argument("--ranks", default="product: elastic_net", help="method that is held to the aims")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        data, tables = run(
            shared_folder(options.data), options.cache, options.model, options.effects, quick=options.quick
        )
    except CellStateError as error:
        return print_error(error)
    records = records_of(tables, data) + differences(tables, data)
    criteria = judge_aims(records, options.ranks, quick=options.quick)
    print_table(records)
    print(f"\n{time.perf_counter() - start:.0f} s")
    print(
        json.dumps(
            {"benchmark": NAME, "machine": machine(), "quick": options.quick, "records": records, "criteria": criteria}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
