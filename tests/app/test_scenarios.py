"""Saved scenarios on the page: save, load, rename and delete."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.workbench.scenarios import MAX_SCENARIOS, usable
from tests.app.conftest import check
from tests.app.workbench import perturb, session_of

ONE = (Perturbation("TP53", "knock-out"),)
TWO = (Perturbation("MYC", "multiply", 2.0), Perturbation("KRAS", "knock-out"))


def type_in(app: AppTest, key: str, text: str) -> None:
    app.text_input(key=key).set_value(text).run()


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    perturb(with_example, "TP53=ko")
    check(with_example)
    return with_example


def test_only_what_is_switched_on_is_saved_and_loading_is_one_step(page: AppTest) -> None:
    state = session_of(page)
    assert page.button(key="scenario-save").disabled
    state.add(*TWO)
    state.switch("KRAS", False)
    type_in(page, "scenario-name", "  A <b>\tname ")
    page.button(key="scenario-save").click().run()
    check(page)
    assert state.scenarios == {"A <b> name": (*ONE, TWO[0])}
    assert page.run().text_input(key="scenario-name").value == ""
    assert not any("<b>" in markdown.value for markdown in page.markdown)
    state.put(TWO)
    page.run().button(key="scenario-load-A <b> name").click().run()
    check(page)
    assert state.perturbations == (*ONE, TWO[0])
    page.button(key="undo").click().run()
    assert state.perturbations == TWO


def test_replace_rename_and_delete(page: AppTest) -> None:
    state = session_of(page)
    state.scenarios = {"S": TWO, "T": TWO}
    type_in(page, "scenario-name", "S")
    page.button(key="scenario-save").click().run()
    assert state.scenarios == {"S": ONE, "T": TWO}
    for taken in ("T", "  "):
        type_in(page, "scenario-rename-S", taken)
        assert page.button(key="scenario-renamed-S").disabled
    type_in(page, "scenario-rename-S", "New")
    page.button(key="scenario-renamed-S").click().run()
    check(page)
    assert list(state.scenarios.items()) == [("New", ONE), ("T", TWO)]
    page.run().button(key="scenario-delete-New").click().run()
    check(page)
    assert state.scenarios == {"T": TWO}


def test_no_more_than_a_hundred_are_kept(page: AppTest) -> None:
    session_of(page).scenarios = {str(n): TWO for n in range(MAX_SCENARIOS)}
    for name, is_full in (("One more", True), ("0", False)):
        type_in(page, "scenario-name", name)
        assert page.button(key="scenario-save").disabled is is_full


def test_deleting_the_data_drops_them(page: AppTest) -> None:
    state = session_of(page)
    state.scenarios = {"S": ONE}
    page.button(key="delete-data").click().run()
    check(page)
    assert state.scenarios == {} and state.entries == () and len(state.history) == 1


def test_names_as_they_are_kept() -> None:
    assert [usable(name) for name in (None, "", " a  b\n", "x" * 81)] == ["", "", "a b", ""]
