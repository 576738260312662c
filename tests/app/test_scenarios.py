"""Saved scenarios on the page: save, load, rename and delete."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.scenarios import MOST_SCENARIOS, renamed, usable
from tests.app.conftest import check, words

ONE = (Perturbation("TP53", "knock-out"),)
TWO = (Perturbation("MYC", "multiply", 2.0), Perturbation("KRAS", "knock-out"))


def unfold(app: AppTest) -> AppTest:
    """Draw the page with the scenarios open."""
    app.session_state["scenarios"] = True
    app.run()
    return app


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    with_example.session_state["cellstate"].put(ONE)
    with_example.switch_page("pages/workbench.py")
    unfold(with_example)
    check(with_example)
    return with_example


def state(app: AppTest) -> Session:
    return app.session_state["cellstate"]


def test_only_what_is_in_force_is_saved_and_loading_is_one_step(page: AppTest) -> None:
    assert page.button(key="scenario-save").disabled
    state(page).add(*TWO)
    state(page).switch("KRAS", False)
    unfold(page)
    page.text_input(key="scenario-name").set_value("  A <b>\tname ")
    unfold(page)
    page.button(key="scenario-save").click().run()
    check(page)
    assert state(page).scenarios == {"A <b> name": (*ONE, TWO[0])}
    unfold(page)
    assert page.text_input(key="scenario-name").value == "" and r"**A \<b\> name**" in words(page)
    state(page).put(TWO)
    unfold(page)
    page.button(key="scenario-load-A <b> name").click().run()
    check(page)
    assert state(page).perturbations == (*ONE, TWO[0])
    page.button(key="undo").click().run()
    assert state(page).perturbations == TWO


def test_the_same_name_is_saved_anew_and_others_stay(page: AppTest) -> None:
    state(page).scenarios = {"S": TWO, "T": TWO}
    unfold(page)
    page.text_input(key="scenario-name").set_value("S")
    unfold(page)
    assert page.button(key="scenario-save").label == "Save anew"
    page.button(key="scenario-save").click().run()
    assert state(page).scenarios == {"S": ONE, "T": TWO}


def test_rename_and_delete(page: AppTest) -> None:
    state(page).scenarios = {"S": ONE, "T": TWO}
    unfold(page)
    for taken in ("T", "  "):
        page.text_input(key="scenario-rename-S").set_value(taken)
        unfold(page)
        assert page.button(key="scenario-renamed-S").disabled
    page.text_input(key="scenario-rename-S").set_value("New")
    unfold(page)
    page.button(key="scenario-renamed-S").click().run()
    check(page)
    assert list(state(page).scenarios.items()) == [("New", ONE), ("T", TWO)]
    unfold(page)
    page.button(key="scenario-delete-New").click().run()
    check(page)
    assert state(page).scenarios == {"T": TWO}


def test_no_more_than_a_hundred_are_kept(page: AppTest) -> None:
    state(page).scenarios = {str(n): TWO for n in range(MOST_SCENARIOS)}
    for name, full in (("One more", True), ("0", False)):
        unfold(page)
        page.text_input(key="scenario-name").set_value(name)
        unfold(page)
        assert page.button(key="scenario-save").disabled is full


def test_forgetting_drops_them(page: AppTest) -> None:
    state(page).scenarios = {"S": ONE}
    page.button(key="delete-data").click().run()
    check(page)
    assert state(page).scenarios == {} and state(page).entries == () and len(state(page).history) == 1


def test_names_as_they_are_kept() -> None:
    assert [usable(name) for name in (None, "", " a  b\n", "x" * 81)] == ["", "", "a b", ""]
    assert list(renamed({"a": 1, "b": 2, "c": 3}, "b", "z").items()) == [("a", 1), ("z", 2), ("c", 3)]
