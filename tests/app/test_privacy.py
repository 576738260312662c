"""What is claimed of privacy, inside the app: what two users, the log and the memory hold of a sample."""

from __future__ import annotations

import gc
import sys
import weakref
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.ui.components import read_upload as upload_read
from cellstate.ui.workbench import qc
from tests.app.conftest import APP, check, words
from tests.app.test_pages import PAGES
from tests.app.workbench import a_file, upload

NAME, FILE, GENE, VALUE = "Wq7Zk-tumour", "kJ3vX-upload.csv", "SECRETGENE", "123.4567"


def visit_all(app: AppTest) -> str:
    """Go to every page; returns all that they said."""
    said = []
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        said += [words(app), *(str(table.value) for table in (*app.table, *app.dataframe))]
    return "\n".join(said)


@pytest.fixture
def with_upload(app: AppTest) -> AppTest:
    """The app with a sample of its own and an edit, after a visit to every page."""
    upload(app, FILE, a_file([NAME, "B"]))
    check(app)
    app.switch_page("pages/perturb.py").run()
    from cellstate.perturb.perturbations import Perturbation

    app.session_state["cellstate"].add(Perturbation("TP53", "knock-out"))
    assert NAME in visit_all(app).replace("\\", "")
    return app


def held(app: AppTest) -> list[weakref.ref]:
    """Return references to all that the session holds of a sample and that can be referred to."""
    state = app.session_state["cellstate"]
    results = [value for _, value in state._results.values()]
    things = [state.loaded, state.loaded.samples, state.loaded.samples.tpm_SA, *results]
    return [weakref.ref(thing) for thing in things if type(thing).__weakrefoffset__]


def texts_within(thing: object) -> list[str | bytes]:
    """Return every text that an object leads to, but not through modules and classes, which are nobody's own."""
    shared = {id(vars(module)) for module in sys.modules.values() if isinstance(module, ModuleType)}
    seen, left, found = shared, [thing], list[str | bytes]()
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, ModuleType | type):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            found.append(one)
        left += gc.get_referents(one)
    return found


def names_held(app: AppTest) -> list[str]:
    """Return the names of samples and files that the session and its widgets lead to, also those long gone."""
    widgets = app.session_state._state._state._new_widget_state
    texts = texts_within((app.session_state["cellstate"], widgets))
    return [text for text in map(str, texts) if NAME in text or FILE in text]


def test_forgetting_leaves_nothing_in_memory(with_upload: AppTest) -> None:
    references = held(with_upload)
    assert len(references) > 5 and all(reference() is not None for reference in references)
    assert NAME in names_held(with_upload) and FILE in names_held(with_upload)
    with_upload.button(key="forget").click().run()
    check(with_upload)
    visit_all(with_upload)
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []
    assert NAME not in visit_all(with_upload).replace("\\", "")
    assert names_held(with_upload) == []


def test_another_file_drops_the_one_before(with_upload: AppTest) -> None:
    references = held(with_upload)
    upload(with_upload, "other.csv", a_file(["B"]))
    check(with_upload)
    visit_all(with_upload)
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []


def test_a_new_user_begins_with_nothing(with_upload: AppTest) -> None:
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    said = visit_all(other).replace("\\", "")
    assert NAME not in said and FILE not in said and "TP53 knocked out" not in said
    assert other.session_state["cellstate"].loaded is None
    upload(other, "other.csv", a_file(["B"]))
    assert NAME not in visit_all(other).replace("\\", "")
    other.button(key="forget").click().run()
    assert with_upload.session_state["cellstate"].loaded.samples.names == (NAME, "B")


@pytest.mark.parametrize(("module", "function"), [(upload_read, "read_samples"), (qc, "distances")])
def test_a_mistake_of_ours_logs_where_it_happened_and_no_more(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, caplog, module, function: str
) -> None:
    def fail(*_, **__):
        raise ValueError(f"could not convert '{GENE}' of {NAME} in {FILE}: {VALUE}")

    monkeypatch.setattr(module, function, fail)
    app.switch_page("pages/sample.py").run()
    app.file_uploader[0].upload(FILE, a_file([NAME]))
    app.run()
    told = capfd.readouterr()
    log = told.out + told.err + caplog.text
    assert "ValueError" in log
    assert not any(word in log for word in (NAME, FILE, GENE, VALUE))
    said = "\n".join(error.value for error in app.error)
    assert "mistake" in said or "went wrong" in said
    assert not any(word in said for word in (GENE, VALUE))
