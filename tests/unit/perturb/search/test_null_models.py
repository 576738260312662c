"""p-values that are uniform where nothing is special, small where something is, and never invented."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kstest, spearmanr

from cellstate.perturb.search.null_models import benjamini_hochberg, matched_p, pair_p

N_GENES = 3_000


class Genes:
    """Genes of one patient. As in a network, a knock-out acts in proportion to the change of the input."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.expression_G = np.log1p(rng.lognormal(2.0, 1.5, N_GENES))
        self.spread_G = rng.gamma(4.0, 0.15, N_GENES)
        self.change_G = -self.expression_G / self.spread_G
        self.pull_GL = rng.normal(size=(N_GENES, 8)) * rng.lognormal(0.0, 0.1, (N_GENES, 1))

    def random_goals(self, n=20, seed=2):
        """Effects on n goals along random directions, (n, G), one unit being the usual effect per unit of change."""
        goal_NL = np.random.default_rng(seed).normal(size=(n, 8))
        goal_NL /= np.linalg.norm(goal_NL, axis=1, keepdims=True)
        return goal_NL @ self.pull_GL.T * self.change_G

    def p(self, effect_G, **options):
        return matched_p(effect_G, self.expression_G, self.spread_G, change_G=self.change_G, **options)


@pytest.fixture(scope="module")
def genes():
    return Genes()


def discoveries(p):
    return np.flatnonzero(benjamini_hochberg(p) < 0.1)


def test_random_goals_give_uniform_p_and_find_next_to_nothing(genes):
    p_NG = np.array([genes.p(effect_G) for effect_G in genes.random_goals()])
    assert min(kstest(p_G, "uniform").pvalue for p_G in p_NG) > 0.01
    assert 0.3e-3 < (p_NG < 1e-3).mean() < 1.3e-3
    assert sum(len(discoveries(p_G)) > 0 for p_G in p_NG) <= 2


@pytest.mark.parametrize("matched", [True, False])
def test_only_matching_keeps_the_highly_expressed_from_being_favoured(genes, matched):
    highest_G = genes.expression_G > np.quantile(genes.expression_G, 0.8)
    alike_G = np.ones(N_GENES)
    plane = (genes.expression_G, genes.spread_G) if matched else (alike_G, alike_G)
    small = np.mean([matched_p(effect_G, *plane)[highest_G] < 0.05 for effect_G in genes.random_goals()])
    assert (0.03 < small < 0.075) == matched


def test_the_rim_of_the_plane_is_as_ordinary_as_the_rest(genes):
    rim_G = np.abs(genes.change_G) > np.quantile(np.abs(genes.change_G), 0.99)
    effect_NG = genes.random_goals()
    assert np.mean([genes.p(effect_G)[rim_G] < 0.05 for effect_G in effect_NG]) < 0.1
    unknown = [matched_p(effect_G, genes.expression_G, genes.spread_G)[rim_G] < 0.05 for effect_G in effect_NG]
    assert np.mean(unknown) > 0.15


def test_a_pull_common_to_matched_genes_is_nobody_s_own(genes):
    effect_G = genes.random_goals(1)[0]
    p_G, pulled_G = genes.p(effect_G), genes.p(effect_G + 0.5 * genes.expression_G * np.abs(genes.change_G))
    assert kstest(pulled_G, "uniform").pvalue > 0.01
    assert np.corrcoef(p_G, pulled_G)[0, 1] > 0.9


@pytest.mark.parametrize("n_planted", [20, 90])
def test_planted_genes_are_found_and_hardly_any_other(genes, n_planted):
    rng = np.random.default_rng(3)
    found, false = [], []
    for effect_G in genes.random_goals():
        planted = rng.choice(N_GENES, n_planted, replace=False)
        effect_G[planted] = rng.choice([-8, 8], n_planted) * genes.change_G[planted]
        hits = discoveries(genes.p(effect_G))
        found.append(np.isin(planted, hits).mean())
        false.append((~np.isin(hits, planted)).sum() / max(len(hits), 1))
    assert np.mean(found) > 0.9
    assert np.mean(false) < 0.1


def test_a_rank_alone_could_not_say_so(genes):
    effect_G = genes.random_goals(1)[0]
    effect_G[7] = 100 * np.abs(effect_G).max()
    p_G = genes.p(effect_G)
    assert 0 < p_G[7] < 1e-6
    assert p_G.argmin() == 7


def test_order_and_unit_do_not_matter(genes):
    expression_G, spread_G = np.round(genes.expression_G), genes.spread_G
    effect_G = genes.random_goals(1)[0]
    p_G = matched_p(effect_G, expression_G, spread_G)
    order = np.random.default_rng(4).permutation(N_GENES)
    assert np.array_equal(matched_p(effect_G[order], expression_G[order], spread_G[order]), p_G[order])
    assert np.allclose(matched_p(-3e-9 * effect_G, expression_G, 7 * spread_G), p_G)


@pytest.mark.parametrize("tied", ["expression", "spread", "both"])
def test_ties_do_not_break_it(genes, tied):
    expression_G, spread_G = genes.expression_G.copy(), genes.spread_G.copy()
    if tied != "spread":
        expression_G[: N_GENES // 2] = 0.0
    if tied != "expression":
        spread_G[:] = 0.1
    effect_G = genes.random_goals(1)[0]
    p_G = matched_p(effect_G, expression_G, spread_G)
    assert kstest(p_G, "uniform").pvalue > 0.01
    if tied == "both":
        # All of these are equally near to each other: whose effect is large among them has a small p.
        alike = slice(0, N_GENES // 2)
        assert spearmanr(p_G[alike], np.abs(effect_G[alike])).statistic < -0.9


def test_no_effect_is_p_one_and_nan_stays_nan(genes):
    expression_G, spread_G = genes.expression_G.copy(), genes.spread_G
    effect_G = genes.random_goals(1)[0]
    expression_G[:1_000] = effect_G[:1_000] = 0.0
    effect_G[1_000:1_010] = np.nan
    p_G = matched_p(effect_G, expression_G, spread_G)
    assert (p_G[:1_000] == 1).all() and np.isnan(p_G[1_000:1_010]).all()
    change_G = np.where(np.arange(N_GENES) < 1_000, 0.0, -2.0)
    assert (matched_p(genes.random_goals(1)[0], genes.expression_G, spread_G, change_G=change_G)[:1_000] == 1).all()
    # Genes without an effect are nobody's neighbours: the others have the p that they have without them.
    assert np.array_equal(p_G[1_010:], matched_p(effect_G[1_010:], expression_G[1_010:], spread_G[1_010:]))


def test_genes_that_all_do_the_same_are_not_unusual():
    n = 500
    expression_G = np.arange(n, dtype=float)
    assert (matched_p(np.full(n, 0.3), expression_G, expression_G) == 1).all()
    effect_G = np.where(np.arange(n) < 400, 0.3, np.random.default_rng(5).normal(size=n))
    p_G = matched_p(effect_G, expression_G, expression_G)
    assert np.isfinite(p_G).all() and (p_G > 0).all() and (p_G <= 1).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 30, 90])
def test_few_genes_have_a_rank_and_no_invented_tail(n):
    rng = np.random.default_rng(6)
    p_G = matched_p(np.append(rng.normal(size=max(n - 1, 0)), 1e6)[:n], rng.random(n), rng.random(n))
    assert p_G.shape == (n,)
    assert (p_G >= 1 / (n + 1)).all() and (p_G <= 1).all()


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
