"""p-values of pairs that are uniform where nothing is special, small where something is, and never invented."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kstest

from cellstate.perturb.search.null_models import benjamini_hochberg, pair_p

N_GENES = 3_000


class Genes:
    """Expression of the genes of one patient."""

    def __init__(self) -> None:
        self.expression_G = np.log1p(np.random.default_rng(1).lognormal(2.0, 1.5, N_GENES))


@pytest.fixture(scope="module")
def genes():
    return Genes()


def discoveries(p):
    return np.flatnonzero(benjamini_hochberg(p) < 0.1)


@pytest.mark.parametrize("n_tests", [None, 400, 9_000])
def test_benjamini_hochberg_is_scipy_s(n_tests):
    rng = np.random.default_rng(7)
    p = np.append(rng.random(300), rng.random(100) * 1e-4)
    p[10:20] = p[10]
    rest = np.ones((n_tests or len(p)) - len(p))
    q = benjamini_hochberg(p, n_tests)
    assert np.allclose(q, false_discovery_control(np.append(p, rest))[: len(p)])
    assert (np.diff(q[np.argsort(p)]) >= 0).all()


def test_benjamini_hochberg_leaves_nan_out():
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.02, 1.0]))
    assert np.allclose(q, [0.03, np.nan, 0.03, 1.0], equal_nan=True)
    assert benjamini_hochberg(np.array([])).shape == (0,)
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    with pytest.raises(ValueError, match="smaller"):
        benjamini_hochberg(np.array([0.1, 0.2]), n_tests=1)


def interactions(n, rng, expression_G, silent=0.4):
    """Pairs whose interaction is a product, heavy-tailed, larger for highly expressed genes, often 0."""
    a, b = rng.integers(0, len(expression_G), (2, n))
    value = expression_G[a] * expression_G[b] * rng.normal(size=n) * rng.standard_t(5, n)
    return a, b, np.where(rng.random(n) < silent, 0.0, value)


def test_random_pairs_are_not_unusual_at_any_expression(genes):
    rng = np.random.default_rng(8)
    expression_G = genes.expression_G
    any_found, small = 0, []
    for _ in range(20):
        null, (a, b, value) = interactions(20_000, rng, expression_G), interactions(10_000, rng, expression_G)
        p = pair_p(a, b, value, *null, expression_G)
        moved = value != 0
        assert (p[~moved] == 1).all()
        assert kstest(np.minimum(p[moved] / (null[2] != 0).mean(), 1), "uniform").pvalue > 0.01
        any_found += len(discoveries(p)) > 0
        high = np.minimum(expression_G[a], expression_G[b]) > np.median(expression_G)
        small.append((p[high] < 0.01).mean())
    assert any_found <= 2
    assert 0.005 < np.mean(small) < 0.02


def test_planted_pairs_are_found_among_all_that_were_tested(genes):
    rng = np.random.default_rng(9)
    expression_G = genes.expression_G
    found, false = [], []
    for _ in range(20):
        a, b, value = interactions(45_000, rng, expression_G)
        value[:20] = 100 * expression_G[a[:20]] * expression_G[b[:20]]
        null = rng.choice(45_000, 20_000, replace=False)
        top = np.argsort(-np.abs(value))[:1_000]
        p = pair_p(a[top], b[top], value[top], a[null], b[null], value[null], expression_G)
        hits = top[benjamini_hochberg(p, n_tests=45_000) < 0.1]
        found.append((hits < 20).sum() / 20)
        false.append((hits >= 20).sum() / max(len(hits), 1))
    assert np.mean(false) <= 0.15
    assert np.mean(found) > 0.8


def test_pairs_that_switch_the_same_unit_are_a_cluster_and_no_find(genes):
    rng = np.random.default_rng(10)
    expression_G = genes.expression_G
    (a, b, value), null = (interactions(n, rng, expression_G) for n in (10_000, 20_000))
    value[:300], null[2][:600] = 300.0, 300.0
    assert not len(discoveries(pair_p(a, b, value, *null, expression_G)))


def test_a_pair_has_no_order_and_nan_stays_nan(genes):
    rng = np.random.default_rng(11)
    null, (a, b, value) = interactions(5_000, rng, genes.expression_G), interactions(100, rng, genes.expression_G)
    value[3] = np.nan
    null[2][:10] = np.nan
    p = pair_p(a, b, value, *null, genes.expression_G)
    assert np.isnan(p[3]) and np.isnan(p).sum() == 1
    assert np.array_equal(pair_p(b, a, value, null[1], null[0], null[2], genes.expression_G), p, equal_nan=True)


def test_partners_of_one_gene_and_a_network_without_synergy(genes):
    rng = np.random.default_rng(12)
    _, b, value = interactions(3_000, rng, genes.expression_G)
    a = np.full(len(b), 5)
    p = pair_p(a, b, value, a, b, value, genes.expression_G)
    assert np.isfinite(p).all() and kstest(p[value != 0] / (value != 0).mean(), "uniform").pvalue > 0.01
    # All random pairs are additive: a candidate that is not is as rare as their number can show, and not rarer.
    assert np.allclose(
        pair_p(a[:2], b[:2], np.array([1e-6, 0.0]), a, b, 0 * value, genes.expression_G), [1 / 3_001, 1.0]
    )
    nobody = np.array([], int)
    assert (pair_p(a[:2], b[:2], np.ones(2), nobody, nobody, np.array([]), genes.expression_G) == 1).all()
