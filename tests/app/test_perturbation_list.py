"""The list of perturbations: switch, change, remove, undo and redo; only what is switched on counts."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.share_link import link_of
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.history import MAX_PERTURBATIONS
from tests.app.conftest import check, words
from tests.app.workbench import cached, perturb, session_of, specs


@pytest.fixture
def listed(with_example: AppTest) -> AppTest:
    """The page with two perturbations."""
    return perturb(with_example, "TP53=ko", "MYC=x2")


def test_a_perturbation_that_is_switched_off_counts_nowhere_and_is_kept(listed: AppTest) -> None:
    state = session_of(listed)
    listed.toggle(key="on-TP53").set_value(False).run()
    check(listed)
    assert specs(listed) == ["MYC=x2"] and len(state.entries) == 2
    assert cached(listed, "prediction").perturbations == "MYC times 2" and "TP53" not in link_of(state, model())
    listed.toggle(key="on-MYC").set_value(False).run()
    check(listed)
    assert specs(listed) == [] and not listed.tabs
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


def test_remove_clear_and_undo(listed: AppTest) -> None:
    for key, expected in (
        ("remove-TP53", ["MYC=x2"]),
        ("undo", ["TP53=ko", "MYC=x2"]),
        ("clear", []),
        ("undo", ["TP53=ko", "MYC=x2"]),
        ("undo", []),
    ):
        listed.button(key=key).click().run()
        check(listed)
        assert specs(listed) == expected
    assert listed.button(key="undo").disabled and "clear" not in [button.key for button in listed.button]


def test_a_perturbation_is_changed_in_its_place(listed: AppTest) -> None:
    # Only widgets that are there when the dialog opens can be set here; the browser tests use the others.
    listed.session_state["change-TP53-kind"] = "quantile"
    listed.button(key="change-TP53").click().run()
    check(listed)
    assert listed.select_slider(key="change-TP53-percentile").value == 90
    listed.button(key="change-TP53-apply").click().run()
    check(listed)
    assert specs(listed) == ["TP53==q90", "MYC=x2"]
    listed.button(key="change-MYC").click().run()
    assert listed.number_input(key="change-MYC-times").value == 2.0
    listed.button(key="undo").click().run()
    assert specs(listed) == ["TP53=ko", "MYC=x2"]


def test_each_row_has_the_levels_before_and_after(listed: AppTest) -> None:
    rows = [caption.value for caption in listed.caption if "→" in caption.value]
    assert len(rows) == 2 and rows[0].endswith("→ 0 TPM") and "percentile)" in rows[1]


def test_a_perturbation_that_cannot_be_applied_can_be_removed(listed: AppTest) -> None:
    session_of(listed).add(Perturbation("NOSUCHGENE", "knock-out"))
    listed.run()
    assert not listed.exception and "NOSUCHGENE" in words(listed)
    listed.button(key="remove-NOSUCHGENE").click().run()
    check(listed)
    assert specs(listed) == ["TP53=ko", "MYC=x2"]


def test_a_full_list_takes_no_more(listed: AppTest) -> None:
    symbols = [symbol for symbol in model().space.symbols if symbol != "CDX2"][:MAX_PERTURBATIONS]
    state = session_of(listed)
    state.put(Perturbation(symbol, "knock-out") for symbol in symbols)
    for symbol in symbols[1:]:
        state.switch(symbol, False)
    listed.run()
    for query, is_full in (("CDX2", True), (symbols[0], False)):
        listed.text_input(key="gene-query").set_value(query).run()
        check(listed)
        assert listed.button(key="add").disabled is is_full
