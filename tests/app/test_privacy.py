"""Privacy inside the app: two users, the log, and the memory after data are deleted."""

from __future__ import annotations

import gc
import sys
import weakref
from enum import Enum
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components import read_upload
from cellstate.ui.state import prediction
from tests.app.conftest import APP, check, open_sample, session_of, words
from tests.app.test_pages import PAGES
from tests.app.workbench import a_table, upload

NAME, FILE, GENE, VALUE = "Wq7Zk-tumour", "kJ3vX-upload.csv", "SECRETGENE", "123.4567"


def visit_all(app: AppTest) -> str:
    """Go to every page; returns all their texts and tables."""
    texts = []
    for page in PAGES:
        open_sample(app) if page == "workbench" else app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        texts += [words(app), *(str(table.value) for table in (*app.table, *app.dataframe))]
    return "\n".join(texts)


@pytest.fixture
def with_upload(app: AppTest) -> AppTest:
    """The app with an uploaded sample and a perturbation, after a visit to every page."""
    upload(app, FILE, a_table([NAME, "B"]).to_csv().encode())
    check(app)
    session_of(app).add(Perturbation("TP53", "knock-out"))
    assert NAME in visit_all(app).replace("\\", "")
    return app


def references_of(app: AppTest) -> list[weakref.ref]:
    """Return weak references to what the session holds of a sample."""
    state = session_of(app)
    results = [value for _, value in state._cache.values()]
    assert state.loaded is not None
    values = [state.loaded, state.loaded.samples, state.loaded.samples.tpm_SA, *results]
    # A member of an enum lives as long as its class and says nothing of a sample.
    return [weakref.ref(value) for value in values if type(value).__weakrefoffset__ and not isinstance(value, Enum)]


def texts_within(value: object) -> list[str | bytes]:
    """Return every text that an object refers to, but not through modules and classes, which all users share."""
    shared = {id(vars(module)) for module in sys.modules.values() if isinstance(module, ModuleType)}
    seen, left, texts = shared, [value], list[str | bytes]()
    while left:
        item = left.pop()
        if id(item) in seen or isinstance(item, ModuleType | type):
            continue
        seen.add(id(item))
        if isinstance(item, str | bytes):
            texts.append(item)
        left += gc.get_referents(item)
    return texts


def names_in(app: AppTest) -> list[str]:
    """Return the names of samples and files that the session and its widgets refer to, also widgets long gone."""
    widgets = app.session_state._state._state._new_widget_state
    texts = texts_within((app.session_state["cellstate"], widgets))
    return [text for text in map(str, texts) if NAME in text or FILE in text]


def test_deleted_data_leave_the_memory(with_upload: AppTest) -> None:
    references = references_of(with_upload)
    assert len(references) > 5 and all(reference() is not None for reference in references)
    assert NAME in names_in(with_upload) and FILE in names_in(with_upload)
    with_upload.button(key="delete-data").click().run()
    check(with_upload)
    visit_all(with_upload)
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []
    assert NAME not in visit_all(with_upload).replace("\\", "")
    assert names_in(with_upload) == []


def test_another_file_replaces_the_one_before(with_upload: AppTest) -> None:
    references = references_of(with_upload)
    upload(with_upload, "other.csv", a_table(["B"]).to_csv().encode())
    check(with_upload)
    visit_all(with_upload)
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []


def test_a_new_user_begins_with_nothing(with_upload: AppTest) -> None:
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    texts = visit_all(other).replace("\\", "")
    assert NAME not in texts and FILE not in texts and "TP53 knocked out" not in texts
    assert session_of(other).loaded is None
    upload(other, "other.csv", a_table(["B"]).to_csv().encode())
    assert NAME not in visit_all(other).replace("\\", "")
    other.button(key="delete-data").click().run()
    assert session_of(with_upload).has_data and NAME in names_in(with_upload)


@pytest.mark.parametrize(("module", "function"), [(read_upload, "read_apart"), (prediction, "ood_scores")])
def test_the_log_of_an_error_holds_its_place_and_no_value(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, caplog, module, function: str
) -> None:
    def fail(*_, **__):
        raise ValueError(f"could not convert '{GENE}' of {NAME} in {FILE}: {VALUE}")

    monkeypatch.setattr(module, function, fail)
    app.switch_page("pages/workbench.py").run()
    app.file_uploader[0].upload(FILE, a_table([NAME]).to_csv().encode())
    app.run()
    printed = capfd.readouterr()
    log = printed.out + printed.err + caplog.text
    assert "ValueError" in log
    assert not any(word in log for word in (NAME, FILE, GENE, VALUE))
    shown = "\n".join(error.value for error in app.error)
    assert shown and not any(word in shown for word in (GENE, VALUE))
