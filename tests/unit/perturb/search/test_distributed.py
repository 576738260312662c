"""The processes of one run: rows of each, exchange of values, and failure of one of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import chain

import pytest
import torch

from cellstate.errors import CellStateError
from cellstate.files import resource_path
from cellstate.perturb.search.distributed import ProcessGroup, process_group


@pytest.fixture
def torchrun(tmp_path):
    """Run a text of Python in processes of one group; returns the finished torchrun."""

    def call(code: str, n: int = 2, **environment: str) -> subprocess.CompletedProcess:
        script = tmp_path / "script.py"
        script.write_text(code)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
        variables = os.environ | {"PYTHONPATH": str(resource_path())} | environment
        return subprocess.run(
            [*command, str(script)], capture_output=True, text=True, timeout=120, env=variables, check=False
        )

    return call


@pytest.mark.parametrize(("n", "size"), [(0, 1), (1, 3), (7, 3), (38, 4), (5, 5)])
def test_every_row_is_of_one_process_and_the_shares_differ_by_one_at_most(n, size):
    shares = [list(ProcessGroup(rank, size).mine(n)) for rank in range(size)]
    assert sorted(chain(*shares)) == list(range(n))
    assert all(i % size == rank for rank, share in enumerate(shares) for i in share)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group() as here:
        assert here.is_first and here.size == 1 and list(here.mine(3)) == [0, 1, 2]
        assert here.gather("x") == ["x"] and here.share("x") == "x"
        assert here.claims("x") and here.claims("x")
        assert here.device("auto") == "auto" and here.device("cpu") == "cpu"
    assert not torch.distributed.is_initialized()


def test_a_group_of_one_stands_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    with process_group() as here:
        assert here == ProcessGroup()


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for local, device in (("0", "cuda:0"), ("1", "cuda:1"), ("2", "cuda:0")):
        monkeypatch.setenv("LOCAL_RANK", local)
        assert ProcessGroup(5, 8).device("auto") == device
        assert ProcessGroup(5, 8).device("cpu") == "cpu"
    assert ProcessGroup().device("auto") == "auto"


def test_a_group_that_does_not_meet_is_one_sentence(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CellStateError, match="did not find each other") as error, process_group():
        pass
    assert "torchrun" in error.value.hint


@pytest.mark.thorough
def test_three_processes_gather_and_share(torchrun):
    done = torchrun(
        "from cellstate.perturb.search.distributed import process_group\n"
        "with process_group() as here:\n"
        "    shared = here.share({'from': here.rank})\n"
        "    claimed = here.claims('x'), here.claims('y')\n"
        "    values = here.gather((here.rank, shared['from'], list(here.mine(7)), *claimed))\n"
        "    if here.is_first:\n"
        "        claims = [sum(v[i] for v in values) for i in (3, 4)]\n"
        "        print(here.size, [v[:3] for v in values], claims)\n"
        "    else:\n"
        "        assert values is None\n",
        n=3,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3 [(0, 0, [0, 3, 6]), (1, 0, [1, 4]), (2, 0, [2, 5])] [1, 1]"


@pytest.mark.parametrize(("failing", "how"), [(0, "raise RuntimeError('broken')"), (1, "os.kill(os.getpid(), 9)")])
def test_the_others_end_when_a_process_fails(torchrun, failing, how):
    done = torchrun(
        "import os\n"
        "from cellstate.perturb.search.distributed import process_group\n"
        "with process_group() as here:\n"
        "    here.share(1)\n"
        f"    if here.rank == {failing}:\n"
        f"        {how}\n"
        "    here.gather(1)\n"
        "    here.share(1)\n"
    )  # within the fixture's two minutes, in fact seconds
    assert done.returncode != 0


def test_without_torchrun_too_the_others_end_when_a_process_fails(tmp_path):
    """A scheduler starts the processes, and ends none of them."""
    code = (
        "import os\n"
        "from cellstate.errors import CellStateError\n"
        "from cellstate.perturb.search.distributed import process_group\n"
        "with process_group() as here:\n"
        "    here.share(1)\n"
        "    if here.rank == 1: os._exit(9)\n"
        "    try: here.gather(1)\n"
        "    except CellStateError as error: print(error.message)\n"
    )
    (tmp_path / "script.py").write_text(code)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = str(resource_path())
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": root}
    processes = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "script.py")],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    assert printed[0].strip() == "Another process of this run has failed." and processes[1].returncode == 9
