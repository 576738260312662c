"""Several samples of one file: their table, their quality control, and their groups."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.errors import CellStateError
from cellstate.evaluation.ood import ood_scores
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.state.session import Loaded, Session
from cellstate.ui.workbench import sample_groups, sample_table
from tests.app.conftest import check, words
from tests.app.workbench import a_table, session_of, submit, upload
from tests.support.factories import make_samples

NAMES = ["C1", "C2", "T1", "T2"]


@pytest.fixture
def cohort(app: AppTest) -> AppTest:
    """The workbench with four samples."""
    upload(app, "cohort.csv", a_table(NAMES))
    check(app)
    return app


def paste_sheet(app: AppTest, text: str) -> AppTest:
    next(area for area in app.text_area if area.label == "Or paste it").set_value(text)
    return submit(app, "Use it")


def table_of(app: AppTest) -> pd.DataFrame:
    return app.dataframe(key=f"samples-{session_of(app).round}").value


def test_quality_control_of_every_sample_on_request(cohort: AppTest) -> None:
    assert list(table_of(cohort)) == ["sample", "n_detected"]
    cohort.button(key="run-qc").click().run()
    check(cohort)
    samples = read_samples(a_table(NAMES).to_csv().encode(), name="cohort.csv")
    np.testing.assert_array_equal(table_of(cohort)["n_detected"], samples.detected_genes_S)
    expected = np.array([one.score for one in ood_scores(prepare_samples(load_model(), samples))], float)
    np.testing.assert_allclose(table_of(cohort)["ood_score"], expected, rtol=1e-5)
    assert all(grade.endswith("poor") for grade in table_of(cohort)["grade"])
    assert "run-qc" not in [button.key for button in cohort.button]


def test_quality_control_continues_after_an_interruption(cohort: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_table, "CHUNK", 3)
    sizes: list[int] = []

    def counted(samples: Any) -> Any:
        sizes.append(len(samples))
        if len(sizes) == 2:
            raise CellStateError("No more.", "Try again.")
        return ood_scores(samples)

    monkeypatch.setattr(sample_table, "ood_scores", counted)
    cohort.button(key="run-qc").click().run()
    assert len(cohort.error) == 1
    cohort.run()
    assert list(table_of(cohort)["ood_score"].notna()) == [True, True, True, False]
    cohort.button(key="run-qc").click().run()
    check(cohort)
    assert sizes == [3, 1, 1]
    assert table_of(cohort)["ood_score"].notna().all()


def test_table_and_picker_show_the_same_sample(cohort: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    state = session_of(cohort)
    cohort.selectbox(key=f"pick-{state.round}").select(2).run()
    key = f"samples-{state.round}"
    assert cohort.session_state[key]["selection"]["rows"] == [2]
    # A click on a row, as Streamlit reports it; without a row the selection stays.
    for rows in ([1], []):
        with monkeypatch.context() as patched:
            fake = SimpleNamespace(session_state={key: {"selection": {"rows": rows}}})
            patched.setattr(sample_table, "st", fake)
            sample_table._select(state, key)
        assert state.selected == 1
    cohort.run()
    check(cohort)
    assert cohort.selectbox(key=f"pick-{state.round}").value == 1
    assert cohort.session_state[key]["selection"]["rows"] == [1]


def test_six_hundred_samples(app: AppTest) -> None:
    upload(app, "cohort.csv", a_table([f"patient {n}" for n in range(600)], 1_100))
    check(app)
    state = session_of(app)
    assert len(table_of(app)) == 600
    app.selectbox(key=f"pick-{state.round}").select(599).run()
    assert state.sample().names == ("patient 599",)


def test_one_sample_has_no_groups(with_example: AppTest) -> None:
    assert not with_example.get("data_editor")


def test_a_sheet_gives_groups(cohort: AppTest) -> None:
    state = session_of(cohort)
    paste_sheet(cohort, "sample,group\nC1,control\nC2,control\nT1,kd\nZ9,kd\n")
    check(cohort)
    assert state.labels == {"C1": "control", "C2": "control", "T1": "kd"}
    assert len(cohort.success) == 1 and "Z9" in cohort.warning[-1].value
    assert list(cohort.data_editor[0].value["group"]) == ["control", "control", "kd", ""]
    # The next sheet adds to it; a sheet with an error changes nothing.
    paste_sheet(cohort, "T2\tkd\n")
    assert state.labels["T2"] == "kd"
    paste_sheet(cohort, "<b>X</b>,kd\n")
    assert not cohort.exception and len(cohort.error) == 1 and "<b>" not in cohort.error[0].value
    assert len(state.labels) == 4
    # Groups belong to their file.
    upload(cohort, "other.csv", a_table(["C1", "C2"]))
    check(cohort)
    assert state.labels == {} and not cohort.success


def test_a_sheet_can_be_uploaded_and_groups_cleared(cohort: AppTest) -> None:
    box = next(box for box in cohort.file_uploader if box.label == "A file")
    box.upload("sheet.tsv", b"sample\tcondition\nT1\tx\nT2\tx\n")
    cohort.run()
    check(cohort)
    assert session_of(cohort).labels == {"T1": "x", "T2": "x"}
    assert not any(box.value for box in cohort.file_uploader) and len(cohort.file_uploader) == 2
    cohort.button(key="clear-groups").click().run()
    check(cohort)
    assert session_of(cohort).labels == {}


def test_groups_are_typed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Session(loaded=Loaded(replace(make_samples(4), names=tuple(NAMES)), b"", "file"))
    state.labels = {"C1": "old", "C2": "kept"}
    rows = {0: {"group": "  <b>new</b>\n"}, 2: {"group": "x" * 500}, 3: {"group": None}}
    monkeypatch.setattr(sample_groups, "st", SimpleNamespace(session_state={"key": {"edited_rows": rows}}))
    sample_groups._typed(state, "key")
    assert state.labels == {"C1": "<b>new</b>", "C2": "kept", "T1": "x" * 60}


def test_group_names_are_never_markup(cohort: AppTest) -> None:
    paste_sheet(cohort, "C1,<b>x</b>\nC2,:red[y]\n")
    check(cohort)
    text = words(cohort)
    assert "<b>" not in text.replace("\\<b", "") and ":red[" not in text
