"""Answers and training steps equal those recorded before the code was rearranged.

Kinds of processors add float32 in another order, so that answers are compared with a tolerance that holds on all of
them. Who rearranges code records on one machine before and after (``python -m tests.recorded.record``), or sets
``CELLSTATE_STRICT_RECORDED=1`` on the kind of processor that recorded: then all are compared to 1e-6.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.recorded import adapter, questions
from tests.recorded.record import ANSWERS

STRICT = 1e-6
#: Between kinds of processors (measured: a tenth to a half of it): of an amount, and of figures by their last word. A
#: sum holds the errors of all genes, a score per SD may be divided by a small one, and a p-value is a rank among few.
ELSEWHERE = 1e-5
OF_FIGURES = {"sums": 1e-3, "score_per_sd": 3e-4, "z_in_patient": 3e-4, "p": 0.05, "fdr": 0.05}
#: Half a minute in all.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recorded() -> questions.Answers:
    with np.load(ANSWERS) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of float32 depend on how they are split over threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tolerance(key: str) -> float:
    """Return the relative and absolute tolerance of an answer."""
    if os.environ.get("CELLSTATE_STRICT_RECORDED") == "1":
        return STRICT
    return OF_FIGURES.get(key.rpartition("/")[2], ELSEWHERE)


def differences(found: questions.Answers, recorded: questions.Answers) -> dict[str, str]:
    """Return what differs, by key."""
    wrong = {key: "not asked, or not recorded" for key in found.keys() ^ recorded.keys()}
    for key in found.keys() & recorded.keys():
        one, other = found[key], recorded[key]
        if one.shape != other.shape:
            wrong[key] = f"shape {one.shape}, recorded {other.shape}"
        elif other.dtype.kind != "f":
            if not np.array_equal(one, other):
                wrong[key] = f"{np.count_nonzero(one != other)} of {one.size} differ"
        elif not np.allclose(one, other, rtol=tolerance(key), atol=tolerance(key), equal_nan=True):
            wrong[key] = f"differs by up to {np.nanmax(np.abs(one - other)):.3g}"
    return wrong


def part_of(recorded: questions.Answers, *starts: str) -> questions.Answers:
    return {key: value for key, value in recorded.items() if key.startswith(starts)}


@pytest.mark.parametrize("name", questions.SAMPLES)
def test_answers_about_one_sample(name, recorded):
    assert differences(questions.biology(name), part_of(recorded, f"{name}/")) == {}


def test_answers_about_several_samples_and_the_default_method(recorded):
    assert differences(questions.together(), part_of(recorded, "all/", "compare/", "default_method")) == {}


@pytest.mark.parametrize("name", adapter.TRAINING)
def test_twenty_training_steps(name):
    _, losses = adapter.train(name)
    assert losses.shape == (20, 2)
    np.testing.assert_allclose(losses, adapter.golden_losses(name), rtol=STRICT)


def test_twenty_training_steps_by_two_ranks(recorded):
    found = questions.by_two_ranks()
    assert differences(found, part_of(recorded, "train/two ranks/")) == {}
    for name in adapter.TRAINING:
        np.testing.assert_allclose(found[f"train/two ranks/{name}"], adapter.golden_losses(name), rtol=1e-5)


@pytest.mark.parametrize("name", ["hidden genes"])
def test_a_killed_run_continues_as_if_nothing_had_happened(name, tmp_path: Path):
    began, losses = questions.killed_and_resumed(name, tmp_path)
    assert began == questions.EVERY and len(losses) == 20 - began
    np.testing.assert_allclose(losses, adapter.golden_losses(name)[began:], rtol=STRICT)


def test_a_small_difference_is_found(recorded):
    changed = {key: value.copy() for key, value in recorded.items()}
    key = f"{questions.WHOLE}/perturb/ko/autoencoder"
    changed[key][17] += np.float32(1e-4)
    dropped = f"{questions.WHOLE}/pairs/cohort/fdr"
    del changed[dropped]
    assert differences(changed, recorded).keys() == {key, dropped}
