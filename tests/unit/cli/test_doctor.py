"""``cellstate doctor``: what it finds in a sound installation, and one sentence for each fault."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from cellstate.cli import doctor
from cellstate.files import read_checksums
from cellstate.model.folder import WEIGHTS, shipped_models
from cellstate.perturb import predict as predict_module


@pytest.fixture(autouse=True)
def enough_memory(monkeypatch, tmp_path) -> Path:
    """Memory that does not depend on what else runs on this machine."""
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n")
    monkeypatch.setattr(doctor, "_MEMINFO", path)
    return path


def test_every_shipped_model_is_sound(run):
    found = run("doctor", "--json")
    assert found["problems"] == []
    assert {one["name"] for one in found["models"]} == set(shipped_models())
    for one in found["models"]:
        folder = shipped_models()[one["name"]]
        assert one["checksums"] == "verified" and one["sha256"] == read_checksums(folder)[WEIGHTS]
        assert one["bytes"] > (folder / WEIGHTS).stat().st_size
        assert one["self_test"]["n_genes"] > 17_000 and one["self_test"]["largest_change"] > 0


def test_versions_device_and_memory(run, small_model):
    found = run("doctor", "--model", small_model.folder, "--json")
    assert set(found["versions"]) == {"cellstate", "python", "torch", "numpy", "streamlit"}
    assert found["versions"]["numpy"] == np.__version__ and found["versions"]["streamlit"] == version("streamlit")
    assert found["extras"] == {name: {"installed": True, "missing": []} for name in ("app", "train")}
    assert found["device"] and found["memory"]["available"] == 8_192_000_000
    assert [one["name"] for one in found["models"]] == [small_model.folder.name]


def test_lines_for_a_person(run, small_model):
    printed = run("doctor", "--model", small_model.folder)
    assert str(small_model.folder) in printed.out and "problem:" not in printed.out


def test_a_damaged_model_is_one_problem(run, small_model, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(small_model.folder, folder)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    found = run("doctor", "--model", folder, "--json", status=1)
    assert len(found["problems"]) == 1 and WEIGHTS in found["problems"][0]
    assert found["models"] == [{"name": "damaged", "path": str(folder), "self_test": None}]
    assert f"problem: {found['problems'][0]}" in run("doctor", "--model", folder, status=1).out


def test_a_model_that_is_not_there_is_one_problem(run, tmp_path):
    found = run("doctor", "--model", tmp_path / "none", "--json", status=1)
    assert len(found["problems"]) == 1 and str(tmp_path / "none") in found["problems"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: {"log1p_after_G": np.full_like(found.log1p_after_G, np.nan)},
        lambda found: {"baseline_log1p_after": dict.fromkeys(found.baseline_log1p_after, np.array([np.inf]))},
        lambda found: {"log1p_after_G": found.log1p_before_G},
        lambda found: {"log1p_after_G": np.where(found.is_perturbed_G, 0, found.log1p_before_G)},
    ],
    ids=["nan", "infinite baseline", "still expressed", "nothing changed"],
)
def test_an_answer_that_cannot_be_right_is_one_problem(run, small_model, monkeypatch, change):
    predict = predict_module.predict

    def wrong(*arguments):
        found = predict(*arguments)
        return replace(found, **change(found))

    monkeypatch.setattr(predict_module, "predict", wrong)
    found = run("doctor", "--model", small_model.folder, "--json", status=1)
    assert len(found["problems"]) == 1 and found["models"][0]["self_test"] is None


def test_a_missing_package_is_one_problem_each(run, small_model, monkeypatch):
    def none_but_numpy(name: str) -> str:
        if name == "numpy":
            return "2.0"
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", none_but_numpy)
    found = run("doctor", "--model", small_model.folder, "--json", status=1)
    assert [text.split()[0] for text in found["problems"]] == ["torch"]
    assert found["device"] is None and found["models"] == []


def test_a_missing_extra_is_no_problem(run, small_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    found = run("doctor", "--model", small_model.folder, "--json")
    assert found["extras"]["app"] == {"installed": False, "missing": ["plotly"]} and found["problems"] == []


def test_too_little_memory_is_one_problem(run, small_model, enough_memory):
    enough_memory.write_text("MemAvailable:    300000 kB\n")
    found = run("doctor", "--model", small_model.folder, "--json", status=1)
    assert len(found["problems"]) == 1 and found["models"][0]["self_test"]


def test_a_system_that_tells_no_memory_is_no_problem(run, small_model, enough_memory):
    enough_memory.unlink()
    found = run("doctor", "--model", small_model.folder, "--json")
    assert found["memory"]["available"] is None


def test_missing_examples_are_one_problem(run, small_model, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "resource_path", lambda *_: tmp_path)
    found = run("doctor", "--model", small_model.folder, "--json", status=1)
    assert len(found["problems"]) == 1 and found["models"] == []
