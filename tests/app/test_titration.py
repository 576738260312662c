"""The dose curve on the perturb page: computed when it is opened, once, and with the goal where there is one."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.enrichment import MOST_GENES
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.titration import Titration, titrate
from cellstate.ui.components.examples import examples
from cellstate.ui.workbench import titration as doses
from cellstate.ui.workbench.titration import csv, reading
from tests.app.conftest import check, words


def edit(app: AppTest, *genes: str) -> AppTest:
    app.session_state["cellstate"].put(Perturbation(gene, "knock-out") for gene in genes)
    app.switch_page("pages/workbench.py").run()
    check(app)
    return app


def unfold(app: AppTest) -> AppTest:
    app.session_state["shift-section"] = "Doses"
    app.run()
    check(app)
    return app


def found(app: AppTest) -> Titration:
    return app.session_state["cellstate"]._cache["doses"][1]


def test_nothing_is_computed_before_it_is_opened(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments[1])
        return titrate(*arguments, **options)

    monkeypatch.setattr(doses, "titrate", counted)
    edit(with_example, "TP53")
    assert "Doses" in [tab.label for tab in with_example.tabs]
    assert calls == []
    unfold(with_example)
    assert "TP53** alone is set to 9 levels" in words(with_example)
    assert "extrapolated" in words(with_example)
    with_example.run()
    assert calls == ["TP53"]
    # The shift's edit does not matter for the curve.
    with_example.session_state["cellstate"].put([Perturbation("TP53", "multiply", 3)])
    with_example.run()
    assert calls == ["TP53"]


def test_no_curve_without_an_edit(with_example: AppTest) -> None:
    edit(with_example)
    assert not with_example.tabs


def test_of_several_edited_genes_one_is_chosen(with_example: AppTest) -> None:
    unfold(edit(with_example, "TP53", "MYC"))
    assert found(with_example).gene == "TP53"
    assert "without the other edits" in words(with_example)
    with_example.pills(key="dose-TP53-MYC").set_value("MYC").run()
    check(with_example)
    assert found(with_example).gene == "MYC"
    # The other edit plays no part.
    alone = titrate(prepare_sample(load_model(), read_samples(examples()[0].path)), "MYC")
    assert (found(with_example).log2_fold_change_DG == alone.log2_fold_change_DG).all()


def test_the_goal_of_the_regulators_page_is_drawn(with_example: AppTest) -> None:
    unfold(edit(with_example, "TP53"))
    assert found(with_example).goal is None
    assert "Goal of the Regulators page" not in words(with_example)
    with_example.switch_page("pages/candidates.py").run()
    with_example.text_area(key="goal-genes-0").set_value("+CDX2 -MYC").run()
    unfold(edit(with_example, "TP53"))
    curve = found(with_example)
    assert curve.goal is not None and curve.score_D is not None
    assert "Goal of the Regulators page:** CDX2 up\\, MYC down" in words(with_example)
    assert "score toward the goal as TP53" in words(with_example)
    # Another sample: the goal must be named again.
    with_example.session_state["cellstate"].select(1)
    assert with_example.session_state["cellstate"].goal is None


def test_download_says_what_it_is_and_holds_no_formula(with_example: AppTest) -> None:
    curve = found(unfold(edit(with_example, "TP53")))
    table = pd.read_csv(io.BytesIO(csv(curve)))
    assert len(table) == MOST_GENES * len(curve.tpm_D)
    assert set(table["kind"]) == {"hypothesis"} and set(table["gene"]) == {"TP53"}
    assert table["log2_fold_change"].to_numpy() == pytest.approx(
        curve.responders(MOST_GENES)["log2_fold_change"], abs=1e-6
    )
    object.__setattr__(curve, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in csv(curve)


def test_words_for_a_gene_that_was_not_measured_and_a_model_without_a_cohort(with_example: AppTest) -> None:
    curve = found(unfold(edit(with_example, "TP53")))
    measured_G = curve.measured_G.copy()
    measured_G[curve.position] = False
    object.__setattr__(curve, "measured_G", measured_G)
    object.__setattr__(curve, "usual_tpm", None)
    assert "the model's own prediction" in reading(curve, n_edits=1)
    assert "no cohort" in reading(curve, n_edits=1)
