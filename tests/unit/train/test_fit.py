import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError, DataError
from cellstate.gene_space import align
from cellstate.model import load_model
from cellstate.model.cohort import COHORT, load_profiles
from cellstate.model.folder import shipped_models
from tests.support.factories import make_cohort, small_config
from train.callbacks import ProgressDisplay
from train.config import read_config
from train.data import prepare
from train.distributed import DistributedContext
from train.fit import fit

ALONE, SILENT = DistributedContext(0, 1, torch.device("cpu")), ProgressDisplay(visible=False)


def test_standardisation_comes_from_the_training_samples_alone(cohort, tmp_path):
    data = prepare(cohort, 0.05)
    assert data.train_z_SG.shape == (48, 240)
    assert np.allclose(data.train_z_SG.mean(axis=0), 0, atol=1e-4)
    log1p = np.log1p(align(cohort.split("train"), data.space).tpm_SG)
    assert np.allclose(data.space.scale_G, log1p.std(axis=0) + 0.1, rtol=1e-4)
    other = make_cohort(tmp_path / "other")
    tpm = np.load(other.path / "tpm.npy")
    tpm[(other.table["split"] != "train").to_numpy()] *= np.float32(3)
    np.save(other.path / "tpm.npy", tpm)
    assert prepare(cohort, 0.05).space.mean_G.tobytes() == data.space.mean_G.tobytes()


def test_a_complete_folder(small_model):
    names = {path.name for path in small_model.folder.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "genes.tsv.gz", "metrics.json", "history.jsonl", "MODEL_CARD.md",
        "baselines.safetensors", "effects.safetensors", "cohort.safetensors", "steps.jsonl", "SHA256SUMS",
    }  # fmt: skip
    history = [json.loads(line) for line in (small_model.folder / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history] == list(range(7))
    card = (small_model.folder / "MODEL_CARD.md").read_text()
    figures = small_model.record.evaluation["test"]
    assert f"{figures.r2_pooled:.4f}" in card and f"{figures.baselines['pca'].r2_pooled:.4f}" in card
    assert "hypotheses" in card
    assert small_model.gene_table["r2_validation"].between(-5, 1).all()


def test_the_folder_carries_the_training_profiles_without_names(small_model, cohort):
    profiles = load_profiles(small_model)
    train = cohort.split("train")
    log1p_SG = np.log1p(align(train, small_model.space).tpm_SG)
    assert len(profiles) == len(train)
    assert (np.abs(profiles.log1p_SG - log1p_SG) <= profiles.step_G / 2 + 1e-5).all()
    stored = (small_model.folder / COHORT).read_bytes()
    assert not any(name.encode() in stored for name in train.names)
    assert f"carries {len(train)} training profiles" in (small_model.folder / "MODEL_CARD.md").read_text()


def test_the_shipped_model_carries_its_cohort():
    model = load_model(device="cpu")
    assert len(load_profiles(model)) == model.record.sources[0].splits["train"]
    assert (model.folder / COHORT).stat().st_size <= 5_000_000
    assert b"TCGA" not in (model.folder / COHORT).read_bytes()


def test_the_folder_s_figures_are_those_of_evaluate(small_model, cohort):
    from cellstate.evaluation.reconstruction import evaluate
    from cellstate.perturb.sample import prepare_samples

    shown = evaluate(prepare_samples(small_model, cohort.split("older_test"))).record()
    kept = small_model.record.evaluation["older_test"]
    assert kept.r2_pooled == pytest.approx(shown.r2_pooled, abs=1e-6)
    assert [b.n for b in kept.bins] == [b.n for b in shown.bins]
    assert [b.accuracy for b in kept.bins] == pytest.approx([b.accuracy for b in shown.bins], abs=1e-3)


def test_an_interrupted_run_leaves_the_old_folder(cohort, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    config = small_config(cohort.path, folder, epochs=1)
    fit(config, ALONE, SILENT)
    before = (folder / "model.safetensors").read_bytes()

    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("train.package.save_components", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(small_config(cohort.path, folder, epochs=1, seed=4, learning_rate=1e-2), ALONE, SILENT)
    assert (folder / "model.safetensors").read_bytes() == before
    monkeypatch.undo()
    fit(small_config(cohort.path, folder, epochs=1, seed=4, learning_rate=1e-2), ALONE, SILENT)
    assert (folder / "model.safetensors").read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_holds_something_else_is_left_alone(cohort, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="holds no model"):
        fit(small_config(cohort.path, tmp_path), ALONE, SILENT)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[loop", "not valid TOML"),
        ("[model]\n", r"unknown section \[model\]"),
        ("[loop]\nlr = 1\n", "no entry lr"),
        ("[loop]\nepochs = 1.5\n", "epochs.* in .loop."),
        ("[loop]\nepochs = true\n", "epochs.* in .loop."),
        ("[network]\nhidden = 3\n", "hidden.* in .network."),
        ('[network]\nhidden = ["a"]\n', "hidden.* in .network."),
        ("[network]\nhidden = [8]\n", "one cohort or from one store"),
        ('[data]\ncohort = "a"\nstore = "b"\n', "one cohort or from one store"),
        ('[loop]\nloss_on = "hidden"\n', "needs some that are hidden"),
        ("[loop]\nbin_weights = [1, 2]\n", "four numbers"),
        ('[run]\nprecision = "int4"\n', "not known"),
        ("[run]\nkeep_checkpoints = 0\n", "At least one checkpoint"),
        ("[loop]\nbatch_size = 0\n", "must be positive"),
        ("[loop]\nhide = 1.5\n", "between 0 and 1"),
        ('[output]\ndtype = "int8"\n', "no precision"),
    ],
)
def test_a_config_with_an_error_is_named(tmp_path, text, words):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(CellStateError, match=words):
        read_config(tmp_path / "run.toml")


def test_the_shipped_config_is_the_shipped_model(cohort):
    from cellstate.files import resource_path
    from cellstate.model.record import METRICS

    config = read_config(resource_path("train", "configs", "human.toml"))
    kept = json.loads((shipped_models()["human"] / METRICS).read_text())["config"]
    assert kept["network"]["hidden"] == list(config.network.hidden)
    assert kept["loop"]["learning_rate"] == config.loop.learning_rate
    assert kept["loop"]["epochs"] == config.loop.epochs


def test_an_unknown_warm_start_is_named(cohort, tmp_path):
    config = small_config(cohort.path, tmp_path / "m")
    with pytest.raises(CellStateError, match="'magic' is not known"):
        replace(config.network, warm_start="magic")
