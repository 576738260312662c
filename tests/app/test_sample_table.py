"""Several samples of one file: the table, the verdicts, and the groups that the user puts them in."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.errors import CellStateError
from cellstate.evaluation.ood import ood_scores
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.state.session import Loaded, Session
from cellstate.ui.workbench import sample_groups, sample_table
from tests.app.conftest import check, words
from tests.support.factories import make_samples

NAMES = ["C1", "C2", "T1", "T2"]


def a_file(names: list[str], n_genes: int = 4_000) -> bytes:
    tpm_SA = make_samples(len(names)).tpm_SA[:, :n_genes].round(2)
    return pd.DataFrame(tpm_SA.T, index=gene_axis().symbol[:n_genes], columns=names).to_csv().encode()


@pytest.fixture
def cohort(app: AppTest) -> AppTest:
    """The sample page with four samples."""
    app.switch_page("pages/sample.py").run()
    app.file_uploader[0].upload("cohort.csv", a_file(NAMES))
    app.run()
    check(app)
    return app


def state_of(app: AppTest) -> Session:
    return app.session_state["cellstate"]


def sheet(app: AppTest, text: str) -> AppTest:
    next(area for area in app.text_area if area.label == "Or paste it").set_value(text)
    next(button for button in app.button if button.label == "Use it").click()
    return app.run()


def table_of(app: AppTest) -> pd.DataFrame:
    return app.dataframe(key=f"samples-{state_of(app).round}").value


def test_every_sample_is_judged_on_request(cohort: AppTest) -> None:
    assert list(table_of(cohort)["sample"]) == NAMES
    assert "distance" not in table_of(cohort)
    cohort.button(key="judge-all").click().run()
    check(cohort)
    samples = read_samples(a_file(NAMES), name="cohort.csv")
    np.testing.assert_array_equal(table_of(cohort)["detected"], samples.detected_genes_S)
    expected = np.array([far.score for far in ood_scores(prepare_samples(load_model(), samples))], float)
    np.testing.assert_allclose(table_of(cohort)["distance"], expected, rtol=1e-5)
    assert set(table_of(cohort)["verdict"]) == {"✗ poor"}
    assert "judge-all" not in [button.key for button in cohort.button]


def test_judging_goes_on_where_it_was_interrupted(cohort: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_table, "AT_ONCE", 3)
    asked: list[int] = []

    def judge(samples: Any) -> Any:
        asked.append(len(samples))
        if len(asked) == 2:
            raise CellStateError("No more.", "Try again.")
        return ood_scores(samples)

    monkeypatch.setattr(sample_table, "distances", judge)
    cohort.button(key="judge-all").click().run()
    assert "No more" in cohort.error[0].value
    cohort.run()
    assert cohort.button(key="judge-all").label == "Judge the other 1 sample"
    cohort.button(key="judge-all").click().run()
    check(cohort)
    assert asked == [3, 1, 1]
    assert table_of(cohort)["distance"].notna().all()


def test_table_and_picker_show_the_same_sample(cohort: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of(cohort)
    cohort.selectbox(key=f"pick-{state.round}").select(2).run()
    key = f"samples-{state.round}"
    assert cohort.session_state[key]["selection"]["rows"] == [2]
    # A click on a row, as Streamlit tells of it; taking the tick away changes nothing.
    for rows, selected in (([1], 1), ([], 1)):
        fake = SimpleNamespace(session_state={key: {"selection": {"rows": rows}}})
        with monkeypatch.context() as patched:
            patched.setattr(sample_table, "st", fake)
            sample_table._chosen(state, key)
        assert state.selected == selected
    cohort.run()
    check(cohort)
    assert cohort.selectbox(key=f"pick-{state.round}").value == 1
    assert cohort.session_state[key]["selection"]["rows"] == [1]


def test_six_hundred_samples(app: AppTest) -> None:
    names = [f"patient {n}" for n in range(600)]
    app.switch_page("pages/sample.py").run()
    app.file_uploader[0].upload("cohort.csv", a_file(names, 150))
    app.run()
    check(app)
    state = state_of(app)
    assert len(app.selectbox(key=f"pick-{state.round}").options) == 600
    assert len(table_of(app)) == 600
    app.selectbox(key=f"pick-{state.round}").select(599).run()
    assert state.sample().names == ("patient 599",)


def test_one_sample_has_no_groups(with_example: AppTest) -> None:
    assert "Groups" not in [title.value for title in with_example.subheader]


def test_a_sheet_gives_groups(cohort: AppTest) -> None:
    sheet(cohort, "sample,group\nC1,control\nC2,control\nT1,kd\nZ9,kd\n")
    check(cohort)
    assert state_of(cohort).labels == {"C1": "control", "C2": "control", "T1": "kd"}
    said = words(cohort).replace("\\", "")
    assert "control (2), kd (1); 1 sample without a group" in said
    assert "3 samples of 4 got a group" in said
    assert "Z9 is no sample of this file" in said
    assert list(cohort.data_editor[0].value["group"]) == ["control", "control", "kd", ""]
    # The next sheet adds to it; what cannot be used changes nothing.
    sheet(cohort, "T2\tkd\n")
    assert state_of(cohort).labels["T2"] == "kd"
    sheet(cohort, "<b>X</b>,kd\n")
    assert not cohort.exception
    assert "names none" in cohort.error[0].value
    assert "<b>" not in cohort.error[0].value
    assert len(state_of(cohort).labels) == 4
    cohort.button(key="clear-groups").click().run()
    check(cohort)
    assert state_of(cohort).labels == {}


def test_a_sheet_can_be_uploaded(cohort: AppTest) -> None:
    box = next(box for box in cohort.file_uploader if box.label == "A file")
    box.upload("sheet.tsv", b"sample\tcondition\nT1\tx\nT2\tx\n")
    cohort.run()
    check(cohort)
    assert state_of(cohort).labels == {"T1": "x", "T2": "x"}
    assert [box.value for box in cohort.file_uploader] == [None, None]


def test_groups_are_typed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Session(loaded=Loaded(replace(make_samples(4), names=tuple(NAMES)), b"", "file"))
    state.labels = {"C1": "old", "C2": "kept"}
    edits = {0: {"group": "  <b>new</b>\n"}, 2: {"group": "x" * 500}, 3: {"group": None}, 1: {}}
    fake = SimpleNamespace(session_state={"key": {"edited_rows": {k: v for k, v in edits.items() if v}}})
    monkeypatch.setattr(sample_groups, "st", fake)
    sample_groups._edited(state, "key")
    assert state.labels == {"C1": "<b>new</b>", "C2": "kept", "T1": "x" * 60}


def test_group_names_are_never_markup(cohort: AppTest) -> None:
    sheet(cohort, "C1,<b>x</b>\nC2,:red[y]\n")
    check(cohort)
    said = words(cohort)
    assert re.findall(r"(?<!\\)<", said) == []
    assert ":red[" not in said


def test_groups_go_with_their_file(cohort: AppTest) -> None:
    sheet(cohort, "C1,a\nC2,b\n")
    cohort.file_uploader[0].upload("other.csv", a_file(["C1", "C2"]))
    cohort.run()
    check(cohort)
    assert state_of(cohort).labels == {}
    assert "got a group" not in words(cohort)
