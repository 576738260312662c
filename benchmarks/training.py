"""How fast training is: the loader against raw reads, the poster network's step against the machine.

    python -m benchmarks.training [--quick]

Needs 22 GB of memory; the network runs in a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.clock import REPEATS, in_a_process, median_time, peak_memory
from benchmarks.report import at_least, at_most, measured, show
from cellstate.evidence import Benchmark
from cellstate.gene_space import GeneSpace
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model.config import POSTER_WIDTHS, ModelConfig
from cellstate.model.network import AutoEncoder, initialise
from train.batches import ArraySource, StoreSource, batches, mapped
from train.callbacks import Epoch, Step, TrainerCallback
from train.config import LoopConfig, RunConfig
from train.distributed import DistributedContext
from train.loop import TrainingJob, train
from train.store import COLUMNS, open_store, write_store

ALONE = DistributedContext(0, 1, torch.device("cpu"))
BATCH = 64


def loader(n: int) -> dict[str, float]:
    """Samples a second: rows of a memory map in random order, and the batches of an epoch on their way to a network."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = [f"S{i}" for i in range(n)]
        table = pd.DataFrame({"sample": names, "series": names, "split": "train", "source": "random"})
        table = table.reindex(columns=list(COLUMNS))
        block = rng.gamma(0.5, 2.0, (1024, N_AXIS)).astype(np.float16)
        starts = range(0, n, 1024)
        write_store(folder, (np.roll(block, i, axis=1)[: n - i] for i in starts), table, {})
        store = open_store(folder)
        unit_A = np.ones(N_AXIS, np.float32)
        space = GeneSpace(gene_axis().ensembl, 0 * unit_A, unit_A, unit_A.astype(np.float64))
        source = StoreSource(
            mapped(store.log1p_SA), np.arange(n), np.ones(n, np.float32), space, np.full(n, N_AXIS), names
        )
        order = rng.permutation(n)

        def raw() -> None:
            for start in range(0, n, BATCH):
                store.log1p_SA[order[start : start + BATCH]]

        def load() -> None:
            for _ in batches(source, N_AXIS, LoopConfig(batch_size=BATCH), 1, ALONE):
                pass

        # By turns, so that a slow moment of the machine meets both.
        times = [(median_time(raw, 1), median_time(load, 1)) for _ in range(REPEATS)]
        one = source.fetch(order[:BATCH])
        return {
            "raw": n / statistics.median(t for t, _ in times),
            "loader": n / statistics.median(t for _, t in times),
            "ratio": statistics.median(r / t for r, t in times),
            "standardise": BATCH / median_time(lambda: source.z(one)),
        }


def step(
    widths: tuple[int, ...],
    precision: str,
    batch: int,
    n_steps: int,
    *,
    strategy: str = "ddp",
    context: DistributedContext = ALONE,
) -> dict[str, float]:
    """Whole steps of a network as the trainer takes them: time, most memory, first loss, and its error.

    The error is that of the loss before the first step, against float32 on a CPU, as a share of it.
    """
    network = AutoEncoder(ModelConfig("poster", widths))
    initialise(network, 0)
    z_SG = np.random.default_rng(0).standard_normal((batch * n_steps, widths[0])).astype(np.float32)
    names = [f"S{i}" for i in range(len(z_SG))]
    with torch.inference_mode():
        z_1G = torch.from_numpy(z_SG[:1])
        expected = float(torch.nn.functional.mse_loss(network(z_1G), z_1G))
    taken: list[Step] = []
    epochs: list[Epoch] = []

    class Clock(TrainerCallback):
        def step(self, step: Step) -> None:
            taken.append(step)

        def epoch(self, epoch: Epoch) -> None:
            epochs.append(epoch)

    job = TrainingJob(
        ArraySource(z_SG, names), ArraySource(z_SG[:1], names[:1]),
        LoopConfig(epochs=1, batch_size=batch, keep="best"), RunConfig(precision=precision, strategy=strategy),
    )  # fmt: skip
    train(network, job, context, Clock())
    # The first step also makes the moments.
    return {
        "step": statistics.median(step.seconds for step in taken[1:]),
        "first": taken[0].seconds,
        "loss": taken[0].loss,
        "error": abs(epochs[0].validation_loss / expected - 1),
        "peak": peak_memory(context.device),
    }


def passes(widths: tuple[int, ...], precision: str, batch: int, repeats: int) -> dict[str, float]:
    """Forward and backward of a network, as a share of the machine's matrix-product rate in the same precision."""
    network = AutoEncoder(ModelConfig("poster", widths))
    initialise(network, 0)
    z = torch.randn(batch, widths[0])
    low = precision == "bfloat16"

    def both() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            output = network(z).float()
        ((output - z) ** 2).mean().backward()
        network.zero_grad(set_to_none=True)

    dtype = torch.bfloat16 if low else torch.float32
    # In the shape of the largest inner layer, as the rate that a network could at best reach.
    left, right = torch.randn(batch, widths[1]).to(dtype), torch.randn(widths[2], widths[1]).to(dtype)
    rates, times = [], []
    for _ in range(repeats):
        rates.append(2 * left.numel() * len(right) / median_time(lambda: torch.nn.functional.linear(left, right), 3))
        times.append(median_time(both, 1))
    first = widths[0] * widths[1]
    weights = sum(a * b for a, b in itertools.pairwise(widths))
    # Forward, gradient of the weights, gradient of the inputs of every layer but the first; two operations each.
    operations = 2 * batch * (3 * weights - first)
    rate = statistics.median(rates)
    seconds = statistics.median(times)
    return {"seconds": seconds, "rate": rate, "share": operations / seconds / rate}


def _apart(what: str, *arguments: object) -> dict[str, float]:
    return in_a_process("benchmarks.training", "--measure", json.dumps([what, *arguments]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the widths; claims nothing")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, widths, *rest = json.loads(options.measure)
        measures: dict[str, Callable[..., dict[str, float]]] = {"step": step, "passes": passes}
        print(json.dumps(measures[what](tuple(widths), *rest)))
        return
    widths, n = POSTER_WIDTHS, 20_000
    if options.quick:
        widths, n = tuple(width // 100 for width in widths), 500
    read = loader(n)
    criteria = [
        at_least("loader_to_raw_rows", read["ratio"], "x", 0.8),
        measured("loader", read["loader"], "samples/s"),
        measured("raw_rows", read["raw"], "samples/s"),
        measured("standardise", read["standardise"], "samples/s"),
    ]
    for precision in ("float32", "bfloat16"):
        whole = _apart("step", widths, precision, BATCH, 4)
        criteria += [
            measured(f"poster_{precision}.step_batch_{BATCH}", whole["step"], "s"),
            at_most(f"poster_{precision}.step_batch_{BATCH}_peak_memory", whole["peak"] / 1e9, "GB", 22),
            at_least(
                f"poster_{precision}.loader_to_step",
                read["loader"] * whole["step"] / BATCH,
                "x",
                20,
            ),
        ]
        for batch in (BATCH, 256):
            both = _apart("passes", widths, precision, batch, 3)
            name = f"poster_{precision}.forward_backward_batch_{batch}"
            criteria += [
                at_least(f"{name}_share_of_matmul_rate", both["share"], "", 0.7),
                measured(name, both["seconds"], "s"),
                measured(f"poster_{precision}.matmul_batch_{batch}", both["rate"] / 1e9, "GFLOP/s"),
            ]
    show(Benchmark.TRAINING, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
