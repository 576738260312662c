"""Uploads, good, bad and hostile."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from cellstate.genes import gene_axis
from tests.factories import make_samples
from tests.ui.conftest import APP, check, words

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] [a](http://b.example)"


def a_file(names: list[str], n_genes: int = 15_000) -> bytes:
    tpm_SA = make_samples(len(names)).tpm_SA[:, :n_genes]
    return pd.DataFrame(tpm_SA.T, index=gene_axis().symbol[:n_genes], columns=names).to_csv().encode()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    app.switch_page("pages/sample.py").run()
    app.file_uploader[0].upload(name, data)
    return app.run()


def test_upload_is_read_and_described(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    check(app)
    assert app.session_state["cellstate"].loaded.samples.names == ("A",)
    assert "What was read" in words(app)
    table = app.table[0].value
    assert "15,000" in " ".join(table.iloc[:, 1])


def test_upload_leaves_streamlits_store(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    assert app.file_uploader[0].value is None


def test_several_samples_can_be_picked_and_evaluated(app: AppTest) -> None:
    upload(app, "cohort.csv", a_file(["A", "B", "C"]))
    state = app.session_state["cellstate"]
    app.selectbox(key=f"pick-{state.round}").select(2).run()
    check(app)
    assert app.session_state["cellstate"].sample().names == ("C",)
    app.switch_page("pages/accuracy.py").run()
    app.segmented_control(key=f"scope-{state.round}").set_value("All 3 samples").run()
    check(app)
    assert np.isfinite(app.dataframe[0].value["Network"]).all()


def test_what_cannot_be_read_is_told_and_the_sample_before_stays(with_example: AppTest) -> None:
    before = with_example.session_state["cellstate"].loaded
    upload(with_example, "notes.txt", b"this is no table\n")
    assert not with_example.exception
    assert len(with_example.error) == 1
    assert "Nothing of that file was kept" in words(with_example)
    assert with_example.session_state["cellstate"].loaded is before


def test_what_cannot_be_read_leaves_nothing(app: AppTest) -> None:
    upload(app, "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "picture" in app.error[0].value
    state = app.session_state["cellstate"]
    assert state.loaded is None
    # The next file is read as if nothing had happened.
    upload(app, "patient.csv", a_file(["A"]))
    check(app)


def test_names_from_a_file_are_never_markup(app: AppTest) -> None:
    upload(app, "<script>alert(1)</script>.csv", a_file([HOSTILE, "B"]))
    check(app)
    app.switch_page("pages/perturb.py").run()
    app.switch_page("pages/sample.py").run()
    said = words(app)
    assert re.findall(r"(?<!\\)<", said) == []
    assert "**bold**" not in said
    assert ":red[" not in said
    assert re.findall(r"(?<!\\)<", " ".join(app.table[0].value.iloc[:, 1])) == []


def test_user_decides_the_unit(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    next(box for box in app.selectbox if box.label == "Unit").select("FPKM")
    next(button for button in app.button if button.label == "Read the file again").click()
    app.run()
    check(app)
    loaded = app.session_state["cellstate"].loaded
    assert loaded.overrides.unit == "FPKM"
    assert loaded.samples.report.unit == "FPKM"


def test_decision_that_does_not_fit_changes_nothing(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    before = app.session_state["cellstate"].loaded
    next(box for box in app.selectbox if box.label == "Format").select("h5ad")
    next(button for button in app.button if button.label == "Read the file again").click()
    app.run()
    assert len(app.error) == 1
    assert app.session_state["cellstate"].loaded is before


def test_users_do_not_see_each_other(with_example: AppTest) -> None:
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    check(other)
    assert other.session_state["cellstate"].loaded is None
    assert with_example.session_state["cellstate"].loaded is not None
