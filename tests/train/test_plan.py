import argparse
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from torch.distributed._tools.mem_tracker import MemTracker

from cellstate.errors import CellStateError, print_error
from cellstate.model.config import ModelConfig, preset
from cellstate.model.network import AutoEncoder
from tests.train.plan_worker import JOBS
from tests.train.stores import make_store
from train.commands.plan import add
from train.config import LoopConfig, RunConfig, TrainConfig, read_config
from train.distributed import World
from train.objective import Objective
from train.plan import Figure, Job, Run, communication, hardware, memory, plan, step_time
from train.strategy import Parallel

REPOSITORY = Path(__file__).resolve().parents[2]
GEO = REPOSITORY / "train" / "configs" / "poster-geo.toml"
ALONE = World(0, 1, torch.device("cpu"))
POSTER = preset("poster")
WIDE = ModelConfig("wide", (1000, 600, 80, 600, 1000))


def on(name: str = "a100-80g", **settings) -> Run:
    given = {"gpus_per_node": 8, "samples": 237_824, "validation": 0, "epochs": 35, "row_bytes": 38_766}
    return Run(hardware(name), **given | settings)


class OneStep:
    """A step of the trainer's own parts, watched."""

    def __init__(self, job: Job) -> None:
        self.job, self.network = job, AutoEncoder(job.model)
        run = RunConfig(precision=job.precision, micro_batch=job.micro_batch, recompute=job.recompute)
        self.parallel, self.objective = Parallel(self.network, run, ALONE), Objective(LoopConfig())
        self.optimiser = torch.optim.AdamW(self.network.parameters(), fused=True)
        self.take()  # AdamW makes its moments in its first step

    def take(self, between=lambda: None) -> None:
        for _ in range(self.job.passes):
            self.one_pass()
            between()
        self.parallel.clip(1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def one_pass(self) -> None:
        z_SG = torch.randn(self.job.at_once, self.job.model.n_genes)
        output_SG = self.parallel(self.objective.input(z_SG, None, None))
        self.objective.squares(output_SG, z_SG, None).backward()

    def kept(self) -> int:
        """Bytes that autograd keeps of the samples, each storage once."""
        found: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.ndim == 2 and self.job.at_once in tensor.shape:
                found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            self.one_pass()
        return sum(found.values())

    def peak(self) -> int:
        tracker = MemTracker()
        tracker.track_external(self.network, self.optimiser)
        with tracker:
            self.take(between=tracker.reset_mod_stats)
        return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]


@pytest.mark.parametrize(
    "job",
    [
        Job(WIDE, 150),
        Job(WIDE, 150, precision="float32"),
        Job(replace(WIDE, activation="gelu"), 150),
        Job(replace(WIDE, residual=True), 150),
    ],
    ids=["bfloat16", "float32", "gelu", "residual"],
)
def test_the_activations_are_what_autograd_keeps(job):
    # Beside them the loop itself holds z and the prediction.
    held = 8 * job.at_once * job.model.n_genes
    assert memory(job)["activations"].value - held == OneStep(job).kept()


@pytest.mark.parametrize(
    "job",
    [
        Job(WIDE, 4),
        Job(WIDE, 300),
        Job(WIDE, 300, precision="float32"),
        Job(WIDE, 300, micro_batch=60),
        Job(WIDE, 300, recompute=True),
        Job(replace(WIDE, residual=True), 300),
        Job(ModelConfig("narrow ends", (300, 900, 700, 40, 700, 900, 300)), 100),
    ],
    ids=["small batch", "bfloat16", "float32", "micro-batches", "recompute", "residual", "narrow ends"],
)
def test_the_peak_of_a_step_is_as_planned(job):
    measured, planned = OneStep(job).peak(), memory(job)["peak"].value
    assert 0.98 * measured <= planned <= 1.1 * measured


@pytest.mark.thorough
def test_two_processes_hold_and_exchange_what_is_planned_to_the_byte():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    worker = REPOSITORY / "tests" / "train" / "plan_worker.py"
    done = subprocess.run([*command, str(worker)], capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout.splitlines()[-1])
    for job in JOBS:
        planned = {name: figure.value for name, figure in (memory(job) | communication(job)).items()}
        found = measured[job.strategy]
        assert {name: planned[name] for name in found} == found
    assert "all_reduced" in measured["ddp"]
    assert {"all_gathered", "reduce_scattered"} <= set(measured["fsdp"])


def test_the_states_of_the_published_network():
    n = 1_179_408_383
    job = Job(POSTER, 64)
    found = {name: figure.value for name, figure in memory(job).items()}
    assert found["weights"] == found["gradients"] == 4 * n
    assert found["state"] == 16 * n + 4 * 20
    # The last gradient to come is the first layer's, beside its low-precision original.
    first = 19383 * 20000 + 20000
    assert 16 * n + 2 * first <= found["peak"] <= 16 * n + 2 * first + 64 * 19383 * 40
    assert found["peak"] < 22e9
    shared = memory(replace(job, ranks=8, strategy="fsdp"))
    assert shared["state"].value == pytest.approx(16 * n / 8, rel=1e-2)


def test_the_ring_formula():
    sent = communication(Job(POSTER, 768, 96))
    assert sent["all_reduced"].value == 4 * POSTER.n_parameters
    assert sent["sent"].value == pytest.approx(2 * 95 / 96 * 4 * POSTER.n_parameters)
    assert communication(Job(POSTER, 64))["sent"].value == 0
    low = communication(Job(POSTER, 768, 96, strategy="fsdp"))
    full = communication(Job(POSTER, 768, 96, "float32", "fsdp"))
    assert full["all_gathered"].value == 2 * low["all_gathered"].value
    assert full["reduce_scattered"].value == low["reduce_scattered"].value


def test_the_guide_says_what_the_plan_says():
    rows = [
        line.split("|")[1:-1] for line in (REPOSITORY / "train" / "CLUSTER.md").read_text().splitlines() if "|" in line
    ]
    told = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    places = [(96, "a100-80g", 768), (96, "a100-40g", 768), (8, "a100-80g", 768), (1, "h200-141g", 64)]
    for place, (gpus, device, batch) in enumerate(places):
        found = {kind: s.figures for kind, s in plan(Job(POSTER, batch, gpus), on(device)).strategies.items()}
        peaks = [f"{figures['peak'].value / 1e9:.1f} GB" for figures in found.values()]
        assert [told[f"peak of a device, `{kind}`"][place] for kind in found] == peaks
        steps = " / ".join(f"{1000 * figures['step'].value:.0f}" for figures in found.values())
        assert told["a step, `ddp` / `fsdp`"][place] == f"{steps} ms"
        assert told["35 epochs, `ddp`"][place] == f"{found['ddp']['run'].value / 60:.0f} minutes"
        if gpus > 1:
            assert told["sent by each rank in a step, `ddp`"][place] == f"{found['ddp']['sent'].value / 1e9:.1f} GB"


def test_a_frozen_linear_map_has_neither_gradient_nor_moments():
    residual = replace(WIDE, residual=True)
    free, frozen = Job(residual, 8), Job(residual, 8, frozen_linear=True)
    spared = 2 * 1000 * 80
    assert free.n_trained - frozen.n_trained == spared
    assert memory(free)["weights"] == memory(frozen)["weights"]
    # One tensor each for the map and its count of steps.
    assert memory(free)["optimiser"].value - memory(frozen)["optimiser"].value == 8 * spared + 2 * 4


def test_a_step_cannot_be_faster_than_its_parts_nor_slower_than_their_sum():
    for job in (Job(POSTER, 768, 96), Job(POSTER, 768, 96, strategy="fsdp"), Job(POSTER, 9600, 8, micro_batch=300)):
        time = {name: figure.value for name, figure in step_time(job, hardware()).items()}
        assert max(time["computing"], time["exchanging"]) <= time["step"] * (1 + 1e-9)
        assert time["step"] <= time["computing"] + time["exchanging"] + 1e-9
    # The first layer's gradient comes last, so its exchange has nothing to hide behind.
    job, slow = Job(POSTER, 768, 96), hardware("a100-80g", network=1e9)
    time = {name: figure.value for name, figure in step_time(job, slow).items()}
    assert time["step"] >= time["forward"] + time["exchanging"] + time["optimiser_time"]


def test_more_samples_than_the_ridge_cost_products_and_fewer_cost_memory():
    small, double, large = (step_time(Job(POSTER, b), hardware())["forward"].value for b in (8, 16, 4096))
    assert small == double
    assert large == pytest.approx(4096 * 2 * 1_179_320_000 / (0.5 * 312e12))


def test_the_recommendation():
    fits = plan(Job(POSTER, 768, 96), on("a100-40g"))
    assert fits.recommended.settings == {"strategy": "ddp", "micro_batch": 0, "recompute": False}
    assert "34 GB of 40 GB" in fits.why and "with FSDP" in fits.why
    # Ten times as wide: the state alone is over a terabyte.
    wide = ModelConfig("wide", tuple(10 * w for w in POSTER.widths))
    sharded = plan(Job(wide, 768, 96, strategy="ddp"), on("h200-141g"))
    assert not sharded.strategies["ddp"].fits
    assert sharded.recommended is sharded.strategies["fsdp"]
    # A share that does not fit is taken in parts, the largest halves that do.
    parts = plan(Job(POSTER, 400_000), on("a100-40g")).recommended
    assert parts.fits and 1 < parts.job.micro_batch < 400_000
    assert memory(replace(parts.job, micro_batch=2 * parts.job.micro_batch))["peak"].value > on("a100-40g").usable
    none = plan(Job(wide, 64), on("a100-40g"))
    assert not none.recommended.fits and none.why.startswith("Nothing fits")
    assert none.recommended.job.micro_batch == 0


def test_activations_are_computed_again_where_parts_would_become_too_small():
    deep = ModelConfig("deep", (1000, *[4000] * 20, 500, *[4000] * 20, 1000))
    # Room for 48 samples at once: too few to keep the products from waiting for their weights.
    room = memory(Job(deep, 8 * 4096, 8, micro_batch=48))["peak"].value
    device = replace(hardware(), memory=(room + 2e9) / 0.9, reserve=2e9)
    found = plan(Job(deep, 8 * 4096, 8), replace(on(), device=device))
    assert found.recommended.fits and found.recommended.job.recompute
    assert found.recommended.job.at_once > 48 and "computed again" in found.why


def test_poster_geo_names_every_entry_and_is_the_published_network():
    import tomllib

    written = tomllib.loads(GEO.read_text())
    for section, owner in get_type_hints(TrainConfig).items():
        assert set(written[section]) == {field.name for field in fields(owner)}, section
    config = read_config(GEO)
    job = Job.of(config, 19_383, 96)
    assert job.model.widths == POSTER.widths and job.n_parameters == 1_179_408_383
    assert config.loop.epochs == 35 and config.loop.patience >= 35
    assert config.loop.loss_on == "all" and not config.loop.bin_weights and not config.loop.hide
    assert config.loop.batch_size % 96 == 0
    assert plan(job, on()).recommended.settings["strategy"] == config.run.strategy


def run_plan(capsys, *arguments: str) -> tuple[int, dict | None, str]:
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    options = parser.parse_args(["plan", *arguments])
    try:
        document = options.run(options)
    except CellStateError as error:
        return print_error(error), None, capsys.readouterr().err
    return 0, json.loads(json.dumps(document)), capsys.readouterr().err


def test_the_command(capsys):
    status, document, shown = run_plan(capsys, str(GEO), "--gpus", "96", "--samples", "237824")
    assert status == 0 and document is not None
    assert document["model"]["n_parameters"] == 1_179_408_383
    assert document["as_asked"] and document["recommended"]["strategy"] == "ddp"
    for strategy in ("ddp", "fsdp"):
        figures = document["strategies"][strategy]["figures"]
        assert figures["steps"]["value"] == 310
        assert all(figure["formula"] for figure in figures.values())
    assert "all-reduced" in shown and "reduce-scattered" in shown and "1,179,408,383 parameters" in shown
    _, alone, quiet = run_plan(capsys, str(GEO), "--samples", "1000", "--json", "--hardware", "h200-141g")
    assert alone is not None and list(alone["strategies"]) == ["ddp"] and not quiet


def test_samples_are_counted_in_the_store(tmp_path, capsys):
    store = make_store(tmp_path / "store", n_train=48, n_held_out=12)
    toml = tmp_path / "run.toml"
    toml.write_text(f'[data]\nstore = "{store.path}"\n[network]\nhidden = [32, 8, 32]\n[loop]\nbatch_size = 10\n')
    _, document, shown = run_plan(capsys, str(toml), "--gpus", "2", "--hardware", "cpu-2-cores")
    assert document is not None
    assert (document["samples"], document["validation_samples"]) == (48, 12)
    assert document["asked"]["figures"]["steps"]["value"] == 5
    # The genes are the data's choice: the most are planned for, and it is said.
    assert document["model"]["widths"][0] == 19_383 and "--genes" in shown
    _, fewer, _ = run_plan(capsys, str(toml), "--genes", "240", "--json")
    assert fewer is not None and fewer["model"]["widths"] == [240, 32, 8, 32, 240]


def test_samples_are_counted_in_the_cohort(cohort, tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(f'[data]\ncohort = "{cohort.path}"\n[network]\nhidden = [32, 8, 32]\n')
    _, document, _ = run_plan(capsys, str(toml), "--genes", "240", "--json")
    assert document is not None and document["samples"] == len(cohort.split("train"))
    # A cohort lies in memory as float32.
    assert f"{4 * 240:,} B" in document["asked"]["figures"]["loader"]["formula"]


def test_a_better_setting_is_named(tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(GEO.read_text().replace('strategy = "ddp"', 'strategy = "fsdp"'))
    _, document, shown = run_plan(capsys, str(toml), "--gpus", "8", "--samples", "1000")
    assert document is not None and not document["as_asked"]
    assert 'set strategy = "ddp".' in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([str(GEO), "--gpus", "96"], "not there to be counted"),
        ([str(GEO), "--gpus", "0", "--samples", "9"], "counted from 1"),
        ([str(GEO), "--samples", "9", "--hardware", "abacus"], "no hardware 'abacus'"),
        ([str(GEO), "--samples", "9", "--network", "-1"], "positive number"),
        (["no.toml"], "There is no config"),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, document, shown = run_plan(capsys, *arguments)
    assert status == 2 and document is None
    assert words in shown and "hint:" in shown and "Traceback" not in shown


def test_every_hardware_entry_is_whole():
    for name in ("a100-40g", "a100-80g", "h100-80g", "h200-141g", "cpu-2-cores"):
        device = hardware(name)
        assert set(device.shares) == {"matmul", "bandwidth", "inside", "network"}
        assert device.bfloat16 >= device.float32 and device.source and device.ring(2) <= device.ring(1)
    with pytest.raises(CellStateError, match="There is no hardware"):
        hardware("none")


def test_figures_read_as_people_write_them():
    shown = {str(Figure(*given, "")) for given in ((4.718e9, "bytes"), (0.103, "s"), (1116, "s"), (20_000, "s"))}
    assert shown == {"4.718 GB", "103 ms", "18.6 min", "5.56 h"}
    assert str(Figure(15.64, "samples/s", "")) == "15.6 samples/s"
    assert str(Figure(310, "steps", "")) == "310 steps"
