"""Figure and table of a shift are linked: what is selected in one is seen in the other."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.linked import Picked, selected_rows, shift_csv, told
from cellstate.ui.shifts import Answer
from cellstate.viz import shift_scatter
from cellstate.viz.shift import place
from tests.ui.conftest import check, words
from tests.viz.test_figures import make_table


def picked(app: AppTest) -> Picked:
    return app.session_state["cellstate"]._results["picked"][1]


def answer(app: AppTest) -> Answer:
    return app.session_state["cellstate"]._results["shift"][1]


@pytest.fixture
def shifted(with_example: AppTest) -> AppTest:
    with_example.session_state["cellstate"].put([Perturbation("CDX2", "knock-out")])
    with_example.switch_page("pages/perturb.py").run()
    check(with_example)
    return with_example


def nothing() -> dict[str, list]:
    return {"points": [], "point_indices": [], "box": [], "lasso": []}


def test_a_click_means_the_gene_of_the_point() -> None:
    table = make_table()
    drawn = shift_scatter(table)
    points = [{"curve_number": 1, "point_index": 4}, {"curve_number": 0, "point_index": 0}]
    rows = selected_rows(table, drawn, nothing() | {"points": points})
    said = {drawn.figure.data[1].text[4], drawn.figure.data[0].text[0]}
    assert set(table["gene"].iloc[rows]) == said
    assert selected_rows(table, drawn, nothing()).tolist() == []


def test_a_box_means_every_gene_inside_also_those_that_are_not_drawn() -> None:
    table = make_table()
    table.loc[3, ["tpm_before", "log2_fold_change"]] = table.loc[2, ["tpm_before", "log2_fold_change"]]
    x, y = place(table)
    box = {"x": [float(x[2]) + 0.3, float(x[2]) - 0.3], "y": [float(y[2]) - 0.01, float(y[2]) + 0.01]}
    inside = (np.abs(x - x[2]) <= 0.3) & (np.abs(y - y[2]) <= 0.01) & ~table["is_perturbed"].to_numpy()
    rows = selected_rows(table, shift_scatter(table), nothing() | {"box": [box]})
    assert rows.tolist() == np.flatnonzero(inside).tolist() and {2, 3} <= set(rows)


def test_a_lasso_means_every_gene_inside() -> None:
    table = make_table()
    x, y = place(table)
    middle_x, middle_y = float(np.median(x)), 0.0
    # A rhombus.
    lasso = {
        "x": [middle_x - 1, middle_x, middle_x + 1, middle_x],
        "y": [middle_y, middle_y + 0.1, middle_y, middle_y - 0.1],
    }
    rows = selected_rows(table, shift_scatter(table), nothing() | {"lasso": [lasso]})
    inside = (np.abs(x - middle_x) + np.abs(y - middle_y) / 0.1 < 1) & ~table["is_perturbed"].to_numpy()
    assert rows.tolist() == np.flatnonzero(inside).tolist() and len(rows) > 5


def test_points_choose_rows_and_ticks_are_named(shifted: AppTest) -> None:
    table = answer(shifted).table
    assert len(shifted.dataframe[0].value) == int((table["is_reliable"] | table["is_perturbed"]).sum())
    untrusted = np.flatnonzero(~table["is_reliable"] & ~table["is_perturbed"])[:2]
    picked(shifted).points = np.array([0, 1, *untrusted])
    shifted.run()
    check(shifted)
    # What is selected is shown whether it is trusted or not.
    assert list(shifted.dataframe[0].value["gene"]) == list(table["gene"].iloc[picked(shifted).points])
    assert "4 of 4 genes selected in the figure" in words(shifted)
    assert "trusted-only" not in [toggle.key for toggle in shifted.toggle]
    picked(shifted).ticked = {0}
    shifted.run()
    drawn = shifted.session_state["cellstate"]._results["shift-scatter"][1]
    assert "Ringed" in drawn.alt and f"1 ticked gene is named in the figure: {table['gene'][0]}" in words(shifted)
    shifted.button(key="clear-selection").click().run()
    check(shifted)
    assert picked(shifted).points is None and not picked(shifted).ticked
    assert "clear-selection" not in [button.key for button in shifted.button]
    # Another edit: another answer, nothing selected.
    picked(shifted).ticked = {0}
    shifted.session_state["cellstate"].put([Perturbation("MYC", "knock-out")])
    shifted.run()
    assert not picked(shifted).ticked


def test_only_the_open_section_is_computed(shifted: AppTest) -> None:
    made = shifted.session_state["cellstate"]._results
    assert not {"pathways", "cohort-map", "each-edit", "doses"} & set(made)
    assert [tab.label for tab in shifted.tabs] == ["Genes", "Pathways", "Cohort map", "Several edits", "Doses"]


def test_words_of_many_ticks() -> None:
    table = make_table().assign(ensembl_id="E")
    text = told(table, table, Picked(ticked=set(range(50))))
    assert "50 ticked genes are named in the figure, the first 40 of them" in text and text.endswith("…")


def test_download_holds_every_gene_and_no_formula(shifted: AppTest) -> None:
    found = answer(shifted)
    assert len(pd.read_csv(io.BytesIO(shift_csv(found)))) == len(found.table)
    object.__setattr__(found, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in shift_csv(found)
