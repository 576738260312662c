"""A checkpoint is whole, its own, and what its header says, or it is refused in one sentence."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cellstate.errors import ModelError
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.checkpoint import load_checkpoint, read_header
from cellstate.model.network import AutoEncoder, initialise
from tests.support.factories import make_space


@pytest.fixture
def folder(tmp_path):
    space = make_space(30)
    network = AutoEncoder(ModelConfig("tiny", (30, 8, 4, 8, 30)))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols})
    save_model(tmp_path, network, space, table, torch.float32)
    return tmp_path


def rewrite(path, *, metadata=None, tensors=None):
    """Write a checkpoint again with other metadata or tensors."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["cellstate"]) | (metadata or {})
    save_file(tensors or load_file(path), path, metadata={"cellstate": json.dumps(header)})


def test_a_residual_network_is_saved_and_loaded(tmp_path):
    space = make_space(30)
    network = AutoEncoder(ModelConfig("tiny", (30, 8, 4, 8, 30), "gelu", residual=True))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols})
    save_model(tmp_path, network, space, table, torch.float32)
    model = load_model(tmp_path, device="cpu")
    assert model.config.residual and model.config.n_parameters == sum(p.numel() for p in network.parameters())
    z = torch.randn(3, 30)
    with torch.inference_mode():
        assert np.allclose(model.reconstruct(z.numpy()), network(z).numpy(), atol=1e-6)
        linear = z @ network.skip_in.weight.T @ network.skip_out.weight.T
    assert not np.allclose(model.reconstruct(z.numpy()), linear)


def test_what_is_saved_is_loaded(folder):
    network, standardise, gene_hash = load_checkpoint(folder / "model.safetensors")
    space = make_space(30)
    assert gene_hash == space.hash
    assert np.array_equal(standardise["genes.scale"].numpy(), space.scale_G)
    again = AutoEncoder(network.config)
    initialise(again, 1)
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


def test_large_weights_stay_mapped_to_the_file(folder, monkeypatch):
    """A mapped file shows in the process's memory map as long as the tensors live."""
    monkeypatch.setattr("cellstate.model.checkpoint.MAPPED_ABOVE_BYTES", 0)
    network, _, _ = load_checkpoint(folder / "model.safetensors")
    with open("/proc/self/maps") as maps:
        assert any("model.safetensors" in line for line in maps)
    assert network.layers[0].weight.shape == (8, 30)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_precision_predicts_much_the_same(folder, dtype):
    z = np.random.default_rng(0).normal(size=(3, 30)).astype(np.float32)
    reference = load_model(folder, device="cpu").reconstruct(z)
    assert np.allclose(load_model(folder, device="cpu", dtype=dtype).reconstruct(z), reference, atol=0.05)


@pytest.mark.parametrize("keep", [0, 5, 8, 100, 2000, -1])
def test_a_truncated_file_is_refused(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="truncated or not a safetensors file"):
        load_model(folder)


def test_a_header_that_lies_about_its_length_is_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ModelError, match="truncated or not"):
        load_model(folder)


@pytest.mark.parametrize("name", ["a" * 9999, "a\nb"])
def test_a_sentence_quotes_no_more_of_a_file_than_its_beginning(folder, name):
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors | {name: torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(ModelError, match="does not name") as caught:
        load_model(folder)
    assert len(caught.value.message) < 300 and "\n" not in caught.value.message


def test_a_foreign_file_is_refused(folder):
    save_file({"weight": torch.zeros(3)}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="another program"):
        load_model(folder)


def test_another_schema_is_refused(folder):
    rewrite(folder / "model.safetensors", metadata={"schema_version": 99})
    with pytest.raises(ModelError, match="schema version 99"):
        load_model(folder)


def test_a_damaged_header_is_refused(folder):
    for header in ('{"schema_version": 1}', "{", "[]", '{"schema_version": 1, "config": 7}'):
        save_file({"a": torch.zeros(1)}, folder / "model.safetensors", metadata={"cellstate": header})
        with pytest.raises(ModelError, match="damaged header"):
            read_header(folder / "model.safetensors")


def test_missing_foreign_and_misshapen_tensors_are_named(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for change, words in (
        ({"layers.0.bias": None}, "lacks layers.0.bias"),
        ({"layers.9.bias": torch.zeros(3)}, "does not name: layers.9.bias"),
        ({"layers.0.bias": torch.zeros(9)}, r"layers.0.bias has shape \(9,\)"),
        ({"layers.0.bias": torch.zeros(8, dtype=torch.int64)}, "not of a floating-point type"),
        ({"genes.scale": torch.zeros(30)}, "standardisation"),
    ):
        rewrite(path, tensors={k: v for k, v in (tensors | change).items() if v is not None})
        with pytest.raises(ModelError, match=words):
            load_model(folder)


def test_the_gene_list_must_be_the_weights_own(folder):
    lines = gzip.decompress((folder / "genes.tsv.gz").read_bytes()).decode().splitlines()
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    (folder / "genes.tsv.gz").write_bytes(gzip.compress("\n".join(swapped).encode()))
    with pytest.raises(ModelError, match="not the gene list"):
        load_model(folder)


def test_missing_folder_file_and_gene_table_are_named(folder, tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        load_model(tmp_path / "nowhere")
    (folder / "genes.tsv.gz").unlink()
    with pytest.raises(ModelError, match=r"genes\.tsv\.gz is missing"):
        load_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no file model\.safetensors"):
        load_model(folder)


def test_damaged_metrics_are_named(folder):
    (folder / "metrics.json").write_text("{")
    with pytest.raises(ModelError, match=r"metrics\.json is damaged"):
        load_model(folder)


def test_config_json_says_what_the_weights_are(folder):
    assert json.loads((folder / "config.json").read_text())["widths"] == [30, 8, 4, 8, 30]
