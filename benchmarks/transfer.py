"""Does a base model help a small cohort? Adapted, from scratch, and PCA, on patients of another platform.

    python -m benchmarks.transfer [--quick]

The base is the shipped model, trained on HiSeq patients. 20 or 60 of the 227 Illumina GA patients, whose platform lacks
3,024 genes, represent a laboratory's own cohort: four fifths for training, one fifth for early stopping. All others are
the test. Draws of patients differ by their seed alone. Every predictor is evaluated on the same genes, by the median R2
of a gene. The settings were fixed before the test patients were looked at: fine-tuning as in
train/configs/finetune.toml, from scratch as in train/configs/coadread.toml and from random weights.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import measured, show
from cellstate import load_model
from cellstate.cohorts import Cohort, open_cohort
from cellstate.evaluation.metrics import median, r2_per_gene
from cellstate.evidence import Benchmark
from cellstate.files import resource_path
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.impute import impute_missing
from cellstate.perturb.predictors.linear import load_components
from cellstate.samples import Samples
from train.callbacks import ProgressDisplay
from train.config import DataConfig, LoopConfig, NetworkConfig, OutputConfig, TrainConfig
from train.distributed import DistributedContext
from train.finetune import BaseConfig, FinetuneConfig, finetune
from train.fit import fit

SIZES, SEEDS = (20, 60), range(5)
ALONE, SILENT = DistributedContext(0, 1, torch.device("cpu")), ProgressDisplay(visible=False)
LOOP = LoopConfig(epochs=30, batch_size=16, learning_rate=1e-4, warmup_steps=10, patience=5)


def drawn(source: Cohort, n: int, seed: int, folder: Path) -> Cohort:
    """Store a cohort of n older patients to adapt with, all the others to test on."""
    older = np.flatnonzero((source.table["split"] == "older_test").to_numpy())
    order = np.random.default_rng(seed).permutation(older)
    own, rest = order[:n], order[n:]
    split = {"train": own[n // 5 :], "validation": own[: n // 5], "test": rest}
    rows = np.concatenate(list(split.values()))
    folder.mkdir(parents=True)
    np.save(folder / "tpm.npy", source.tpm_SA[rows])
    names = np.repeat(list(split), [len(part) for part in split.values()])
    table = source.table.iloc[rows].assign(split=names)
    table.to_csv(folder / "samples.tsv", sep="\t", index=False)
    manifest = source.manifest | {"splits": {s: len(part) for s, part in split.items()}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_cohort(folder)


def predictors(
    base: Model, cohort: Cohort, work: Path, *, quick: bool = False
) -> dict[str, Callable[[Samples], tuple[Model, np.ndarray]]]:
    """Train every method (a quick run: two of them); each then reconstructs samples, in log1p TPM."""
    data, own = DataConfig(cohort=str(cohort.path)), cohort.table["split"].eq("train").sum()
    width = min(base.config.n_latent, int(own))

    def adapted(standardise: str, **chosen: object) -> Model:
        folder = work / f"adapted-{standardise}-{len(chosen)}"
        begun = BaseConfig(str(base.folder), "adapted", standardise, layer_decay=0.8, **chosen)  # type: ignore[arg-type]
        finetune(FinetuneConfig(begun, data, LOOP, output=OutputConfig(str(folder))), ALONE, SILENT)
        return load_model(folder, device="cpu")

    def scratch(warm_start: str) -> Model:
        folder = work / f"scratch-{warm_start}"
        hidden = (80, width, 80)
        network = NetworkConfig("scratch", hidden, "gelu", warm_start, residual=warm_start != "none")
        loop = replace(LOOP, freeze_linear=True) if warm_start != "none" else replace(LOOP, learning_rate=1e-3)
        fit(TrainConfig(data, network, loop, output=OutputConfig(str(folder))), ALONE, SILENT)
        return load_model(folder, device="cpu")

    made = {"adapted, mean and SD: shrunk": adapted("shrunk"), "from scratch, robust start": scratch("robust")}
    if not quick:
        made |= {f"adapted, mean and SD: {how}": adapted(how) for how in ("own", "base")}
        made["adapted, only the last layer"] = adapted("shrunk", learn="last")
        made["from scratch, random start"] = scratch("none")
    found: dict[str, Callable[[Samples], tuple[Model, np.ndarray]]] = {
        name: lambda samples, model=model: (model, reconstructed(model, model.reconstruct, samples))  # type: ignore[misc]
        for name, model in made.items()
    }
    of_own = made["from scratch, robust start"]
    for name, model in (("PCA of these patients", of_own), ("PCA of the base's patients", base)):
        known = load_components(model)
        assert known is not None
        project = known.reconstruct
        found[name] = lambda s, model=model, project=project: (model, reconstructed(model, project, s))  # type: ignore[misc]
    found["base, not adapted"] = lambda samples: (base, reconstructed(base, base.reconstruct, samples))
    found["mean of these patients"] = lambda samples: (of_own, reconstructed(of_own, np.zeros_like, samples))
    return found


def reconstructed(model: Model, predict: Callable[[np.ndarray], np.ndarray], samples: Samples) -> np.ndarray:
    """Return samples as a predictor reconstructs them, in log1p TPM, shape (S, G)."""
    aligned = align(samples, model.space)
    z_SG = impute_missing(predict, model.space.standardise(aligned.tpm_SG), aligned.measured_SG)
    return model.space.log1p_tpm(predict(z_SG))


def judged(found: dict[str, Callable[[Samples], tuple[Model, np.ndarray]]], test: Samples) -> dict[str, float]:
    """Return the median per-gene R2 of every method, on the genes that all cover and the patients measure."""
    answers = {name: predict(test) for name, predict in found.items()}
    genes = set.intersection(*(set(model.space.ensembl) for model, _ in answers.values()))
    figures = {}
    for name, (model, log1p_SG) in answers.items():
        chosen = [g for g, ensembl in enumerate(model.space.ensembl) if ensembl in genes]
        truth_SG = np.log1p(align(test, model.space).tpm_SG)[:, chosen]
        figures[name] = median(r2_per_gene(truth_SG, log1p_SG[:, chosen])) or 0.0
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one draw of 20 patients; claims nothing")
    options = parser.parse_args()
    base = load_model(device="cpu")
    source = open_cohort(resource_path("data", "cohorts", "coadread"))
    sizes, seeds = ((20,), range(1)) if options.quick else (SIZES, SEEDS)
    criteria = []
    for n in sizes:
        runs: list[dict[str, float]] = []
        for seed in seeds:
            with tempfile.TemporaryDirectory() as temporary:
                cohort = drawn(source, n, seed, Path(temporary) / "cohort")
                methods = predictors(base, cohort, Path(temporary), quick=options.quick)
                runs.append(judged(methods, cohort.split("test")))
        for name in runs[0]:
            values = [run[name] for run in runs]
            known = f"patients_{n}.{re.sub('[^a-z0-9]+', '_', name.lower())}"
            for which, value in (("mean", statistics.mean(values)), ("lowest", min(values)), ("highest", max(values))):
                criteria.append(measured(f"{known}.{which}", value, "median R2 per gene"))
        best = max(runs[0], key=lambda name: statistics.mean(run[name] for run in runs))
        print(f"With {n} patients the best is: {best}.")
    show(Benchmark.TRANSFER, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
