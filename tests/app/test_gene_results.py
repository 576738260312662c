"""Chart and table of a prediction are linked: a selection in one appears in the other."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.report.narrative.prediction import table_caption
from tests.app.conftest import check, words
from tests.app.workbench import cached, perturb


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    return perturb(with_example, "CDX2=ko")


def test_selected_genes_choose_rows_and_ticks_are_named(page: AppTest) -> None:
    table, selected = cached(page, "prediction").table, cached(page, "selected-genes")
    assert len(page.dataframe[0].value) == int((table["is_reliable"] | table["is_perturbed"]).sum())
    unreliable = np.flatnonzero(~table["is_reliable"] & ~table["is_perturbed"])[:2]
    selected.rows = np.array([0, 1, *unreliable])
    page.run()
    check(page)
    # A selection is shown whether its genes are reliable or not.
    assert list(page.dataframe[0].value["gene"]) == list(table["gene"].iloc[selected.rows])
    assert "reliable-only" not in [toggle.key for toggle in page.toggle]
    selected.ticked = {0}
    page.run()
    assert cached(page, "linked-chart").data["ticked"] == [0]
    assert table_caption(table, table.iloc[selected.rows], rows=selected.rows, ticked={0}) in words(page)
    page.button(key="clear-selection").click().run()
    check(page)
    assert selected.rows is None and not selected.ticked
    assert "clear-selection" not in [button.key for button in page.button]
    # Another perturbation gives another prediction, with nothing selected.
    selected.ticked = {0}
    perturb(page, "MYC=ko")
    assert not cached(page, "selected-genes").ticked


def test_only_the_open_section_is_computed(page: AppTest) -> None:
    kinds = set(page.session_state["cellstate"]._cache)
    assert not {"pathways", "cohort-map", "single-effects", "titration"} & kinds
    assert len(page.tabs) == 7
