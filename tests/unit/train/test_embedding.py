"""A network between fixed components: its start, what a run changes, its file, and its adaptation to other genes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from cellstate.errors import CellStateError, ModelError
from cellstate.model import load_model
from cellstate.model.checkpoint import save_checkpoint
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import WEIGHTS
from tests.unit.train.runs import ALONE
from tests.unit.train.stores import make_store, on_genes_of
from train.callbacks import ProgressDisplay
from train.config import DataConfig, LoopConfig, NetworkConfig, OutputConfig, RunConfig, TrainConfig
from train.data import class_weights, fill_in
from train.embedding import in_components, inner_network, outer_state
from train.finetune import BaseConfig, FinetuneConfig, adapt, adapted_space, finetune
from train.fit import build, fit, read_data
from train.store import open_store, write_store

SILENT = ProgressDisplay(visible=False)
WIDTH, LATENT = 12, 4


def labelled(folder, seed=0, n_train=48):
    """Store samples of three tissues, a tenth of whose values are missing."""
    plain = make_store(folder / "plain", seed=seed, n_train=n_train)
    rng = np.random.default_rng(seed)
    log1p_SA = np.array(plain.log1p_SA)
    log1p_SA[rng.random(log1p_SA.shape) < 0.1] = np.nan
    tissues = np.array(["colon", "colon", "colon", "lung", "liver", "colon"])[np.arange(len(plain)) % 6]
    (folder / "store").mkdir()
    about = {key: plain.manifest[key] for key in ("sources", "filters")}
    write_store(folder / "store", [log1p_SA], plain.table.assign(tissue=tissues), about)
    return open_store(folder / "store")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return labelled(tmp_path_factory.mktemp("corpus"))


def config(store, folder="unused", **loop):
    return TrainConfig(
        DataConfig(store=str(store.path), in_memory=True, min_measured=0.5, balance="tissue", fill=6),
        NetworkConfig("base", (16, LATENT, 16), "gelu", "pca", residual=True, components=WIDTH),
        LoopConfig(**{"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "warmup_steps": 2, "dropout": 0.1} | loop),
        output=OutputConfig(str(folder), "float32", "drawn"),
    )


@pytest.fixture(scope="module")
def base(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "base"
    fit(config(store, folder), ALONE, SILENT)
    return load_model(folder, device="cpu")


def test_it_starts_as_the_components_of_the_weighted_samples(store):
    data = read_data(config(store), ALONE)
    network = build(config(store), data, ALONE)
    rows_SG = data.train_z_SG * np.sqrt(data.weight_S)[:, None]
    _, _, components_PG = np.linalg.svd(rows_SG.astype(np.float64), full_matrices=False)
    expected_SG = data.validation_z_SG @ components_PG[:LATENT].T @ components_PG[:LATENT]
    with torch.inference_mode():
        found_SG = network(torch.from_numpy(data.validation_z_SG)).numpy()
    np.testing.assert_allclose(found_SG, expected_SG, atol=1e-3)


def test_classes_weigh_as_the_root_of_their_size(store):
    weight_S = class_weights(["a"] * 9 + ["b"] * 4 + ["c"])
    assert weight_S.mean() == pytest.approx(1)
    assert weight_S[:9].sum() / weight_S[13] == pytest.approx(3) and weight_S[9:13].sum() / weight_S[13] == 2
    data = read_data(config(store), ALONE)
    assert data.weight_S is not None and len(set(data.weight_S.round(4))) == 2
    w_S1, known_SG = data.weight_S[:, None].astype(np.float64), ~np.isnan(data.train.z_SG)
    mean_G = np.nansum(data.train.z_SG * w_S1, axis=0) / (known_SG * w_S1).sum(axis=0)
    assert np.abs(mean_G).max() < 1e-3


def test_what_is_missing_is_filled_by_components_and_nothing_else_changes():
    rng = np.random.default_rng(0)
    true_SG = (rng.normal(size=(80, 3)) @ rng.normal(size=(3, 60))).astype(np.float32)
    z_SG, validation_SG = true_SG[:60].copy(), true_SG[60:].copy()
    z_SG[rng.random(z_SG.shape) < 0.1] = np.nan
    validation_SG[rng.random(validation_SG.shape) < 0.1] = np.nan
    for given_SG, filled_SG, expected_SG in zip(
        (z_SG, validation_SG), fill_in(z_SG, validation_SG, 3), (true_SG[:60], true_SG[60:]), strict=True
    ):
        known_SG = ~np.isnan(given_SG)
        assert np.array_equal(filled_SG[known_SG], given_SG[known_SG])
        error = np.square(filled_SG - expected_SG)[~known_SG].mean() / np.square(expected_SG)[~known_SG].mean()
        assert error < 0.02


def test_a_run_changes_the_layers_between_the_ends_alone(store, base):
    data = read_data(config(store), ALONE)
    start = build(config(store), data, ALONE)
    for name, tensor in base.network.state_dict().items():
        moved = not torch.allclose(tensor, start.state_dict()[name], atol=1e-6)
        assert moved == (name.split(".")[1] not in ("0", "5")), name
    losses = [json.loads(line) for line in (base.folder / "history.jsonl").read_text().splitlines()]
    assert losses[-1]["train_loss"] < losses[1]["train_loss"]


def test_a_squared_error_in_components_is_one_in_genes(store):
    data = read_data(config(store), ALONE)
    network = build(config(store), data, ALONE)
    inner = inner_network(network)
    torch.nn.init.normal_(inner.layers[-1].weight, std=0.1, generator=torch.Generator().manual_seed(0))
    network.load_state_dict(outer_state(network, inner.state_dict()))
    coordinates = in_components(data.train, network)
    one = torch.from_numpy(coordinates.z_SG[:1])
    z = torch.from_numpy(data.train_z_SG[:1])
    with torch.inference_mode():
        # What no component reaches is the same for every network.
        apart = z - one @ network.weight(5).T
        whole = ((network(z) - z) ** 2).sum() - (apart**2).sum()
        factor = (network.weight(5) ** 2).sum(dim=0).mean()
        assert float(whole) == pytest.approx(float(((inner(one) - one) ** 2).sum() * factor), rel=1e-3)


def test_a_stopped_run_ends_with_the_same_weights(store, tmp_path, base):
    """Dropout is drawn by the step: what was interrupted goes on as if it had not been."""
    chosen = replace(config(store, tmp_path / "again"), run=RunConfig(checkpoint_steps=3))
    fit(chosen, ALONE, SILENT)
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (base.folder / WEIGHTS).read_bytes()


def test_its_file_holds_the_components_once(base, tmp_path):
    with safe_open(base.folder / WEIGHTS, "np") as file:
        names = set(file.keys())
    assert "layers.5.factor" in names and "layers.5.weight" not in names
    loose = base.network
    with torch.no_grad():
        loose.weight(5)[0, 0] += 1
    standardise = {name: torch.ones(len(base.space)) for name in ("genes.mean", "genes.scale", "genes.share_tpm")}
    with pytest.raises(ModelError, match="transposed"):
        save_checkpoint(tmp_path / "loose.safetensors", loose, standardise, base.space.hash, torch.float32)
    with torch.no_grad():
        loose.weight(5)[0, 0] -= 1


def test_drawn_profiles_follow_the_corpus_and_copy_nobody(store, base):
    profiles = load_profiles(base)
    assert profiles is not None and base.record.training is not None and base.record.training.simulated_profiles
    data = read_data(config(store), ALONE)
    true_SG = data.space.log1p_tpm(data.train_z_SG)
    assert np.corrcoef(profiles.log1p_SG.mean(axis=0), true_SG.mean(axis=0))[0, 1] > 0.99
    assert np.corrcoef(profiles.log1p_SG.std(axis=0), true_SG.std(axis=0))[0, 1] > 0.8
    apart = np.abs(profiles.log1p_SG[:, None] - true_SG[None, :8]).mean(axis=2)
    assert apart.min() > 0.1
    assert "none is a sample of the corpus" in (base.folder / "MODEL_CARD.md").read_text()


def test_held_out_quality_is_told_within_data_sets_and_by_tissue(base):
    record = base.record.evaluation["test"]
    assert set(record.tissues) == {"colon", "lung", "liver"}
    assert sum(one.n_samples for one in record.tissues.values()) == record.n_samples
    # Each series of the synthetic store is one sample: nothing differs within it.
    assert record.r2_within_median is None


def test_it_is_adapted_to_other_genes(store, base, tmp_path):
    disease = on_genes_of(labelled(tmp_path, seed=3, n_train=24), store, tmp_path / "moved")
    chosen = FinetuneConfig(
        BaseConfig(model=str(base.folder), name="mine", standardise="own"),
        DataConfig(store=str(disease.path), in_memory=True, min_measured=0.5, fill=6),
        LoopConfig(epochs=3, batch_size=8, learning_rate=1e-3, warmup_steps=2),
        output=OutputConfig(str(tmp_path / "mine"), "float32"),
    )
    data = read_data(TrainConfig(chosen.data, loop=chosen.loop), ALONE)
    network, about = adapt(base, data.in_units_of(adapted_space(base, data, "own")), "mine")
    assert about["genes_new"] > 0 and about["genes_left_out"] > 0 and network.config.embedding
    finetune(chosen, ALONE, SILENT)
    mine = load_model(tmp_path / "mine", device="cpu")
    assert mine.config.widths == (len(data.space), *base.config.widths[1:-1], len(data.space))
    assert mine.record.training is not None and mine.record.training.adapted_from is not None
    # The components are orthonormal on the new genes, and each is read as it is predicted.
    first_QG, last_QG = mine.network.weight(0).double(), mine.network.weight(5).double().T
    gram_QQ = first_QG @ last_QG.T
    np.testing.assert_allclose(gram_QQ, np.eye(WIDTH), atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: replace(config(s), loop=LoopConfig(hide=0.3)),
        lambda s: replace(config(s), network=NetworkConfig("b", (9, 4, 9), "gelu", "none", True, 12)),
        lambda s: replace(config(s), data=DataConfig(store=str(s.path), balance="tissue")),
        lambda s: replace(config(s), data=DataConfig(store=str(s.path), in_memory=True)),
    ],
)
def test_settings_that_do_not_go_together_are_refused(store, wrong):
    with pytest.raises(CellStateError):
        wrong(store)


def test_a_column_that_the_store_lacks_is_named(store):
    chosen = replace(config(store).data, balance="organ")
    with pytest.raises(CellStateError, match="no column 'organ'"):
        read_data(replace(config(store), data=chosen), ALONE)


def test_the_table_of_a_store_names_what_tissues_there_are(store):
    assert isinstance(store.table, pd.DataFrame) and set(store.table["tissue"]) == {"colon", "lung", "liver"}
