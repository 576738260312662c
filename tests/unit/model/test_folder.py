import gzip
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from cellstate.errors import ModelError
from cellstate.files import resource_path
from cellstate.model import create_model, describe_model, load_model
from cellstate.model.network import device_label, pick_device, pick_dtype
from tests.support.factories import make_space


def test_random_weights_of_a_preset(tmp_path):
    config = create_model(tmp_path / "demo", "demo", dtype="float16", seed=3)
    shown = describe_model(tmp_path / "demo")
    assert shown["n_parameters"] == config.n_parameters
    assert (shown["genes"], shown["dtype"], shown["trained"]) == (19_383, "float16", False)
    assert [layer["activation"] for layer in shown["layers"]] == ["relu", "linear", "relu", "linear"]
    with pytest.raises(ModelError, match="already holds a model"):
        create_model(tmp_path / "demo", "demo")
    with pytest.raises(ModelError, match="no precision"):
        create_model(tmp_path / "other", "demo", dtype="int8")


def test_the_same_seed_gives_the_same_file(tmp_path):
    shas = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        create_model(tmp_path / name, "demo", dtype="float16", seed=seed)
        shas.append(describe_model(tmp_path / name)["sha256"])
    assert shas[0] == shas[1] != shas[2]


def test_float16_weights_are_computed_with_as_float32_on_a_cpu():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert pick_dtype("auto", torch.float16, cpu) == torch.float32
    assert pick_dtype("auto", torch.float16, cuda) == torch.float16
    assert pick_dtype("auto", torch.bfloat16, cpu) == torch.bfloat16
    assert pick_dtype("float16", torch.float32, cpu) == torch.float16
    with pytest.raises(ModelError, match="no precision"):
        pick_dtype("int4", torch.float32, cpu)


def test_devices():
    assert pick_device("cpu").type == "cpu"
    assert "CPU" in device_label(torch.device("cpu"))
    for absent in ("cuda:99", "abacus"):
        with pytest.raises(ModelError, match="no device"):
            pick_device(absent)


def test_batches_do_not_change_the_result(small_model, monkeypatch):
    z = np.random.default_rng(0).normal(size=(7, len(small_model.space))).astype(np.float32)
    whole = small_model.reconstruct(z)
    monkeypatch.setattr("cellstate.model.folder.BATCH", 3)
    assert np.allclose(small_model.reconstruct(z), whole, atol=1e-5)
    assert small_model.encode(z).shape == (7, 8)


def test_many_threads_share_one_model(small_model):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, len(small_model.space))).astype(np.float32) for _ in range(8)]
    alone = [small_model.reconstruct(z) for z in inputs]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.update({i: small_model.reconstruct(inputs[i])})) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(together[i], alone[i], atol=1e-6) for i in range(8))


@pytest.mark.parametrize(("name", "most"), [("coadread", 29e6), ("human", 31.4e6)])
def test_a_shipped_model_is_whole_and_small(name, most):
    """Together they stay below 60 MB."""
    folder = resource_path("models", name)
    model = load_model(folder, device="cpu")
    assert model.is_trained
    assert {f.name for f in folder.iterdir()} == {
        "config.json", "evidence.json", "genes.tsv.gz", "history.jsonl", "metrics.json",
        "model.safetensors", "MODEL_CARD.md", "SHA256SUMS",
        "baselines.safetensors", "effects.safetensors", "cohort.safetensors", "tissues.safetensors",
    } | ({"regulators.safetensors"} if name == "human" else set())  # fmt: skip
    assert sum(f.stat().st_size for f in folder.iterdir()) <= most
    assert model.gene_table["r2_validation"].notna().mean() > 0.9


def test_the_shipped_model_meets_its_marks():
    """Of the released weights, on both held-out sets: level with PCA per gene, well above the gene mean pooled."""
    for split in ("test", "older_test"):
        figures = load_model().record.evaluation[split]
        pca, mean = figures.baselines["pca"], figures.baselines["gene_mean"]
        assert figures.r2_gene_median >= pca.r2_gene_median - 0.005
        assert figures.r2_pooled >= mean.r2_pooled + 0.035


def test_a_space_finds_genes_by_any_name():
    space = make_space(50)
    assert space.find(space.symbols[7]) == space.find(space.ensembl[7] + ".3") == 7


@pytest.mark.parametrize("first_end", [b"\r\r\n", b"\tx" * 200 + b"\n"], ids=["carriage returns", "columns"])
def test_an_odd_gene_table_is_damage_before_pandas_sees_it(tmp_path, monkeypatch, first_end):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    genes = tmp_path / "demo" / "genes.tsv.gz"
    genes.write_bytes(gzip.compress(gzip.decompress(genes.read_bytes()).replace(b"\n", first_end, 1), mtime=0))
    monkeypatch.setattr(pd, "read_csv", None)
    with pytest.raises(ModelError, match="is no table"):
        load_model(tmp_path / "demo")
