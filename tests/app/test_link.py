"""Links: settings out, settings in, and nothing else."""

from __future__ import annotations

from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.goals import read_goal
from cellstate.io import read_samples
from cellstate.model import Model, load_model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.goal import PRESETS, cohort_end_goal, gene_set_goal, toward_goal
from cellstate.ui.components.load_samples import examples
from cellstate.ui.components.share_link import MAX_CHARS, Settings, names_no_file, read_link
from cellstate.ui.state.history import MAX_PERTURBATIONS
from tests.app.conftest import check, session_of


@pytest.fixture(scope="module")
def opened() -> Model:
    """The shipped model."""
    return load_model(device="cpu")


def script() -> None:
    """A page that opens a link, shows the goal's widgets, and shows the link of its settings."""
    import streamlit as st

    from cellstate.ui.candidates.goal import choose_goal, choose_kind
    from cellstate.ui.components.share_link import link_of, open_link
    from cellstate.ui.runtime.resources import model
    from cellstate.ui.state.session import session

    open_link()
    if session().loaded is not None:
        choose_goal(session(), model(), choose_kind())
    st.code(link_of(session(), model()))


def visit(parameters: dict[str, str], app: AppTest | None = None) -> AppTest:
    app = app or AppTest.from_function(script, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def specs(app: AppTest) -> list[str]:
    return [item.spec for item in session_of(app).perturbations]


def carried(app: AppTest) -> dict[str, str]:
    return dict(parse_qsl(app.code[0].value.removeprefix("?")))


@pytest.mark.parametrize("name", ["perturb", "edits"])
def test_settings_are_applied_and_the_same_link_comes_out(name: str) -> None:
    example = examples()[2]
    rest = {"v": "1", "goal": "genes:+CDH1,-VIM", "predictor": "ridge", "example": example.name}
    app = visit(rest | {name: "p53=ko,MYC=x3,EGFR==12.5"})
    check(app)
    assert specs(app) == ["TP53=ko", "MYC=x3", "EGFR==12.5"]
    state = session_of(app)
    assert state.loaded is not None and state.loaded.name == example.path.name
    assert state.goal is not None and state.goal.label == "CDH1 up, VIM down"
    assert len(app.info) == 1 and "TP53 knocked out" in app.info[0].value
    assert carried(app) == rest | {"perturb": "TP53=ko,MYC=x3,EGFR==12.5"}


@pytest.mark.parametrize("goal", ["cohort:high:CDX2", "cohort:low:VIM", "cohort:median", *PRESETS.values()])
def test_ends_of_the_cohort_and_presets_are_carried_too(goal: str) -> None:
    app = visit({"v": "1", "goal": goal})
    check(app)
    state = session_of(app)
    assert state.goal is not None and state.loaded is not None and state.loaded.is_example
    assert carried(app)["goal"] == goal


def test_a_link_is_applied_once_keeps_the_sample_and_can_be_undone() -> None:
    app = visit({"v": "1", "perturb": "TP53=ko", "example": examples()[1].name})
    assert dict(app.query_params) == {}
    visit({"v": "1", "perturb": "MYC=ko", "example": examples()[0].name}, app)
    state = session_of(app)
    assert state.loaded is not None and state.loaded.name == examples()[1].path.name and specs(app) == ["MYC=ko"]
    state.undo()
    assert specs(app) == ["TP53=ko"]
    state.clear()
    app.run()
    assert specs(app) == [] and app.info == []


def test_an_address_without_settings_is_left_alone() -> None:
    app = visit({"perturb": "TP53=ko", "code": "x"})
    assert specs(app) == [] and len(app.query_params) == 2 and not app.info and not app.warning


@pytest.mark.parametrize(
    "parameters",
    [
        {"perturb": "TP53=ko,p53=x3"},
        {"perturb": "NOSUCHGENE=ko"},
        {"perturb": "TP53"},
        {"perturb": "TP53=x-1"},
        {"perturb": ",".join(["TP53=ko"] * (MAX_PERTURBATIONS + 1))},
        {"perturb": "TP53=x" + "1" * MAX_CHARS},
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
    assert read_link({"v": "1", **parameters}, opened) == (Settings(), list(parameters))


def test_good_values_beside_bad_ones_are_kept(opened: Model) -> None:
    settings, ignored = read_link({"v": "1", "perturb": "TP53=ko", "goal": "nonsense", "search": "pairs"}, opened)
    assert settings == Settings(perturb=(Perturbation("TP53", "knock-out"),), search="pairs") and ignored == ["goal"]


@pytest.mark.parametrize("version", ["2", "", "0", "1.0", "<b>"])
def test_another_version_is_not_read(version: str, opened: Model) -> None:
    assert read_link({"v": version, "perturb": "TP53=ko"}, opened) == (Settings(), ["version"])


def test_names_from_a_bad_link_are_escaped() -> None:
    app = visit({"v": "1", "perturb": "TP53=boom", "<script>": "x"})
    assert len(app.warning) == 1 and r"perturb, \<script\>." in app.warning[0].value
    assert specs(app) == []


def test_goals_from_a_file_are_no_part_of_a_link(opened: Model) -> None:
    sample, other = (read_samples(examples()[i].path) for i in (0, 1))
    prepared, space, profiles = prepare_sample(opened, sample), opened.space, load_profiles(opened)
    assert profiles is not None
    genes = np.array([space.find("VIM"), space.find("FN1")])
    with_file = (
        gene_set_goal(space, {"TP53": 1}, spec="up:sets.gmt#MYC", label="MYC up"),
        toward_goal(prepared, other, spec="toward:other.tsv#S", label="toward S"),
        # A gene set with the name of a gene.
        cohort_end_goal(prepared, profiles, genes, "CDX2", "high", spec="cohort:high:CDX2"),
    )
    assert not any(names_no_file(goal, prepared) for goal in with_file)
    assert names_no_file(read_goal("cohort:high:CDX2", prepared), prepared)
