"""Regulators of a cohort: blocks are the whole, which regulators are shown, and the order of samples."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cellstate.cohorts import Cohort
from cellstate.errors import Stopped
from cellstate.evaluation import cohort_regulators as cohort_module
from cellstate.evaluation.cohort_regulators import (
    CohortRegulators,
    Shown,
    cohort_regulators,
    join_blocks,
    regulators_among,
    regulators_of_block,
    sample_order,
    similar_order,
)
from cellstate.model import Model, load_model
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.regulators.search import regulators
from cellstate.perturb.sample import prepare_samples
from tests.support.normal_tissue import with_normal_tissue


@pytest.fixture(scope="module")
def human(cohort: Cohort, small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human")
    return load_model(folder, device="cpu")


def made(z_ST: np.ndarray, fdr_ST: np.ndarray, human: Model) -> CohortRegulators:
    samples = tuple(f"S{s}" for s in range(len(z_ST)))
    return CohortRegulators(
        human,
        PredictorId.RIDGE,
        "x",
        samples,
        np.arange(z_ST.shape[1]),
        z_ST,
        fdr_ST,
        np.zeros(len(z_ST), bool),
    )


def test_blocks_together_are_all_samples_at_once(cohort: Cohort, human: Model) -> None:
    samples = cohort.split("test")
    n = len(samples)
    blocks = [regulators_of_block(human, samples.take(list(range(at, min(at + 3, n))))) for at in range(0, n, 3)]
    whole, expected = join_blocks(blocks), regulators(prepare_samples(human, samples))
    assert whole.samples == samples.names and len(whole.is_ood_S) == n
    assert_allclose(whole.z_ST, expected.z_ST, rtol=1e-4, atol=1e-4)
    assert_allclose(whole.fdr_ST, expected.fdr_ST, rtol=1e-3, atol=1e-4)
    assert whole.recurrence()["gene"].tolist() == expected.recurrence()["gene"].tolist()
    table = whole.activities()
    assert table["sample"].tolist() == list(samples.names)
    assert_allclose(table[whole.symbols_T[0]], whole.z_ST[:, 0])


def test_a_search_that_was_stopped_goes_on_with_the_blocks_that_are_missing(
    cohort: Cohort, human: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort_module, "BLOCK", 2)
    samples = cohort.split("test").take([0, 1, 2, 3, 4])
    blocks: dict[int, CohortRegulators] = {}
    steps: list[tuple[int, int]] = []

    def stop(done: int, total: int, what: str) -> None:
        steps.append((done, total))
        if done == 2:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        cohort_regulators(human, samples, stop, blocks)
    assert list(blocks) == [0] and steps == [(0, 5), (2, 5)]
    first = blocks[0]
    found = cohort_regulators(human, samples, lambda *_: None, blocks)
    assert blocks[0] is first and found.samples == samples.names
    expected = regulators(prepare_samples(human, samples))
    assert_allclose(found.z_ST, expected.z_ST, rtol=1e-3, atol=1e-3)


def test_a_cohort_among_themselves_is_its_own_reference(cohort: Cohort, human: Model) -> None:
    samples = cohort.split("test")
    found = regulators_among(human, samples, "others", lambda *_: None)
    prepared = prepare_samples(human, samples)
    expected = regulators(prepared, against=prepared)
    assert found.reference == "others" and found.has_null and len(found.is_ood_S) == len(samples)
    assert_allclose(found.z_ST, expected.z_ST, rtol=1e-3, atol=1e-3)


def test_which_regulators_are_shown(human: Model) -> None:
    #                 shared     variable   private    nobody's
    z_ST = np.array([[3.0, 8.0, 0.1, 0.2], [3.1, -8.0, 4.0, 0.1], [2.9, 0.0, 0.2, 0.3]], np.float32)
    fdr_ST = np.array([[0.01, 0.01, 0.9, 0.9], [0.01, 0.01, 0.05, 0.9], [0.01, 0.9, 0.9, 0.9]], np.float32)
    found = made(z_ST, fdr_ST, human)
    assert found.shown(Shown.RECURRENT, 2).tolist() == [0, 1]
    assert found.shown(Shown.VARIABLE, 1).tolist() == [1]
    assert found.shown(Shown.PRIVATE, 9).tolist() == [2]


def test_alike_rows_stand_side_by_side() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat([0, 1, 2], 7))
    rows = rng.normal(0, 0.1, (21, 5)) + np.eye(5)[kind] * 4
    order = similar_order(rows)
    assert sorted(order) == list(range(21))
    assert np.count_nonzero(np.diff(kind[order])) == 2


def test_samples_of_a_group_stay_together_and_those_of_none_come_last() -> None:
    names = [f"S{s}" for s in range(7)]
    groups = {"S0": "few", "S1": "many", "S3": "many", "S4": "many", "S6": "few"}
    order = sample_order(np.random.default_rng(0).normal(size=(7, 3)), names, groups)
    assert sorted(order) == list(range(7))
    assert [groups.get(names[s], "") for s in order] == ["many"] * 3 + ["few"] * 2 + [""] * 2


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_tree_needs_three_rows(n: int) -> None:
    assert similar_order(np.zeros((n, 4))).tolist() == list(range(n))
