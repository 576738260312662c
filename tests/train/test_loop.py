import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError
from cellstate.model import ModelConfig
from cellstate.model.network import AutoEncoder, initialise
from tests.factories import small_config
from train.config import LoopConfig
from train.distributed import World
from train.loop import best_of, train

ALONE = World(0, 1, torch.device("cpu"))
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 30))
    return [(rng.normal(size=(n, 4)) @ mix).astype(np.float32) for n in (50, 20)]


def fresh() -> AutoEncoder:
    network = AutoEncoder(ModelConfig("any", (30, 16, 4, 16, 30)))
    initialise(network, 0)
    return network


def losses(data, **settings):
    return train(fresh(), *data, LoopConfig(**{"learning_rate": 1e-2, "batch_size": 16} | settings), ALONE)


def test_training_learns(data):
    history = losses(data, epochs=30)
    assert history[-1].validation_loss < 0.3 * history[0].validation_loss
    assert history[0].train_loss is None


def test_a_run_repeats_itself_exactly_and_a_seed_changes_it(data):
    def values(**settings):
        return [(e.train_loss, e.validation_loss) for e in losses(data, epochs=4, hide=0.3, noise=0.1, **settings)]

    assert values() == values() != values(seed=1)


def test_the_best_epoch_s_weights_are_kept_and_training_stops(data):
    network = fresh()
    config = LoopConfig(epochs=60, learning_rate=0.3, batch_size=8, patience=4, warmup_steps=1)
    history = train(network, *data, config, ALONE)
    best = best_of(history)
    assert len(history) - 1 - best.epoch <= 4
    with torch.inference_mode():
        z = torch.from_numpy(data[1])
        assert float(((network(z) - z) ** 2).mean()) == pytest.approx(best.validation_loss, rel=1e-5)


def test_a_loss_that_is_no_number_stops_the_run(data):
    data[0][7, 3] = np.inf
    with pytest.raises(CellStateError, match="not a number in epoch 1"):
        losses(data, epochs=3)


def test_two_processes_give_the_losses_of_one(cohort, tmp_path):
    """The same global batches, also an odd last one: losses equal to 1e-5, through torchrun and gloo."""
    from train.fit import fit
    from train.progress import Progress

    config = small_config(cohort.path, tmp_path / "one", batch_size=15, hide=0.3, learning_rate=1e-3)
    fit(config, ALONE, Progress(visible=False))
    toml = tmp_path / "run.toml"
    toml.write_text(
        f'[data]\ncohort = "{cohort.path}"\n[network]\nname = "small"\nhidden = [32, 8, 32]\n'
        f"[loop]\nepochs = 6\nbatch_size = 15\nhide = 0.3\nlearning_rate = 1e-3\nwarmup_steps = 3\npatience = 6\n"
        f'[output]\nfolder = "{tmp_path / "two"}"\ndtype = "float32"\n'
    )
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "train", "fit", str(toml)]
    done = subprocess.run(
        [sys.executable, *command, "--device", "cpu"], cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["model"] == str(tmp_path / "two")

    def history(folder):
        lines = (tmp_path / folder / "history.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    one, two = history("one"), history("two")
    assert len(one) == len(two) == 7
    for a, b in zip(one, two, strict=True):
        assert b["validation_loss"] == pytest.approx(a["validation_loss"], rel=1e-5)
        assert a["epoch"] == 0 or b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-5)
    assert json.loads((tmp_path / "two" / "metrics.json").read_text())["processes"] == 2


def test_the_shares_of_all_processes_are_the_batch():
    for n in (0, 1, 5, 32):
        rows = [i for rank in range(4) for i in range(n)[replace(ALONE, rank=rank, size=4).share(n)]]
        assert rows == list(range(n))
