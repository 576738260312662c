"""The network in numpy gives the answers of torch, to the rounding of float32."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cellstate.errors import ModelError
from cellstate.evaluation.ood import ood_scores
from cellstate.model import Model, ModelConfig, load_model, save_model
from cellstate.model import numpy_network as module
from cellstate.model.config import ACTIVATIONS
from cellstate.model.network import AutoEncoder, initialise
from cellstate.model.numpy_network import NumpyModel, load_light_model
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.registry import all_predictors
from cellstate.perturb.sample import prepare_sample, training_mean
from tests.support.factories import make_samples, make_space

TOLERANCE = 1e-5


def save(folder, activation="relu", residual=False, dtype=torch.float32, embedding=False):
    space = make_space(30)
    hidden = (12, 8, 4, 8, 12) if embedding else (8, 4, 8)
    network = AutoEncoder(ModelConfig("tiny", (30, *hidden, 30), activation, residual, embedding))
    initialise(network, 1)
    if embedding:
        with torch.no_grad():
            network.weight(5).copy_((network.weight(0) * torch.linspace(0.5, 2, 12)[:, None]).T)
    save_model(folder, network, space, pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols}), dtype)
    return folder


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("residual", "embedding"), [(False, False), (True, False), (False, True), (True, True)])
def test_values_and_differences_are_those_of_torch(tmp_path, activation, residual, embedding):
    folder = save(tmp_path, activation, residual, embedding=embedding)
    light, usual = load_light_model(folder), load_model(folder, device="cpu")
    assert isinstance(light, NumpyModel) and not isinstance(usual, NumpyModel)
    z_SG = np.random.default_rng(0).normal(size=(7, 30)).astype(np.float32)
    np.testing.assert_allclose(light.reconstruct(z_SG), usual.reconstruct(z_SG), atol=TOLERANCE)
    np.testing.assert_allclose(light.encode(z_SG), usual.encode(z_SG), atol=TOLERANCE)
    delta_RK = np.array([[-2.0, 0.0], [1.0, 3.0], [0.0, 1e-6]], np.float32)
    change = InputChange(np.array([4, 20]), delta_RK, np.zeros_like(delta_RK))
    found_RG, expected_RG = (
        all_predictors(model)["autoencoder"].predict_change(training_mean(model), change) for model in (light, usual)
    )
    np.testing.assert_allclose(found_RG, expected_RG, atol=TOLERANCE)
    # A difference of two passes would lose the small change; propagation keeps its digits.
    np.testing.assert_allclose(found_RG[2], expected_RG[2], rtol=1e-3, atol=1e-12)


def test_a_light_model_has_everything_of_a_model(small_model: Model):
    light = load_light_model(small_model.folder)
    assert light.is_trained and light.record.default_predictor == small_model.record.default_predictor
    assert (light.device, light.dtype) == (torch.device("cpu"), torch.float32)
    assert light.gene_table.equals(small_model.gene_table)
    for name, weight in small_model.network.state_dict().items():
        assert torch.equal(light.network.state_dict()[name], weight)
    [light_ood], [usual_ood] = (ood_scores([prepare_sample(m, make_samples(1, seed=7))]) for m in (light, small_model))
    assert light_ood.score == pytest.approx(usual_ood.score, abs=TOLERANCE) and light_ood.score is not None


def test_torch_runs_what_numpy_does_not(tmp_path, monkeypatch):
    small, bfloat16 = save(tmp_path / "small"), save(tmp_path / "bfloat16", dtype=torch.bfloat16)
    assert not isinstance(load_light_model(bfloat16), NumpyModel)
    assert isinstance(load_light_model(small, device="cpu"), NumpyModel)
    assert not isinstance(load_light_model(small, dtype="float32"), NumpyModel)
    with pytest.raises(ModelError, match="no device 'abacus'"):
        load_light_model(small, device="abacus")
    monkeypatch.setattr(module, "MOST_PARAMETERS", 100)
    assert not isinstance(load_light_model(small), NumpyModel)


@pytest.mark.parametrize("name", ["layers.1.weight", "genes.scale"])
def test_weights_and_standardisation_are_finite(tmp_path, name):
    path = save(tmp_path) / "model.safetensors"
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors[name].view(-1)[-1] = float("nan")
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(ModelError, match="not finite"):
        load_light_model(tmp_path)
