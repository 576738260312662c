"""How fast a model opens and answers, and how much memory it takes.

    python -m benchmarks.latency [--quick]

Each model runs in a process of its own, so that resident memory is its own: the memory of the process is read before
the model is opened and after its answers, and the difference is compared with the size of the weights in use. The
weights file was written (and so is in the page cache) before, as after any first use. Times are medians of repeated
calls but for the load and the first prediction, which happen once.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.clock import in_a_process, median_time
from benchmarks.report import at_most, measured, show
from cellstate.evidence import Benchmark, Criterion
from cellstate.files import resource_path

_MEASURE = ("benchmarks.latency", "--measure")


def measure(folder: Path) -> dict[str, float]:
    """Open one model and use it as the app does; times in seconds, memory in bytes."""
    import torch

    from cellstate import Perturbation, load_model, predict, prepare_sample, read_samples
    from cellstate.gene_space import align

    samples = read_samples(sorted(resource_path("data", "examples").glob("*.tsv.gz"))[0])
    torch.nn.Linear(8, 8)(torch.zeros(1, 8))  # what torch itself allocates is not the model's
    before = resident()
    start = time.perf_counter()
    model = load_model(folder, device="cpu")
    load = time.perf_counter() - start
    z_SG = model.space.standardise(align(samples, model.space).tpm_SG)
    start = time.perf_counter()
    model.reconstruct(z_SG)
    first = time.perf_counter() - start
    perturbations = [Perturbation("TP53", "knock-out"), Perturbation("MYC", "multiply", 3)]
    forward = median_time(lambda: model.reconstruct(z_SG))
    perturbation = median_time(lambda: predict(prepare_sample(model, samples), perturbations))
    weights = sum(p.numel() * p.element_size() for p in model.network.parameters())
    used = resident() - before
    reference = np.isfinite(model.reconstruct(z_SG)).all()
    assert reference
    return {
        "load": load,
        "first": first,
        "forward": forward,
        "perturbation": perturbation,
        "resident": used,
        "weights": weights,
    }


def resident() -> int:
    """Resident memory of this process in bytes, mapped files included."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def criteria_of(name: str, figures: dict[str, float], *, poster: bool) -> list[Criterion]:
    """Turn figures into criteria; only the published network has thresholds."""
    ratio = figures["resident"] / figures["weights"]
    rows = [
        ("load", figures["load"], "s", 1.0),
        ("first_prediction", figures["first"], "s", None),
        ("one_sample", figures["forward"], "s", 1.0),
        ("perturbation_of_two_genes", figures["perturbation"], "s", None),
        ("memory_to_weights", ratio, "x", 1.15),
    ]
    criteria = [
        at_most(f"{name}.{what}", value, unit, bound)
        if poster and bound is not None
        else measured(f"{name}.{what}", value, unit)
        for what, value, unit, bound in rows
    ]
    return [*criteria, measured(f"{name}.weights", figures["weights"] / 1e9, "GB")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the demo model alone; claims nothing")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    from cellstate import load_model
    from cellstate.model import create_model

    assert load_model(device="cpu").is_trained
    criteria = criteria_of("demo", in_a_process(*_MEASURE, resource_path("models", "coadread")), poster=False)
    if not options.quick:
        for dtype in ("float32", "bfloat16"):
            with tempfile.TemporaryDirectory() as temporary:
                create_model(Path(temporary) / "poster", "poster", dtype=dtype)
                figures = in_a_process(*_MEASURE, Path(temporary) / "poster")
            criteria += criteria_of(f"poster_{dtype}", figures, poster=True)
    show(Benchmark.LATENCY, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
