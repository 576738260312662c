"""Tissue that is only admixed: found in mixtures of which everything is known, and taken out again."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cellstate.errors import CellStateError
from cellstate.evaluation import admixture as module
from cellstate.evaluation.admixture import admixture, without_admixture
from cellstate.evaluation.tissue import State
from cellstate.evaluation.tissue_profiles import TissueProfiles, normal_tissue, tissue_profiles
from cellstate.model import load_model
from cellstate.perturb.sample import PreparedSample
from tests.support.normal_tissue import with_normal_tissue
from tests.support.tissue_factories import TISSUES, with_tissues

CLASSES = (
    ("colon", State.TUMOUR), ("colon", State.NORMAL), ("liver", State.NORMAL), ("brain", State.NORMAL),
    ("cell line", State.CELLS),
)  # fmt: skip


@pytest.fixture
def profiles(small_model, monkeypatch):
    """Profiles of five classes, each with genes of its own."""
    n, rng = len(small_model.space), np.random.default_rng(0)
    tpm_JG = np.exp(rng.normal(2, 1, n)) * np.exp(rng.normal(0, 0.3, (len(CLASSES), n)))
    for j, row_G in enumerate(tpm_JG):
        own = np.arange(n) % len(CLASSES) == j
        row_G[own & (rng.random(n) < 0.5)] *= 30
    tpm_JG *= 1e6 / tpm_JG.sum(axis=1, keepdims=True)
    found = TissueProfiles(CLASSES, tpm_JG.astype(np.float32))
    monkeypatch.setattr(module, "tissue_profiles", lambda _: found)
    return found


@pytest.fixture(scope="session")
def human(small_model, cohort, tmp_path_factory):
    """A model that knows tissues, and normal tissue."""
    folder = tmp_path_factory.mktemp("models")
    normal = load_model(with_normal_tissue(small_model, cohort, folder / "normal"), device="cpu")
    return with_tissues(normal, folder / "human")


def sample(model, tpm_G, measured_G=None):
    """One sample of which some genes are measured."""
    measured_G = np.ones(len(tpm_G), bool) if measured_G is None else measured_G
    tpm_G = tpm_G.astype(np.float32)
    return PreparedSample("mixed", model, model.space.standardise(tpm_G[None]), tpm_G, measured_G)


def noisy(tpm_G, seed):
    return tpm_G * np.exp(np.random.default_rng(seed).normal(0, 0.4, len(tpm_G)))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("tissue", [2, 3])
def test_a_tissue_is_named_with_its_share(small_model, profiles, share, tissue):
    tpm_G = noisy((1 - share) * profiles.tpm_JG[0] + share * profiles.tpm_JG[tissue], seed=tissue)
    found = admixture(sample(small_model, tpm_G))
    assert (found.tissue, found.own_tissue) == (CLASSES[tissue][0], "colon")
    assert found.share == pytest.approx(share, abs=0.05)
    # The same from two thirds of the genes.
    measured_G = np.arange(len(tpm_G)) % 3 > 0
    fewer = admixture(sample(small_model, tpm_G, measured_G))
    assert fewer.tissue == found.tissue and fewer.share == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("own", range(len(CLASSES)))
def test_nothing_is_admixed_to_what_is_pure(small_model, profiles, own):
    assert admixture(sample(small_model, noisy(profiles.tpm_JG[own], seed=own))) is None


def test_a_sample_that_is_mostly_a_normal_tissue_is_that_tissue(small_model, profiles):
    tpm_G = 0.3 * profiles.tpm_JG[1] + 0.7 * profiles.tpm_JG[2]
    found = admixture(sample(small_model, tpm_G))
    assert (found.own_tissue, found.tissue) == ("liver", "colon")


def test_what_is_left_is_the_own_tissue(small_model, profiles):
    tpm_G = 0.7 * profiles.tpm_JG[0] + 0.3 * profiles.tpm_JG[2]
    measured_G = np.arange(len(tpm_G)) % 7 > 0
    mixed = sample(small_model, tpm_G, measured_G)
    found = admixture(mixed)
    assert found.share == pytest.approx(0.3, abs=0.01)
    rest = without_admixture(mixed, found)
    assert np.array_equal(rest.measured_G, measured_G) and rest.name == mixed.name
    assert rest.fingerprint != mixed.fingerprint
    assert rest.tpm_G[measured_G].sum() == pytest.approx(tpm_G[measured_G].sum(), rel=1e-4)
    own_G = profiles.tpm_JG[0, measured_G]
    level = rest.tpm_G[measured_G].sum() / own_G.sum()
    assert_allclose(rest.tpm_G[measured_G], own_G * level, rtol=0.1, atol=1)
    assert_allclose(rest.z_1G[:, measured_G], small_model.space.standardise(rest.tpm_G[None])[:, measured_G], atol=1e-4)


def test_what_the_tissue_does_not_express_keeps_its_level_beside_the_rest(small_model, profiles):
    tpm_G = 0.7 * profiles.tpm_JG[0] + 0.3 * profiles.tpm_JG[2]
    mixed = sample(small_model, tpm_G)
    found = replace(admixture(mixed), own_share_G=np.where(np.arange(len(tpm_G)) < 50, 0.5, 1.0))
    ratio_G = without_admixture(mixed, found).tpm_G / mixed.tpm_G
    assert_allclose(ratio_G[:50] * 2, ratio_G[50], rtol=1e-5)
    assert_allclose(ratio_G[50:], ratio_G[50], rtol=1e-5)


def test_a_folder_holds_profiles_of_its_tissues(human, small_model):
    assert (
        tissue_profiles(small_model) is None and admixture(sample(small_model, np.ones(len(small_model.space)))) is None
    )
    profiles = tissue_profiles(human)
    assert {tissue for tissue, _ in profiles.classes} == set(TISSUES)
    assert (profiles.tpm_JG >= 0).all() and np.isfinite(profiles.tpm_JG).all()
    assert_allclose(profiles.tpm_JG.sum(axis=1), human.space.share_tpm_G.sum(), rtol=1e-4)
    one = normal_tissue(human, "colon")
    place = profiles.classes.index(("colon", State.NORMAL))
    assert np.array_equal(one.tpm_G, profiles.tpm_JG[place]) and one.measured_G.all()


def test_an_unknown_tissue_is_one_sentence(human, small_model):
    with pytest.raises(CellStateError, match="spleen") as error:
        normal_tissue(human, "spleen")
    assert "colon" in error.value.hint
    with pytest.raises(CellStateError):
        normal_tissue(small_model, "colon")
