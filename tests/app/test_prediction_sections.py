"""The sections of a predicted shift beside the genes: pathways, cohort map and several edits."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.cohort_map import CohortMap
from cellstate.evaluation.enrichment import Enrichment
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample
from cellstate.ui.components.examples import examples
from cellstate.ui.state.session import GeneSets
from cellstate.ui.workbench import cohort_map
from cellstate.ui.workbench import combined_perturbations as heat
from cellstate.ui.workbench import pathways as enrichment
from cellstate.ui.workbench.cohort_map import map_sentence
from cellstate.ui.workbench.combined_perturbations import BEYOND, most_moved, sum_sentence
from cellstate.ui.workbench.pathways import pathway_sentence
from data.corpora.human_bulk.build import TOGETHER
from tests.app.conftest import check, words


def opened(app: AppTest, section: str, *genes: str) -> AppTest:
    app.session_state["cellstate"].put(Perturbation(gene, "knock-out") for gene in genes)
    app.session_state["shift-section"] = section
    app.switch_page("pages/workbench.py").run()
    check(app)
    return app


def made(app: AppTest, kind: str):
    return app.session_state["cellstate"]._cache[kind][1]


def test_several_edits_alone_and_together(with_example: AppTest) -> None:
    opened(with_example, "Several edits", "CDX2")
    assert "Add a second edit" in words(with_example)
    opened(with_example, "Several edits", "CDX2", "MYC")
    each, answer = made(with_example, "each-edit"), made(with_example, "shift")
    assert list(each) == ["CDX2 knocked out", "MYC knocked out", TOGETHER, BEYOND]
    sample = prepare_sample(load_model(), read_samples(examples()[0].path))
    alone = predict(sample, [Perturbation("MYC", "knock-out")], answer.predictor)
    theirs = pd.Series(alone.log2_fold_change_G, index=sample.model.space.ensembl)
    rest = answer.table.loc[each.index]
    assert not rest["is_perturbed"].any() and len(rest) == len(answer.table) - 2
    assert each["MYC knocked out"].to_numpy() == pytest.approx(theirs[rest["ensembl_id"]].to_numpy())
    assert (each[TOGETHER] == rest["log2_fold_change"]).all()
    assert each[BEYOND].to_numpy() == pytest.approx((each[TOGETHER] - each.iloc[:, 0] - each.iloc[:, 1]).to_numpy())
    assert "moves genes most" in words(with_example)
    table = pd.read_csv(io.BytesIO(heat.csv(each, answer)))
    assert len(table) == len(each) and set(table["kind"]) == {"hypothesis"}


def test_words_of_several_edits() -> None:
    each = pd.DataFrame({"A": [0.3, 0.0], "B": [0.1, -0.1], TOGETHER: [0.4, -0.1], BEYOND: [0.0, 0.0]})
    assert "**A** moves genes most: by up to 0.3 log2, and with 82 %" in sum_sentence(each, "autoencoder")
    assert "**the sum of what each moves alone**" in sum_sentence(each, "autoencoder")
    assert "linear" in sum_sentence(each, "ridge")
    each[BEYOND] = [0.0, 0.2]
    assert "differ from the sum of each alone by up to 0.2 log2, 50 % of the largest" in sum_sentence(
        each, "autoencoder"
    )
    assert "cannot fall below zero (by up to 0.2 log2)" in sum_sentence(each, "pca")
    assert "0 %" in sum_sentence(each * 0, "autoencoder")


def test_the_genes_that_move_most_by_any_edit() -> None:
    each = pd.DataFrame({"A": [0.0, 0.5, 0.1], "B": 0.0, TOGETHER: [0.3, 0.0, 0.1], BEYOND: [9.0, 9.0, 9.0]})
    table = pd.DataFrame({"gene": ["X", "Y", "Z"], "is_reliable": [True, True, False]})
    assert list(most_moved(each, table).index) == ["Y", "X"]
    assert list(most_moved(each, table.assign(trusted=False), n=2).index) == ["Y", "X"]


def test_the_cohort_map(with_example: AppTest) -> None:
    opened(with_example, "Cohort map", "CDX2")
    placed: CohortMap = made(with_example, "cohort-map")
    answer = made(with_example, "shift")
    assert next(iter(placed.after_2)) == answer.predictor
    assert set(placed.after_2) == {
        "autoencoder",
        "no_change",
        "pca",
        "coexpression",
        "ridge",
        "elastic_net",
        "ridge_tf",
    }
    assert all(far > 0 for far in placed.moved.values())
    assert "of the cohort's spread" in words(with_example)
    with_example.text_input(key="map-gene").set_value("cdx2").run()
    check(with_example)
    with_example.text_input(key="map-gene").set_value("NOTAGENE1").run()
    assert "No gene is called" in with_example.error[0].value and not with_example.exception


def test_words_of_the_map_and_a_model_without_a_cohort(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    zero_2 = np.zeros(2)
    near = CohortMap(zero_2, zero_2, {"ridge": zero_2}, zero_2, {"ridge": 0.004}, {"ridge": 0.3})
    assert "**0.4% of the cohort's spread**; 30% of that way" in map_sentence(near)
    assert "enlarged" in map_sentence(near) and "others" not in map_sentence(near)
    far = CohortMap(zero_2, zero_2, {}, zero_2, {"autoencoder": 1.1, "pca": 0.02}, {"autoencoder": 0.3, "pca": 0})
    assert "Autoencoder** moves" in map_sentence(far) and "By the others: PCA 2.0 %." in map_sentence(far)
    assert "enlarged" not in map_sentence(far)
    monkeypatch.setattr(cohort_map, "load_profiles", lambda model: None)
    opened(with_example, "Cohort map", "CDX2")
    assert "carries no training profiles" in words(with_example)


def test_pathways_of_own_gene_sets(with_example: AppTest) -> None:
    opened(with_example, "Pathways", "CDX2")
    assert "Bring gene sets" in words(with_example)
    state, table = with_example.session_state["cellstate"], made(with_example, "shift").table
    falling = table[~table["is_perturbed"]].sort_values("log2_fold_change")["gene"]
    sets = {"<b>FALLS</b>": tuple(falling.head(30)), "RISES": tuple(falling.tail(30)), "ANY": tuple(falling[100:130])}
    state.load_gene_sets(GeneSets("mine.gmt", sets))
    with_example.run()
    check(with_example)
    done: Enrichment = made(with_example, "pathways")
    assert set(done.table["set"]) == set(sets)
    assert "3 gene sets" in words(with_example) and "nothing about patients" in words(with_example)
    # A name from a file is never markup, in the figure's sentence neither.
    assert "<b>" not in words(with_example) and "\\<b\\>FALLS" in words(with_example)
    rows = pd.read_csv(io.BytesIO(enrichment.csv(done, made(with_example, "shift"))))
    assert set(rows["kind"]) == {"hypothesis"} and {"nes", "nes_autoencoder", "leading"} <= set(rows)
    state.load_gene_sets(GeneSets("tiny.gmt", {"TINY": ("TP53", "MYC")}))
    with_example.run()
    assert "No gene set has 10 to 500 genes" in with_example.error[0].value
    with_example.button(key="remove-pathways-gene-sets").click().run()
    check(with_example)
    assert state.gene_sets is None and "Bring gene sets" in words(with_example)


def test_words_of_pathways() -> None:
    table = pd.DataFrame(
        {"set": ["A_B", "C", "D"], "nes": [-2.0, 1.0, 0.5], "fdr": [0.01, 0.5, 0.9], "nes_pca": [-2.1, 1.0, 0.5]}
    )
    text = pathway_sentence(Enrichment(table, 900, 2, 7), "autoencoder")
    assert "goes down most (NES -2.00). Of 3 gene sets over 900 genes, 1 has an FDR of 5 %" in text
    assert "PCA says the same of the sets** (r = 1.00): here the network adds nothing" in text
    assert "2 sets have too few or too many genes here for a test." in text and "7 more were not" in text
    assert "none has" in pathway_sentence(Enrichment(table.assign(fdr=1.0), 900, 0, 0), "ridge")
