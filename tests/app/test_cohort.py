"""The workbench's view of all samples of a file: heat map, groups, cancel, and the way to one sample."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.cohorts import Cohort
from cellstate.errors import CellStateError
from cellstate.evaluation import cohort_regulators as evaluation
from cellstate.evaluation.answer_evidence import COHORT_CHECKS
from cellstate.evaluation.cohort_regulators import CohortRegulators
from cellstate.io import read_samples
from cellstate.model import Model, load_model
from cellstate.perturb.regulators.search import FEWEST_IN_GROUP, regulators
from cellstate.perturb.sample import prepare_samples
from cellstate.samples import Samples
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import COHORT
from cellstate.ui.workbench import cohort as cohort_module
from tests.app.conftest import check, session_of, words
from tests.app.workbench import a_file, specs, upload
from tests.support.normal_tissue import with_normal_tissue

NAMES = ["A", "B", "C", "D", "E", "F"]
FILE = a_file(NAMES)
PATIENCE_S = 60


@pytest.fixture(scope="module")
def human(cohort: Cohort, small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human")


@pytest.fixture
def loaded(human: Path, monkeypatch: pytest.MonkeyPatch, app: AppTest) -> Iterator[AppTest]:
    """The workbench with six samples, two of them in one step."""
    monkeypatch.setenv(MODEL_VARIABLE, str(human))
    monkeypatch.setattr(evaluation, "BLOCK", 2)
    yield upload(app, "six.csv", FILE)
    session_of(app).drop_runs()


def view(app: AppTest, name: str = "cohort") -> AppTest:
    """Open a view; that of all samples until they are ranked."""
    app.session_state[f"workbench-view-{session_of(app).round}"] = name
    app.run()
    return finish(app) if name == "cohort" else app


def finish(app: AppTest) -> AppTest:
    while (job := session_of(app).job) is not None and not job.has_ended:
        assert job.wait(PATIENCE_S)
        app.run()
    return app.run()


def whole(app: AppTest) -> CohortRegulators:
    return session_of(app).runs[COHORT].result


def drawn(app: AppTest) -> dict:
    return session_of(app)._cache["cohort-heatmap"][1].data


def has_button(app: AppTest, key: str) -> bool:
    return any(button.key == key for button in app.button)


def test_one_sample_has_no_cohort(with_example: AppTest) -> None:
    assert not any(str(one.key).startswith("workbench-view") for one in with_example.segmented_control)


def test_every_sample_is_ranked(loaded: AppTest, human: Path) -> None:
    view(loaded)
    check(loaded)
    expected = regulators(prepare_samples(load_model(human), read_samples(FILE, name="six.csv")))
    np.testing.assert_allclose(whole(loaded).z_ST, expected.z_ST, rtol=1e-3, atol=1e-3)
    assert sorted(drawn(loaded)["samples"]) == NAMES and drawn(loaded)["genes"]
    assert "six" in words(loaded)
    # Both views are one click apart, and nothing is ranked twice.
    found = whole(loaded)
    view(loaded, "one")
    check(loaded)
    assert whole(view(loaded)) is found


def test_groups_order_the_samples(loaded: AppTest) -> None:
    session_of(loaded).labels = {"A": "x", "B": "y", "C": "x", "D": "y", "E": "x", "F": "x"}
    view(loaded)
    check(loaded)
    assert drawn(loaded)["groups"] == ["x", "y"] and drawn(loaded)["group"] == [0, 0, 0, 0, 1, 1]
    loaded.segmented_control(key="cohort-order").set_value("similarity").run()
    check(loaded)
    assert sorted(drawn(loaded)["group"]) == [0, 0, 0, 0, 1, 1]


def test_a_cancelled_ranking_goes_on_where_it_stopped(loaded: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []
    go, rank = threading.Semaphore(0), evaluation.regulators_of_block

    def slow(model: Model, samples: Samples) -> CohortRegulators:
        assert go.acquire(timeout=PATIENCE_S)
        done.append(samples.names)
        return rank(model, samples)

    monkeypatch.setattr(evaluation, "regulators_of_block", slow)
    loaded.session_state[f"workbench-view-{session_of(loaded).round}"] = COHORT
    loaded.run()
    check(loaded)
    # The page is there at once, and another one shows how far the search is.
    assert has_button(loaded, "cancel")
    loaded.button(key="cancel").click().run()
    go.release()
    finish(loaded)
    check(loaded)
    assert done == [("A", "B")] and not has_button(loaded, "cancel") and has_button(loaded, "continue")
    loaded.button(key="continue").click().run()
    go.release(2)
    finish(loaded)
    check(loaded)
    assert done == [("A", "B"), ("C", "D"), ("E", "F")] and whole(loaded).samples == tuple(NAMES)


def test_a_ranking_that_failed_is_begun_anew(loaded: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> CohortRegulators:
        raise CellStateError("No.", "Never.")

    with monkeypatch.context() as patch:
        patch.setattr(cohort_module, "cohort_regulators", fail)
        view(loaded)
        assert len(loaded.error) == 1 and not loaded.exception
    loaded.button(key="cohort-again").click().run()
    finish(loaded)
    check(loaded)
    assert whole(loaded).samples == tuple(NAMES)


def test_the_other_samples_are_another_reference(loaded: AppTest) -> None:
    normal = whole(view(loaded))
    loaded.selectbox(key="cohort-reference").set_value("others").run()
    finish(loaded)
    check(loaded)
    others = whole(loaded)
    prepared = prepare_samples(others.model, read_samples(FILE, name="six.csv"))
    np.testing.assert_allclose(others.z_ST, regulators(prepared, against=prepared).z_ST, rtol=1e-3, atol=1e-3)
    assert not np.allclose(others.z_ST, normal.z_ST, equal_nan=True) and others.has_null
    # Heat map, sentence and evidence are those of this reference.
    assert others.reference in drawn(loaded)["against"] and others.reference in words(loaded)
    assert [one.check for one in session_of(loaded)._cache["cohort-evidence"][1].checks] == list(COHORT_CHECKS)


def test_few_samples_are_no_reference_to_each_other(app: AppTest, human: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(human))
    upload(app, "five.csv", a_file(NAMES[:FEWEST_IN_GROUP]))
    view(app)
    check(app)
    assert whole(app).samples == tuple(NAMES[:FEWEST_IN_GROUP])
    assert not any(box.key == "cohort-reference" for box in app.selectbox)


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
    assert session_of(loaded)._cache == {} and session_of(loaded).runs == {}
