"""Chart and table of a prediction are linked: a selection in one appears in the other."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.workbench.gene_results import Selected, prediction_csv, table_caption
from cellstate.ui.workbench.prediction import PredictionResult
from tests.app.conftest import check
from tests.unit.viz.test_figures import make_table


def selected(app: AppTest) -> Selected:
    return app.session_state["cellstate"]._results["selected-genes"][1]


def answer(app: AppTest) -> PredictionResult:
    return app.session_state["cellstate"]._results["shift"][1]


@pytest.fixture
def shifted(with_example: AppTest) -> AppTest:
    with_example.session_state["cellstate"].put([Perturbation("CDX2", "knock-out")])
    with_example.switch_page("pages/perturb.py").run()
    check(with_example)
    return with_example


def test_selected_genes_choose_rows_and_ticks_are_named(shifted: AppTest) -> None:
    table = answer(shifted).table
    assert len(shifted.dataframe[0].value) == int((table["trusted"] | table["is_perturbed"]).sum())
    unreliable = np.flatnonzero(~table["trusted"] & ~table["is_perturbed"])[:2]
    selected(shifted).rows = np.array([0, 1, *unreliable])
    shifted.run()
    check(shifted)
    # A selection is shown whether its genes are reliable or not.
    assert list(shifted.dataframe[0].value["gene"]) == list(table["gene"].iloc[selected(shifted).rows])
    assert "reliable-only" not in [toggle.key for toggle in shifted.toggle]
    selected(shifted).ticked = {0}
    shifted.run()
    drawn = shifted.session_state["cellstate"]._results["linked-chart"][1].points
    assert list(drawn.loc[drawn["ring"], "gene"]) == [table["gene"][0]]
    shifted.button(key="clear-selection").click().run()
    check(shifted)
    assert selected(shifted).rows is None and not selected(shifted).ticked
    assert "clear-selection" not in [button.key for button in shifted.button]
    # Another perturbation gives another prediction, with nothing selected.
    selected(shifted).ticked = {0}
    shifted.session_state["cellstate"].put([Perturbation("MYC", "knock-out")])
    shifted.run()
    assert not selected(shifted).ticked


def test_only_the_open_section_is_computed(shifted: AppTest) -> None:
    made = shifted.session_state["cellstate"]._results
    assert not {"pathways", "cohort-map", "each-edit", "doses"} & set(made)
    assert [tab.label for tab in shifted.tabs] == ["Genes", "Pathways", "Cohort map", "Several edits", "Doses"]


def test_the_caption_counts_selected_and_ticked_genes() -> None:
    table = make_table().assign(ensembl_id="E")
    text = table_caption(table, table, Selected(ticked=set(range(50))))
    assert "50" in text and "40" in text and text.endswith("…")
    chosen = Selected(rows=np.arange(7))
    assert table_caption(table, table.head(5), chosen).startswith("5 of 7 genes")


def test_download_holds_every_gene_and_no_formula(shifted: AppTest) -> None:
    found = answer(shifted)
    assert len(pd.read_csv(io.BytesIO(prediction_csv(found)))) == len(found.table)
    object.__setattr__(found, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in prediction_csv(found)
