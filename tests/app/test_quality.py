"""The benchmarks and the model page: everything in the record of a model folder, and a sentence for what is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evidence import Benchmark, Dataset, Metric, PredictorId, Stratum
from cellstate.model import Model, create_model, load_model
from cellstate.model.checksums import write_model_checksums
from cellstate.model.record import METRICS, write_evidence
from cellstate.report.narrative.evidence import FAILURES, LIMITS
from cellstate.report.sections import sections
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from tests.app.conftest import APP, check, open_evidence, words
from tests.support.evidence_factories import evidence, record


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens a tab of the evidence page with another model folder."""

    def open_page(folder: Path, tab: str = "All figures") -> AppTest:
        monkeypatch.setenv(MODEL_VARIABLE, str(folder))
        return open_evidence(AppTest.from_file(str(APP), default_timeout=60).run(), tab)

    return open_page


def with_evidence(small_model: Model, folder: Path) -> Path:
    shutil.copytree(small_model.folder, folder)
    records = [
        record(
            Benchmark.RELIABILITY,
            Dataset.TEST,
            PredictorId.AUTOENCODER,
            Metric.OOD_AUROC,
            value,
            threshold=0.95,
            stratum=stratum,
        )
        for value, stratum in ((0.97, Stratum.LOG_OF_LOG), (0.9, Stratum.SHUFFLED_GENES))
    ]
    write_evidence(folder, evidence(*records))
    further = {"name": "an atlas", "licence": "CC BY-SA 4.0", "attribution": "its makers", "splits": {"train": 7}}
    values = json.loads((folder / METRICS).read_text()) | {"also_trained_on": [further]}
    (folder / METRICS).write_text(json.dumps(values))
    write_model_checksums(folder)
    return folder


def tables(app: AppTest) -> str:
    """Text of all tables, without Markdown escapes."""
    return "\n".join(table.value.to_csv() for table in app.table).replace("\\", "").replace("\u2060", "")


def test_page_shows_every_section_of_the_shipped_model(app: AppTest) -> None:
    open_evidence(app, "All figures")
    check(app)
    known = load_model().record
    assert [header.value for header in app.header] == [section.title for section in sections(known)]
    tile = next(m.value for m in app.metric if m.label == "R² per gene")
    assert tile == f"{known.evaluation['test'].r2_gene_median:.3f}"
    assert f"{known.evaluation['older_test'].r2_pooled:.4f}" in tables(app)


def test_criteria_are_shown_as_passed_and_as_not_passed(small_model: Model, tmp_path: Path, opened) -> None:
    app = opened(with_evidence(small_model, tmp_path / "model"))
    check(app)
    assert next(m.value for m in app.metric if m.label == "Criteria passed") == "1 of 2"
    every = app.dataframe[0].value
    assert list(every["Passed"]) == ["✓ passed", "✗ not passed"]


def test_random_weights_have_no_figures(tmp_path: Path, opened) -> None:
    create_model(tmp_path / "random", "demo")
    app = opened(tmp_path / "random")
    check(app)
    assert not app.table and app.info
    assert {m.value for m in app.metric} == {"–"}
    assert all(text in words(app) for text in (FAILURES, LIMITS))


def test_model_page_names_every_source(small_model: Model, tmp_path: Path, opened) -> None:
    app = opened(with_evidence(small_model, tmp_path / "model"), "About this model")
    check(app)
    for word in ("synthetic cohort", "an atlas", "CC BY-SA 4.0", "its makers", "7 samples"):
        assert word in tables(app)
