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
from tests.unit.train.plan_worker import JOBS
from tests.unit.train.stores import make_store
from train.config import LoopConfig, RunConfig, TrainConfig, read_config
from train.distributed import DistributedContext
from train.objective import Objective
from train.plan import Figure, Workload, add, duration, exchange, memory, plan, read_hardware
from train.strategy import Parallel

REPOSITORY = Path(__file__).resolve().parents[3]
GEO = REPOSITORY / "train" / "configs" / "poster-geo.toml"
ALONE = DistributedContext(0, 1, torch.device("cpu"))
POSTER = preset("poster")
WIDE = ModelConfig("wide", (1000, 600, 80, 600, 1000))
#: Parameters of the published network, its matrices' entries, and both of its first layer.
N, W, FIRST, FIRST_W = 1_179_408_383, 1_179_320_000, 19383 * 20000 + 20000, 19383 * 20000


def values(figures: dict[str, Figure]) -> dict[str, float]:
    return {name: figure.value for name, figure in figures.items()}


class OneStep:
    """A step of the trainer's own parts, watched."""

    def __init__(self, job: Workload) -> None:
        self.job, self.network = job, AutoEncoder(job.model)
        run = RunConfig(precision=job.precision, micro_batch=job.micro_batch)
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
        Workload(WIDE, 150),
        Workload(WIDE, 150, precision="float32"),
        Workload(replace(WIDE, activation="gelu"), 150),
        Workload(replace(WIDE, residual=True), 150),
    ],
    ids=["bfloat16", "float32", "gelu", "residual"],
)
def test_activations_are_what_autograd_keeps(job):
    # Beside them the loop itself holds z and the prediction.
    held = 8 * job.at_once * job.model.n_genes
    assert memory(job)["activations"].value - held == OneStep(job).kept()


@pytest.mark.parametrize(
    "job",
    [
        Workload(WIDE, 4),
        Workload(WIDE, 300),
        Workload(WIDE, 300, precision="float32"),
        Workload(WIDE, 300, micro_batch=60),
        Workload(replace(WIDE, residual=True), 300),
        Workload(ModelConfig("narrow ends", (300, 900, 700, 40, 700, 900, 300)), 100),
    ],
    ids=["small batch", "bfloat16", "float32", "micro-batches", "residual", "narrow ends"],
)
def test_planned_peak_matches_the_measured_one(job):
    measured, planned = OneStep(job).peak(), memory(job)["peak"].value
    assert 0.98 * measured <= planned <= 1.1 * measured


@pytest.mark.thorough
def test_two_processes_hold_and_exchange_what_is_planned_to_the_byte():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    worker = Path(__file__).with_name("plan_worker.py")
    done = subprocess.run([*command, str(worker)], capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout.splitlines()[-1])
    for job in JOBS:
        planned, found = values(memory(job) | exchange(job)), measured[job.strategy]
        assert {name: planned[name] for name in found} == found
    assert "all_reduced" in measured["ddp"]
    assert {"all_gathered", "reduce_scattered"} <= set(measured["fsdp"])


def test_memory_of_the_published_network():
    found = values(memory(Workload(POSTER, 64)))
    assert POSTER.n_parameters == N
    assert found["weights"] == found["gradients"] == 4 * N
    assert found["state"] == 16 * N + 4 * 20
    # The last gradient to arrive is the first layer's, beside its low-precision original.
    assert 16 * N + 2 * FIRST <= found["peak"] <= 16 * N + 2 * FIRST + 64 * 19383 * 40
    shared = values(memory(Workload(POSTER, 768, 96, strategy="fsdp")))
    assert shared["state"] == pytest.approx(16 * N / 96, rel=2e-2)
    # The two largest layers are the first and the last: weights twice and a gradient of each, in bfloat16 and float32.
    largest = FIRST + 19383 * 20000 + 19383
    assert shared["gathered"] == 8 * largest
    assert shared["peak"] == shared["state"] + shared["activations"] + shared["gathered"]


def test_exchange_follows_the_ring_formula():
    sent = values(exchange(Workload(POSTER, 768, 96)))
    assert sent["all_reduced"] == 4 * N and sent["sent"] == pytest.approx(2 * 95 / 96 * 4 * N)
    assert values(exchange(Workload(POSTER, 64)))["sent"] == 0
    low = values(exchange(Workload(POSTER, 768, 96, strategy="fsdp")))
    full = values(exchange(Workload(POSTER, 768, 96, "float32", "fsdp")))
    assert full["all_gathered"] == 2 * low["all_gathered"] == pytest.approx(2 * 4 * N, rel=1e-2)
    assert full["reduce_scattered"] == low["reduce_scattered"] == pytest.approx(4 * N, rel=1e-2)
    assert low["sent"] == pytest.approx(95 / 96 * (low["all_gathered"] + low["reduce_scattered"]))
    # Every layer is gathered twice and its gradient reduced once.
    assert low["messages"] == 3 * 10


def test_the_poster_job_on_96_gpus_is_as_computed_by_hand():
    ddp = values(duration(Workload(POSTER, 768, 96, samples=237_824, epochs=35), read_hardware()))
    bandwidth, ring, hops = 0.8 * 2039e9, 0.85 * 200e9, (95 - 12) * 3.4e-6 + 12 * 14e-6
    # 8 samples a GPU: weights on their way through memory take longer than products.
    assert ddp["forward"] == pytest.approx(8 * W / bandwidth)
    assert ddp["backward"] == pytest.approx((10 + 12) * W / bandwidth)
    assert ddp["update"] == pytest.approx(40 * N / bandwidth)
    # Four layers each side and the bucket of the small ones: 9 messages, there and back.
    assert ddp["exchanging"] == pytest.approx(2 * 95 / 96 * 4 * N / ring + 2 * 9 * hops)
    # Exchange takes longer than backward, and waits only for the last layer's gradient, the first to arrive.
    first_to_arrive = ddp["backward"] * FIRST_W / W
    step = ddp["forward"] + first_to_arrive + ddp["exchanging"] + ddp["update"]
    assert ddp["step"] == pytest.approx(step) and step == pytest.approx(0.1029605, abs=1e-7)
    assert ddp["epoch"] == pytest.approx(310 * step) and ddp["run"] == pytest.approx(35 * 310 * step)
    fsdp = values(duration(Workload(POSTER, 768, 96, strategy="fsdp"), read_hardware()))
    gather, reduce = (95 / 96 * width * N / ring + 10 * hops for width in (2, 4))
    assert fsdp["exchanging"] == pytest.approx(2 * gather + reduce)
    assert fsdp["step"] == pytest.approx(2 * gather + reduce + 40 * N / 96 / bandwidth)
    assert fsdp["step"] == pytest.approx(0.0687307, abs=1e-7)
    peaks = [memory(Workload(POSTER, 768, 96, strategy=kind))["peak"].value for kind in ("ddp", "fsdp")]
    assert peaks == [22_008_003_146, 6_403_536_656]


def test_the_guide_has_the_figures_of_the_plan():
    guide = (REPOSITORY / "train" / "cluster" / "README.md").read_text()
    rows = [line.split("|")[1:-1] for line in guide.splitlines() if "|" in line]
    told = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    places = [(96, "a100-80g", 768), (96, "a100-40g", 768), (8, "a100-80g", 768), (1, "h200-141g", 64)]
    for place, (gpus, device, batch) in enumerate(places):
        job = Workload(POSTER, batch, gpus, samples=237_824, epochs=35)
        found = {kind: values(s.figures) for kind, s in plan(job, read_hardware(device))[0].items()}
        peaks = [f"{figures['peak'] / 1e9:.1f} GB" for figures in found.values()]
        assert [told[f"peak of a device, `{kind}`"][place] for kind in found] == peaks
        steps = " / ".join(f"{1000 * figures['step']:.0f}" for figures in found.values())
        assert told["a step, `ddp` / `fsdp`"][place] == f"{steps} ms"
        assert told["35 epochs, `ddp`"][place] == f"{found['ddp']['run'] / 60:.0f} minutes"
        if gpus > 1:
            assert told["sent by each rank in a step, `ddp`"][place] == f"{found['ddp']['sent'] / 1e9:.1f} GB"


def test_a_step_is_between_its_longest_part_and_the_sum_of_its_parts():
    parts = ("forward", "backward", "update")
    for job in (
        Workload(POSTER, 768, 96),
        Workload(POSTER, 768, 96, strategy="fsdp"),
        Workload(POSTER, 9600, 8, micro_batch=300),
    ):
        time = values(duration(job, read_hardware()))
        computing = sum(time[part] for part in parts)
        assert max(computing, time["exchanging"]) <= time["step"] * (1 + 1e-9)
        assert time["step"] <= computing + time["exchanging"] + 1e-9
    # The first layer's gradient comes last, so its exchange has nothing to hide behind.
    time = values(duration(Workload(POSTER, 768, 96), read_hardware(network=1e9)))
    assert time["step"] >= time["forward"] + time["exchanging"] + time["update"]


def test_many_samples_cost_products_and_few_cost_memory():
    small, double, large = (duration(Workload(POSTER, b), read_hardware())["forward"].value for b in (8, 16, 4096))
    assert small == double
    assert large == pytest.approx(4096 * 2 * W / (0.5 * 312e12))


def test_recommendation():
    small = read_hardware("a100-40g")
    strategies, best, why = plan(Workload(POSTER, 768, 96), small)
    assert best is strategies["ddp"] and strategies["fsdp"].fits
    assert best.settings == {"strategy": "ddp", "micro_batch": 0}
    # 90% of 40 GB less 2 GB.
    assert "34 GB of 40 GB" in why
    # Ten times as wide: the state alone is over a terabyte.
    wide = ModelConfig("wide", tuple(10 * w for w in POSTER.widths))
    strategies, best, _ = plan(Workload(wide, 768, 96), read_hardware("h200-141g"))
    assert (
        not strategies["ddp"].fits
        and best is strategies["fsdp"]
        and best.fits == (best.figures["peak"].value <= 0.9 * 141e9 - 2e9)
    )
    # A share that does not fit is taken in parts, the largest halves that do.
    job = Workload(POSTER, 400_000)
    parts = plan(job, small)[1]
    micro_batch = parts.settings["micro_batch"]
    assert parts.fits and 1 < micro_batch < 400_000
    assert memory(replace(job, micro_batch=micro_batch))["peak"].value <= 34e9
    assert memory(replace(job, micro_batch=2 * micro_batch))["peak"].value > 34e9
    assert not plan(Workload(wide, 64), small)[1].fits


def test_poster_geo_names_every_entry_and_is_the_published_network():
    import tomllib

    written = tomllib.loads(GEO.read_text())
    for section, owner in get_type_hints(TrainConfig).items():
        assert set(written[section]) == {field.name for field in fields(owner)}, section
    config = read_config(GEO)
    assert (19_383, *config.network.hidden, 19_383) == POSTER.widths
    assert config.loop.epochs == 35 and config.loop.patience >= 35
    assert config.loop.loss_on == "all" and not config.loop.bin_weights and not config.loop.hide
    assert config.loop.batch_size % 96 == 0


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
    assert document["workload"]["n_parameters"] == N and document["workload"]["epochs"] == 35
    assert document["as_configured"] and document["recommended"]["strategy"] == "ddp"
    expected = values(duration(Workload(POSTER, 768, 96, samples=237_824, epochs=35), read_hardware()))
    for strategy in ("ddp", "fsdp"):
        figures = document["strategies"][strategy]["figures"]
        assert all(figure["formula"] for figure in figures.values())
        assert all(name.replace("_", " ") in shown for name in figures)
    assert document["strategies"]["ddp"]["figures"]["run"]["value"] == expected["run"]
    _, alone, quiet = run_plan(capsys, str(GEO), "--samples", "1000", "--json", "--hardware", "h200-141g")
    assert alone is not None and list(alone["strategies"]) == ["ddp"] and not quiet


def test_samples_are_counted_in_the_store(tmp_path, capsys):
    store = make_store(tmp_path / "store", n_train=48, n_held_out=12)
    toml = tmp_path / "run.toml"
    toml.write_text(f'[data]\nstore = "{store.path}"\n[network]\nhidden = [32, 8, 32]\n[loop]\nbatch_size = 10\n')
    _, document, _ = run_plan(capsys, str(toml), "--gpus", "2", "--hardware", "cpu-2-cores")
    assert document is not None
    workload = document["workload"]
    assert (workload["samples"], workload["validation_samples"]) == (48, 12)
    figures = document["strategies"]["ddp"]["figures"]
    forward = 2 * 6 * 2 * (19_383 * 32 + 32 * 8) / 62e9  # 6 validation samples a process, in float32
    assert figures["epoch"]["value"] == pytest.approx(5 * figures["step"]["value"] + forward)
    # The genes are the data's choice: the most are planned for.
    assert workload["model"]["widths"][0] == 19_383
    _, fewer, _ = run_plan(capsys, str(toml), "--genes", "240", "--json")
    assert fewer is not None and fewer["workload"]["model"]["widths"] == [240, 32, 8, 32, 240]


def test_samples_are_counted_in_the_cohort(cohort, tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(f'[data]\ncohort = "{cohort.path}"\n[network]\nhidden = [32, 8, 32]\n')
    _, document, _ = run_plan(capsys, str(toml), "--genes", "240", "--json")
    assert document is not None and document["workload"]["samples"] == len(cohort.split("train"))


def test_a_config_that_is_not_the_recommendation(tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(GEO.read_text().replace('strategy = "ddp"', 'strategy = "fsdp"'))
    _, document, _ = run_plan(capsys, str(toml), "--gpus", "8", "--samples", "1000")
    assert document is not None and not document["as_configured"]
    assert document["workload"]["strategy"] == "fsdp" and document["recommended"]["strategy"] == "ddp"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([str(GEO), "--gpus", "96"], "--samples"),
        ([str(GEO), "--gpus", "0", "--samples", "9"], "--gpus"),
        ([str(GEO), "--samples", "9", "--hardware", "abacus"], "'abacus'"),
        ([str(GEO), "--samples", "9", "--network", "-1"], "--network"),
        (["no.toml"], "no.toml"),
    ],
)
def test_bad_input_is_one_sentence(arguments, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, document, shown = run_plan(capsys, *arguments)
    assert status == 2 and document is None
    assert named in shown and "hint:" in shown and "Traceback" not in shown


def test_every_hardware_entry_is_complete():
    for name in ("a100-40g", "a100-80g", "h100-80g", "h200-141g", "cpu-2-cores"):
        device = read_hardware(name)
        assert set(device.shares) == {"matmul", "bandwidth", "inside", "network"}
        assert device.bfloat16 >= device.float32
    with pytest.raises(CellStateError):
        read_hardware("none")


def test_figures_have_readable_units():
    shown = {str(Figure(*given, "")) for given in ((4.718e9, "bytes"), (0.103, "s"), (1116, "s"), (20_000, "s"))}
    assert shown == {"4.718 GB", "103 ms", "18.6 min", "5.556 h"}
    assert str(Figure(310, "messages", "")) == "310 messages" and str(Figure(5.76e7, "s", "")) == "16,000 h"
