"""Whether a GPU gives the answers of a CPU, and what the published network costs on it: one run of at most 8 minutes.

    benchmarks/gpu_check.sh [--out FILE]
    python -m benchmarks.gpu_check --device cpu --small

Needs nothing from outside: the shipped model with the example tumours, and the published network of 1,179,408,383
parameters with random weights, which takes 5 GB of disk while it runs. ``--device cpu --small`` runs the same code on
a CPU with a small network and claims nothing. Every part is a process of its own, so that memory is its own and one
that fails leaves the others: its figures are then missing, never guessed, and the exit status is 1.

Relative errors and differences are against float32 on the CPU of the same machine, but for differences ``to_cpu``,
which are between the same precision on both. Memory is what PyTorch allocated on a GPU, and what is resident on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import engine, training
from benchmarks.clock import finished, in_a_process, median_time, peak_memory
from benchmarks.report import at_least, at_most, measured, show
from cellstate import Perturbation, load_model, predict, prepare_sample, read_samples
from cellstate.errors import CellStateError, print_error
from cellstate.evidence import Benchmark, Criterion
from cellstate.files import atomic_write, resource_path
from cellstate.model import Model, create_model
from cellstate.model.config import POSTER_WIDTHS
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.pairs import pairs
from train.distributed import DistributedContext, distributed_context

#: Seconds of the whole run; a part that does not begin before is left out.
LIMIT_S = 8 * 60 - 20
PRECISIONS = ("float32", "bfloat16", "float16")
#: Largest relative error by precision: the thresholds of `benchmarks.engine`.
MOST_ERROR = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-2}
TUMOURS, TOP = 3, 50
#: Of 50 the same on both devices, at least: the threshold that `benchmarks.engine` has for gradients and exact scores.
FEWEST_SHARED = 45
KNOCK_OUT = (Perturbation("TP53", "knock-out"),)
Figures = dict[str, float]


@dataclass(frozen=True)
class Size:
    """What is measured: the preset, training widths, samples a step, steps, and first genes of the pairs (None: all).

    Attributes
    ----------
    name : str
        Of the network in the criteria.
    """

    name: str
    preset: str
    widths: tuple[int, ...]
    batch: int
    steps: int
    rows: int | None


WHOLE = Size("poster", "poster", POSTER_WIDTHS, 64, 6, None)
SMALL = Size("small", "demo", tuple(w if w == POSTER_WIDTHS[0] else w // 100 for w in POSTER_WIDTHS), 8, 3, 400)


def error_of(found: np.ndarray, expected: np.ndarray) -> Figures:
    """Relative error and largest difference of an answer."""
    difference = found.astype(np.float64) - expected
    return {
        "error": float(np.linalg.norm(difference) / np.linalg.norm(expected)),
        "largest": float(np.abs(difference).max()),
    }


def answers(device: str, precision: str) -> Figures:
    """Answers of the shipped model to tumours: reconstruction, a knock-out, and the ranking of all knock-outs."""
    files = sorted(resource_path("data", "examples").glob("*.tsv.gz"))[:TUMOURS]
    samples = [read_samples(file) for file in files]
    places = {"expected": ("cpu", "float32"), "cpu": ("cpu", precision), "found": (device, precision)}
    given: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    top: dict[str, set[int]] = {}
    for name, (where, dtype) in places.items():
        model = load_model(device=where, dtype=dtype)
        prepared = [prepare_sample(model, one) for one in samples]
        z_SG = np.concatenate([one.z_1G for one in prepared])
        prediction = predict(prepared[0], KNOCK_OUT, predictor="autoencoder")
        # The knocked-out gene's own change is given, not predicted.
        given[name] = model.reconstruct(z_SG), prediction.log2_fold_change_G[~prediction.is_perturbed_G]
        top[name] = set(engine.rank(model, prepared[0], engine.some_goal(model))[:TOP].tolist())
    # The last of them is the device's.
    seconds = median_time(lambda: predict(prepared[0], KNOCK_OUT, predictor="autoencoder"))
    figures = {"seconds": seconds, "shared": float(len(top["found"] & top["expected"]))}
    three = zip(*(given[name] for name in ("found", "expected", "cpu")), strict=True)
    for answer, (found, expected, cpu) in zip(("z", "change"), three, strict=True):
        figures |= {f"{answer}_{key}": value for key, value in error_of(found, expected).items()}
        figures[f"{answer}_to_cpu"] = error_of(found, cpu)["largest"]
    return figures | {"peak": peak_memory(torch.device(device))}


def load(device: str, folder: str, precision: str) -> Figures:
    """Open a network with random weights, and its first and later answers to one sample."""
    there = torch.device(device)

    def opened(where: str, dtype: str) -> tuple[Model, PreparedSample]:
        model = load_model(folder, device=where, dtype=dtype)
        return model, prepare_sample(model, engine.sample())

    # Starting CUDA takes seconds and is not the model's.
    finished(there, torch.zeros(1, device=there))
    started = time.perf_counter()
    model, patient = finished(there, opened(device, precision))
    loaded = time.perf_counter() - started
    started = time.perf_counter()
    z_1G = model.reconstruct(patient.z_1G)
    first = time.perf_counter() - started
    later = median_time(lambda: model.reconstruct(patient.z_1G))
    figures = {"load": loaded, "first": first, "later": later, "peak": peak_memory(there)}
    del model
    model, patient = opened("cpu", "float32")
    return figures | error_of(z_1G, model.reconstruct(patient.z_1G))


def search(device: str, folder: str, precision: str, rows: int | None) -> Figures:
    """All pairs of one sample; the partners of one gene, on the device and on the CPU."""
    there = torch.device(device)
    model = load_model(folder, device=device, dtype=precision)
    model.check_unchanged()
    figures = engine.all_pairs(model, rows) | {"peak": peak_memory(there)}
    found: list[set[str]] = []
    for where in (model, load_model(folder, device="cpu", dtype=precision)):
        result = pairs(prepare_sample(where, engine.sample()), engine.some_goal(where), anchor=11, top=TOP)
        assert result is not None
        found.append({"-".join(sorted(pair)) for pair in zip(result.table["a"], result.table["b"], strict=True)})
    return figures | {"shared": float(len(found[0] & found[1]))}


def step(device: str, size: Size, precision: str, strategy: str) -> Figures:
    """Steps of the trainer on made-up samples."""
    with _one_rank(device, strategy) as context:
        return training.step(size.widths, precision, size.batch, size.steps, strategy=strategy, context=context)


@contextmanager
def _one_rank(device: str, strategy: str) -> Iterator[DistributedContext]:
    """Yield this process alone, for FSDP in a process group of one as torchrun makes it."""
    if strategy == "fsdp":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
        os.environ["MASTER_PORT"] = port
    with distributed_context(device) as context:
        yield context


def measure(what: str, device: str, folder: str, *, small: bool, precision: str) -> Figures:
    """One part of the run, in a process of its own."""
    size = SMALL if small else WHOLE
    if small:
        torch.set_num_threads(1)
    parts: dict[str, Callable[[], Figures]] = {
        "answers": partial(answers, device, precision),
        "load": partial(load, device, folder, precision),
        "step": partial(step, device, size, precision, "ddp"),
        "fsdp": partial(step, device, size, precision, "fsdp"),
        "pairs": partial(search, device, folder, precision, size.rows),
    }
    return parts[what]()


#: Parts with their precisions, in the order of the run: should time run out, what matters least is missing.
PARTS = (
    ("answers", "float32"),
    ("answers", "bfloat16"),
    ("answers", "float16"),
    ("load", "bfloat16"),
    ("load", "float32"),
    ("step", "bfloat16"),
    ("fsdp", "bfloat16"),
    ("pairs", "bfloat16"),
    ("step", "float32"),
    ("pairs", "float32"),
)


def criteria_of(part: str, precision: str, name: str, found: Figures) -> list[Criterion]:
    """The criteria of one part; a figure that it did not give is missing, and passes nothing.

    Parameters
    ----------
    name : str
        Of device and network, the beginning of each criterion's.
    """
    get = found.get
    most, gb = MOST_ERROR[precision], lambda key: found[key] / 1e9 if key in found else None
    name = f"{name}.{part}_{precision}"
    if part == "answers":
        return [
            at_most(f"{name}.reconstruction_relative_error", get("z_error"), "", most),
            measured(f"{name}.reconstruction_largest_difference", get("z_largest"), "SD"),
            measured(f"{name}.reconstruction_largest_difference_to_cpu", get("z_to_cpu"), "SD"),
            at_most(f"{name}.knock_out_relative_error", get("change_error"), "", most),
            measured(f"{name}.knock_out_largest_difference", get("change_largest"), "log2"),
            measured(f"{name}.knock_out_largest_difference_to_cpu", get("change_to_cpu"), "log2"),
            at_least(f"{name}.top_{TOP}_knock_outs_shared", get("shared"), "", FEWEST_SHARED)
            if precision == "float32"
            else measured(f"{name}.top_{TOP}_knock_outs_shared", get("shared")),
            measured(f"{name}.knock_out", get("seconds"), "s"),
            measured(f"{name}.peak_memory", gb("peak"), "GB"),
        ]
    if part == "load":
        return [
            measured(f"{name}.load", get("load"), "s"),
            measured(f"{name}.first_answer", get("first"), "s"),
            measured(f"{name}.one_sample", get("later"), "s"),
            at_most(f"{name}.relative_error", get("error"), "", most),
            measured(f"{name}.largest_difference", get("largest"), "SD"),
            measured(f"{name}.peak_memory", gb("peak"), "GB"),
        ]
    if part == "pairs":
        return [
            measured(f"{name}.all_pairs", get("all_pairs"), "s"),
            measured(f"{name}.n_pairs", get("n_pairs")),
            at_least(f"{name}.top_{TOP}_partners_shared_with_cpu", get("shared"), "", FEWEST_SHARED)
            if precision == "float32"
            else measured(f"{name}.top_{TOP}_partners_shared_with_cpu", get("shared")),
            measured(f"{name}.peak_memory", gb("peak"), "GB"),
        ]
    return [
        measured(f"{name}.first_step", get("first"), "s"),
        measured(f"{name}.step", get("step"), "s"),
        at_most(f"{name}.loss_relative_error", get("error"), "", most),
        measured(f"{name}.peak_memory", gb("peak"), "GB"),
    ]


def check(device: str, *, small: bool) -> tuple[list[Criterion], bool]:
    """Run every part; returns the criteria, and whether each part gave its figures."""
    size, until, whole = SMALL if small else WHOLE, time.monotonic() + LIMIT_S, True
    criteria: list[Criterion] = []
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = str(Path(temporary) / "network")
        create_model(folder, size.preset, dtype="bfloat16")
        for part, precision in PARTS:
            options = ("--measure", part, "--precision", precision, "--device", device, "--folder", folder)
            found: Figures = {}
            try:
                left = max(0.0, until - time.monotonic())
                found = in_a_process("benchmarks.gpu_check", *options, *("--small",) * small, timeout=left)
            except subprocess.SubprocessError as error:
                whole = False
                print(f"not measured: {part} in {precision} ({error})", file=sys.stderr)
            if "loss" in found and precision == "bfloat16":
                losses[part] = found["loss"]
            network = "shipped" if part == "answers" else size.name
            criteria += criteria_of(part, precision, f"{device}.{network}", found)
    apart = abs(losses["fsdp"] / losses["step"] - 1) if len(losses) == 2 else None
    criteria.append(at_most(f"{device}.{size.name}.fsdp_loss_to_plain_relative_difference", apart, "", 1e-2))
    return criteria, whole


def main(argv: list[str] | None = None) -> int:
    """Run; returns 0, 1 where a figure could not be measured, or 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="a small network; claims nothing")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"), help="JSON file (default: %(default)s)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--precision", choices=PRECISIONS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.device == "cuda" and not torch.cuda.is_available():
        return print_error(
            CellStateError(
                "This machine has no GPU that PyTorch can use, so nothing was measured and no file was written.",
                "Try the same code with --device cpu --small.",
            )
        )
    if options.measure:
        figures = measure(
            options.measure, options.device, options.folder, small=options.small, precision=options.precision
        )
        print(json.dumps(figures))
        return 0
    criteria, whole = check(options.device, small=options.small)
    if options.device == "cpu":
        print("Every figure is of the CPU: nothing was measured on a GPU.")
    line = show(Benchmark.GPU_CHECK, criteria=criteria, quick=options.small)
    with atomic_write(options.out) as partial_file:
        partial_file.write_bytes(line + b"\n")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
