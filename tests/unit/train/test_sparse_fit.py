import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from train import sparse_fit
from train.sparse_fit import L1_SHARE, PENALTIES, fit_effects

GENES = 30


@pytest.fixture(scope="module")
def z_SG():
    """Genes 0 and 1 move 2 to 9, each half of them; the rest are their own."""
    rng = np.random.default_rng(3)
    z_SG = rng.normal(size=(300, GENES))
    z_SG[:, 2:6] = 0.8 * z_SG[:, [0]] + 0.6 * z_SG[:, 2:6]
    z_SG[:, 6:10] = -0.7 * z_SG[:, [1]] + 0.7 * z_SG[:, 6:10]
    return (z_SG - z_SG.mean(axis=0)).astype(np.float32)


@pytest.fixture(scope="module")
def effect_GG(z_SG):
    return fit_effects(z_SG[:200], z_SG[200:])


def test_each_gene_is_explained_as_by_an_elastic_net_on_all_others(z_SG, effect_GG):
    train = (z_SG[:200] - z_SG[:200].mean(axis=0)).astype(np.float64)

    def theirs(gene, penalty):
        others = [g for g in range(GENES) if g != gene]
        fitted = ElasticNet(alpha=penalty, l1_ratio=L1_SHARE, fit_intercept=False, tol=1e-6)
        return np.insert(fitted.fit(train[:, others], train[:, gene]).coef_, gene, 0)

    # One penalty explains every gene.
    alike = [
        penalty
        for penalty in PENALTIES
        if all(np.allclose(effect_GG.toarray()[:, gene], theirs(gene, penalty), atol=5e-3) for gene in range(GENES))
    ]
    assert len(alike) == 1


def test_the_penalty_is_that_of_the_least_validation_error(z_SG, effect_GG):
    train, validation = z_SG[:200] - z_SG[:200].mean(axis=0), z_SG[200:]

    def error(penalty):
        squares = []
        for gene in range(GENES):
            others = [g for g in range(GENES) if g != gene]
            fitted = ElasticNet(alpha=penalty, l1_ratio=L1_SHARE, fit_intercept=False).fit(
                train[:, others], train[:, gene]
            )
            squares.append(np.mean((fitted.predict(validation[:, others]) - validation[:, gene]) ** 2))
        return np.mean(squares)

    ours = np.mean((validation @ effect_GG.toarray() - validation) ** 2)
    assert ours == pytest.approx(min(map(error, PENALTIES)), rel=1e-3)


def test_what_moves_others_is_found(effect_GG):
    dense = effect_GG.toarray()
    assert (np.abs(dense).argmax(axis=0)[2:6] == 0).all() and (np.abs(dense).argmax(axis=0)[6:10] == 1).all()
    assert (dense[0, 2:6] > 0.2).all() and (dense[1, 6:10] < -0.2).all()
    assert not dense.diagonal().any()


def test_a_gene_that_never_moves_explains_nothing_and_is_not_explained(z_SG):
    still = z_SG.copy()
    still[:, [4, 12]] = 0
    found = fit_effects(still[:200], still[200:]).toarray()
    assert not found[[4, 12]].any() and not found[:, [4, 12]].any()
    assert (np.abs(found).argmax(axis=0)[[2, 3, 5]] == 0).all()
    assert not fit_effects(0 * z_SG, z_SG).nnz


def test_the_largest_effects_are_kept_whichever_gene_they_explain(z_SG, monkeypatch):
    monkeypatch.setattr(sparse_fit, "KEPT", 1)
    few = fit_effects(z_SG[:200], z_SG[200:])
    assert few.nnz == GENES
    assert set(zip(*few.nonzero(), strict=True)) >= {(0, g) for g in range(2, 6)} | {(1, g) for g in range(6, 10)}


def test_of_many_genes_those_alike_are_asked(z_SG, effect_GG, monkeypatch):
    monkeypatch.setattr(sparse_fit, "ASKED", 4)
    few = fit_effects(z_SG[:200], z_SG[200:])
    assert np.diff(few.tocsc().indptr).max() <= 4
    assert np.allclose(few.toarray()[0, 2:6], effect_GG.toarray()[0, 2:6], atol=0.15)
