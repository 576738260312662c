"""The poster's experiment on a laptop: its exact network, 35 epochs, from random weights and from PCA.

    python -m benchmarks.poster [--quick]

Needs the demo cohort (``cellstate data get coadread --out data/cohorts/coadread``), 22 GB of memory, 35 GB of disk and,
on two cores, about an hour. Interrupted, it continues. A finished run of the same config is not trained again. The
weights stay in ``runs/``, where ``cellstate ... --model runs/poster-coadread`` and the app open them.

Every predictor is judged on the demo model's genes, so that all stand before the same values.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.report import at_most, measured, show
from cellstate import load_model
from cellstate.cohorts import open_cohort
from cellstate.evaluation.metrics import accuracy_per_bin, median, r2_per_gene, r2_pooled
from cellstate.evaluation.reconstruction import evaluate
from cellstate.evidence import TPM_BINS, Benchmark, Criterion
from cellstate.files import resource_path
from cellstate.model import Model
from cellstate.model.config import POSTER_WIDTHS
from cellstate.model.folder import HISTORY
from cellstate.perturb.sample import prepare_samples
from cellstate.samples import Samples
from train.callbacks import Epoch
from train.config import TrainConfig, read_config

STARTS = {"random": "poster-coadread", "PCA": "poster-coadread-pca"}
SETS = {"test": "HiSeq", "older_test": "Illumina GA"}
MINUTES, GIGABYTES = 45, 22


@dataclass(frozen=True)
class Figures:
    """Quality on one set of patients."""

    r2_pooled: float
    r2_gene_median: float
    accuracy: list[float]


def trained(config: TrainConfig, path: Path) -> Model:
    """Return the model of a config; train it where its folder does not hold it yet."""
    folder = Path(config.output.folder)
    if not (folder / "metrics.json").exists():
        done = subprocess.run([sys.executable, "-m", "train", "fit", str(path)], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        if not (folder / "metrics.json").exists():
            sys.exit("Interrupted: run the same command again to continue.")
    return load_model(folder, device="cpu")


def judged(model: Model, samples: Samples, predictors: dict[str, str], genes: tuple[str, ...]) -> dict[str, Figures]:
    """Return the figures of some of a model's predictors, by the names that they are given here."""
    found = evaluate(prepare_samples(model, samples))
    position = {ensembl: g for g, ensembl in enumerate(model.space.ensembl)}
    chosen = [position[ensembl] for ensembl in genes]
    truth_SG = found.truth_tpm_SG[:, chosen]
    figures = {}
    for predictor, name in predictors.items():
        tpm_SG = found.predicted_tpm[predictor][:, chosen]
        pooled = r2_pooled(np.log1p(truth_SG), np.log1p(tpm_SG))
        per_gene = median(r2_per_gene(np.log1p(truth_SG), np.log1p(tpm_SG)))
        bins = [one.accuracy or 0.0 for one in accuracy_per_bin(truth_SG, tpm_SG)]
        figures[name] = Figures(pooled, per_gene or 0.0, bins)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the widths, two epochs; claims nothing")
    options = parser.parse_args()
    demo = load_model(device="cpu")
    criteria: list[Criterion] = []
    found: dict[str, dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for start, name in STARTS.items():
            path = Path(resource_path("train", "configs", f"{name}.toml"))
            config = read_config(path)
            if options.quick:
                config, path = _quick(config, path, Path(temporary))
            model = trained(config, path)
            cohort = open_cohort(config.data.cohort)
            criteria += _of_training(start, model, exact=not options.quick)
            for split, words in SETS.items():
                mine = {"autoencoder": f"poster from {start}", "pca": "PCA of its width", "gene_mean": "gene mean"}
                rows = found.setdefault(words, {})
                rows |= judged(model, cohort.split(split), mine, demo.space.ensembl)
        for split, words in SETS.items():
            ours = {"autoencoder": "demo model", "pca": "PCA of the demo model's width"}
            found[words] |= judged(demo, cohort.split(split), ours, demo.space.ensembl)
    for words, rows in found.items():
        for name, one in rows.items():
            known = ".".join(re.sub("[^a-z0-9]+", "_", part.lower()).strip("_") for part in (words, name))
            criteria.append(measured(f"{known}.r2_pooled", one.r2_pooled))
            criteria.append(measured(f"{known}.r2_gene_median", one.r2_gene_median))
            for stratum, hit in zip(TPM_BINS, one.accuracy, strict=True):
                criteria.append(measured(f"{known}.accuracy_{stratum}", hit))
    show(Benchmark.POSTER, criteria=criteria, quick=options.quick)


def _of_training(start: str, model: Model, *, exact: bool) -> list[Criterion]:
    """Time, memory and losses; on standard error one line an epoch."""
    if exact and model.config.widths != POSTER_WIDTHS:
        sys.exit(f"{model.folder} is not the published network; move it away.")
    history = [Epoch(**json.loads(line)) for line in (model.folder / HISTORY).read_text().splitlines()]
    training = model.record.training
    assert training is not None and training.peak_memory_gb is not None
    known = f"from_{start.lower().replace(' ', '_')}"
    criteria = [
        at_most(f"{known}.training", history[-1].seconds / 60, "min", MINUTES),
        at_most(f"{known}.training_and_evaluation", training.seconds / 60, "min", MINUTES),
        at_most(f"{known}.peak_memory", training.peak_memory_gb, "GB", GIGABYTES),
        measured(f"{known}.best_epoch", training.best_epoch),
        measured(f"{known}.parameters", model.config.n_parameters),
    ]
    for epoch in history:
        if epoch.train_loss is not None:
            criteria.append(measured(f"{known}.epoch_{epoch.epoch}.training_loss", epoch.train_loss))
        criteria.append(measured(f"{known}.epoch_{epoch.epoch}.validation_loss", epoch.validation_loss))
    return criteria


def _quick(config: TrainConfig, path: Path, temporary: Path) -> tuple[TrainConfig, Path]:
    """Return the same run at a hundredth of the widths, and its file."""
    folder = temporary / config.output.folder
    hidden = [width // 100 for width in config.network.hidden]
    text = path.read_text()
    changes = {
        json.dumps(list(config.network.hidden)): json.dumps(hidden),
        f"epochs = {config.loop.epochs}": "epochs = 2",
        f'"{config.output.folder}"': f'"{folder}"',
        'warm_start = "pca"': 'warm_start = "none"',
    }
    for before, after in changes.items():
        text = text.replace(before, after)
    small = temporary / path.name
    small.write_text(text)
    return replace(read_config(small), data=config.data), small


if __name__ == "__main__":
    main()
