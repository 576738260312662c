"""What the perturbation engine costs and how exact it is, beside the naive method measured in the same run.

    python -m benchmarks.engine [--quick] [--skip-all-pairs]

The published network (``poster``, 1,179,408,383 parameters) with random weights and with weights that start as a PCA,
in float32 and bfloat16, each in a process of its own, all pairs in another; those that ``python -m benchmarks.poster``
trained, where they are there; then the shipped demo model. The sample is synthetic and has every gene above 0, so that
every perturbation counts; the goal is a random set of 200 genes. The naive method runs every perturbed profile through
the whole network in batches: it is timed on a slice and multiplied. Times are medians of repeated calls; long runs are
timed once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks import engine_ranking
from benchmarks.clock import in_a_process, median_time, peak_resident
from benchmarks.report import at_least, at_most, measured, show
from cellstate import load_model
from cellstate.evidence import Benchmark, Criterion
from cellstate.files import resource_path
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model, create_model, save_model
from cellstate.model.config import preset
from cellstate.model.folder import WEIGHTS
from cellstate.model.network import AutoEncoder
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.predictors.propagate import base_pass, hidden_change, propagate
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.goal import Goal, gene_set_goal
from cellstate.perturb.search.pair_sweep import ROWS
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.samples import Samples
from train.warm_start import pca_map, warm_start

#: Rows of the transcription factors of Lambert et al. (2018).
TF_ROWS = 1_639
GB = 1e9
KO = Perturbation.pattern("ko")
_MEASURE = ("benchmarks.engine", "--measure")


def sample() -> Samples:
    """One made-up profile in which every gene is expressed."""
    tpm = np.exp(np.random.default_rng(1).normal(1.5, 1.8, N_AXIS))
    return Samples(("made up",), (tpm / tpm.sum() * 1e6).astype(np.float32)[None], np.array([3e7]))


def some_goal(model: Model) -> Goal:
    """A random set of 200 genes, up."""
    chosen = np.random.default_rng(2).choice(len(model.space), 200, replace=False)
    return gene_set_goal(model.space, {model.space.ensembl[g]: 1 for g in chosen}, spec="random", label="200 genes")


def once(call: Callable[[], object]) -> float:
    """Time of one call in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def matmul_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of torch's matrix product, in the shape of the largest inner layer."""
    rows, inputs, outputs = ROWS, 20_000, 8_000
    left, right = torch.randn(rows, inputs).to(dtype), torch.randn(outputs, inputs).to(dtype)
    return 2 * rows * inputs * outputs / median_time(lambda: torch.nn.functional.linear(left, right))


def naive_second_per_perturbation(
    model: Model, z_1G: np.ndarray, delta_G: np.ndarray, n: int = 256, batch: int = 128
) -> float:
    """Time of one perturbed profile through the whole network, in batches."""
    z = model.tensor(z_1G)
    goal = torch.zeros(len(delta_G), dtype=model.dtype)

    def run() -> None:
        with torch.inference_mode():
            before = model.network(z) @ goal
            for start in range(0, n, batch):
                perturbed = z.repeat(batch, 1)
                perturbed[torch.arange(batch), torch.arange(start, start + batch)] += model.tensor(
                    delta_G[start : start + batch]
                )
                _ = model.network(perturbed) @ goal - before

    return median_time(run, 2) / n


def rank(model: Model, patient: PreparedSample, goal: Goal) -> np.ndarray:
    """Rank all single perturbations by score, the best 200 exactly, as the naive method does: without p-values."""
    engine, genes = AutoencoderScorer(patient, goal), np.arange(len(model.space))
    delta_G = candidate_changes(KO, patient, genes)
    score_G = delta_G * engine.first_order(delta_G)
    best = np.argsort(-score_G)[:200]
    score_G[best] = engine.scores(best[:, None], delta_G[best, None])
    return np.argsort(-score_G)


def measure(folder: Path) -> dict[str, float]:
    """Everything about one set of weights; times in seconds, memory in bytes."""
    model, samples = load_model(folder, device="cpu"), sample()
    weights = sum(p.numel() * p.element_size() for p in model.network.parameters())
    goal, patient = some_goal(model), prepare_sample(model, samples)
    everything = np.arange(len(model.space))
    found: dict[str, float] = {"weights": weights, "matmul": matmul_rate(model.dtype)}

    engine = AutoencoderScorer(patient, goal)
    delta_G = candidate_changes(KO, patient, everything)
    z = torch.from_numpy(patient.z_1G)
    genes, delta = torch.tensor([7]), torch.from_numpy(delta_G[7:8])[:, None]
    with torch.inference_mode():
        base = base_pass(model.network, z)
        found["forward"] = median_time(lambda: model.network(z.to(model.dtype)), 15)
        found["base"] = median_time(lambda: base_pass(model.network, z), 15)
        found["score_alone"] = median_time(lambda: engine.scores(genes[:, None].numpy(), delta.numpy()), 15)
        found["full_output"] = median_time(lambda: propagate(model.network, base, genes, delta), 15)
    found["naive_perturbation"] = naive_second_per_perturbation(model, patient.z_1G, delta_G)
    found["ranking"] = median_time(lambda: rank(model, patient, goal), 5)
    found["screen"] = median_time(lambda: screen(prepare_sample(model, samples), goal, predictor="autoencoder"), 3)
    found["anchor"] = median_time(lambda: pairs(prepare_sample(model, samples), goal, anchor=11), 3)
    rows = np.sort(np.random.default_rng(3).choice(everything, min(TF_ROWS, len(everything)), replace=False))
    found["tf_rows"] = once(lambda: pairs(prepare_sample(model, samples), goal, genes=rows))
    found["resident_rows"] = peak_resident()
    return found | exactness(model, patient, engine, delta_G)


def all_pairs(model: Model, rows: int | None = None) -> dict[str, float]:
    """Time of all pairs of one sample in seconds, that of the sweep without exact scores, and how many pairs there are.

    ``rows`` bounds the first genes of the pairs.
    """
    samples, goal = sample(), some_goal(model)
    marks: list[float] = []
    started = time.perf_counter()
    result = pairs(
        prepare_sample(model, samples),
        goal,
        genes=None if rows is None else np.arange(rows),
        progress=lambda done, total, what: marks.append(time.perf_counter()) if done == total else None,
    )
    found = {"all_pairs": time.perf_counter() - started, "all_sweep": marks[0] - started}
    return found | {"n_pairs": result.n_pairs if result else 0}


def measure_all_pairs(folder: Path) -> dict[str, float]:
    """All pairs of one sample, in a process that does nothing else before, so that its memory is theirs."""
    model = load_model(folder, device="cpu")
    found = all_pairs(model)
    # Before the machine's rate is measured: the matrices of that are not the engine's.
    found["resident"] = peak_resident()
    found["matmul_after"] = matmul_rate(model.dtype)
    per_row = 2 * sum(model.network.weight(i).numel() for i in range(1, len(model.network.layers) - 1))
    return found | {"flop_row": 2 * (per_row + model.network.weight(0).numel())}


def exactness(
    model: Model, patient: PreparedSample, engine: AutoencoderScorer, delta_G: np.ndarray, n: int = 16
) -> dict[str, float]:
    """Relative error of predicted changes and of interactions, against float64 and float32 of the same weights."""
    genes = torch.arange(0, n * 1_000, 1_000)[:, None]
    delta = torch.from_numpy(delta_G)[genes[:, 0]][:, None]
    z = torch.from_numpy(patient.z_1G)
    perturbed = z.repeat(n, 1)
    perturbed[torch.arange(n), genes[:, 0]] += delta[:, 0]
    with torch.inference_mode():
        truth = float64_pass(model.network, perturbed) - float64_pass(model.network, z)
        base = base_pass(model.network, z)
        found = propagate(model.network, base, genes, delta).double()
        naive = model.network(perturbed.to(model.dtype)).double() - model.network(z.to(model.dtype)).double()
        hidden = hidden_change(model.network, base, genes, delta)
    assert torch.isfinite(hidden.last_RH).all()
    result = {
        "error": float((found - truth).norm() / truth.norm()),
        "error_naive": float((naive - truth).norm() / truth.norm()),
    }
    if model.dtype != torch.float32:
        result |= engine_ranking.low_precision(model, patient, engine, delta_G)
    return result


def float64_pass(network: AutoEncoder, z_SG: torch.Tensor) -> torch.Tensor:
    """The network in float64, widened a few rows at a time: the truth."""
    h = z_SG.double()
    for index, layer in enumerate(network.layers):
        assert isinstance(layer, torch.nn.Linear)
        parts = [torch.nn.functional.linear(h, rows.double()) for rows in layer.weight.split(512)]
        h = torch.cat(parts, dim=1) + layer.bias.double()
        if index not in network.linear:
            h = network.activation(h)
    return h


def create_warm(folder: Path, dtype: torch.dtype) -> None:
    """The published network with weights that start as the shipped model's PCA, on the whole gene axis."""
    demo, axis = load_model(device="cpu"), gene_axis()
    known = load_components(demo)
    assert known is not None

    def on_axis(values: np.ndarray, fill: float) -> np.ndarray:
        wide = np.full((*values.shape[:-1], N_AXIS), fill, np.float32)
        wide[..., demo.space.axis_index_G] = values
        return wide

    network = AutoEncoder(preset("poster"))
    warm_start(network, *pca_map(on_axis(known.pca_LG, 0), known.pca_variance_L), 0)
    with tempfile.TemporaryDirectory() as temporary:
        create_model(Path(temporary) / "names", "demo")
        neutral = load_model(Path(temporary) / "names", device="cpu")
    space = type(neutral.space)(
        axis.ensembl, on_axis(demo.space.mean_G, 0), on_axis(demo.space.scale_G, 1), neutral.space.share_tpm_G
    )
    save_model(folder, network, space, neutral.gene_table, dtype)


def criteria_of(name: str, f: dict[str, float]) -> list[Criterion]:
    """The criteria of one set of weights."""
    naive_all = f["naive_perturbation"] * N_AXIS
    tf_pairs = TF_ROWS * N_AXIS
    rows = [
        measured(f"{name}.matmul_rate", f["matmul"] / GB, "GFLOP/s"),
        measured(f"{name}.singles_naive_extrapolated", naive_all, "s"),
        measured(f"{name}.singles_ranked", f["ranking"], "s"),
        # The threshold is for float32: a bfloat16 naive method is faster, and its scores are rounding noise.
        at_least(f"{name}.singles_speed_up", naive_all / f["ranking"], "x", 150)
        if "float32" in name
        else measured(f"{name}.singles_speed_up", naive_all / f["ranking"], "x"),
        measured(f"{name}.screen", f["screen"], "s"),
        measured(f"{name}.forward", f["forward"], "s"),
        at_most(f"{name}.score_to_forward", f["score_alone"] / f["forward"], "x", 0.45),
        at_most(f"{name}.full_output_to_forward", f["full_output"] / f["forward"], "x", 0.75),
        measured(f"{name}.base_pass", f["base"], "s"),
        measured(f"{name}.partners_of_one_gene", f["anchor"], "s"),
        at_most(f"{name}.tf_pairs", f["tf_rows"], "s", 60),
        at_least(f"{name}.tf_pairs_speed_up", tf_pairs * f["naive_perturbation"] / f["tf_rows"], "x", 5_000),
        at_most(
            f"{name}.tf_pairs_memory_to_bound",
            f["resident_rows"] / (f["weights"] + 1.5 * GB),
            "x",
            1,
        ),
        at_most(f"{name}.error_against_float64", f["error"], "", 1e-4 if "float32" in name else 2e-2),
        measured(f"{name}.error_of_naive_difference", f["error_naive"]),
    ]
    if "all_pairs" in f:
        machine = statistics.mean([f["matmul"], f["matmul_after"]])
        share = f["flop_row"] * N_AXIS / f["all_sweep"] / machine
        rate = f"{name}.all_pairs_share_of_matmul_rate"
        full = "float32" in name
        rows += [
            at_most(f"{name}.all_pairs", f["all_pairs"] / 60, "min", 12 if full else 4),
            measured(f"{name}.all_pairs_naive", f["n_pairs"] * f["naive_perturbation"] / 3600, "h"),
            # bfloat16 products are so fast on some machines that activations and memory set the pace.
            at_least(rate, share, "x", 0.7) if full else measured(rate, share, "x"),
            at_most(f"{name}.all_pairs_memory_beyond_weights", (f["resident"] - f["weights"]) / GB, "GB", 2),
            at_most(f"{name}.all_pairs_memory_to_bound", f["resident"] / (f["weights"] + 1.5 * GB), "x", 1),
        ]
    # Weights that are PCA to the last unit know no cooperation, so there is nothing to rank.
    if "spearman_rows" in f and np.isfinite(f["spearman_rows"]):
        rows += [
            at_least(f"{name}.interactions_spearman_with_float32", f["spearman_rows"], "", 0.99),
            measured(f"{name}.naive_interactions_spearman_with_float32", f["spearman_rows_naive"]),
        ]
    return rows


def trained_posters() -> dict[str, Path]:
    """Return the networks that ``python -m benchmarks.poster`` left, by the weights that they began with."""
    folders = {"random": resource_path("runs", "poster-coadread"), "PCA": resource_path("runs", "poster-coadread-pca")}
    return {start: folder for start, folder in folders.items() if (folder / WEIGHTS).exists()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the demo model alone, few patients; claims nothing")
    parser.add_argument("--skip-all-pairs", action="store_true", help="leave out the runs of several minutes")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--all-pairs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measured = measure_all_pairs if options.all_pairs else measure
        print(json.dumps(measured(options.measure)))
        return
    criteria: list[Criterion] = []
    if not options.quick:
        for kind in ("random", "warm_started"):
            for dtype in (torch.float32, torch.bfloat16):
                name = str(dtype).removeprefix("torch.")
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary) / "poster"
                    if kind == "random":
                        create_model(folder, "poster", dtype=name)
                    else:
                        create_warm(folder, dtype)
                    whole = kind == "random" and not options.skip_all_pairs
                    found = in_a_process(*_MEASURE, folder)
                    if whole:
                        found |= in_a_process(*_MEASURE, folder, "--all-pairs")
                    criteria += criteria_of(f"poster_{kind}_{name}", found)
        for start, folder in trained_posters().items():
            criteria += criteria_of(f"poster_trained_from_{start.lower()}", in_a_process(*_MEASURE, folder))
    criteria += engine_ranking.demo_criteria(quick=options.quick)
    show(Benchmark.ENGINE, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
