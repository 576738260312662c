"""Real gene perturbations: which method finds the true regulator, and which predicts the measured change?

    python -m benchmarks.real_perturbations [--quick] [--data DIR] [--cache DIR] [--effects FILE ...] [--model DIR]

``DIR`` of ``--data`` is the folder of shared data (default: the environment variable CELLSTATE_SHARED_DATA, else
../shared/data): perturbation_benchmark/, corpus/ and reference/. Nothing of it is part of the project. ``--effects``
judges a file that ``cellstate effects`` or any outside method wrote. ``--cache`` keeps the corpus's
components and each method's table; with ``--resume`` an interrupted run goes on from there.

Per method, by target gene: the percentile of the true regulator among the expressed transcription factors and targets
(0.5 is chance), the share in the top 5 %, and the percentile among the 100 candidates that vary as much as the target
in the model's training samples: experimenters choose genes that vary, so a ranking by variability alone looks good
without this. Then Pearson of predicted and measured change over expressed genes (of experiments alone: signatures are
lists), the direction of the 100 most changed genes, and discrimination: the share of other targets' measured changes
that the prediction resembles less than its own (0.5 is chance). The target's own change never counts. Intervals are
bootstraps over targets; targets that share control samples are drawn together.
``nested`` methods learn or choose from the benchmark's own targets, and report each target without having seen it or
any target that shares its controls.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from itertools import product as product_of
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real_perturbations import baselines
from benchmarks.real_perturbations.amounts import Transfer, judge_transfer
from benchmarks.real_perturbations.corpus import CorpusComponents, corpus_components
from benchmarks.real_perturbations.data import (
    EXPERIMENTS,
    POOLED,
    SIGNATURES,
    Perturbations,
    needed,
    read_perturbations,
    shared_folder,
)
from benchmarks.real_perturbations.effects import Effects, fuse, read_effects
from benchmarks.real_perturbations.judge import (
    DIRECTION,
    DISCRIMINATION,
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
from cellstate.files import atomic_write
from cellstate.model import Model
from cellstate.resources import resource_path

NAME = "real_perturbations"
#: Bands of components whose weights are learned: the first component of each.
BANDS = (0, 5, 20, 60, 150, 300, 450, 600)
#: Widths and whitening among which a nested run chooses.
WIDTHS, CELL_WIDTHS, WHITENED = (100, 300, 450, 600), (60, 120), (0.5, 1.0)
TRANSFERS = (
    Transfer("mean of other perturbations by likeness of the control", control=10),
    Transfer("changes of like genes", likeness=1, ridge=1),
)
#: What the project aims at: (dataset, metric, least value), of the method that ranks regulators.
AIMS = (
    (EXPERIMENTS, PERCENTILE, 0.72),
    (EXPERIMENTS, TOP5, 0.25),
    (SIGNATURES, PERCENTILE, 0.58),
    (SIGNATURES, TOP5, 0.15),
)

ABOVE_CURATED, ABOVE_MEAN = "percentile less CollecTRI's", "pearson less that of the cell system's mean"

Tables = dict[str, pd.DataFrame]
Make = Callable[[], pd.DataFrame]


class Judging:
    """Judges methods one after the other, tells each result at once and keeps its table in a folder.

    Parameters
    ----------
    data : Perturbations
    folder : path
        Folder of the tables; made where it is missing.
    resume : bool
        Whether tables of an earlier run are taken as they are.
    """

    def __init__(self, data: Perturbations, folder: Path, *, resume: bool) -> None:
        self.data, self.folder, self.resume = data, folder, resume
        self.tables: Tables = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, make: Make) -> pd.DataFrame:
        """Return the table of a method, and keep it."""
        path = self.folder / f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.csv"
        if self.resume and path.exists():
            table = pd.read_csv(path)
        else:
            table = make()
            with atomic_write(path) as draft:
                table.to_csv(draft, index=False)
        self.tables[name] = table
        print(_line(name, table, self.data), file=sys.stderr, flush=True)
        return table


def run(judge: Judging, folder: Path, cache: Path, model: Model, files: list[Path], *, quick: bool) -> None:
    """Judge every method; a quick run leaves out what needs the corpus."""
    data = judge.data
    for path in files:
        judge(path.name, partial(_judge_file, path, data))
    curated = needed(folder / "reference" / "collectri.csv.gz")
    judge(CURATED, lambda: judge_effects(curated_effects(curated, data), data))
    product = product_methods(model, data)
    for method in product:
        judge(method.name, partial(judge_method, method, data))
    for name, make in baselines.BASELINES.items():
        judge(name, partial(make, data))
    if not quick:
        found, in_cells = (corpus_components(folder / "corpus", cache, cells=cells) for cells in (False, True))
        _run_corpus(judge, found, in_cells, {m.name: m.found for m in product})


def _run_corpus(
    judge: Judging, found: CorpusComponents, in_cells: CorpusComponents, product: dict[str, Effects]
) -> None:
    data = judge.data
    unit_G = found.sd_G / np.log(2)
    judge(baselines.VARIABILITY, lambda: baselines.judge_variability(data, found.symbols, unit_G))
    # With every component at its own variance, the cosine of gene vectors is the correlation of genes.
    n_all = len(found.variance_P)
    judge(
        "corpus: correlation, data sets centred",
        partial(_judge_cosine, found, data, n_all, 0),
    )
    grid = {}
    for source, components, widths in (("corpus", found, WIDTHS), ("cells", in_cells, CELL_WIDTHS)):
        for whitened, width in product_of(WHITENED, widths):
            name = f"{source}: cosine, {width} components, whitened {whitened:g}"
            grid[name] = judge(name, partial(_judge_cosine, components, data, width, whitened))
    _judge_choice(judge, "cosine, components chosen (nested)", grid, PERCENTILE)
    wide, narrow = (cosine_effects(one, data.candidates, width) for one, width in ((found, 450), (in_cells, 60)))
    sparse, ridge = product["product: elastic_net"], product["product: ridge"]
    fusions = {
        "corpus 450 + elastic net": (wide, sparse),
        "corpus 450 + ridge": (wide, ridge),
        "corpus 450 + cells 60": (wide, narrow),
        "corpus 450 + elastic net + ridge": (wide, sparse, ridge),
        "corpus 450 + cells 60 + ridge": (wide, narrow, ridge),
        "corpus 450 + cells 60 + elastic net + ridge": (wide, narrow, sparse, ridge),
    }
    for name, parts in fusions.items():
        grid[name] = judge(f"fusion: {name}", partial(_judge_fusion, parts, data))
    grid |= {name: judge.tables[name] for name in product}
    _judge_choice(judge, "ranking: chosen of all (nested)", grid, PERCENTILE)
    everything = (wide, narrow, sparse, ridge)
    judge("rank fusion: corpus 450 + cells 60 + elastic net + ridge", partial(_rank_fusion, everything, data))
    bands = tuple(cosine_effects(found, data.candidates, end - start, first=start) for start, end in pairwise(BANDS))
    for name, parts in {"bands of components": bands, "corpus 450, cells 60, elastic net, ridge": everything}.items():
        method = Learned(f"weights: {name} (nested)", data, parts)
        judge(method.name, partial(judge_method, method, data))
    transfers = {baselines.EVERY_SYSTEM: judge.tables[baselines.EVERY_SYSTEM]}
    for transfer in TRANSFERS:
        transfers[transfer.name] = judge(
            f"amounts: {transfer.name} (nested)", partial(judge_transfer, transfer, data, wide)
        )
    said = ["item", "target", PEARSON, DIRECTION, DISCRIMINATION, "dataset"]
    amounts = transfers | {name: judge.tables[name].query("dataset == 'experiments'")[said] for name in product}
    _judge_choice(judge, "amounts: chosen (nested)", amounts, PEARSON)


def _judge_choice(judge: Judging, name: str, tables: Tables, metric: str) -> None:
    table, counts = choose_nested(tables, judge.data, metric)
    print(f"{name}: {counts}", file=sys.stderr)
    judge(name, lambda: table)


def _judge_file(path: Path, data: Perturbations) -> pd.DataFrame:
    return judge_effects(read_effects(path), data)


def _judge_cosine(found: CorpusComponents, data: Perturbations, width: int, whitened: float) -> pd.DataFrame:
    return judge_effects(cosine_effects(found, data.candidates, width, whitened), data)


def _judge_fusion(parts: tuple[Effects, ...], data: Perturbations) -> pd.DataFrame:
    return judge_effects(fuse(*parts), data)


def _rank_fusion(parts: tuple[Effects, ...], data: Perturbations) -> pd.DataFrame:
    by_experiment = [score_experiments(part, data, data.recommended) for part in parts]
    # A part that knows too few genes of a signature does not score it: the others' scores of it are dropped.
    names = [{item.name for item in score_signatures(part, data, data.signatures).items} for part in parts]
    common = [item for item in data.signatures if item.name in set.intersection(*names)]
    by_signature = [score_signatures(part, data, common) for part in parts]
    found = {EXPERIMENTS: by_experiment, SIGNATURES: by_signature}
    tables = [retrieval(fuse_ranks(scores), data.spread).assign(dataset=dataset) for dataset, scores in found.items()]
    # Mean ranks of one measured change are no measure of another.
    return pd.concat(tables, ignore_index=True).drop(columns=DISCRIMINATION)


def records_of(tables: Tables, data: Perturbations) -> list[dict]:
    """Return one record a method, data set and metric: mean over targets (for Pearson, the median as well)."""
    records = []
    for name, table in tables.items():
        for dataset in (EXPERIMENTS, SIGNATURES, POOLED):
            known = set(table["dataset"])
            if dataset not in known and not (dataset == POOLED and len(known) > 1):
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
    """Return how far each method is above the baselines that matter, paired over the targets that both cover.

    Retrieval is compared with the curated network, amounts with the mean of other perturbations of the cell system.
    """
    records = []
    for baseline, dataset, metric, label in (
        (CURATED, POOLED, PERCENTILE, ABOVE_CURATED),
        (baselines.SAME_SYSTEM, EXPERIMENTS, PEARSON, ABOVE_MEAN),
    ):
        known = by_target(tables[baseline], dataset)[metric]
        for name, table in tables.items():
            if name == baseline or metric not in table:
                continue
            difference_T = (by_target(table, dataset)[metric] - known).dropna()
            if len(difference_T):
                low, high = interval(difference_T, data.unit_of)
                record = _record(name, dataset, label, float(difference_T.mean()), low, high)
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


def judge_aims(records: list[dict], ranks: str, amounts: str, *, quick: bool) -> list[dict]:
    """Hold one method that ranks regulators and one that predicts amounts against the aims; a quick run claims nothing.

    The records of these figures get the threshold too.
    """
    aims = [(ranks, dataset, metric, "value", least) for dataset, metric, least in AIMS]
    aims += [(ranks, POOLED, ABOVE_CURATED, "ci_low", 0.0), (amounts, EXPERIMENTS, ABOVE_MEAN, "value", 0.0)]
    criteria = []
    for name, dataset, metric, field, least in aims:
        key = (name, dataset, metric)
        record = next((r for r in records if (r["predictor"], r["dataset"], r["metric"]) == key), None)
        if record is None:
            continue
        threshold, passed = (None, None) if quick else (f"{field} >= {least:g}", record[field] >= least)
        record["threshold"], record["passed"] = threshold, passed
        title = f"{name}: {metric}, {dataset}"
        criteria.append({"name": title, "value": record[field], "unit": "", "threshold": threshold, "passed": passed})
    return criteria


def _line(name: str, table: pd.DataFrame, data: Perturbations) -> str:
    parts = []
    for dataset in dict.fromkeys((*table["dataset"], POOLED)):
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
    parser.add_argument(
        "--cache", type=Path, default=resource_path("artifacts", NAME), help="folder of prepared matrices"
    )
    parser.add_argument("--resume", action="store_true", help="take what an earlier run left in the cache")
    parser.add_argument(
        "--effects", type=Path, nargs="*", default=[], metavar="FILE", help="npz files of effects to judge"
    )
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped demo model)")
    parser.add_argument("--ranks", default="product: elastic_net", help="method of the ranking's aims")
    parser.add_argument("--amounts", default="product: elastic_net", help="method of the amounts' aim")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        folder = shared_folder(options.data)
        model = load_model(options.model, device="cpu")
        spread = dict(zip(model.space.symbols, model.space.scale_G.tolist(), strict=True))
        data = replace(read_perturbations(folder / "perturbation_benchmark"), spread=spread)
        judge = Judging(data, options.cache / "tables", resume=options.resume)
        run(judge, folder, options.cache, model, options.effects, quick=options.quick)
    except CellStateError as error:
        return print_error(error)
    records = records_of(judge.tables, data) + differences(judge.tables, data)
    criteria = judge_aims(records, options.ranks, options.amounts, quick=options.quick)
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
