"""Real gene perturbations: which method finds the perturbed gene, and which predicts the measured change?

    python -m benchmarks.real_perturbations [--quick] [--data DIR] [--cache DIR] [--effects FILE ...] [--model DIR]

``DIR`` of ``--data`` is the folder of shared data (default: the environment variable CELLSTATE_SHARED_DATA, else
../shared/data): perturbation_benchmark/, corpus/ and reference/. Nothing of it is part of the project. ``--effects``
evaluates a file that ``cellstate effects`` or any other program wrote. ``--cache`` keeps the corpus's components and
each method's table; with ``--resume`` an interrupted run continues. A whole run takes 5 to 9 minutes on two cores.

Per method, averaged by perturbed gene: the percentile of that gene among the expressed transcription factors and
perturbed genes (0.5 is chance), the share in the top 5 %, and the percentile among the 100 candidates that vary as
much over the corpus (over the model's training samples with ``--quick``). Experimenters choose genes that vary, so
without this a ranking by variability alone looks good. Then Pearson of predicted and measured change over expressed
genes (experiments alone: signatures are lists), the direction of the 100 most changed genes, and discrimination: the
share of other genes' measured changes that a prediction resembles less than its own (0.5 is chance). The perturbed
gene's own change never counts. Intervals are bootstraps over perturbed genes; genes that share control samples are
drawn together. ``nested`` methods learn or choose from these data, and predict each gene without it and without the
genes that share its controls.

The records are about the methods of the model folder and their references. The table also shows the candidates that
are no part of the product.
"""

from __future__ import annotations

import argparse
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
    by_target,
    fuse_ranks,
    judge_effects,
    judge_method,
    retrieval,
    score_experiments,
    score_signatures,
)
from benchmarks.real_perturbations.methods import (
    CURATED,
    CURATED_MEAN,
    PRODUCT,
    Learned,
    choose_nested,
    cosine_effects,
    curated_effects,
    judge_curated_mean,
    product_methods,
)
from benchmarks.real_perturbations.records import NESTED_CHOICE, file_criteria, print_table, to_records
from benchmarks.report import show
from cellstate import load_model
from cellstate.errors import CellStateError, print_error
from cellstate.evidence import Benchmark
from cellstate.files import atomic_write, resource_path
from cellstate.model import Model
from cellstate.model.folder import weights_sha256

#: Bands of components whose weights are learned: the first component of each.
BANDS = (0, 5, 20, 60, 150, 300, 450, 600)
#: Widths and whitening among which a nested run chooses.
WIDTHS, CELL_WIDTHS, WHITENED = (100, 300, 450, 600), (60, 120), (0.5, 1.0)
TRANSFERS = (
    Transfer("mean of other perturbations by similarity of the control", control=10),
    Transfer("changes of similar genes", likeness=1, ridge=1),
)

Make = Callable[[], pd.DataFrame]
#: Components of the whole corpus, and of its cells.
Corpora = tuple[CorpusComponents, CorpusComponents]


class Evaluation:
    """Evaluates methods one after the other, prints each result at once and keeps its table in a folder.

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
        self.tables: dict[str, pd.DataFrame] = {}
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
        print(_line(name, table), file=sys.stderr, flush=True)
        return table


def run(evaluate: Evaluation, folder: Path, model: Model, files: list[Path], corpora: Corpora | None) -> None:
    """Evaluate every method; without the components of the corpus (all, and of cells), what needs them is left out."""
    data = evaluate.data
    for path in files:
        evaluate(path.name, partial(_judge_file, path, data))
    curated = curated_effects(needed(folder / "reference" / "collectri.csv.gz"), data)
    evaluate(CURATED, lambda: judge_effects(curated, data))
    evaluate(CURATED_MEAN, lambda: judge_curated_mean(curated, data))
    product = product_methods(model, data)
    for method in product:
        evaluate(method.name, partial(judge_method, method, data))
    for name, make in baselines.BASELINES.items():
        evaluate(name, partial(make, data))
    if corpora:
        _run_corpus(evaluate, *corpora, {m.name: m.found for m in product})


def _run_corpus(
    evaluate: Evaluation, found: CorpusComponents, in_cells: CorpusComponents, product: dict[str, Effects]
) -> None:
    data = evaluate.data
    unit_G = found.sd_G / np.log(2)
    evaluate(baselines.VARIABILITY, lambda: baselines.judge_variability(data, found.symbols, unit_G))
    # With every component at its own variance, the cosine of gene vectors is the correlation of genes.
    n_all = len(found.variance_P)
    evaluate(
        "corpus: correlation, data sets centred",
        partial(_judge_cosine, found, data, n_all, 0),
    )
    grid = {}
    for source, components, widths in (("corpus", found, WIDTHS), ("cells", in_cells, CELL_WIDTHS)):
        for whitened, width in product_of(WHITENED, widths):
            name = f"{source}: cosine, {width} components, whitened {whitened:g}"
            grid[name] = evaluate(name, partial(_judge_cosine, components, data, width, whitened))
    _judge_choice(evaluate, "cosine, components chosen (nested)", grid, PERCENTILE)
    wide, narrow = (cosine_effects(one, data.candidates, width) for one, width in ((found, 450), (in_cells, 60)))
    sparse, ridge = product[f"{PRODUCT}elastic_net"], product[f"{PRODUCT}ridge"]
    fusions = {
        "corpus 450 + elastic net": (wide, sparse),
        "corpus 450 + ridge": (wide, ridge),
        "corpus 450 + cells 60": (wide, narrow),
        "corpus 450 + elastic net + ridge": (wide, sparse, ridge),
        "corpus 450 + cells 60 + ridge": (wide, narrow, ridge),
        "corpus 450 + cells 60 + elastic net + ridge": (wide, narrow, sparse, ridge),
    }
    for name, parts in fusions.items():
        grid[name] = evaluate(f"fusion: {name}", partial(_judge_fusion, parts, data))
    grid |= {name: evaluate.tables[name] for name in product}
    _judge_choice(evaluate, NESTED_CHOICE, grid, PERCENTILE)
    everything = (wide, narrow, sparse, ridge)
    evaluate("rank fusion: corpus 450 + cells 60 + elastic net + ridge", partial(_rank_fusion, everything, data))
    bands = tuple(cosine_effects(found, data.candidates, end - start, first=start) for start, end in pairwise(BANDS))
    for name, parts in {"bands of components": bands, "corpus 450, cells 60, elastic net, ridge": everything}.items():
        method = Learned(f"weights: {name} (nested)", data, parts)
        evaluate(method.name, partial(judge_method, method, data))
    transfers = {baselines.EVERY_SYSTEM: evaluate.tables[baselines.EVERY_SYSTEM]}
    for transfer in TRANSFERS:
        transfers[transfer.name] = evaluate(
            f"amounts: {transfer.name} (nested)", partial(judge_transfer, transfer, data, wide)
        )
    columns = ["item", "target", PEARSON, DIRECTION, DISCRIMINATION, "dataset"]
    amounts = transfers | {name: evaluate.tables[name].query("dataset == 'experiments'")[columns] for name in product}
    _judge_choice(evaluate, "amounts: chosen (nested)", amounts, PEARSON)


def _judge_choice(evaluate: Evaluation, name: str, tables: dict[str, pd.DataFrame], metric: str) -> None:
    table, counts = choose_nested(tables, evaluate.data, metric)
    print(f"{name}: {counts}", file=sys.stderr)
    evaluate(name, lambda: table)


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


def _line(name: str, table: pd.DataFrame) -> str:
    parts = []
    for dataset in dict.fromkeys((*table["dataset"], POOLED)):
        values = by_target(table, dataset)
        if len(values):
            shown = ", ".join(f"{m} {values[m].mean():.3f}" for m in METRICS if m in values and values[m].notna().any())
            parts.append(f"{dataset} ({len(values)}): {shown}")
    return f"{name}\n    " + "\n    ".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="the model's methods and the baselines alone; claims nothing"
    )
    parser.add_argument("--data", type=Path, help="folder of shared data")
    parser.add_argument(
        "--cache",
        type=Path,
        default=resource_path("artifacts", Benchmark.REAL_PERTURBATIONS),
        help="folder of prepared matrices",
    )
    parser.add_argument("--resume", action="store_true", help="use what an earlier run left in the cache")
    parser.add_argument(
        "--effects", type=Path, nargs="*", default=[], metavar="FILE", help="npz files of effects to evaluate"
    )
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped model)")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        folder = shared_folder(options.data)
        model = load_model(options.model, device="cpu")
        data = read_perturbations(folder / "perturbation_benchmark")
        corpora: Corpora | None = None
        symbols, sd_G = model.space.symbols, model.space.scale_G
        if not options.quick:
            whole, cells = (corpus_components(folder / "corpus", options.cache, cells=cells) for cells in (False, True))
            corpora = whole, cells
            symbols, sd_G = corpora[0].symbols, corpora[0].sd_G
        data = replace(data, spread=dict(zip(symbols, sd_G.tolist(), strict=True)))
        kind = f"{weights_sha256(model.folder)[:12]}{'-quick' if options.quick else ''}"
        evaluate = Evaluation(data, options.cache / f"tables-{kind}", resume=options.resume)
        run(evaluate, folder, model, options.effects, corpora)
    except CellStateError as error:
        return print_error(error)
    print_table(evaluate.tables, data)
    print(f"\n{time.perf_counter() - start:.0f} s\n")
    records = to_records(evaluate.tables, data, model.record.default_predictor)
    criteria = file_criteria({path.name: evaluate.tables[path.name] for path in options.effects}, data)
    show(Benchmark.REAL_PERTURBATIONS, records=records, criteria=criteria, quick=options.quick, model=model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
