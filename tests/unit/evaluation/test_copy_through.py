"""The copy-through gauge, on networks whose echo is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from msgspec.structs import asdict

from cellstate.evaluation.copy_through import copy_through
from cellstate.genes import transcription_factors
from cellstate.model import ModelConfig, create_model, load_model
from cellstate.model.network import AutoEncoder


def test_each_predictor_is_told_as_plain_values(small_model):
    found = copy_through(small_model)
    assert {"autoencoder", "pca", "coexpression"} <= set(found) and "no_change" not in found
    assert found["coexpression"].own is None and found["autoencoder"].own > 0
    kept = small_model.record.calibration.copy_through["autoencoder"]
    assert asdict(found["autoencoder"]) == pytest.approx(asdict(kept), rel=1e-3)


def test_the_response_is_the_network_s_own_difference(small_model, monkeypatch):
    """Every gene is perturbed, so that the figures can be had from one plain forward pass."""
    monkeypatch.setattr("cellstate.evaluation.copy_through.MAX_GENES", 1_000)
    n = len(small_model.space)
    response_KG = small_model.reconstruct(np.eye(n, dtype=np.float32)) - small_model.reconstruct(np.zeros((1, n), "f4"))
    own_G = np.diag(response_KG).astype(float)
    others_G = np.sqrt(((response_KG.astype(float) ** 2).sum(axis=1) - own_G**2) / (n - 1))
    found = copy_through(small_model)["autoencoder"]
    assert found.own == pytest.approx(own_G.mean(), rel=1e-3)
    assert found.others == pytest.approx(others_G.mean(), rel=1e-3)
    tf_G = np.isin(small_model.space.axis_index_G, list(transcription_factors()))
    assert found.leaf_to_tf == pytest.approx(np.median(others_G[~tf_G]) / np.median(others_G[tf_G]), rel=1e-3)


def test_a_network_that_hands_every_gene_through_is_caught(small_model):
    n = len(small_model.space)
    echo = AutoEncoder(ModelConfig("echo", (n, n - 1, n), "relu", residual=True)).requires_grad_(False)
    for parameter in echo.parameters():
        parameter.zero_()
    # The latent layer has no room for the last gene.
    echo.skip_in.weight += torch.eye(n - 1, n)
    echo.skip_out.weight += torch.eye(n, n - 1) + 0.01
    found = copy_through(replace(small_model, network=echo))["autoencoder"]
    assert found.own == pytest.approx(1.01, rel=0.01) and found.others == pytest.approx(0.01, rel=0.01)
    assert found.own_to_others == pytest.approx(101, rel=1e-3) and found.leaf_to_tf == pytest.approx(1)
    assert copy_through(small_model)["autoencoder"].own_to_others < 50


def test_random_weights_have_no_baselines(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    assert set(copy_through(model)) == {"autoencoder"}
    assert copy_through(replace(model), seed=0) == copy_through(model, seed=0)
