"""The curve of a training run: two losses, the line before training, the best epoch, and the same in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.viz import training_curve


def make_history(validation: list[float | None], *, first: int = 0) -> pd.DataFrame:
    epochs = list(range(first, first + len(validation)))
    train = [None if epoch == 0 else 0.5 / epoch for epoch in epochs]
    return pd.DataFrame({"epoch": epochs, "train_loss": train, "validation_loss": validation})


def lines(history: pd.DataFrame) -> dict[str, tuple[list, list]]:
    figure = training_curve(history).figure
    assert figure.to_json()
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def test_losses_baseline_and_best_epoch() -> None:
    drawn = lines(make_history([0.9, 0.5, 0.4, 0.45]))
    assert drawn["before training"] == ([0, 3], [0.9, 0.9])
    assert drawn["validation samples"] == ([0, 1, 2, 3], [0.9, 0.5, 0.4, 0.45])
    epochs, train = drawn["training samples"]
    assert epochs == [0, 1, 2, 3] and np.isnan(train[0]) and train[1:] == [0.5, 0.25, 0.5 / 3]
    assert drawn["best epoch"] == ([2], [0.4])


def test_the_first_of_equals_is_the_best() -> None:
    assert lines(make_history([0.9, 0.4, 0.4]))["best epoch"] == ([1], [0.4])


@pytest.mark.parametrize(
    "validation, said",
    [
        ([0.9, 0.5, 0.4], "lowest at epoch 2, with 0.4000, from 0.9000 before training."),
        (
            [0.9, 0.4, 0.5],
            "lowest at epoch 1, with 0.4000, from 0.9000 before training; training ends at epoch 2 with",
        ),
        ([0.4, 0.6], "lowest before training, with 0.4000; training ends at epoch 1 with 0.6000."),
        ([0.4], "lowest before training, with 0.4000."),
        ([], "No epoch is recorded."),
        ([None, None], "No epoch is recorded."),
        ([0.9, 0.5, None], "lowest at epoch 1, with 0.5000, from 0.9000 before training."),
    ],
)
def test_words(validation: list[float | None], said: str) -> None:
    assert said in training_curve(make_history(validation)).alt


def test_a_run_without_a_baseline() -> None:
    history = make_history([0.5, 0.4], first=1)
    drawn = lines(history)
    assert "before training" not in drawn
    assert drawn["best epoch"] == ([2], [0.4])
    assert training_curve(history).alt == "The validation loss is lowest at epoch 2, with 0.4000."


def test_the_first_line_of_a_run_is_drawn() -> None:
    drawn = lines(make_history([0.9]))
    assert drawn["before training"] == ([0, 1], [0.9, 0.9])
    assert drawn["best epoch"] == ([0], [0.9])


def test_what_is_no_number_is_never_the_best() -> None:
    drawn = lines(make_history([0.9, float("nan"), float("-inf"), 0.8]))
    assert drawn["best epoch"] == ([3], [0.8])
