"""Settings of a training run: what each may be, up to its bounds, and how a file of them is read."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from cellstate.errors import CellStateError
from train.config import (
    DataConfig,
    LoopConfig,
    NetworkConfig,
    OutputConfig,
    RunConfig,
    TrainConfig,
    read_config,
)  # fmt: skip

ALLOWED: list[tuple[type, dict[str, Any]]] = [
    (LoopConfig, {"epochs": 0, "batch_size": 1, "patience": 1, "learning_rate": 1e-9}),
    (LoopConfig, {"hide": 0.999, "dropout": 0.999, "noise": 0.0}),
    (LoopConfig, {"warmup_steps": 0, "weight_decay": 0.0, "clip_norm": 1e-9}),
    (LoopConfig, {"loss_on": "hidden", "hide": 0.1}),
    (LoopConfig, {"bin_weights": (0.0, 0.0, 0.0, 1.0)}),
    (RunConfig, {"micro_batch": 0, "checkpoint_steps": 0, "checkpoint_minutes": 1e-9, "keep_checkpoints": 1}),
    (NetworkConfig, {"components": 5, "residual": True}),
    (DataConfig, {"cohort": "a", "min_detected": 0.0, "min_measured": 1e-9, "also": ("b",)}),
    (DataConfig, {"store": "a", "min_detected": 1.0, "min_measured": 1.0, "genes": "axis"}),
    (DataConfig, {"store": "a", "in_memory": True, "balance": "tissue", "fill": 5}),
]
REFUSED: list[tuple[type, dict[str, Any]]] = [
    (DataConfig, {}), (DataConfig, {"cohort": "a", "store": "b"}), (DataConfig, {"cohort": "a", "genes": "all"}),
    (DataConfig, {"cohort": "a", "min_detected": -0.1}), (DataConfig, {"cohort": "a", "min_detected": 1.1}),
    (DataConfig, {"cohort": "a", "min_measured": 0.0}), (DataConfig, {"cohort": "a", "min_measured": 1.1}),
    (DataConfig, {"cohort": "a", "in_memory": True, "fill": 5}), (DataConfig, {"store": "a", "balance": "tissue"}),
    (DataConfig, {"store": "a", "also": ("b",)}),
    (LoopConfig, {"epochs": -1}), (LoopConfig, {"batch_size": 0}), (LoopConfig, {"patience": 0}),
    (LoopConfig, {"learning_rate": 0.0}), (LoopConfig, {"learning_rate": float("nan")}),
    (LoopConfig, {"hide": 1.0}), (LoopConfig, {"hide": -0.1}), (LoopConfig, {"dropout": 1.0}),
    (LoopConfig, {"dropout": -0.1}), (LoopConfig, {"noise": -0.1}),
    (LoopConfig, {"warmup_steps": -1}), (LoopConfig, {"weight_decay": -0.1}), (LoopConfig, {"clip_norm": 0.0}),
    (LoopConfig, {"loss_on": "hidden"}), (LoopConfig, {"loss_on": "seen"}), (LoopConfig, {"keep": "first"}),
    (LoopConfig, {"bin_weights": (1.0, 1.0, 1.0)}), (LoopConfig, {"bin_weights": (1.0, 1.0, 1.0, -1.0)}),
    (LoopConfig, {"bin_weights": (0.0, 0.0, 0.0, 0.0)}),
    (RunConfig, {"precision": "float16"}), (RunConfig, {"strategy": "none"}), (RunConfig, {"micro_batch": -1}),
    (RunConfig, {"checkpoint_steps": -1}), (RunConfig, {"checkpoint_minutes": 0.0}),
    (RunConfig, {"keep_checkpoints": 0}),
    (NetworkConfig, {"warm_start": "zero"}), (NetworkConfig, {"components": 5}),
    (NetworkConfig, {"components": 5, "residual": True, "warm_start": "none"}),
    (OutputConfig, {"dtype": "int8"}), (OutputConfig, {"profiles": "all"}),
]  # fmt: skip


@pytest.mark.parametrize("kind, values", ALLOWED)
def test_bounds_belong_to_what_is_allowed(kind: type, values: dict[str, Any]) -> None:
    assert values.items() <= asdict(kind(**values)).items()


@pytest.mark.parametrize("kind, values", REFUSED)
def test_what_cannot_be_is_refused_with_a_hint(kind: type, values: dict[str, Any]) -> None:
    with pytest.raises(CellStateError) as caught:
        kind(**values)
    assert caught.value.hint


@pytest.mark.parametrize("loop", [{"hide": 0.1}, {"noise": 0.1}, {"bin_weights": (1.0, 1.0, 1.0, 2.0)}])
def test_an_embedding_learns_in_components(loop: dict[str, Any]) -> None:
    data = DataConfig(cohort="here")
    embedding = NetworkConfig(components=5, residual=True)
    assert TrainConfig(data, embedding).network.components == 5
    assert TrainConfig(data, loop=LoopConfig(**loop)).loop == LoopConfig(**loop)
    with pytest.raises(CellStateError):
        TrainConfig(data, embedding, LoopConfig(**loop))


def test_profiles_are_drawn_by_class() -> None:
    with pytest.raises(CellStateError):
        TrainConfig(DataConfig(cohort="here"), output=OutputConfig(profiles="drawn"))


def test_an_embedding_stands_at_both_ends() -> None:
    assert NetworkConfig(hidden=(4, 2, 4)).model(9).widths == (9, 4, 2, 4, 9)
    embedded = NetworkConfig(hidden=(4, 2, 4), components=6, residual=True).model(9)
    assert embedded.widths == (9, 6, 4, 2, 4, 6, 9) and embedded.embedding and embedded.residual


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'[data]\ncohort = "here"\n{text}')
    return path


def test_a_file_sets_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, "[loop]\nepochs = 3\nnoise = 1\n[network]\nhidden = [8, 2, 8]\n"))
    assert found.loop == LoopConfig(epochs=3, noise=1.0) and type(found.loop.noise) is float
    assert found.network == NetworkConfig(hidden=(8, 2, 8)) and found.run == RunConfig()


@pytest.mark.parametrize("text", [
    "[loop]\nepochs = 3.5", "[loop]\nepochs = true", '[loop]\nnoise = "much"', "[run]\ncompile = 1",
    "[network]\nhidden = 8", "[network]\nhidden = [8.5]", "[network]\nname = 7", "[loop]\nspeed = 1",
    "[lop]\nepochs = 1", "[loop", "loop = 3",
])  # fmt: skip
def test_a_file_that_cannot_be_is_refused_with_a_hint(tmp_path: Path, text: str) -> None:
    with pytest.raises(CellStateError) as caught:
        read_config(write(tmp_path, text))
    assert caught.value.hint


def test_a_config_of_the_package_is_found_by_its_name_and_another_is_not() -> None:
    assert read_config("human").network.hidden
    with pytest.raises(CellStateError, match="no config"):
        read_config("nobody")


def test_defaults() -> None:
    """What the shipped configs leave out depends on them, so a change is one on purpose."""
    assert {one.name: one.default for one in fields(LoopConfig)} == {
        "seed": 0, "epochs": 35, "batch_size": 32, "learning_rate": 1e-4, "warmup_steps": 20, "weight_decay": 0.0,
        "clip_norm": 1.0, "hide": 0.0, "noise": 0.0, "dropout": 0.0, "loss_on": "all", "bin_weights": (),
        "freeze_linear": False, "patience": 10, "keep": "best",
    }  # fmt: skip
    assert {one.name: one.default for one in fields(RunConfig)} == {
        "precision": "float32", "strategy": "ddp", "micro_batch": 0, "recompute": False, "compile": False,
        "checkpoint_minutes": 15.0, "checkpoint_steps": 0, "keep_checkpoints": 2,
    }  # fmt: skip
