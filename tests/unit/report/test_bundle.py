"""The run bundle: what is in it, what is not, and that its code gives the same numbers, bit for bit."""

from __future__ import annotations

import ast
import io
import json
import os
import runpy
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellstate.cli import main, parser
from cellstate.goals import read_goal
from cellstate.io import ReadOptions, read_samples, to_csv
from cellstate.io.write import ExportTable
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.combination import Combination, combine
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.report.bundle import bundle, command_options, python, settings, shell
from cellstate.report.provenance import Run, SampleFile, provenance
from cellstate.ui.components.exports import search_run
from tests.unit.report.conftest import NASTY


@pytest.fixture(scope="module")
def prediction_run(small_model, source, answer, perturbations) -> Run:
    """A predicted expression change."""
    about = {"sample": source.sample, "kind": "hypothesis"}
    table = ExportTable(answer.table, ("ensembl_id",), "log2_fold_change", about)
    return Run("perturb", source, provenance(small_model), table, perturbations, answer.predictor)


@pytest.fixture(scope="module")
def screen_run(small_model, source) -> Run:
    """A screen of some genes with two perturbations."""
    genes = np.arange(0, len(small_model.space), 3)
    ensembl = [small_model.space.ensembl[g] for g in genes]
    goal = f"genes:+{small_model.space.ensembl[1]},-{small_model.space.ensembl[2]}"
    sample = read_samples(source.data, options=source.overrides).take([source.position])
    prepared = prepare_sample(small_model, sample)
    read = read_goal(goal, prepared)
    found = screen(prepared, read, perturbations=["ko", "x3"], genes=genes, predictor="elastic_net")
    table = ExportTable(found.table, ("gene", "perturbation"), "score", {"sample": source.sample})
    patterns = [Perturbation.pattern("ko"), Perturbation.pattern("x3")]
    return Run("screen", source, provenance(small_model), table, patterns, found.predictor, goal=goal, genes=ensembl)


@pytest.fixture(scope="module")
def runs(small_model, source, prediction_run, screen_run) -> dict[str, Run]:
    """A run of every kind, by name; pairs of two lists and of one gene."""
    goal = screen_run.goal
    samples = read_samples(source.data, options=source.overrides).take([source.position])
    sample = prepare_sample(small_model, samples)
    read = read_goal(goal, sample)
    some, others = np.arange(0, 40, 2), np.arange(11, 60, 3)
    listed = pairs(sample, read, perturbation="kd33.3", genes=some, partners=others, by="score")
    of_one = pairs(sample, read, partners=others, anchor=7, by="cohort")
    designed = combine(
        sample, read, max_perturbations=2, fraction=0.7, perturbations=["ko", "x3"], genes=some, predictor="ridge"
    )
    made = {"prediction": prediction_run, "screen": screen_run}
    for name, found in (("pairs", listed), ("partners", of_one), ("combination", designed)):
        assert found is not None
        frame, key = (found.steps, "gene") if isinstance(found, Combination) else (found.table, "a")
        table = ExportTable(frame, (key, "perturbation" if key == "gene" else "b"), "score", {"sample": source.sample})
        assert len(frame)
        made[name] = search_run(found, goal, source, small_model, table)
    return made


KINDS = ["prediction", "screen", "pairs", "partners", "combination"]


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def run_python(run: Run, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run ``reproduce.py`` of a bundle in this process; returns its exit status."""
    zipfile.ZipFile(io.BytesIO(bundle(run))).extractall(folder)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(run.source.data), str(model)])
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / "reproduce.py"), run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code


def run_shell(run: Run, folder: Path, model: Path) -> subprocess.CompletedProcess[str]:
    """Run ``reproduce.sh`` of a bundle by a shell, its ``cellstate`` in this process."""
    zipfile.ZipFile(io.BytesIO(bundle(run))).extractall(folder)
    (folder / "bin").mkdir()
    called = folder / "bin" / "cellstate"
    called.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > words\n")
    called.chmod(0o755)
    more = {"PATH": f"{called.parent}{os.pathsep}{os.environ['PATH']}", "SAMPLE": NASTY}
    words = ["sh", "reproduce.sh", str(run.source.data), str(model)]
    call = partial(subprocess.run, words, cwd=folder, env=os.environ | more, capture_output=True, text=True, timeout=60)
    assert call().returncode == 1, "there is nothing to compare with yet"
    assert main((folder / "words").read_text().split("\0")[:-1]) == 0
    return call()


@pytest.mark.parametrize("kind", KINDS)
def test_its_python_gives_the_same_numbers_bit_for_bit(kind, runs, small_model, tmp_path, monkeypatch, capsys) -> None:
    run = runs[kind]
    assert run_python(run, tmp_path, small_model.folder, monkeypatch) == 0
    assert capsys.readouterr().out == "The same numbers, bit for bit.\n"
    assert (tmp_path / "again.csv").read_bytes() == to_csv(run.table.frame).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_its_commands_give_the_same_numbers_bit_for_bit(kind, runs, small_model, tmp_path) -> None:
    run = runs[kind]
    done = run_shell(run, tmp_path, small_model.folder)
    assert (done.returncode, done.stdout) == (0, "The same numbers, bit for bit.\n"), done.stderr
    assert (tmp_path / "again.csv").read_bytes() == to_csv(run.table.frame).encode()
    assert not (tmp_path / "x").exists(), "a name was run"


def test_other_numbers_are_said(prediction_run, small_model, tmp_path, monkeypatch, capsys) -> None:
    changed = prediction_run.table.frame.assign(log2_fold_change=prediction_run.table.frame["log2_fold_change"] + 0.25)
    other = replace(prediction_run, table=replace(prediction_run.table, frame=changed))
    assert run_python(other, tmp_path, small_model.folder, monkeypatch) == 1
    assert capsys.readouterr().out == "Not the same: numbers differ by up to 0.25.\n"


def test_another_file_or_model_is_refused(prediction_run, small_model, upload, tmp_path, monkeypatch) -> None:
    other = tmp_path / "other.tsv"
    other.write_bytes(upload.read_bytes() + b"\n")
    bundled = replace(prediction_run, source=replace(prediction_run.source, sample="S"))
    zipfile.ZipFile(io.BytesIO(bundle(bundled))).extractall(tmp_path)
    for words, said in (([str(other)], "not the file"), ([str(upload)], "not the model"), ([], "python reproduce.py")):
        monkeypatch.setattr(sys, "argv", ["reproduce.py", *words])
        monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
        with pytest.raises(SystemExit, match=said):
            runpy.run_path(str(tmp_path / "reproduce.py"), run_name="__main__")


def test_nothing_of_the_sample_is_in_it_unless_asked_for(prediction_run, upload) -> None:
    held = unpacked(bundle(prediction_run))
    assert set(held) == {
        "README.md", "settings.json", "reproduce.py", "reproduce.sh",
        "tables/prediction.csv", "tables/prediction.parquet", "tables/prediction.h5ad",
    }  # fmt: skip
    for name, data in held.items():
        assert not any(
            word in data for word in (b"Patient-File", b"Quiet-Name", b"alert(", str(upload.parent).encode())
        ), name
    asked = unpacked(bundle(prediction_run, named=True, with_input=True))
    assert asked["input.tsv"] == upload.read_bytes()
    shown = json.loads(asked["settings.json"])
    assert shown["sample"]["name"] == NASTY and shown["input"]["name"] == upload.name
    assert pd.read_parquet(io.BytesIO(asked["tables/prediction.parquet"])).attrs["sample"] == NASTY


def test_the_same_run_gives_the_same_bytes(prediction_run) -> None:
    assert bundle(prediction_run) == bundle(prediction_run)


def test_settings_tell_all_that_numbers_depend_on(prediction_run, screen_run, runs, small_model, perturbations) -> None:
    shown = settings(prediction_run)
    assert shown["model"]["sha256"] == dict(provenance(small_model).files)
    assert shown["input"]["sha256"] == prediction_run.source.sha256 and shown["input"]["decided_by_hand"] == {
        "unit": "TPM"
    }
    assert shown["sample"] == {"name": None, "position": 2, "of": 2} and shown["predictor"] == "autoencoder"
    assert {"cellstate", "torch", "numpy"} <= set(shown["versions"]) and shown["threads"] >= 1
    assert settings(runs["combination"])["options"] == {"max_perturbations": 2, "fraction": 0.7}
    assert settings(runs["partners"])["options"]["anchor"] == small_model.space.ensembl[7]
    assert settings(screen_run)["goal"] == screen_run.goal and settings(screen_run)["perturbations"] == ["ko", "x3"]
    assert json.loads(json.dumps(shown)) == shown


def test_a_name_is_never_code(prediction_run) -> None:
    tree = ast.parse(python(prediction_run))
    assert NASTY not in python(prediction_run)
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {"eval", "exec", "alert"}.isdisjoint(calls)
    words = shlex.split(" ".join(command_options(prediction_run, named=True)))
    assert f"--sample={NASTY}" in words and words[0] == "--unit"
    assert "SAMPLE:?" in shell(prediction_run, named=False)


def test_perturbations_keep_every_digit(prediction_run, perturbations) -> None:
    words = shlex.split(" ".join(command_options(prediction_run, named=True)))
    read = [Perturbation.parse(word.removeprefix("--perturb=")) for word in words if word.startswith("--perturb=")]
    assert read == perturbations and perturbations[1].spec != f"{perturbations[1].gene}=={perturbations[1].amount!r}"


def test_its_command_line_is_one_that_the_program_takes(runs) -> None:
    for run in runs.values():
        words = shlex.split(" ".join(command_options(run, named=True)))
        options = parser().parse_args([run.command, "FILE", *words])
        assert options.sample == NASTY and options.unit == "TPM"


@pytest.mark.parametrize(
    "name, endings",
    [("Jane.Doe.tsv.gz", ".tsv.gz"), ("a/b.H5AD", ".h5ad"), ("Jane.Doe", ""), ("x.exe", ""), ("quant.sf", ".sf")],
)
def test_of_a_files_name_only_its_kind_is_kept(name: str, endings: str) -> None:
    assert SampleFile(b"", name, ReadOptions(), "S", 0, 1).endings == endings


def test_a_checksum_is_the_same_from_disk_and_memory(upload, source) -> None:
    assert replace(source, data=upload.read_bytes()).sha256 == source.sha256
    assert replace(source, data=upload.read_bytes()).contents() == source.contents()
