"""Adapting a base model: genes by name, means as far as the cohort's size warrants, layers at their own rates."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.cohorts import open_cohort
from cellstate.errors import CellStateError
from cellstate.model import load_model
from tests.support.factories import make_cohort
from tests.unit.train.runs import ALONE
from train.__main__ import main
from train.callbacks import ProgressDisplay
from train.config import DataConfig, LoopConfig, OutputConfig
from train.data import read_cohorts
from train.finetune import (
    BaseConfig,
    FinetuneConfig,
    adapt,
    adapted_space,
    finetune,
    lr_multipliers,
    read_finetune_config,
)

SILENT = ProgressDisplay(visible=False)


@pytest.fixture(scope="module")
def disease(tmp_path_factory, cohort):
    """A smaller cohort of the same genes but for twenty, which it lacks, and twenty others, at other levels."""
    folder = make_cohort(tmp_path_factory.mktemp("disease") / "cohort", n_train=20, seed=3, n_held_out=8).path
    tpm_SA, of_base = np.load(folder / "tpm.npy"), np.asarray(cohort.tpm_SA)
    own, base = (np.flatnonzero(~np.isnan(t[0])) for t in (tpm_SA, of_base))
    values_SA = tpm_SA[:, own].copy()
    tpm_SA[:] = np.nan
    tpm_SA[:, np.union1d(base[20:], np.setdiff1d(own, base)[:20])[: len(own)]] = values_SA
    tpm_SA[:, base[50]] *= 4
    np.save(folder / "tpm.npy", tpm_SA)
    return open_cohort(folder)


@pytest.fixture
def data(disease):
    return read_cohorts(DataConfig(cohort=str(disease.path)))


def config(base, disease, folder, **chosen):
    return FinetuneConfig(
        BaseConfig(model=str(base), **chosen),
        DataConfig(cohort=str(disease.path)),
        LoopConfig(epochs=4, batch_size=8, learning_rate=1e-3, warmup_steps=2, patience=4),
        output=OutputConfig(str(folder), "float32"),
    )


def test_genes_are_matched_by_name(small_model, data):
    """What both know is the base's answer, gene by gene; what the cohort lacks is left out."""
    data = data.in_units_of(adapted_space(small_model, data, "base"))
    network, about = adapt(small_model, data, "mine")
    shared = set(small_model.space.ensembl) & set(data.space.ensembl)
    assert about == {
        "genes_shared": len(shared),
        "genes_new": len(data.space) - len(shared),
        "genes_left_out": len(small_model.space) - len(shared),
    }
    assert 20 <= about["genes_left_out"] < 240 and about["genes_new"] > 0
    z_SG = data.train_z_SG[:3]
    at = {ensembl: g for g, ensembl in enumerate(small_model.space.ensembl)}
    both = [g for g, ensembl in enumerate(data.space.ensembl) if ensembl in at]
    wide_SB = np.zeros((3, len(at)), np.float32)
    wide_SB[:, [at[data.space.ensembl[g]] for g in both]] = z_SG[:, both]
    with torch.inference_mode():
        mine = network(torch.from_numpy(z_SG)).numpy()[:, both]
        theirs = small_model.network(torch.from_numpy(wide_SB)).numpy()
    assert np.allclose(mine, theirs[:, [at[data.space.ensembl[g]] for g in both]], atol=1e-5)


def test_a_new_gene_starts_with_a_regression_on_the_hidden_layer(small_model, data):
    data = data.in_units_of(adapted_space(small_model, data, "own"))
    network, _ = adapt(small_model, data, "mine")
    new_G = np.array([e not in small_model.space.ensembl for e in data.space.ensembl])
    with torch.inference_mode():
        predicted_SG = network(torch.from_numpy(data.validation_z_SG)).numpy()
    error = ((predicted_SG - data.validation_z_SG)[:, new_G] ** 2).mean()
    assert error < 0.9 * (data.validation_z_SG[:, new_G] ** 2).mean()


def test_the_mean_is_shrunk_by_the_size_of_the_cohort(small_model, data):
    own, base, shrunk = (adapted_space(small_model, data, how) for how in ("own", "base", "shrunk"))
    assert own is data.space
    at = {ensembl: g for g, ensembl in enumerate(small_model.space.ensembl)}
    both = [g for g, ensembl in enumerate(data.space.ensembl) if ensembl in at]
    theirs = [at[data.space.ensembl[g]] for g in both]
    assert np.allclose(base.mean_G[both], small_model.space.mean_G[theirs])
    assert np.allclose(shrunk.scale_G[both], small_model.space.scale_G[theirs])
    apart = own.mean_G[both] - base.mean_G[both]
    moved = shrunk.mean_G[both] - base.mean_G[both]
    kept = np.median(moved / apart)
    assert np.allclose(moved, kept * apart, atol=1e-4) and 0.5 < kept < 1
    # A cohort that differs by no more than chance moves nothing.
    same = replace(data, space=replace(data.space, mean_G=base.mean_G))
    assert np.allclose(adapted_space(small_model, same, "shrunk").mean_G, base.mean_G, atol=1e-6)


def test_other_units_are_the_same_samples(small_model, data):
    moved = data.in_units_of(adapted_space(small_model, data, "shrunk"))
    before = data.space.mean_G + data.space.scale_G * data.train_z_SG
    assert np.allclose(moved.space.mean_G + moved.space.scale_G * moved.train_z_SG, before, atol=1e-4)
    assert np.allclose(moved.train.z(moved.train.fetch(np.arange(20))).numpy(), moved.train_z_SG, atol=1e-5)


def test_layers_learn_at_their_own_rate(small_model, data):
    network, _ = adapt(small_model, data, "mine")
    shares = lr_multipliers(network, BaseConfig(model="any", layer_decay=0.5))
    assert [shares[f"layers.{i}.weight"] for i in range(4)] == [0.125, 0.25, 0.5, 1]
    decoder = lr_multipliers(network, BaseConfig(model="any", learn="decoder"))
    assert [decoder[f"layers.{i}.bias"] for i in range(4)] == [0, 0, 1, 1]
    last = lr_multipliers(network, BaseConfig(model="any", learn="last"))
    assert [last[f"layers.{i}.weight"] for i in range(4)] == [0, 0, 0, 1]


def test_frozen_layers_stay_and_the_others_gain(small_model, disease, tmp_path):
    told = finetune(config(small_model.folder, disease, tmp_path / "m", learn="last", name="mine"), ALONE, SILENT)
    adapted = load_model(tmp_path / "m", device="cpu")
    assert told["best_epoch"] > 0 and adapted.config.name == "mine"
    before, after = small_model.network.state_dict(), adapted.network.state_dict()
    for layer in (1, 2):
        assert torch.equal(before[f"layers.{layer}.weight"].float(), after[f"layers.{layer}.weight"])
    about = adapted.record.training.adapted_from
    assert about.model == "small" and about.learn == "last" and len(about.weights_sha256) == 64
    history = [
        json.loads(line)["validation_loss"] for line in (tmp_path / "m" / "history.jsonl").read_text().splitlines()
    ]
    assert min(history) < history[0]
    assert "adapted from **small**" in (tmp_path / "m" / "MODEL_CARD.md").read_text()


def test_the_command(small_model, disease, tmp_path, capsys):
    toml = tmp_path / "run.toml"
    toml.write_text(
        f'[base]\nmodel = "elsewhere"\n[data]\ncohort = "{disease.path}"\n[loop]\nepochs = 1\nbatch_size = 8\n'
    )
    arguments = [
        "finetune",
        str(toml),
        "--base",
        str(small_model.folder),
        "--out",
        str(tmp_path / "m"),
        "--device",
        "cpu",
    ]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["model"] == str(tmp_path / "m")
    assert main(["finetune", str(toml)]) == 2
    assert "elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[data]\ncohort = "a"\n', "needs a base model"),
        ('[base]\nmodel = "a"\nlearn = "some"\n[data]\ncohort = "a"\n', "'some' is not known"),
        ('[base]\nmodel = "a"\nlayer_decay = 2\n[data]\ncohort = "a"\n', "layer_decay is above 0"),
        ('[base]\nmodel = "a"\n[network]\nname = "b"\n', r"unknown section \[network\]"),
    ],
)
def test_a_config_with_an_error_is_named(tmp_path, text, words):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(CellStateError, match=words):
        read_finetune_config(tmp_path / "run.toml")


def test_a_base_without_a_gene_in_common(small_model, data, monkeypatch):
    other = replace(small_model, space=replace(small_model.space, ensembl=tuple(f"x{i}" for i in range(240))))
    with pytest.raises(CellStateError, match="no gene in common"):
        adapt(other, data, "mine")
