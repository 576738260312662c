"""The GPU check runs by the same code on a CPU, and states no figure that it did not measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_check import LIMIT_S, MOST_ERROR, PARTS, PRECISIONS, check, criteria_of, main
from cellstate.evidence import Criterion

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "benchmarks" / "gpu_check.sh"


def by_name(criteria: list[Criterion]) -> dict[str, float | None]:
    return {one.name: one.value for one in criteria}


def test_without_a_gpu_nothing_is_claimed(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["--out", str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err.startswith("error: This machine has no GPU")
    assert not list(tmp_path.iterdir())


def test_a_part_that_fails_or_is_too_late_leaves_its_figures_empty(monkeypatch) -> None:
    given = {"first": 2.0, "step": 1.0, "error": 0.1, "peak": 3e9, "loss": 0.5}

    def in_a_process(module, *options, timeout):
        part = options[options.index("--measure") + 1]
        assert module == "benchmarks.gpu_check" and 0 < timeout <= LIMIT_S
        if part == "step":
            return given
        if part == "fsdp":
            raise subprocess.TimeoutExpired("late", timeout)
        raise subprocess.CalledProcessError(1, "failed")

    monkeypatch.setattr(gpu_check, "in_a_process", in_a_process)
    monkeypatch.setattr(gpu_check, "create_model", lambda *_, **__: None)
    criteria, whole = check("cuda", small=False)
    assert not whole
    found = {name: value for name, value in by_name(criteria).items() if value is not None}
    assert found == {
        f"cuda.poster.step_{precision}.{name}": value
        for precision in ("bfloat16", "float32")
        for name, value in (("first_step", 2.0), ("step", 1.0), ("loss_relative_error", 0.1), ("peak_memory", 3.0))
    }
    # A wrong loss fails; so does every threshold of a figure that is missing.
    assert {one.passed for one in criteria if one.threshold is not None} == {False}


def test_thresholds_are_those_of_the_precision() -> None:
    figures = {"z_error": 1e-3, "change_error": 1e-3, "shared": 50.0}
    passed = {p: next(one.passed for one in criteria_of("answers", p, "cuda.shipped", figures)) for p in PRECISIONS}
    assert passed == {"float32": False, "bfloat16": True, "float16": True}
    assert MOST_ERROR["float32"] < 1e-3


@pytest.mark.slow
@pytest.mark.thorough
def test_the_script_runs_on_a_cpu_from_any_folder(tmp_path) -> None:
    """Every part with the small network; answers of a CPU differ from its own only by their precision."""
    done = subprocess.run(
        [SCRIPT, "--device", "cpu", "--small", "--out", "check.json"],
        cwd=tmp_path, env=os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "check.json").read_text())
    assert found == json.loads(done.stdout.splitlines()[-1])
    assert found["quick"] and found["benchmark"] == "gpu_check"
    value = {one["name"]: one["value"] for one in found["criteria"]}
    assert all(one["threshold"] is None for one in found["criteria"])
    assert None not in value.values()
    parts = {tuple(name.split(".")[2].rsplit("_", 1)) for name in value if name.count(".") == 3}
    assert parts == set(PARTS)
    assert value["cpu.shipped.answers_float32.reconstruction_relative_error"] == 0
    for precision in ("bfloat16", "float16"):
        name = f"cpu.shipped.answers_{precision}"
        assert 0 < value[f"{name}.reconstruction_relative_error"] < MOST_ERROR[precision]
        assert 0 < value[f"{name}.knock_out_relative_error"] < MOST_ERROR[precision]
        assert value[f"{name}.knock_out_largest_difference_to_cpu"] == 0
    assert value["cpu.small.fsdp_loss_to_plain_relative_difference"] < 1e-5
    assert value["cpu.small.pairs_float32.top_50_partners_shared_with_cpu"] == 50
    assert 0.1 < value["cpu.small.step_float32.peak_memory"] < 3
