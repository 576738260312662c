"""Regulators of a whole store: in blocks, shared, continued."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cellstate.errors import DataError
from cellstate.model import load_model
from cellstate.perturb.regulators.search import regulators
from cellstate.perturb.sample import prepare_samples
from tests.support.normal_tissue import with_normal_tissue
from tests.unit.train.stores import make_store
from train import score_regulators as module
from train.distributed import DistributedContext
from train.score_regulators import SUMMARY, samples_of, score_store


@pytest.fixture(scope="module")
def folder(small_model, cohort, tmp_path_factory):
    """A model folder that knows normal tissue."""
    return with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "normal")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 20)
    return make_store(tmp_path / "store", n_genes=None, n_train=30, n_held_out=8)


def alone(rank=0, size=1):
    """A process of several that waits for nobody."""
    import torch

    class Here(DistributedContext):
        def wait(self) -> None:
            pass

    return Here(rank, size, torch.device("cpu"))


def test_every_sample_is_scored_as_alone(store, folder, tmp_path):
    out = tmp_path / "out"
    found = score_store(store, folder, out, alone())
    assert found["samples"] == len(store) == 46
    parts = [np.load(path) for path in sorted(out.glob("part-*.npz"))]
    assert [len(part["samples"]) for part in parts] == [20, 20, 6]
    expected = regulators(prepare_samples(load_model(folder, device="cpu"), samples_of(store, 20)))
    assert_allclose(parts[1]["z"], expected.z_ST, rtol=2e-3, atol=2e-3)
    assert parts[1]["samples"].tolist() == list(expected.samples)
    table = pd.read_csv(out / SUMMARY)
    called = np.concatenate([part["called"] for part in parts])
    assert table["n_more_active"].sum() == (called > 0).sum() and len(table) == called.shape[1]


def test_a_run_continues_and_processes_share(store, folder, tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    score_store(store, folder, whole, alone())
    score_store(store, folder, whole, alone())
    # The second process writes its blocks; then the first writes its own and the table.
    module._claim(shared, (whole / module.ABOUT).read_text())
    assert score_store(store, folder, shared, alone(1, 2)) == {}
    before = {path.name: path.stat().st_mtime_ns for path in shared.glob("part-*.npz")}
    assert 0 < len(before) < 3
    score_store(store, folder, shared, alone(0, 2))
    assert all((shared / name).stat().st_mtime_ns == when for name, when in before.items())
    assert (shared / SUMMARY).read_text() == (whole / SUMMARY).read_text()


def test_a_folder_of_other_results_is_refused(store, folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DataError):
        score_store(store, folder, out, alone())
    (out / "mine.txt").unlink()
    (out / module.ABOUT).write_text("store x, model y\n")
    with pytest.raises(DataError):
        score_store(store, folder, out, alone())
    assert [path.name for path in out.iterdir()] == [module.ABOUT]
