"""A run that ends early, however it ends, goes on as if it had not."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError
from tests.support.factories import small_config
from tests.unit.train.runs import ALONE, fresh, make_sources, read_history, run
from train.callbacks import EPOCHS, STEPS, ProgressDisplay
from train.checkpoints import Checkpoints
from train.config import RunConfig
from train.fit import fit
from train.run_folder import exclusive_lock

REPOSITORY = Path(__file__).resolve().parents[3]
SILENT = ProgressDisplay(visible=False)
N_EPOCHS = 60


def config_text(cohort, folder, *, epochs=N_EPOCHS, every=7, rate="1e-3"):
    return (
        f'[data]\ncohort = "{cohort}"\n[network]\nname = "small"\nhidden = [32, 8, 32]\n'
        f"[loop]\nepochs = {epochs}\nbatch_size = 16\nhide = 0.3\nlearning_rate = {rate}\nwarmup_steps = 3\n"
        f"patience = {epochs}\n[run]\ncheckpoint_steps = {every}\n"
        f'[output]\nfolder = "{folder}"\ndtype = "float32"\n'
    )


def start(toml, *, processes=1, **environment):
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--max-restarts=1"]
    launcher = launcher if processes > 1 else []
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "train", "fit", str(toml), "--device", "cpu"],
        cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_steps(path, n):
    """Wait until a run has written its n-th step."""
    for _ in range(2400):
        if path.exists() and path.read_bytes().count(b"\n") >= n:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {n} steps in two minutes")


def values(folder):
    """Every loss of a run, without what a clock says."""
    steps, epochs = (read_history(folder / name) for name in (STEPS, EPOCHS))
    of_steps = [tuple(line[key] for key in ("step", "loss", "gradient_norm", "learning_rate")) for line in steps]
    return of_steps, [(line["epoch"], line["train_loss"] or 0.0, line["validation_loss"]) for line in epochs]


@pytest.fixture(scope="module")
def uninterrupted(cohort, tmp_path_factory):
    """Losses and weights of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    toml = folder / "run.toml"
    toml.write_text(config_text(cohort.path, folder / "m"))
    done = start(toml)
    _, errors = done.communicate(timeout=240)
    assert done.returncode == 0, errors
    return values(folder / "m"), (folder / "m" / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_killed_at_any_step_and_started_again(cohort, tmp_path, uninterrupted):
    """SIGKILL twice: the losses afterwards, and the weights, are exactly those of the run that was left alone."""
    toml = tmp_path / "run.toml"
    toml.write_text(config_text(cohort.path, tmp_path / "m"))
    steps = tmp_path / ".m.partial" / "steps.jsonl"
    for killed_after in np.random.default_rng().integers(8, 120, 2):
        going = start(toml)
        wait_for_steps(steps, int(killed_after))
        going.send_signal(signal.SIGKILL)
        # Reading to the end also closes what it wrote to.
        going.communicate(timeout=60)
        assert not (tmp_path / "m").exists()
    last = start(toml)
    out, errors = last.communicate(timeout=240)
    assert last.returncode == 0, errors
    assert re.search(r"continues after step \d+", errors)
    assert values(tmp_path / "m") == uninterrupted[0]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == uninterrupted[1]
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["m"]
    assert json.loads(out.splitlines()[-1])["model"] == str(tmp_path / "m")


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_exits_0(cohort, tmp_path, uninterrupted):
    """SIGTERM, as a cluster sends it: exit 0, a checkpoint of that very step, and the same losses afterwards."""
    toml = tmp_path / "run.toml"
    toml.write_text(config_text(cohort.path, tmp_path / "m", every=100_000))
    going = start(toml)
    wait_for_steps(tmp_path / ".m.partial" / "steps.jsonl", 5)
    going.send_signal(signal.SIGTERM)
    out, errors = going.communicate(timeout=60)
    assert going.returncode == 0, errors
    told = json.loads(out.splitlines()[-1])
    assert told["interrupted"] and told["step"] >= 5
    (kept,) = (tmp_path / ".m.partial" / "checkpoints").iterdir()
    assert kept.name == f"step-{told['step']:08d}"
    last = start(toml)
    _, errors = last.communicate(timeout=240)
    assert last.returncode == 0, errors
    assert f"continues after step {told['step']}" in errors.replace(",", "")
    assert values(tmp_path / "m") == uninterrupted[0]


@pytest.mark.thorough
def test_two_processes_of_which_one_dies_give_the_losses_of_one(cohort, tmp_path, uninterrupted):
    """The whole command under torchrun, which starts its group again: it goes on from a checkpoint, equal to 1e-5."""
    toml = tmp_path / "run.toml"
    toml.write_text(config_text(cohort.path, tmp_path / "m"))
    going = start(toml, processes=2)
    wait_for_steps(tmp_path / ".m.partial" / "steps.jsonl", 40)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(going.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
    out, errors = going.communicate(timeout=240)
    assert going.returncode == 0, errors
    assert re.search(r"continues after step \d+", errors)
    assert json.loads(out.splitlines()[-1])["model"] == str(tmp_path / "m")
    for several, alone in zip(values(tmp_path / "m"), uninterrupted[0], strict=True):
        assert len(several) == len(alone)
        for one, other in zip(several, alone, strict=True):
            assert one == pytest.approx(other, rel=1e-5)
    assert json.loads((tmp_path / "m" / "metrics.json").read_text())["processes"] == 2


@pytest.mark.parametrize("activation", [("relu", False), ("gelu", True)], ids=["relu", "residual"])
def test_a_checkpoint_holds_all_that_a_run_needs(tmp_path, activation):
    """Interrupted within an epoch, with frozen maps, hidden genes and noise."""
    settings = {"epochs": 6, "hide": 0.3, "noise": 0.1, "freeze_linear": True}
    whole, _ = run(make_sources(), network=fresh(*activation), **settings)
    store = Checkpoints(tmp_path, 2, ALONE)
    first, outcome = run(
        make_sources(), network=stopping(fresh(*activation), after=10), checkpoints=store,
        how=RunConfig(checkpoint_steps=5), **settings,
    )  # fmt: skip
    assert not outcome.finished and outcome.steps == 10 and len(first.steps) == 10
    again, outcome = run(make_sources(), network=fresh(*activation), checkpoints=store, **settings)
    assert outcome.finished and again.began_at == 10
    assert [s.loss for s in (*first.steps, *again.steps)] == [s.loss for s in whole.steps]
    assert [e.validation_loss for e in outcome.history] == [e.validation_loss for e in whole.epochs]
    assert all(torch.equal(again.kept[name], whole.kept[name]) for name in whole.kept)


def stopping(network, after):
    """Make a network ask its own process to stop in the forward pass of a step."""
    passes = {"n": 0}

    def count(*_):
        passes["n"] += torch.is_grad_enabled()
        if passes["n"] == after and torch.is_grad_enabled():
            os.kill(os.getpid(), signal.SIGTERM)

    network.register_forward_hook(count)
    return network


def test_the_newest_checkpoints_are_kept(tmp_path):
    run(make_sources(), checkpoints=Checkpoints(tmp_path, 2, ALONE), how=RunConfig(checkpoint_steps=3), epochs=4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000015", "step-00000016"]


def test_incomplete_checkpoints_are_deleted(tmp_path):
    half = tmp_path / "step-00000002.partial"
    half.mkdir()
    (half / "0.distcp").write_bytes(b"half")
    notes, _ = run(
        make_sources(), checkpoints=Checkpoints(tmp_path, 2, ALONE), how=RunConfig(checkpoint_steps=3), epochs=1
    )
    assert notes.began_at == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


def test_a_full_disk_is_reported_and_the_previous_checkpoint_remains(tmp_path):
    """A limit on the size of a file stands for the disk: the error is the system's own."""
    store, how = Checkpoints(tmp_path, 2, ALONE), RunConfig(checkpoint_steps=4)
    run(make_sources(), checkpoints=store, how=how, epochs=2)
    kept = sorted(p.name for p in tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(
            CellStateError, match=r"step 12 could not be written: the disk is full.*; that of step 8 is kept"
        ):
            run(make_sources(), checkpoints=store, how=how, epochs=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(p.name for p in tmp_path.iterdir()) == kept == ["step-00000004", "step-00000008"]
    notes, outcome = run(make_sources(), checkpoints=store, how=how, epochs=4)
    assert notes.began_at == 8 and outcome.steps == 16


def test_a_run_that_was_killed_after_its_last_step_takes_none_again(tmp_path):
    store = Checkpoints(tmp_path, 2, ALONE)
    whole, _ = run(make_sources(), checkpoints=store, epochs=2)
    again, outcome = run(make_sources(), checkpoints=store, epochs=2)
    assert outcome.finished and outcome.steps == again.began_at == 8 and again.steps == []
    assert [e.validation_loss for e in outcome.history] == [e.validation_loss for e in whole.epochs]


def test_a_run_that_was_killed_after_it_stopped_early_takes_no_step_again(tmp_path):
    store, settings = Checkpoints(tmp_path, 2, ALONE), {"epochs": 50, "patience": 1, "learning_rate": 1.0}
    _, stopped = run(make_sources(), checkpoints=store, **settings)
    assert stopped.finished and stopped.steps < 50 * 4
    again, outcome = run(make_sources(), checkpoints=store, **settings)
    assert outcome.finished and outcome.steps == stopped.steps and again.steps == []


@pytest.mark.parametrize("file", ["__0_0.distcp", ".metadata", "progress.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["cut", "bit", "gone"])
def test_a_damaged_checkpoint_is_passed_over_and_replaced(tmp_path, file, damage):
    whole, _ = run(make_sources(), epochs=3)
    warnings: list[str] = []
    store, how = Checkpoints(tmp_path, 2, ALONE, warnings.append), RunConfig(checkpoint_steps=4)
    run(make_sources(), checkpoints=store, how=how, network=stopping(fresh(), after=8), epochs=3)
    path = tmp_path / "step-00000008" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.unlink()
    if damage != "gone":
        path.write_bytes(data if damage == "bit" else data[: len(data) // 2])
    again, outcome = run(make_sources(), checkpoints=store, how=how, epochs=3)
    assert again.began_at == 4 and outcome.finished
    # Without its progress it is no checkpoint at all, as in the middle of a removal.
    assert len(warnings) == (0 if (file, damage) == ("progress.json", "gone") else 1)
    assert all("step-00000008" in words and "\n" not in words for words in warnings)
    assert all(torch.equal(again.kept[name], whole.kept[name]) for name in whole.kept)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000008", "step-00000012"]
    assert run(make_sources(), checkpoints=Checkpoints(tmp_path, 2, ALONE), how=how, epochs=3)[0].began_at == 12


def test_a_run_without_a_sound_checkpoint_is_not_started_over(tmp_path):
    store, how = Checkpoints(tmp_path, 2, ALONE), RunConfig(checkpoint_steps=4)
    run(make_sources(), checkpoints=store, how=how, epochs=2)
    for part in tmp_path.glob("*/*.distcp"):
        part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(CellStateError, match=r"No checkpoint in .* can be read\.") as caught:
        run(make_sources(), checkpoints=store, how=how, epochs=2)
    assert "--fresh" in caught.value.hint


def test_a_second_trainer_on_one_folder_is_refused(cohort, tmp_path):
    config = small_config(cohort.path, tmp_path / "m", epochs=1)
    with exclusive_lock(tmp_path / ".m.lock"):
        with pytest.raises(CellStateError, match=r"Another trainer is working on this run: it holds .*\.m\.lock\."):
            fit(config, ALONE, SILENT)
        assert [path.name for path in tmp_path.iterdir()] == [".m.lock"]
    assert not list(tmp_path.iterdir())


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / ".m.lock"
    code = (
        "import sys\nfrom pathlib import Path\nfrom train.run_folder import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(CellStateError, match="Another trainer"), exclusive_lock(path):
            pass
        other.kill()
    with exclusive_lock(path):
        assert path.exists()
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(cohort, tmp_path):
    """A file stands where the folder should be: root may write everywhere else."""
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(CellStateError, match=r"The run in .*\.m\.partial stopped: .*runs") as caught:
        fit(small_config(cohort.path, tmp_path / "runs" / "m"), ALONE, SILENT)
    assert "run the same command again" in caught.value.hint


@pytest.mark.slow
def test_an_interrupted_run_is_continued_by_its_own_config_only(cohort, tmp_path, monkeypatch):
    config = small_config(cohort.path, tmp_path / "m", epochs=2)
    monkeypatch.setattr("train.fit.train", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fit(config, ALONE, SILENT)
    monkeypatch.undo()
    other = replace(config, loop=replace(config.loop, seed=5))
    with pytest.raises(CellStateError, match=r"with another seed in \[loop\]") as caught:
        fit(other, ALONE, SILENT)
    assert "--fresh" in caught.value.hint
    sooner = replace(config, run=replace(config.run, checkpoint_minutes=1.0))
    fit(sooner, ALONE, SILENT)
    fit(other, ALONE, SILENT, fresh=True)
    assert json.loads((tmp_path / "m" / "metrics.json").read_text())["config"]["loop"]["seed"] == 5


@pytest.mark.slow
def test_processes_with_different_configs_stop_with_one_sentence(cohort, tmp_path):
    """As on two machines of which one has an older file."""
    going = []
    for rank, rate in enumerate(("1e-3", "2e-3")):
        toml = tmp_path / f"{rank}.toml"
        toml.write_text(config_text(cohort.path, tmp_path / "m", rate=rate))
        going.append(
            start(
                toml, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="29631"
            )
        )
    for one in going:
        out, errors = one.communicate(timeout=120)
        assert one.returncode == 2, errors
        assert "Process 1 has another config than process 0." in errors and "Traceback" not in errors
        assert out == ""
    assert not list(tmp_path.glob("*m*/"))
