"""The list of edits: switch off and on, change, remove, undo and redo; everywhere only what is in force counts."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.share_link import MAX_PERTURBATIONS, link_of
from cellstate.ui.runtime.resources import model
from tests.app.conftest import check, words


@pytest.fixture
def listed(with_example: AppTest) -> AppTest:
    """The page with two edits."""
    with_example.session_state["cellstate"].put(
        [Perturbation("TP53", "knock-out"), Perturbation("MYC", "multiply", 2.0)]
    )
    with_example.switch_page("pages/workbench.py").run()
    check(with_example)
    return with_example


def specs(app: AppTest) -> list[str]:
    return [edit.spec for edit in app.session_state["cellstate"].perturbations]


def test_an_edit_switched_off_counts_nowhere_and_is_not_lost(listed: AppTest) -> None:
    state = listed.session_state["cellstate"]
    listed.toggle(key="on-TP53").set_value(False).run()
    check(listed)
    assert specs(listed) == ["MYC=x2"] and len(state.entries) == 2
    said = words(listed)
    assert "1 edit is switched off" in said and "with MYC times 2" in said and "TP53 knocked out" not in said
    assert "edits=MYC=x2" in link_of(state, model())
    assert any("1 edit" in markdown.value for markdown in listed.markdown)
    listed.toggle(key="on-MYC").set_value(False).run()
    check(listed)
    assert specs(listed) == [] and "Every edit is switched off" in words(listed)
    listed.toggle(key="on-TP53").set_value(True).run()
    check(listed)
    assert specs(listed) == ["TP53=ko"]
    # The toggles follow undo and redo.
    listed.button(key="undo").click().run()
    listed.button(key="undo").click().run()
    assert [listed.toggle(key=f"on-{gene}").value for gene in ("TP53", "MYC")] == [False, True]
    listed.button(key="redo").click().run()
    assert [listed.toggle(key=f"on-{gene}").value for gene in ("TP53", "MYC")] == [False, False]
    check(listed)


def test_an_edit_is_changed_in_its_place(listed: AppTest) -> None:
    # Only what stands in the dialog when it opens can be tried here: the browser tests move its widgets.
    listed.session_state["change-TP53-kind"] = "quantile"
    listed.button(key="change-TP53").click().run()
    check(listed)
    assert listed.select_slider(key="change-TP53-percentile").value == 90 and "(90th percentile)" in words(listed)
    listed.button(key="change-TP53-keep").click().run()
    check(listed)
    assert specs(listed) == ["TP53==q90", "MYC=x2"]
    listed.button(key="change-MYC").click().run()
    assert listed.number_input(key="change-MYC-times").value == 2.0
    listed.button(key="undo").click().run()
    assert specs(listed) == ["TP53=ko", "MYC=x2"]


def test_each_row_says_what_becomes_of_the_level(listed: AppTest) -> None:
    captions = [caption.value for caption in listed.caption]
    assert any(c.endswith("→ 0 TPM (below the cohort)") for c in captions)
    assert any("→" in c and "percentile)" in c for c in captions)


def test_an_edit_that_cannot_be_applied_says_so_and_can_be_removed(listed: AppTest) -> None:
    listed.session_state["cellstate"].add(Perturbation("NOSUCHGENE", "knock-out"))
    listed.run()
    assert not listed.exception and "No gene is called" in words(listed)
    listed.button(key="remove-NOSUCHGENE").click().run()
    check(listed)
    assert specs(listed) == ["TP53=ko", "MYC=x2"]


def test_a_full_list_takes_no_more(listed: AppTest) -> None:
    symbols = [symbol for symbol in model().space.symbols if symbol != "CDX2"][:MAX_PERTURBATIONS]
    listed.session_state["cellstate"].put(Perturbation(symbol, "knock-out") for symbol in symbols)
    for symbol in symbols[1:]:
        listed.session_state["cellstate"].switch(symbol, False)
    listed.run()
    listed.text_input(key="gene-query").set_value("CDX2").run()
    assert listed.button(key="add").disabled and "no more fit" in words(listed)
    listed.text_input(key="gene-query").set_value(symbols[0]).run()
    check(listed)
    assert not listed.button(key="add").disabled
