"""The Slurm scripts, run by bash with stand-ins for Slurm; torchrun is the real one where SIGTERM counts."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from train.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[3]
CLUSTER = REPOSITORY / "train" / "cluster"
SCRIPTS = sorted(CLUSTER.glob("*.sh"))
TWELVE, ONE = CLUSTER / "slurm-12x8-a100.sh", CLUSTER / "slurm-one-gpu.sh"

pytestmark = pytest.mark.skipif(not shutil.which("bash") or not shutil.which("pkill"), reason="no bash or no pkill")

#: Waits for SIGTERM, as a trainer does; asks for nothing of PyTorch.
TRAINER = r"""
import os, signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
os.write(1, f"trains {' '.join(sys.argv[1:])}\n".encode())  # one piece: two write at once
for _ in range(600):
    if asked or "STATUS" in os.environ:
        break
    time.sleep(0.1)
time.sleep(0.5)
os.write(1, f"saved {len(asked)}\n".encode())
sys.exit(int(os.environ.get("STATUS", 0)))
"""


@pytest.fixture
def site(tmp_path):
    """A folder of stand-ins: each notes its command line; srun runs what it is given on the one node there is."""
    folder, log = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    (tmp_path / "train").symlink_to(REPOSITORY / "train")
    stand_ins = {
        "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; "$@"',
        "scontrol": '[ "$1" != show ] || echo node001',
        "torchrun": 'exit "${TORCHRUN_STATUS:-0}"',
        "python": 'exit "${PLAN_STATUS:-0}"',
        "activate": "",
    }
    for name, does in stand_ins.items():
        (folder / name).write_text(f"#!/bin/bash\n{'' if name == 'activate' else NOTE}\n{does}\n")
        (folder / name).chmod(0o755)

    def submit(script: Path, *arguments: str, **environment: str) -> tuple[int, list[list[str]], str]:
        log.unlink(missing_ok=True)
        slurm = {"SLURM_JOB_ID": "77", "SLURM_NNODES": "12", "SLURM_JOB_NODELIST": "node[001-012]"}
        slurm |= {"SLURM_CPUS_PER_TASK": "64", "SLURM_SUBMIT_DIR": str(tmp_path), "CALLS": str(log)}
        path = f"{folder}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", str(script), *arguments],
            env={"PATH": path, "VENV": str(tmp_path), **slurm, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        calls = [line.split("\t")[:-1] for line in log.read_text().splitlines()] if log.exists() else []
        return done.returncode, calls, done.stdout + done.stderr

    return submit


#: One line a call, its words parted by tabs.
NOTE = r'{ printf "%s\t" "$(basename "$0")" "$@"; echo; } >> "$CALLS"'


def called(calls: list[list[str]], name: str) -> list[list[str]]:
    return [words[1:] for words in calls if words[0] == name]


def parses(words: list[str], capsys) -> bool:
    """Whether the trainer's own parser takes a command line: with a config that is not there it goes no further."""
    config = words.index("fit") + 1
    assert main([*words[config - 1 : config], "no-such-config.toml", *words[config + 1 :]]) == 2
    return "There is no config" in capsys.readouterr().err


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_bash_can_read_it(script):
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("script", [TWELVE, ONE], ids=lambda path: path.name)
def test_slurm_signals_the_step_and_queues_again(script):
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=?(\S*)", script.read_text(), re.M))
    # To the steps, not to the batch script alone ("B:"), with time to write a checkpoint.
    assert re.fullmatch(r"TERM@\d{3,}", asked["signal"])
    assert "requeue" in asked and asked["open-mode"] == "append"


def test_twelve_nodes_of_eight(site, tmp_path, capsys):
    status, calls, said = site(TWELVE)
    assert status == 0 and "finished: runs/poster-geo" in said
    (plan,) = called(calls, "python")
    assert plan[:6] == ["-m", "train", "plan", "train/configs/poster-geo.toml", "--gpus", "96"]
    (srun,) = called(calls, "srun")
    assert {"--kill-on-bad-exit=1", "--wait=0"} <= set(srun)
    (torchrun,) = called(calls, "torchrun")
    assert torchrun[:2] == ["--nnodes=12", "--nproc-per-node=8"]
    assert {"--rdzv-backend=c10d", "--rdzv-endpoint=node001:29500", "--rdzv-id=77"} <= set(torchrun)
    assert torchrun[-6:-2] == ["-m", "train", "fit", "train/configs/poster-geo.toml"]
    assert torchrun[-2:] == ["--out", "runs/poster-geo"]
    assert parses(torchrun, capsys)
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=?(\S*)", TWELVE.read_text(), re.M))
    assert (asked["nodes"], asked["ntasks-per-node"], asked["gpus-per-node"]) == ("12", "1", "8")


def test_torchrun_takes_these_words():
    from torch.distributed.run import get_args_parser

    words = "--nnodes=12 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=node001:29500 --rdzv-id=77"
    words += " --max-restarts=3 --signals-to-handle=SIGINT,SIGHUP,SIGQUIT"
    text = (CLUSTER / "node.sh").read_text()
    assert all(word.split("=")[0] in text for word in words.split())
    known = get_args_parser().parse_args([*words.split(), "-m", "train", "fit", "x.toml", "--out", "y"])
    assert known.training_script_args == ["fit", "x.toml", "--out", "y"]


def test_one_gpu_needs_no_torchrun(site, capsys):
    status, calls, _ = site(ONE, "a.toml", "runs/a", SLURM_NNODES="1")
    assert status == 0 and not called(calls, "torchrun")
    plan, fit = called(calls, "python")
    assert plan[2:4] == ["plan", "a.toml"] and fit == ["-m", "train", "fit", "a.toml", "--out", "runs/a"]
    assert parses(fit, capsys)
    assert site(ONE)[0] != 0


@pytest.mark.parametrize("script", [TWELVE, ONE], ids=lambda path: path.name)
def test_an_interrupted_run_is_queued_again_and_a_failed_one_is_not(site, tmp_path, script):
    given = ("a.toml", "runs/a")
    partial = tmp_path / "runs" / ".a.partial"
    partial.mkdir(parents=True)
    status, calls, said = site(script, *given)
    assert status == 0 and called(calls, "scontrol")[-1] == ["requeue", "77"] and "queued again" in said
    status, calls, said = site(script, *given, SLURM_RESTART_COUNT="100")
    assert status == 1 and ["requeue", "77"] not in called(calls, "scontrol")
    if script == TWELVE:
        status, calls, said = site(script, *given, TORCHRUN_STATUS="1")
        assert status == 1 and ["requeue", "77"] not in called(calls, "scontrol") and "failed" in said
    # A config that cannot be planned does not get as far as the GPUs.
    status, calls, _ = site(script, *given, PLAN_STATUS="2")
    assert status == 2 and not called(calls, "srun")


@contextmanager
def run_node(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start node.sh with the real torchrun and two stand-ins for trainers."""
    package = folder / "train"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(TRAINER)
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "torchrun").write_text(f'#!/bin/bash\nexec {sys.executable} -m torch.distributed.run "$@"\n')
    (binaries / "torchrun").chmod(0o755)
    slurm = {"GPUS_PER_NODE": "2", "RENDEZVOUS": "localhost:0", "SLURM_JOB_ID": "77", "MAX_RESTARTS": "0"}
    path = f"{binaries}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", str(CLUSTER / "node.sh"), "a.toml"],
        cwd=folder,
        env={"PATH": path, "OMP_NUM_THREADS": "1", **slurm, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as node:
        try:
            yield node
        finally:
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_signalled_node_exits_0_when_its_trainers_do(tmp_path):
    with run_node(tmp_path) as node:
        assert node.stdout is not None
        started = [node.stdout.readline() for _ in range(2)]
        assert started == ["trains fit a.toml\n"] * 2
        children = subprocess.run(["pgrep", "-P", str(node.pid)], capture_output=True, text=True).stdout.split()
        # Where Slurm does not track by cgroup, torchrun is signalled as well.
        for process in (*children, str(node.pid)):
            os.kill(int(process), signal.SIGTERM)
            time.sleep(0.1)
        out, err = node.communicate(timeout=60)
        assert out.splitlines() == ["saved 1"] * 2
        assert node.returncode == 0, err


@pytest.mark.slow
def test_a_node_reports_failed_trainers(tmp_path):
    with run_node(tmp_path, STATUS="3") as node:
        _, err = node.communicate(timeout=120)
        assert node.returncode == 1 and re.search(r"exitcode +: 3", err)
