"""Learning from a store that need not fit into memory: the same as from the same samples in memory."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.evaluation.reconstruction import evaluate
from cellstate.gene_space import align
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_samples
from tests.unit.train.runs import ALONE
from tests.unit.train.stores import make_store
from train import data as train_data
from train.__main__ import main
from train.batches import ArraySource
from train.callbacks import ProgressDisplay
from train.config import DataConfig, LoopConfig, NetworkConfig, OutputConfig, RunConfig, TrainConfig
from train.data import read_store
from train.fit import fit
from train.warm_start import principal_components

SILENT = ProgressDisplay(visible=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store") / "store")


@pytest.fixture
def data(store, monkeypatch):
    # Several blocks, the last one smaller.
    monkeypatch.setattr(train_data, "_BLOCK", 10)
    return read_store(DataConfig(store=str(store.path)), 0, ALONE)


def test_mean_and_scale_are_those_of_the_training_samples(store, data):
    aligned = align(store.split("train"), data.space)
    log1p_SG = np.log1p(aligned.tpm_SG.astype(np.float64))
    assert len(data.space) == 240
    assert np.allclose(data.space.mean_G, log1p_SG.mean(axis=0), atol=1e-5)
    assert np.allclose(data.space.scale_G, log1p_SG.std(axis=0) + 0.1, atol=1e-4)
    tpm_SA = store.split("train").tpm_SA.astype(np.float64)
    assert np.allclose(data.space.share_tpm_G, tpm_SA.mean(axis=0)[data.space.axis_index_G], rtol=1e-5)


def test_rows_are_standardised_like_samples_in_memory(store, data):
    for split, source in (("train", data.train), ("validation", data.validation)):
        aligned = align(store.split(split), data.space)
        rows = np.array([5, 0, 11, 3])
        z_BG = source.z(source.fetch(rows)).numpy()
        assert np.allclose(z_BG, data.space.standardise(aligned.tpm_SG)[rows], atol=2e-4)
        assert [source.names[r] for r in rows] == [aligned.names[r] for r in rows]
    assert np.allclose(data.train.z(data.train.fetch(np.arange(48))).mean(dim=0), 0, atol=1e-3)


def test_a_value_that_is_missing_stays_missing(tmp_path):
    whole = make_store(tmp_path / "store")
    log1p_SA = np.load(whole.path / "log1p_tpm.npy")
    measured = np.flatnonzero(~np.isnan(log1p_SA[0]))
    log1p_SA[3, measured[7]] = np.nan
    np.save(whole.path / "log1p_tpm.npy", log1p_SA)
    data = read_store(DataConfig(store=str(whole.path), genes="axis"), 0, ALONE)
    gene = int(measured[7])
    z_BG = data.train.z(data.train.fetch(np.array([3, 4])))
    assert torch.isnan(z_BG[0, gene]) and not torch.isnan(z_BG[1, gene])
    assert data.train.n_measured_S[[3, 4]].tolist() == [239, 240]
    others_S = np.delete(align(replace_measured(whole), data.space).tpm_SG[:, gene], 3)
    assert data.space.mean_G[gene] == pytest.approx(np.log1p(others_S).mean(), abs=1e-3)


def replace_measured(store):
    from train.store import open_store

    return open_store(store.path).split("train")


def test_components_of_a_store_are_those_in_memory(store, data, monkeypatch):
    monkeypatch.setattr("train.warm_start._BLOCK", 7)
    components_PG, variance_P = principal_components(data.train, 240, 6, ALONE)
    z_SG = data.train.z(data.train.fetch(np.arange(48))).numpy()
    exact_PG, exact_P = principal_components(ArraySource(z_SG, data.train.names), 240, 6, ALONE)
    assert components_PG.shape == (6, 240)
    assert np.allclose(variance_P, exact_P, rtol=1e-3)
    assert np.abs((components_PG * exact_PG).sum(axis=1)) == pytest.approx(1, abs=1e-3)
    assert np.allclose(components_PG @ components_PG.T, np.eye(6), atol=1e-4)


def run(store, folder, **data):
    return TrainConfig(
        DataConfig(store=str(store.path), **data),
        NetworkConfig("small", (32, 8, 32)),
        LoopConfig(epochs=3, batch_size=16, warmup_steps=3),
        RunConfig(micro_batch=6),
        OutputConfig(str(folder), "float32"),
    )


@pytest.mark.slow
def test_a_model_is_trained_from_a_store(store, tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(
        '[data]\nstore = "elsewhere"\n[network]\nname = "small"\nhidden = [32, 8, 32]\n'
        "[loop]\nepochs = 3\nbatch_size = 16\n"
    )
    arguments = ["fit", str(toml), "--data", str(store.path), "--out", str(tmp_path / "m"), "--device", "cpu"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told["evaluation"]) == {"test"}
    model = load_model(tmp_path / "m", device="cpu")
    assert model.record.training.store_sha256 == store.manifest["sha256"]
    assert model.record.sources[0].splits["train"] == 48
    shown = evaluate(prepare_samples(model, store.split("test"))).to_dict()
    assert shown["r2_gene_median"] == pytest.approx(told["evaluation"]["test"]["r2_gene_median"], abs=1e-6)
    assert main(["manifest", str(store.path), "--model", str(tmp_path / "m")]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "GSM0001" in json.dumps(answer) and "GSM0060" not in json.dumps(answer)


@pytest.mark.slow
def test_the_whole_axis_and_its_silent_genes(store, tmp_path):
    """Genes that no sample measures change no prediction, and their own stays 0."""
    config = run(store, tmp_path / "m", genes="axis")
    fit(replace(config, network=replace(config.network, warm_start="none")), ALONE, SILENT)
    model = load_model(tmp_path / "m", device="cpu")
    assert len(model.space) == 19383
    silent_G = np.isnan(store.split("train").tpm_SA[0])
    z_SG = np.random.default_rng(0).standard_normal((2, 19383)).astype(np.float32)
    loud_SG = np.where(silent_G, 100, z_SG).astype(np.float32)
    before, after = model.reconstruct(z_SG), model.reconstruct(loud_SG)
    assert np.array_equal(before, after) and (before[:, silent_G] == 0).all() and (before[:, ~silent_G] != 0).any()
    r2_G = model.gene_table["r2_validation"].to_numpy(float)
    assert np.isnan(r2_G[silent_G]).all() and np.isfinite(r2_G[~silent_G]).any()


def test_a_store_in_batches_gives_the_losses_of_memory(store, data):
    from tests.unit.train.runs import Notes
    from train.fit import build
    from train.loop import TrainingJob, train

    config = run(store, "unused")
    z_SG, validation_SG = (s.z(s.fetch(np.arange(len(s.names)))).numpy() for s in (data.train, data.validation))
    in_memory = (ArraySource(z_SG, data.train.names), ArraySource(validation_SG, data.validation.names))
    told = []
    for sources in (in_memory, (data.train, data.validation)):
        notes = Notes()
        train(build(config, data, ALONE), TrainingJob(*sources, config.loop, config.run), ALONE, notes)
        told.append(notes.losses)
    assert told[1] == pytest.approx(told[0], rel=1e-5)


def test_another_gene_table_is_refused_in_one_sentence(tmp_path, capsys):
    other = make_store(tmp_path / "store")
    manifest = json.loads((other.path / "store.json").read_text())
    (other.path / "store.json").write_text(json.dumps(manifest | {"axis_hash": "0" * 64}))
    toml = tmp_path / "run.toml"
    toml.write_text(f'[data]\nstore = "{other.path}"\n[output]\nfolder = "{tmp_path / "m"}"\n')
    assert main(["fit", str(toml), "--device", "cpu"]) == 2
    assert "another gene axis" in capsys.readouterr().err
    assert not list(tmp_path.glob("*m*/"))
