from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array
from sklearn.linear_model import ElasticNet

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb import effects
from cellstate.perturb.effects import EFFECTS, L1_SHARE, PENALTIES, fit_effects, load_effects, save_effects

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
    monkeypatch.setattr(effects, "KEPT", 1)
    few = fit_effects(z_SG[:200], z_SG[200:])
    assert few.nnz == GENES
    assert set(zip(*few.nonzero(), strict=True)) >= {(0, g) for g in range(2, 6)} | {(1, g) for g in range(6, 10)}


def test_of_many_genes_those_alike_are_asked(z_SG, effect_GG, monkeypatch):
    monkeypatch.setattr(effects, "ASKED", 4)
    few = fit_effects(z_SG[:200], z_SG[200:])
    assert np.diff(few.tocsc().indptr).max() <= 4
    assert np.allclose(few.toarray()[0, 2:6], effect_GG.toarray()[0, 2:6], atol=0.15)


def test_effects_survive_the_disc_within_what_eight_bits_hold(tmp_path, small_model):
    rng = np.random.default_rng(0)
    genes = len(small_model.space)
    dense = rng.normal(size=(genes, genes)) * (rng.random((genes, genes)) < 0.1)
    np.fill_diagonal(dense, 0)
    dense[:, 3] = 0  # a gene that nothing explains
    save_effects(csr_array(dense.astype(np.float32)), tmp_path)
    again = load_effects(replace(small_model, folder=tmp_path))
    assert np.allclose(again.toarray(), dense, atol=np.abs(dense).max() / 127)
    assert again.nnz == np.count_nonzero(dense)


def test_a_trained_model_has_them_and_random_weights_do_not(small_model, tmp_path):
    assert load_effects(small_model).nnz > 0
    create_model(tmp_path / "demo", "demo", dtype="float16")
    assert load_effects(load_model(tmp_path / "demo", device="cpu")) is None


@pytest.mark.parametrize(
    "name, change",
    [
        ("count", lambda t: t[:-1]),
        ("count", lambda t: t.astype(np.int32)),
        ("count", lambda t: t + np.uint16(1)),
        ("gene", lambda t: t + np.uint16(60_000)),
        ("gene", lambda t: t[:-1]),
        ("level", lambda t: t[:-1]),
        ("level", lambda t: t.astype(np.float32)),
        ("step", lambda t: t * np.float32(np.nan)),
        ("step", lambda t: -t - 1),
        ("step", lambda t: np.full_like(t, 3e38)),
    ],
)
def test_effects_that_no_trainer_wrote_are_refused(tmp_path, small_model, name, change):
    save_effects(load_effects(small_model), tmp_path)
    stored = load_file(tmp_path / EFFECTS)
    save_file(stored | {f"effects.{name}": np.ascontiguousarray(change(stored[f"effects.{name}"]))}, tmp_path / EFFECTS)
    with pytest.raises(ModelError, match="does not belong"):
        load_effects(replace(small_model, folder=tmp_path))


def test_a_gene_that_explains_itself_is_refused(tmp_path, small_model):
    genes = len(small_model.space)
    save_effects(csr_array(np.eye(genes, dtype=np.float32)), tmp_path)
    with pytest.raises(ModelError, match="does not belong"):
        load_effects(replace(small_model, folder=tmp_path))


def test_a_damaged_file_is_named(tmp_path, small_model):
    (tmp_path / EFFECTS).write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        load_effects(replace(small_model, folder=tmp_path))
