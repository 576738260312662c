"""``cellstate regulators`` and ``cellstate effects``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation import admixture as module
from cellstate.evaluation.admixture import Admixture
from cellstate.evidence import PredictorId
from cellstate.genes.dossier import dossier
from cellstate.model import load_model
from cellstate.perturb.effects import LOG2_PER_SD
from tests.support.normal_tissue import with_normal_tissue
from tests.support.tissue_factories import with_tissues
from tests.unit.cli.conftest import refusal


@pytest.fixture(scope="session")
def folder(small_model, cohort, tmp_path_factory):
    """A model folder that knows normal tissue."""
    return with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "normal")


@pytest.fixture(scope="session")
def tissue_folder(folder, tmp_path_factory):
    """The same, and it knows tissues."""
    return with_tissues(load_model(folder, device="cpu"), tmp_path_factory.mktemp("models") / "tissues").folder


def test_regulators_of_one_sample(run, table, folder, tmp_path):
    out = tmp_path / "regulators.csv"
    found = run("regulators", table, "--model", folder, "--genes", "all", "--sets", "--out", out, "--json")
    assert found["kind"] == "hypothesis" and found["predictor"] == PredictorId.WHITENED_COEXPRESSION
    z = [row["z"] for row in found["ranked"]]
    assert z == sorted(z, reverse=True) and len(z) == found["n_candidates"]
    assert {row["direction"] for row in found["ranked"]} == {"more active", "less active"}
    assert pd.read_csv(out)["gene"].tolist() == [row["gene"] for row in found["ranked"]]
    assert {"essential", "drugs"} <= set(pd.read_csv(out))
    for one in found["sets"]:
        assert len(one["genes"]) == len(one["shares"]) and 0 < one["p"] <= 1


def test_the_rows_that_are_shown_have_a_dossier(run, table, folder):
    found = run("regulators", table, "--model", folder, "--genes", "all", "--top", 3, "--json")
    with_dossier = [place for place, row in enumerate(found["ranked"]) if "dossier" in row]
    n = found["n_candidates"]
    assert with_dossier == [0, 1, 2, n - 3, n - 2, n - 1]
    for place in with_dossier:
        row = found["ranked"][place]
        known = dossier(row["gene"])
        assert row["dossier"]["essentiality"] == known.essentiality and row["dossier"]["links"] == known.links
        # What is more active is lowered.
        assert [one["name"] for one in row["dossier"]["drugs"]] == [c.name for c in known.fitting(-row["z"])]


def test_regulators_of_a_cohort(run, table, folder, tmp_path):
    out = tmp_path / "cohort.csv"
    found = run("regulators", table, "--all", "--model", folder, "--genes", "all", "--out", out, "--json")
    alone = run("regulators", table, "--model", folder, "--genes", "all", "--json")
    stored = pd.read_csv(out, index_col=0)
    assert stored.index.tolist() == [one["sample"] for one in found["samples"]] and len(stored) == 2
    by_gene = {row["gene"]: row["z"] for row in alone["ranked"]}
    assert stored.iloc[0].to_dict() == pytest.approx(by_gene, abs=1e-3)
    assert found["samples"][0]["top"][0] == alone["ranked"][0]["gene"]


def test_regulators_against_other_samples(run, table, small_model):
    names = pd.read_csv(table, index_col=0).columns.tolist()
    found = run(
        "regulators", f"{table}#{names[0]}", "--against", f"{table}#{names[1]}", "--model", small_model.folder,
        "--genes", "all", "--json",
    )  # fmt: skip
    assert found["sample"] == names[0] and {row["p"] for row in found["ranked"]} == {None}


def test_regulators_need_a_reference(run, table, small_model):
    refusal(run("regulators", table, "--model", small_model.folder, status=2))


def test_regulators_against_a_normal_tissue(run, table, tissue_folder):
    tissue = ("regulators", table, "--model", tissue_folder, "--genes", "all", "--json", "--against-tissue")
    found, own = run(*tissue, "liver"), run(*tissue, "own")
    assert {row["p"] for row in found["ranked"]} == {None} and found["reference"] != own["reference"]
    refusal(run("regulators", table, "--model", tissue_folder, "--against-tissue", "spleen", status=2))
    refusal(run("regulators", table, "--model", tissue_folder, "--against-tissue", "own", "--all", status=2))
    refusal(
        run("regulators", table, "--model", tissue_folder, "--against-tissue", "liver", "--against", table, status=2)
    )


def test_admixed_tissue_is_named_and_taken_out(run, table, tissue_folder, monkeypatch):
    n = len(load_model(tissue_folder).space)
    mixed = Admixture("liver", 0.3, "colon", np.linspace(0.2, 1, n).astype(np.float32))
    monkeypatch.setattr(module, "admixture", lambda _: mixed)
    asked = ("regulators", table, "--model", tissue_folder, "--genes", "all", "--json")
    found, rest = run(*asked), run(*asked, "--without-admixture")
    entry = {"tissue": "liver", "share": 0.3, "own_tissue": "colon"}
    assert found["admixture"] == entry | {"taken_out": False} and rest["admixture"] == entry | {"taken_out": True}
    assert found["ranked"] != rest["ranked"]
    cohort = run(*asked, "--all", "--without-admixture")
    assert [one["admixture"] for one in cohort["samples"]] == [rest["admixture"]] * 2
    assert cohort["samples"][0]["top"][0] == rest["ranked"][0]["gene"]
    assert "admixture" not in run(*asked, "--all")["samples"][0]


def test_a_model_without_tissues_takes_nothing_out(run, table, folder):
    assert run("regulators", table, "--model", folder, "--json")["admixture"] is None
    refusal(run("regulators", table, "--model", folder, "--without-admixture", status=2))


def test_one_sample_or_all(run, table, folder):
    refusal(run("regulators", table, "--all", "--sample", "x", "--model", folder, status=2))


def test_effects_are_a_matrix_for_others(run, table, small_model, tmp_path):
    genes, out = tmp_path / "genes.txt", tmp_path / "effects.npz"
    symbols = list(small_model.space.symbols)
    genes.write_text("\n".join(symbols[3:8]))
    found = run("effects", "--genes", genes, "--out", out, "--model", small_model.folder, "--json")
    with np.load(out, allow_pickle=False) as stored:
        assert set(stored) == {"candidates", "symbols", "effect", "unit"}
        assert stored["candidates"].tolist() == symbols[3:8] and stored["symbols"].tolist() == symbols
        effect_CG, unit = stored["effect"], str(stored["unit"])
    assert effect_CG.shape == (5, len(symbols)) and unit == found["unit"] == LOG2_PER_SD
    assert (effect_CG[np.arange(5), np.arange(3, 8)] == 0).all() and np.abs(effect_CG).max() > 0
    run("effects", "--genes", genes, "--out", out, "--model", small_model.folder, "--predictor", "autoencoder")
    with np.load(out) as mean:
        at_mean = mean["effect"]
    state = ("--sample", f"{table}", "--predictor", "autoencoder", "--model", small_model.folder)
    run("effects", "--genes", genes, "--out", out, *state)
    with np.load(out) as there:
        assert np.abs(there["effect"] - at_mean).max() > 0


def test_effects_that_cannot_be_written(run, small_model, tmp_path):
    refusal(run("effects", "--out", tmp_path / "no" / "effects.npz", "--model", small_model.folder, status=2))
    assert not list(tmp_path.iterdir())


def test_a_cohort_can_be_its_own_reference(run, table, folder):
    arguments = ("--model", folder, "--genes", "all", "--against", table, "--json")
    together = run("regulators", table, "--all", *arguments)
    assert str(table) in together["reference"] and len(together["samples"]) > 1
    # The second sample alone, against a group that it is part of.
    name = together["samples"][1]["sample"]
    alone = run("regulators", table, "--sample", name, *arguments)
    assert [row["gene"] for row in alone["ranked"]][:10] == together["samples"][1]["top"][:10]
