"""The made file is an ARCHS4 file of distinct samples; the benchmark kills and resumes the trainer's own command."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks import archs4_scale
from benchmarks.archs4_scale import DISK_BYTES, main, plans, write_file
from benchmarks.ingest import CHUNK_SAMPLES, GENES
from cellstate.genes import N_AXIS
from train.ingest.archs4 import open_archs4

Usage = namedtuple("Usage", "total used free")
N = 250


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scale") / "archs4.h5"
    patch = pytest.MonkeyPatch()
    with patch.context() as small:
        small.setattr(archs4_scale, "GROUPS", 2)
        small.setattr(archs4_scale, "DRAWS", 2)
        write_file(path, N)
    return path


def test_the_made_file_has_the_layout_of_archs4(path: Path) -> None:
    source = open_archs4([path], 1.0)
    assert source.n_samples == N
    block = source.read(0)
    assert block.log1p_SA.shape == (CHUNK_SAMPLES, N_AXIS) and np.isfinite(block.log1p_SA).all()
    assert (block.table["detected_genes"] > 10_000).all() and (block.table["library_size"] > 1e6).all()


def test_every_sample_is_its_own_and_chunks_come_back(path: Path) -> None:
    with h5py.File(path) as file:
        counts_GS = file["data/expression"][:]
    assert counts_GS.shape == (GENES, N)
    # Genes of the last chunk too, which is stored beyond the last gene, and samples of the last.
    assert counts_GS[-500:].any(axis=0).all() and counts_GS[:, -50:].any(axis=0).all()
    assert len(np.unique(counts_GS, axis=1).T) == N
    r_SS = np.corrcoef(np.log1p(counts_GS[:N_AXIS]).T)
    assert (r_SS[~np.eye(N, dtype=bool)] < 0.995).all() and r_SS.min() > 0.5


def test_too_little_disk_is_told_before_anything_is_written(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(archs4_scale.shutil, "disk_usage", lambda _: Usage(0, 0, 1000 * DISK_BYTES - 1))
    assert main(["--samples", "1000", "--folder", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: 1,000 samples need 0 GB of disk") and "--samples" in message
    assert not list(tmp_path.iterdir())


def test_the_plan_is_for_the_store_that_was_made(tmp_path, monkeypatch) -> None:
    asked: list[tuple] = []

    def in_a_process(module, *arguments):
        asked.append((module, *map(str, arguments)))
        figures = {name: {"value": value} for name, value in (("run", 7200.0), ("step", 0.1), ("peak", 2e10))}
        return {"recommended": {"strategy": "ddp"}, "strategies": {"ddp": {"figures": figures}}}

    monkeypatch.setattr(archs4_scale, "in_a_process", in_a_process)
    found = {one.name: one.value for one in plans(tmp_path / "store", tmp_path)}
    assert f'store = "{tmp_path / "store"}"' in (tmp_path / "poster-geo.toml").read_text()
    assert [command[1:3] for command in asked] == [("plan", str(tmp_path / "poster-geo.toml"))] * 3
    assert found["plan_96_a100_80g.run"] == 2 and found["plan_96_a100_80g.gpu_hours"] == 192
    assert found["plan_1_h200_141g.gpu_hours"] == 2 and found["plan_8_h100_80g.peak_memory"] == 20


@pytest.mark.slow
@pytest.mark.thorough
def test_the_ingest_is_killed_and_resumed(tmp_path, capfd) -> None:
    assert main(["--samples", "2000", "--folder", str(tmp_path)]) == 0
    found = json.loads(capfd.readouterr().out.splitlines()[-1])
    value = {one["name"]: one["value"] for one in found["criteria"]}
    assert found["benchmark"] == "archs4_scale" and value["samples_in_file"] == 2000
    assert 1900 < value["samples_in_store"] <= 2000
    assert value["ingest"] == pytest.approx(2000 / (value["killed_attempt"] + value["resumed_attempt"]))
    assert value["ingest_to_h5py_alone"] == pytest.approx(value["ingest"] / value["h5py_alone"])
    assert 0.2 < value["ingest_peak_memory"] < 1.5
    assert not list(tmp_path.iterdir())
