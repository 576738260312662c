"""Links: settings out, settings in, and nothing else."""

from __future__ import annotations

from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import read_samples
from cellstate.model import Model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.goal import gene_set_goal, toward_goal
from cellstate.ui.components.examples import examples
from cellstate.ui.components.share_link import MAX_CHARS, MAX_PERTURBATIONS, Settings, names_no_file, read_link
from tests.app.conftest import check, words


@pytest.fixture(scope="module")
def opened() -> Model:
    """The shipped model."""
    return load_model(device="cpu")


def script() -> None:
    """A page that opens a link, shows the goal's widgets, and says which link would carry all this on."""
    import streamlit as st

    from cellstate.ui.candidates.goal import choose_goal
    from cellstate.ui.components.share_link import link_of, open_link
    from cellstate.ui.runtime.resources import model
    from cellstate.ui.state.session import session

    open_link()
    if session().loaded is not None:
        choose_goal(session(), model())
    st.code(link_of(session(), model()))


def visit(**parameters: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def test_a_link_puts_its_settings_in_force_and_the_same_link_comes_out() -> None:
    name = examples()[2].name
    app = visit(v="1", edits="p53=ko,MYC=x3,EGFR==12.5", goal="genes:+CDH1,-VIM", example=name, predictor="ridge")
    check(app)
    state = app.session_state["cellstate"]
    assert [edit.spec for edit in state.perturbations] == ["TP53=ko", "MYC=x3", "EGFR==12.5"]
    assert state.loaded.name == examples()[2].path.name and state.goal.label == "CDH1 up, VIM down"
    assert "settings, and no data" in words(app) and "TP53 knocked out" in words(app)
    carried = dict(parse_qsl(app.code[0].value.removeprefix("?")))
    assert carried == {
        "v": "1",
        "edits": "TP53=ko,MYC=x3,EGFR==12.5",
        "goal": "genes:+CDH1,-VIM",
        "predictor": "ridge",
        "example": name,
    }


@pytest.mark.parametrize("goal", ["cohort:high:CDX2", "cohort:low:VIM", "cohort:median"])
def test_ends_of_the_cohort_are_carried_too(goal: str) -> None:
    app = visit(v="1", goal=goal)
    check(app)
    state = app.session_state["cellstate"]
    assert state.goal is not None and state.loaded.is_example
    assert dict(parse_qsl(app.code[0].value.removeprefix("?")))["goal"] == goal


def test_a_link_is_applied_once() -> None:
    app = visit(v="1", edits="TP53=ko")
    assert dict(app.query_params) == {}
    app.session_state["cellstate"].clear()
    app.run()
    assert app.session_state["cellstate"].perturbations == () and app.info == []


def test_the_sample_at_hand_stays_and_undo_brings_its_edits_back() -> None:
    app = visit(v="1", edits="TP53=ko", example=examples()[1].name)
    app.query_params["v"], app.query_params["edits"] = "1", "MYC=ko"
    app.query_params["example"] = examples()[0].name
    app.run()
    state = app.session_state["cellstate"]
    assert state.loaded.name == examples()[1].path.name and [e.spec for e in state.perturbations] == ["MYC=ko"]
    state.undo()
    assert [e.spec for e in state.perturbations] == ["TP53=ko"]


def test_an_address_without_a_version_is_left_alone() -> None:
    app = visit(edits="TP53=ko", code="x")
    assert app.session_state["cellstate"].perturbations == () and len(app.query_params) == 2
    assert not app.info and not app.warning


@pytest.mark.parametrize(
    "parameters",
    [
        {"edits": "TP53=ko,p53=x3"},
        {"edits": "NOSUCHGENE=ko"},
        {"edits": "TP53"},
        {"edits": "TP53=x-1"},
        {"edits": ",".join(["TP53=ko"] * (MAX_PERTURBATIONS + 1))},
        {"edits": "TP53=x" + "1" * MAX_CHARS},
        {"edits": ""},
        {"goal": "up:/etc/passwd#x"},
        {"goal": "toward:/etc/passwd"},
        {"goal": "cohort:high:/etc/passwd.gmt"},
        {"goal": "cohort:high:x.gmt#TP53"},
        {"goal": "genes:+TP53,<b>"},
        {"goal": "genes:"},
        {"goal": "genes:+"},
        {"goal": "cohort:middle:TP53"},
        {"predictor": "oracle"},
        {"search": "everything"},
        {"example": "../../secret"},
        {"sample": "P1"},
        {"utm_source": "x"},
    ],
)
def test_what_is_not_understood_is_left_out_and_named(parameters: dict[str, str], opened: Model) -> None:
    found, ignored = read_link({"v": "1", **parameters}, opened)
    assert found == Settings() and ignored == list(parameters)


def test_good_values_beside_bad_ones_are_kept(opened: Model) -> None:
    found, ignored = read_link({"v": "1", "edits": "TP53=ko", "goal": "nonsense", "search": "pairs"}, opened)
    assert found == Settings(edits=(Perturbation("TP53", "knock-out"),), search="pairs") and ignored == ["goal"]


@pytest.mark.parametrize("version", ["2", "", "0", "1.0", "<b>"])
def test_another_version_is_not_read(version: str, opened: Model) -> None:
    assert read_link({"v": version, "edits": "TP53=ko"}, opened) == (Settings(), ["version"])


def test_bad_links_end_in_one_sentence() -> None:
    app = visit(v="1", edits="TP53=boom", **{"<script>": "x"})
    said = [warning.value for warning in app.warning]
    assert said == [r"Not understood in this link, and left out: \<script\>, edits."]
    assert app.session_state["cellstate"].perturbations == ()


def test_goals_that_rest_on_a_file_are_no_part_of_a_link(opened: Model) -> None:
    sample, other = (read_samples(examples()[i].path) for i in (0, 1))
    patient, space = prepare_sample(opened, sample), opened.space
    with_file = (
        gene_set_goal(space, {"TP53": 1}, spec="up:sets.gmt#MYC", label="MYC up"),
        toward_goal(patient, other, spec="toward:other.tsv#S", label="toward S"),
    )
    assert not any(names_no_file(goal, patient) for goal in with_file)


def test_a_gene_set_with_the_name_of_a_gene_is_not_taken_for_the_gene(opened: Model) -> None:
    from cellstate.goals import read_goal
    from cellstate.model.cohort import load_profiles
    from cellstate.perturb.search.goal import cohort_end_goal

    patient, profiles = prepare_sample(opened, read_samples(examples()[0].path)), load_profiles(opened)
    assert profiles is not None
    genes = np.array([opened.space.find("VIM"), opened.space.find("FN1")])
    of_set = cohort_end_goal(patient, profiles, genes, "CDX2", "high", spec="cohort:high:CDX2")
    assert names_no_file(read_goal("cohort:high:CDX2", patient), patient)
    assert not names_no_file(of_set, patient)
