"""The page "How good is this?": all that the metrics hold, and a kind sentence for what they do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.model import Model, create_model, load_model
from cellstate.report import sections
from cellstate.ui.resources import MODEL_VARIABLE
from tests.ui.conftest import APP, check, words


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens a page with another model folder."""

    def open_page(folder: Path, page: str = "quality") -> AppTest:
        monkeypatch.setenv(MODEL_VARIABLE, str(folder))
        return AppTest.from_file(str(APP), default_timeout=60).run().switch_page(f"pages/{page}.py").run()

    return open_page


def with_evidence(small_model: Model, folder: Path) -> Path:
    shutil.copytree(small_model.folder, folder)
    names = {"reached": ("AUROC of log of log", True), "missed": ("AUROC of shuffled genes", False)}
    marks = [
        {"name": f"newer sequencer: {name}", "value": 0.9, "unit": "", "mark": ">= 0.95", "reached": reached}
        for name, reached in names.values()
    ]
    further = {"name": "an atlas", "licence": "CC BY-SA 4.0", "attribution": "its makers", "splits": {"train": 7}}
    evidence = {"trust": {"date": "2026-01-02", "machine": "a machine", "marks": marks}}
    metrics = small_model.metrics | {"evidence": evidence, "also_trained_on": [further]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def tables(app: AppTest) -> str:
    """What tables show, without the escapes that keep it from being taken for Markdown."""
    return "\n".join(table.value.to_csv() for table in app.table).replace("\\", "").replace("\u2060", "")


def test_page_shows_every_section_of_the_shipped_model(app: AppTest) -> None:
    app.switch_page("pages/quality.py").run()
    check(app)
    assert app.title[0].value == "How good is this?"
    metrics = load_model().metrics
    assert [header.value for header in app.header] == [section.title for section in sections(metrics)]
    assert "hypothesis" in words(app)
    tile = next(m.value for m in app.metric if m.label == "R² per gene")
    assert tile == f"{metrics['evaluation']['test']['r2_gene_median']:.3f}"
    assert f"{metrics['evaluation']['older_test']['r2_pooled']:.4f}" in tables(app)


def test_marks_are_shown_as_reached_and_as_missed(small_model: Model, tmp_path: Path, opened) -> None:
    app = opened(with_evidence(small_model, tmp_path / "model"))
    check(app)
    assert next(m.value for m in app.metric if m.label == "Marks reached") == "1 of 2"
    assert "✗ missed" in tables(app)
    assert "**1 is missed**" in words(app)
    every = app.dataframe[0].value
    assert list(every["Reached"]) == ["✓ reached", "✗ missed"]


def test_random_weights_are_met_kindly(tmp_path: Path, opened) -> None:
    create_model(tmp_path / "random", "demo")
    app = opened(tmp_path / "random")
    check(app)
    assert "not trained on anything" in words(app)
    assert not app.table
    assert {m.value for m in app.metric} == {"–"}
    assert "FOXA2" in words(app) and "A shift is not an effect" in words(app)


def test_model_page_names_every_source(small_model: Model, tmp_path: Path, opened) -> None:
    app = opened(with_evidence(small_model, tmp_path / "model"), "model")
    check(app)
    for word in ("synthetic cohort", "an atlas", "CC BY-SA 4.0", "its makers", "7 samples"):
        assert word in tables(app)
