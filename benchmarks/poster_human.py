"""The published network, whole, on the human bulk corpus: its curve beside PCA and the base model's network.

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.poster_human [--config poster-human-pca] [--minutes 30] [--folder DIR] [--quick]

The network of train/configs/poster-human.toml, or of another config, learns as the trainer does until its epochs or the
minutes of training are over (judging it is not counted, but in a run that continues what went before is). After some of
the epochs it reconstructs the validation data sets; at the end of a run, the test data sets, as do principal components
of the same training samples and the network of train/configs/human.toml, with the seconds that each took to fit. All
are judged on the genes of the base model: median over genes of R2 on log1p TPM, pooled and within data sets, and the
share of values within 20 % + 0.1 TPM by TPM bin.

Several learning rates (``--learning-rate``) are several runs; what is best on validation data sets is said, and nothing
is chosen on test data sets. With ``--folder`` a run that is interrupted, or whose minutes are over, continues there
(35 GB of disk). On a CPU it needs 22 GB of memory; on a GPU 24 GB of its own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.base import Predict, Sums, reconstruction, trained
from benchmarks.clock import peak_memory
from benchmarks.report import measured, show
from cellstate.evaluation.metrics import accuracy_per_bin
from cellstate.evidence import TPM_BINS, Benchmark, Criterion
from cellstate.gene_space import align
from cellstate.model.impute import impute_missing
from cellstate.perturb.predictors.linear import principal_rows
from train.callbacks import Epoch, Step, TrainerCallback, TrainingState
from train.checkpoints import FOLDER, Checkpoints
from train.config import TrainConfig, read_config
from train.data import TrainingData
from train.distributed import DistributedContext, distributed_context
from train.fit import build, read_data, training_job
from train.loop import train

#: After these epochs, and then every tenth, the validation data sets are reconstructed.
JUDGED = (0, 1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 35)


@dataclass(frozen=True, eq=False)
class Judge:
    """Samples of one split in the genes of one network, judged on the genes that all networks cover.

    Parameters
    ----------
    genes : sequence of str
        Ensembl ids.
    """

    data: TrainingData
    split: str
    genes: Sequence[str]

    def figures(self, predict: Predict) -> dict[str, float]:
        """Return the figures of a reconstruction of z, shape (S, G)."""
        space = self.data.space
        position = {ensembl: g for g, ensembl in enumerate(space.ensembl)}
        chosen = [position[ensembl] for ensembl in self.genes]
        tpm_SG = align(self.data.samples[self.split], space).tpm_SG
        z_SG = np.nan_to_num(space.standardise(tpm_SG))
        hat_SG = space.log1p_tpm(predict(impute_missing(predict, z_SG, ~np.isnan(tpm_SG))))[:, chosen]
        truth_SG = tpm_SG[:, chosen]
        datasets = self.data.tables[self.split]["series"].to_numpy(str)
        pooled, within = Sums(np.log1p(truth_SG), hat_SG, datasets).r2()
        bins = accuracy_per_bin(truth_SG, np.expm1(np.maximum(hat_SG, 0)))
        accuracy = {f"accuracy_{name}": one.accuracy or 0.0 for name, one in zip(TPM_BINS, bins, strict=True)}
        return {"r2_pooled": pooled, "r2_within": within} | accuracy


@dataclass
class Curve(TrainerCallback):
    """What a run shows: losses of every epoch, figures of some, and the time that steps took.

    Attributes
    ----------
    points : dict
        By epoch: its figures on validation data sets.
    """

    judge: Judge
    predict: Predict
    minutes: float
    is_over: bool = False
    seconds: float = 0.0
    steps: int = 0
    losses: list[Epoch] = field(default_factory=list)
    points: dict[int, dict[str, float]] = field(default_factory=dict)

    def resumed(self, state: TrainingState) -> None:
        """Take over the time and the losses of a run that continues."""
        self.seconds, self.steps, self.losses = state.seconds, state.step, list(state.history)

    def step(self, step: Step) -> None:
        """Add one step's time; ask the loop to stop where the minutes are over."""
        self.seconds += step.seconds
        self.steps = step.step
        if self.seconds > 60 * self.minutes and not self.is_over:
            # As Ctrl+C does: after the next step the loop saves a checkpoint and returns.
            self.is_over = True
            signal.raise_signal(signal.SIGINT)

    def epoch(self, epoch: Epoch) -> None:
        """Keep the losses; judge the network as it is."""
        self.losses.append(epoch)
        if epoch.epoch in JUDGED or epoch.epoch % 10 == 0:
            self.point()
        print(f"epoch {epoch.epoch}: {epoch.train_loss} {epoch.validation_loss:.4f}, "
              f"{self.seconds:.0f} s, {self.points.get(epoch.epoch, '')}", file=sys.stderr, flush=True)  # fmt: skip

    def point(self) -> None:
        """Judge the network as it is, after the newest epoch."""
        self.points[self.losses[-1].epoch] = {"seconds": self.seconds} | self.judge.figures(self.predict)


@dataclass(frozen=True, eq=False)
class Run:
    """One trained network and its curve."""

    name: str
    curve: Curve
    epochs: float
    test: dict[str, float]
    memory: int

    def criteria(self) -> list[Criterion]:
        """Return every figure of the run."""
        found = [
            measured(f"{self.name}.epochs", self.epochs),
            measured(f"{self.name}.steps", self.curve.steps),
            measured(f"{self.name}.training", self.curve.seconds, "s"),
            measured(f"{self.name}.seconds_per_step", self.curve.seconds / max(self.curve.steps, 1), "s"),
            measured(f"{self.name}.peak_memory", self.memory / 1e9, "GB"),
        ]
        for one in self.curve.losses:
            if one.train_loss is not None:
                found.append(measured(f"{self.name}.epoch_{one.epoch}.training_loss", one.train_loss))
            found.append(measured(f"{self.name}.epoch_{one.epoch}.validation_loss", one.validation_loss))
        for epoch, figures in self.curve.points.items():
            for key in ("seconds", "r2_pooled", "r2_within"):
                found.append(measured(f"{self.name}.epoch_{epoch}.{key}", figures[key]))
        return found + _of("test", self.name, self.test)


def run(
    config: TrainConfig, data: TrainingData, context: DistributedContext, genes: Sequence[str], minutes: float,
    name: str, folder: Path | None,
) -> Run:  # fmt: skip
    """Train the network of a config for some minutes at most, and judge it."""
    network = build(config, data, context)
    _, job = training_job(config, data, network)
    predict = reconstruction(network, context.device)
    curve = Curve(Judge(data, "validation", genes), predict, minutes)
    checkpoints = Checkpoints(folder / name / FOLDER, 1, context) if folder else None
    train(network, job, context, curve, checkpoints)
    # A run that was cut short is judged where it stopped.
    if curve.losses[-1].epoch not in curve.points:
        curve.point()
    test = Judge(data, "test", genes).figures(predict)
    per_epoch = -(-len(data.train.names) // config.loop.batch_size)
    return Run(name, curve, curve.steps / per_epoch, test, peak_memory(context.device))


def baselines(config: TrainConfig, data: TrainingData, widths: Sequence[int]) -> list[Criterion]:
    """Return the figures of principal components and of the base model's network."""
    found: list[Criterion] = []
    started = time.perf_counter()
    rows_PG = principal_rows(data.weighted_z_SG, max(widths))[0]
    found.append(measured("pca.fit", time.perf_counter() - started, "s"))
    predicts: dict[str, Predict] = {
        f"pca_{width}": lambda z, rows=rows_PG[:width]: (z @ rows.T) @ rows  # type: ignore[misc]
        for width in widths
    }
    started = time.perf_counter()
    predicts["base_network"] = trained(config, data)
    found.append(measured("base_network.fit", time.perf_counter() - started, "s"))
    for name, predict in predicts.items():
        for split in ("validation", "test"):
            found += _of(split, name, Judge(data, split, data.space.ensembl).figures(predict))
    return found


def _of(split: str, name: str, figures: dict[str, float]) -> list[Criterion]:
    return [measured(f"{name}.{split}.{key}", value) for key, value in figures.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="data/stores/human-bulk", help="the imported corpus")
    parser.add_argument("--config", default="poster-human", help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30, help="of training, at most, for each run")
    parser.add_argument("--epochs", type=int, help="(default: the config's)")
    parser.add_argument("--learning-rate", type=float, nargs="+", help="a run for each (default: the config's)")
    parser.add_argument("--folder", type=Path, help="where runs keep their checkpoints and continue")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the widths, two epochs; claims nothing")
    options = parser.parse_args()
    base, poster = read_config("human"), read_config(options.config)
    base = replace(base, data=replace(base.data, store=options.store))
    poster = replace(poster, data=replace(poster.data, store=options.store, in_memory=True))
    if options.epochs:
        poster = replace(poster, loop=replace(poster.loop, epochs=options.epochs, patience=options.epochs))
    if options.quick:
        hidden = tuple(width // 100 for width in poster.network.hidden)
        poster = replace(poster, network=replace(poster.network, hidden=hidden))
        poster, base = (replace(one, loop=replace(one.loop, epochs=2)) for one in (poster, base))
    rates = options.learning_rate or [poster.loop.learning_rate]
    with distributed_context(options.device) as context:
        base_data = read_data(base, context)
        genes = base_data.space.ensembl
        widths = (min(base.network.hidden), base.network.components, 1000)
        criteria = baselines(base, base_data, widths)
        del base_data
        data = read_data(poster, context)
        runs = []
        for rate in rates:
            config = replace(poster, loop=replace(poster.loop, learning_rate=rate))
            name = f"poster_rate_{rate * 1e6:g}_millionths"
            runs.append(run(config, data, context, genes, options.minutes, name, options.folder))
            criteria += runs[-1].criteria()
    best = max(runs, key=lambda one: max(point["r2_within"] for point in one.curve.points.values()))
    base_within = next(one.value for one in criteria if one.name == "base_network.validation.r2_within") or 0.0
    reached = max(point["r2_within"] for point in best.curve.points.values())
    criteria.append(measured("best_poster_less_base_network.validation.r2_within", reached - base_within))
    print(f"Best on validation data sets: {best.name}", file=sys.stderr)
    show(Benchmark.POSTER_HUMAN, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
