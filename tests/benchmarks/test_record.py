"""What is kept of a benchmark: whole results alone, all files or none, and the card follows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from benchmarks.record import main, record
from benchmarks.report import at_least, show
from cellstate.errors import CellStateError
from cellstate.model import create_model, load_model
from train.card import card


@pytest.fixture
def folder(small_model, tmp_path):
    return Path(shutil.copytree(small_model.folder, tmp_path / "model"))


@pytest.fixture
def saved(tmp_path, capsys):
    def save(name, value=0.5, *, quick=False, bound=0.6):
        show(name, [at_least("tumours: network, AUROC in z", value, "", bound)], quick=quick)
        path = tmp_path / f"{name}.out"
        path.write_text("progress\n" + capsys.readouterr().out)
        os.utime(path, (1_700_000_000,) * 2)
        return path

    return save


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_marks_are_kept_with_date_and_machine(folder, saved):
    before = metrics_of(folder)
    assert record(folder, [saved("regulons"), saved("trust")]) == ["regulons", "trust"]
    after = metrics_of(folder)
    kept = after.pop("evidence")
    assert after == before
    assert set(kept) == {"regulons", "trust"}
    assert kept["regulons"]["date"] == "2023-11-14" and "torch" in kept["regulons"]["machine"]
    assert (
        kept["regulons"]["marks"][0] | {"value": 0.5, "mark": ">= 0.6", "reached": False}
        == kept["regulons"]["marks"][0]
    )


def test_the_card_is_written_anew(folder, saved):
    assert main([str(folder), str(saved("regulons"))]) == 0
    text = (folder / "MODEL_CARD.md").read_text()
    assert "| tumours | Autoencoder | 0.500 ✗ missed |" in text and "2023-11-14" in text
    assert text == card(load_model(folder, device="cpu"), metrics_of(folder))
    assert not list(folder.glob("*.partial"))


def test_a_later_result_takes_the_place_of_its_own_kind_alone(folder, saved):
    record(folder, [saved("regulons"), saved("trust")])
    record(folder, [saved("regulons", 0.75)])
    kept = metrics_of(folder)["evidence"]
    assert kept["regulons"]["marks"][0]["value"] == 0.75
    assert kept["trust"]["marks"][0]["value"] == 0.5


def test_a_figure_that_could_not_be_had_is_null(folder, saved):
    record(folder, [saved("regulons", float("nan"))])
    assert "NaN" not in (folder / "metrics.json").read_text()
    assert metrics_of(folder)["evidence"]["regulons"]["marks"][0]["value"] is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"benchmark": "x", "machine": "", "quick": false}',
        '{"benchmark": "x", "machine": "", "quick": false, "marks": [{"name": "a"}]}',
        '{"benchmark": "x", "machine": "", "quick": false, "marks": [1]}',
        "\x00\xff",
    ],
)
def test_what_is_no_result_is_refused_and_nothing_is_written(folder, saved, tmp_path, content, capsys):
    bad, before = tmp_path / "bad.out", metrics_of(folder)
    bad.write_bytes(content.encode("latin-1"))
    assert main([str(folder), str(saved("trust")), str(bad)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "bad.out does not end with the result of a benchmark." in said
    assert metrics_of(folder) == before


def test_a_quick_run_claims_nothing(folder, saved):
    with pytest.raises(CellStateError, match="quick run of trust"):
        record(folder, [saved("trust", quick=True)])


def test_a_missing_file_is_named(folder, tmp_path):
    with pytest.raises(CellStateError, match=r"nowhere\.out cannot be read"):
        record(folder, [tmp_path / "nowhere.out"])


def test_random_weights_have_no_quality(saved, tmp_path):
    create_model(tmp_path / "random", "demo")
    with pytest.raises(CellStateError, match="random weights"):
        record(tmp_path / "random", [saved("trust")])
    assert not (tmp_path / "random" / "metrics.json").exists()


def test_a_result_of_other_weights_is_refused(folder, small_model, tmp_path, capsys):
    show("trust", [at_least("x", 0.5, "", 0.6)], quick=False, model=small_model)
    text = capsys.readouterr().out
    path = tmp_path / "trust.out"
    path.write_text(text)
    assert record(folder, [path]) == ["trust"]
    checksum = metrics_of(folder)["evidence"]["trust"]["weights_sha256"]
    path.write_text(text.replace(checksum, "0" * 64))
    before = (folder / "metrics.json").read_bytes()
    with pytest.raises(CellStateError, match="other weights"):
        record(folder, [path])
    assert (folder / "metrics.json").read_bytes() == before
