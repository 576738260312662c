import numpy as np
import pytest
from scipy.sparse import csr_array

from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors import sparse
from cellstate.perturb.predictors.sparse import DAMPING, SparseEffectPropagation


def edit(genes: list[int], deltas: list[float]) -> InputChange:
    return InputChange(np.array(genes), np.array([deltas], np.float32), np.zeros((1, len(genes)), np.float32))


def chain(*effects: tuple[int, int, float], genes: int = 5) -> SparseEffectPropagation:
    dense = np.zeros((genes, genes), np.float32)
    for source, target, size in effects:
        dense[source, target] = size
    return SparseEffectPropagation(csr_array(dense))


def test_a_share_is_passed_on_twice_and_no_further():
    shift = chain((0, 1, 0.8), (1, 2, 0.5), (2, 3, 1.0), (3, 4, 1.0)).change(edit([0], [-2.0]))[0]
    expected = [0, -1.6, -1.6 * 0.5 * DAMPING, -1.6 * 0.5 * DAMPING**2, 0]
    assert shift == pytest.approx(expected)


def test_an_edited_gene_is_held_and_passes_nothing_on_that_comes_back_to_it():
    there_and_back = chain((0, 1, 0.8), (1, 0, 1.0))
    assert there_and_back.change(edit([0], [1.0]))[0, 1] == pytest.approx(0.8)
    # The second gene of the chain is edited as well: what reaches it from the first goes no further.
    both = chain((0, 1, 0.8), (1, 2, 0.5)).change(edit([0, 1], [1.0, 3.0]))[0]
    assert both[2] == pytest.approx(3.0 * 0.5)


@pytest.mark.parametrize("rows", [3, 1024])
def test_a_slope_is_what_one_unit_of_each_gene_moves_without_that_gene(monkeypatch, rows):
    monkeypatch.setattr(sparse, "_ROWS", rows)
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(12, 12)) * (rng.random((12, 12)) < 0.4)
    np.fill_diagonal(dense, 0)
    made, direction_G = (
        SparseEffectPropagation(csr_array(dense.astype(np.float32))),
        rng.normal(size=12).astype(np.float32),
    )
    slope_G = made.slope(direction_G)
    for gene in range(12):
        shift_G = made.change(edit([gene], [1.0]))[0]
        shift_G[gene] = 0
        assert slope_G[gene] == pytest.approx(shift_G @ direction_G, abs=1e-4)


def test_rows_are_independent_and_hold_the_genes_that_they_edit():
    made, genes = chain((0, 1, 0.8), (1, 2, 0.5), (2, 4, 1.0)), np.array([0, 1, 2])
    delta = np.array([[1.0, 0, 0], [0, 2, 0], [-1, 5, 0]], np.float32)
    together = made.change(InputChange(genes, delta, np.zeros((3, 3))))
    for row, edited in zip(range(3), ([0], [1], [0, 1]), strict=True):
        alone = made.change(edit(edited, delta[row, edited].tolist()))[0]
        assert together[row] == pytest.approx(alone)
    assert together[0, 4] > 0
