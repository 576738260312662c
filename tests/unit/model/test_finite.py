"""Weights that are no numbers are refused: at once where they are read at once, else before their first use."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cellstate.errors import ModelError
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.checkpoint import not_finite
from cellstate.model.network import AutoEncoder, initialise
from tests.support.factories import make_space

MATRIX, BIAS = "layers.1.weight", "layers.2.bias"


@pytest.fixture
def folder(tmp_path):
    space = make_space(30)
    network = AutoEncoder(ModelConfig("tiny", (30, 8, 4, 8, 30), residual=True))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols})
    save_model(tmp_path, network, space, table, torch.float32)
    return tmp_path


@pytest.fixture
def mapped(monkeypatch):
    """Treat every weights file as one of gigabytes."""
    monkeypatch.setattr("cellstate.model.checkpoint.MAPPED_ABOVE_BYTES", 0)


def put(folder, name, value, dtype=None):
    """Write one number into a tensor of the model's weights."""
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        header = file.metadata()["cellstate"]
    tensors = load_file(path)
    if dtype is not None:
        tensors = {n: t if n.startswith("genes.") else t.to(dtype) for n, t in tensors.items()}
    tensors[name].view(-1)[-1] = value
    save_file(tensors, path, metadata={"cellstate": header})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", [MATRIX, BIAS, "skip_out.weight"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_weight_that_is_no_number_is_named(folder, name, value, dtype):
    put(folder, name, value, dtype)
    with pytest.raises(ModelError) as caught:
        load_model(folder, device="cpu")
    assert caught.value.message == f"model.safetensors holds numbers that are not finite: {name}."


@pytest.mark.parametrize("name", ["genes.mean", "genes.scale", "genes.share_tpm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("size", ["small", "of gigabytes"])
def test_statistics_of_genes_are_numbers(folder, name, value, size, request):
    if size != "small":
        request.getfixturevalue("mapped")
    put(folder, name, value)
    with pytest.raises(ModelError, match="standardisation that is not finite"):
        load_model(folder, device="cpu")


def test_of_mapped_weights_the_biases_are_looked_at_when_they_are_opened(folder, mapped):
    put(folder, BIAS, float("nan"))
    with pytest.raises(ModelError, match=BIAS):
        load_model(folder, device="cpu")


def test_of_mapped_weights_the_matrices_are_looked_at_before_their_first_use(folder, mapped, monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        "cellstate.model.folder.not_finite",
        lambda tensors: not_finite((name, t) for name, t in tensors if not looked_at.append(name)),
    )
    # Minus infinity before a ReLU is 0: the result would be finite, and wrong.
    put(folder, "layers.0.weight", -float("inf"))
    model = load_model(folder, device="cpu")
    assert set(looked_at) == {f"layers.{i}.bias" for i in range(4)}
    for _ in range(2):
        with pytest.raises(ModelError, match=r"not finite: layers\.0\.weight\."):
            model.reconstruct(np.ones((1, 30), np.float32))
    assert looked_at.count("layers.0.weight") == 1


def test_whole_mapped_weights_are_used(folder, mapped):
    z_SG = np.ones((2, 30), np.float32)
    assert np.isfinite(load_model(folder, device="cpu").reconstruct(z_SG)).all()


def test_a_number_that_the_precision_asked_for_cannot_hold_is_refused(folder):
    put(folder, MATRIX, 1e6)
    assert load_model(folder, device="cpu").dtype == torch.float32
    with pytest.raises(ModelError, match=MATRIX):
        load_model(folder, device="cpu", dtype="float16")


def test_weights_are_of_a_type_that_is_computed_with(folder):
    put(folder, MATRIX, 1.0, torch.float8_e4m3fn)
    with pytest.raises(ModelError, match="not of a floating-point type that CellState computes with"):
        load_model(folder, device="cpu")


def test_metadata_survived(folder):
    put(folder, MATRIX, 0.5)
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["cellstate"])["schema_version"] == 1
    assert load_model(folder, device="cpu").network.layers[1].weight.flatten()[-1] == 0.5
