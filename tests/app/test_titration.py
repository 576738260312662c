"""The titration on the workbench: computed once, when it is opened, and scored where there is a goal."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.titration import titrate
from cellstate.report.narrative.prediction import titration_sentence
from cellstate.ui.components.load_samples import examples
from cellstate.ui.workbench import titration as section
from tests.app.conftest import check, words
from tests.app.workbench import cached, perturb, session_of


def test_it_is_computed_when_it_is_opened_and_once(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    genes = []

    def counted(sample, gene, **options):
        genes.append(gene)
        return titrate(sample, gene, **options)

    monkeypatch.setattr(section, "titrate", counted)
    perturb(with_example, "TP53=ko")
    assert genes == []
    perturb(with_example, "TP53=ko", section="Titration")
    assert titration_sentence(cached(with_example, "titration"), n_perturbations=1) in words(with_example)
    # It does not depend on the amount of the perturbation.
    perturb(with_example, "TP53=x3", section="Titration")
    assert genes == ["TP53"]


def test_one_of_several_perturbed_genes_is_chosen(with_example: AppTest) -> None:
    perturb(with_example, "TP53=ko", "MYC=ko", section="Titration")
    assert cached(with_example, "titration").gene == "TP53"
    with_example.pills(key="titrate-TP53-MYC").set_value("MYC").run()
    check(with_example)
    alone = titrate(prepare_sample(load_model(), read_samples(examples()[0].path)), "MYC")
    found = cached(with_example, "titration")
    assert found.gene == "MYC" and (found.log2_fold_change_DG == alone.log2_fold_change_DG).all()


def test_the_goal_of_the_regulators_page_is_scored(with_example: AppTest) -> None:
    perturb(with_example, "TP53=ko", section="Titration")
    assert cached(with_example, "titration").goal is None
    with_example.switch_page("pages/candidates.py").run()
    with_example.selectbox(key="goal-kind").set_value("genes").run()
    with_example.text_area(key="goal-genes-0").set_value("+CDX2 -MYC").run()
    perturb(with_example, "TP53=ko", section="Titration")
    found = cached(with_example, "titration")
    assert found.goal is not None and found.score_D is not None
    assert {"score", "goal"} <= set(pd.read_csv(io.BytesIO(section.csv(found))))
    # Another sample has no goal yet.
    session_of(with_example).select(1)
    assert session_of(with_example).goal is None


def test_the_download_holds_the_most_responsive_genes_and_no_formula(with_example: AppTest) -> None:
    found = cached(perturb(with_example, "TP53=ko", section="Titration"), "titration")
    table = pd.read_csv(io.BytesIO(section.csv(found)))
    assert len(table) == section.MAX_GENES * len(found.tpm_D)
    assert set(table["kind"]) == {"hypothesis"} and set(table["gene"]) == {"TP53"}
    expected = found.responders(section.MAX_GENES)["log2_fold_change"]
    assert table["log2_fold_change"].to_numpy() == pytest.approx(expected, abs=1e-6)
    object.__setattr__(found, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in section.csv(found)
