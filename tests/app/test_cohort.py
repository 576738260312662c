"""The workbench's view of all samples of a file: heat map, groups, cancel, and the way to one sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.cohorts import Cohort
from cellstate.evaluation.cohort_regulators import CohortRegulators
from cellstate.io import read_samples
from cellstate.model import Model, load_model
from cellstate.perturb.regulators.search import regulators
from cellstate.perturb.sample import prepare_samples
from cellstate.samples import Samples
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.workbench import cohort as cohort_module
from tests.app.conftest import check, session_of, words
from tests.app.workbench import a_file, specs, upload
from tests.support.normal_tissue import with_normal_tissue

FILE = a_file(["A", "B", "C", "D", "E"])


@pytest.fixture(scope="module")
def human(cohort: Cohort, small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human")


@pytest.fixture
def loaded(human: Path, monkeypatch: pytest.MonkeyPatch, app: AppTest) -> AppTest:
    """The workbench with five samples, two of them in one turn of the queue."""
    monkeypatch.setenv(MODEL_VARIABLE, str(human))
    monkeypatch.setattr(cohort_module, "BLOCK", 2)
    return upload(app, "five.csv", FILE)


def view(app: AppTest, name: str = "cohort") -> AppTest:
    app.session_state[f"workbench-view-{session_of(app).round}"] = name
    return app.run()


def whole(app: AppTest) -> CohortRegulators:
    return session_of(app)._cache["cohort"][1].whole


def drawn(app: AppTest) -> dict:
    return session_of(app)._cache["cohort-heatmap"][1].data


def test_one_sample_has_no_cohort(with_example: AppTest) -> None:
    assert not any(str(one.key).startswith("workbench-view") for one in with_example.segmented_control)


def test_every_sample_is_ranked(loaded: AppTest, human: Path) -> None:
    view(loaded)
    check(loaded)
    expected = regulators(prepare_samples(load_model(human), read_samples(FILE, name="five.csv")))
    np.testing.assert_allclose(whole(loaded).z_ST, expected.z_ST, rtol=1e-3, atol=1e-3)
    assert sorted(drawn(loaded)["samples"]) == ["A", "B", "C", "D", "E"] and drawn(loaded)["genes"]
    assert "5 samples" in words(loaded)
    # Both views are one click apart, and nothing is ranked twice.
    found = whole(loaded)
    view(loaded, "one")
    check(loaded)
    assert whole(view(loaded)) is found


def test_groups_order_the_samples(loaded: AppTest) -> None:
    session_of(loaded).labels = {"A": "x", "B": "y", "C": "x", "D": "y", "E": "x"}
    view(loaded)
    check(loaded)
    assert drawn(loaded)["groups"] == ["x", "y"] and drawn(loaded)["group"] == [0, 0, 0, 1, 1]
    loaded.segmented_control(key="cohort-order").set_value("similarity").run()
    check(loaded)
    assert sorted(drawn(loaded)["group"]) == [0, 0, 0, 1, 1]


def test_a_cancelled_ranking_goes_on_where_it_stopped(loaded: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []
    rank = cohort_module.regulators_of_block

    def once(model: Model, samples: Samples) -> CohortRegulators:
        if done:
            raise InterruptedError
        found = rank(model, samples)
        done.append(found.samples)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(cohort_module, "regulators_of_block", once)
        view(loaded)
    assert whole(loaded) is None and done == [("A", "B")]
    loaded.session_state["cohort-cancelled"] = session_of(loaded).round
    loaded.run()
    check(loaded)
    assert whole(loaded) is None

    def rest(model: Model, samples: Samples) -> CohortRegulators:
        done.append(samples.names)
        return rank(model, samples)

    monkeypatch.setattr(cohort_module, "regulators_of_block", rest)
    loaded.button(key="cohort-continue").click().run()
    check(loaded)
    assert done == [("A", "B"), ("C", "D"), ("E",)] and whole(loaded).samples == ("A", "B", "C", "D", "E")


@pytest.mark.parametrize(("is_more_active", "expected"), [(True, "=ko"), (False, "=x2")])
def test_a_cell_opens_its_sample(loaded: AppTest, is_more_active: bool, expected: str) -> None:
    view(loaded)
    gene = drawn(loaded)["genes"][0]
    state = session_of(loaded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cohort_module, "session", lambda: state)
        patch.setattr("cellstate.ui.workbench.top_bar.st.session_state", loaded.session_state)
        cohort_module._open("D", gene, is_more_active)
    loaded.run()
    check(loaded)
    assert state.selected == 3 and specs(loaded) == [gene + expected]
    # What was ranked stays for the next cell.
    assert whole(loaded) is not None


def test_deletion_drops_the_cohort(loaded: AppTest) -> None:
    view(loaded)
    loaded.button(key="delete-data").click().run()
    check(loaded)
    assert session_of(loaded)._cache == {}
