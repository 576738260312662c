"""A child of an embedding: the base's prediction through components of both, and linear maps of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError
from cellstate.model import load_model
from tests.unit.train.runs import ALONE
from tests.unit.train.stores import make_store, on_genes_of
from train.callbacks import ProgressDisplay
from train.config import DataConfig, LoopConfig, NetworkConfig, OutputConfig, TrainConfig
from train.finetune import BaseConfig, FinetuneConfig, adapt, finetune
from train.fit import fit, read_data
from train.inherit import inherit, take_components

SILENT = ProgressDisplay(visible=False)
WIDTH, LATENT = 12, 4


def data_of(store):
    return DataConfig(store=str(store.path), in_memory=True, min_measured=0.5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("corpus") / "store", n_train=48)


@pytest.fixture(scope="module")
def base(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inherit")
    network = NetworkConfig("base", (16, LATENT, 16), "gelu", "pca", residual=True, components=WIDTH)
    loop = LoopConfig(epochs=4, batch_size=8, learning_rate=3e-3, warmup_steps=2)
    output = OutputConfig(str(folder / "base"), "float32")
    fit(TrainConfig(data_of(corpus), network, loop, output=output), ALONE, SILENT)
    return load_model(folder / "base", device="cpu")


@pytest.fixture(scope="module")
def disease(corpus, tmp_path_factory):
    """Other samples of the same genes but for twenty."""
    folder = tmp_path_factory.mktemp("disease")
    return on_genes_of(make_store(folder / "plain", seed=3, n_train=24), corpus, folder / "store")


@pytest.fixture(scope="module")
def data(disease):
    return read_data(TrainConfig(data_of(disease)), ALONE)


def matched(base, data):
    """Each gene's position in the base, and whether it has it."""
    at = {ensembl: b for b, ensembl in enumerate(base.space.ensembl)}
    known_G = np.array([ensembl in at for ensembl in data.space.ensembl])
    assert 0.5 < known_G.mean() < 1
    return np.array([at.get(ensembl, 0) for ensembl in data.space.ensembl]), known_G


def test_it_predicts_what_its_base_does_as_far_as_the_components_reach(base, data):
    at_G, known_G = matched(base, data)
    network = inherit(base, data, at_G, known_G, 70, 1.0, "mine")
    rows_QG = network.weight(0).numpy()
    rows_QG = rows_QG / np.linalg.norm(rows_QG, axis=1, keepdims=True)
    np.testing.assert_allclose(rows_QG @ rows_QG.T, np.eye(len(rows_QG)), atol=1e-4)
    log1p_SG = data.space.mean_G + data.space.scale_G * data.train_z_SG
    theirs_SB = np.zeros((len(log1p_SG), len(base.space)), np.float32)
    z_SG = (log1p_SG - base.space.mean_G[at_G]) / base.space.scale_G[at_G]
    theirs_SB[:, at_G[known_G]] = z_SG[:, known_G]
    with torch.inference_mode():
        mine_SG = network(torch.from_numpy(data.train_z_SG)).numpy()
        told_SG = base.network(torch.from_numpy(theirs_SB)).numpy()[:, at_G]
    told_log1p_SG = base.space.mean_G[at_G] + base.space.scale_G[at_G] * told_SG
    expected_SG = np.where(known_G, (told_log1p_SG - data.space.mean_G) / data.space.scale_G, 0)
    assert np.abs(expected_SG).max() > 0.5
    np.testing.assert_allclose(mine_SG, expected_SG @ rows_QG.T @ rows_QG, atol=2e-3)


def test_the_weight_decides_whose_directions_come_first(base, data):
    at_G, known_G = matched(base, data)

    def left_over(weight):
        rows = inherit(base, data, at_G, known_G, 8, weight, "mine").weight(0).numpy().astype(np.float64)
        basis_GQ = np.linalg.qr(rows.T)[0]
        return np.square(data.train_z_SG - data.train_z_SG @ basis_GQ @ basis_GQ.T).sum()

    assert left_over(0.0) < 0.9 * left_over(100.0)


def test_linear_maps_of_its_own_are_its_leading_components(base, data):
    network = inherit(base, data, *matched(base, data), 20, 0.05, "mine")
    z = torch.from_numpy(data.train_z_SG)
    with torch.inference_mode():
        before_L = network.encode(z).mean(dim=0)
        take_components(network, data.train_z_SG)
        np.testing.assert_allclose(network.encode(z).mean(dim=0), before_L, atol=1e-4)
        np.testing.assert_allclose(network(z).mean(dim=0), 0, atol=1e-4)
        both_QQ = network.skip_out.weight @ network.skip_in.weight
    expected_QQ = np.diag([1.0] * LATENT + [0.0] * (20 - LATENT))
    np.testing.assert_allclose(both_QQ, expected_QQ, atol=1e-5)


def test_a_run_learns_beside_them(base, disease, tmp_path):
    chosen = FinetuneConfig(
        BaseConfig(model=str(base.folder), name="mine", standardise="own", components=20, linear="components"),
        data_of(disease),
        LoopConfig(epochs=3, batch_size=8, learning_rate=1e-3, warmup_steps=2, freeze_linear=True, keep="last"),
        output=OutputConfig(str(tmp_path / "mine"), "float32"),
    )
    data = read_data(TrainConfig(chosen.data), ALONE)
    start, _ = adapt(base, data, "mine", chosen.base)
    finetune(chosen, ALONE, SILENT)
    mine = load_model(tmp_path / "mine", device="cpu")
    assert mine.config.widths == (len(data.space), 20, 16, LATENT, 16, 20, len(data.space))
    assert torch.equal(mine.network.skip_in.weight, start.skip_in.weight)
    assert not torch.equal(mine.network.weight(1), start.weight(1))


def test_a_base_without_components_has_none_to_share(small_model, data):
    at_G = np.zeros(len(data.space), int)
    with pytest.raises(CellStateError, match="no components to share"):
        inherit(small_model, data, at_G, at_G == 0, 20, 0.05, "mine")


def test_a_cohort_of_other_genes_is_refused(base, data):
    other = tuple(f"x{g}" if g % 4 else ensembl for g, ensembl in enumerate(base.space.ensembl))
    with pytest.raises(CellStateError, match=r"knows only \d+% of the cohort's genes"):
        adapt(replace(base, space=replace(base.space, ensembl=other)), data, "mine")


@pytest.mark.parametrize("wrong", [{"components": -1}, {"base_weight": -0.1}, {"linear": "components"}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(CellStateError):
        BaseConfig(model="a", **wrong)
