"""One, two and four processes, DDP and FSDP2: the same losses to 1e-5, since every step sees the same global batch."""

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.train.ranks import learnt_of, told
from tests.unit.train.runs import ALONE, fresh
from tests.unit.train.stores import make_store
from train.config import RunConfig
from train.strategy import Parallel

#: Each starts a process group.
pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[3]

#: Four processes on two cores take half a minute.
PROCESSES = [2, pytest.param(4, marks=pytest.mark.thorough)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("ranks") / "store")


@lru_cache
def told_by(processes: int, store: Path) -> dict:
    command = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        "-m",
        "tests.unit.train.ranks",
        str(store),
    ]
    done = subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("processes", [1, *PROCESSES])
@pytest.mark.parametrize("way", ["ddp", "fsdp", "ddp in parts", "fsdp in parts", "hidden", "tiny batches"])
def test_the_losses_of_one_process(processes, way, store):
    settings = {"hidden": {"loss_on": "hidden"}, "tiny batches": {"batch_size": 3}}.get(way, {})
    alone, several = told("ddp", ALONE, **settings), told_by(processes, store.path)[way]
    assert several["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    assert several["weights"] == pytest.approx(alone["weights"], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("processes", PROCESSES)
def test_processes_that_disagree_are_named(processes, store):
    assert told_by(processes, store.path)["disagreement"].startswith("Process 1 has another config than process 0.")


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_store_is_learnt_together(processes, store):
    alone, several = learnt_of(str(store.path), ALONE), told_by(processes, store.path)["store"]
    assert several["numbers"] == pytest.approx(alone["numbers"], rel=1e-5)
    # A component has the sign of its largest entry; where two are nearly equal, rounding decides.
    agreement = np.abs((np.array(several["components"]) * np.array(alone["components"])).sum(axis=1))
    assert agreement == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("processes", PROCESSES)
def test_no_thread_of_the_group_is_left_to_disturb_the_end(processes, store):
    assert told_by(processes, store.path)["threads"] == []


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_single_process_calls_the_plain_network(strategy):
    network = fresh()
    parallel = Parallel(network, RunConfig(strategy=strategy), ALONE)
    z = torch.ones(2, 30)
    assert torch.equal(parallel(z), network(z)) and not parallel.is_sharded
