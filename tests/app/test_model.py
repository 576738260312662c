"""The model page: the losses of its training, whatever stands in the file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cellstate.ui.evidence.model import read_history


def test_epochs_are_in_order_and_count_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    lines = [(2, 0.5), (0, 1.0), (1, 0.7), (2, 0.4), (3, None)]
    path.write_text("".join(json.dumps({"epoch": e, "validation_loss": loss}) + "\n" for e, loss in lines))
    history = read_history(path)
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["validation_loss"].tolist()[:3] == [1.0, 0.7, 0.4]
    assert math.isnan(history["validation_loss"].iloc[3]) and history["train_loss"].isna().all()


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "7", "null", "\0", "\xff", "[" * 9_999, '{"epoch": NaN}', '{"epoch": 1e999}', '{"a": 1}']
)
def test_a_file_that_tells_nothing_gives_no_epoch(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.jsonl"
    assert read_history(path).empty
    path.write_bytes(text.encode("latin-1"))
    assert read_history(path).empty


def test_a_loss_that_is_no_number_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 0, "train_loss": null, "validation_loss": "a"}\n{"epoch": 1, "validation_loss": 0.5}\n')
    history = read_history(path)
    assert history["train_loss"].isna().tolist() == [True, True]
    assert history["validation_loss"].isna().tolist() == [True, False]
