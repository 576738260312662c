import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.model.cohort import COHORT, MAX_PROFILES, Profiles, load_profiles, pack_profiles, save_profiles
from tests.support.factories import make_samples, make_space

SPACE = make_space(60)


@pytest.fixture(scope="module")
def log1p_SG():
    return np.log1p(make_samples(80, seed=3).tpm_SA[:, SPACE.axis_index_G])


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.just(60)),
        elements=st.floats(0, 14, width=32, allow_subnormal=False),
    )
)
def test_rounding_is_at_most_half_a_step_and_zero_stays_zero(values_SG):
    profiles = Profiles(SPACE, *pack_profiles(values_SG))
    assert (np.abs(profiles.log1p_SG - values_SG) <= profiles.step_G / 2 + 2e-6).all()
    assert (profiles.log1p_SG[values_SG == 0] == 0).all()
    np.testing.assert_allclose(profiles.log1p_S(7), profiles.log1p_SG[:, 7], rtol=1e-6)
    assert np.isfinite(profiles.z_SG).all()


def test_a_gene_of_one_value_keeps_it():
    profiles = Profiles(SPACE, *pack_profiles(np.full((5, 60), 1.25, np.float32)))
    assert (profiles.log1p_SG == 1.25).all() and not profiles.step_G.any()


def test_what_profiles_say_of_the_cohort(log1p_SG):
    profiles = Profiles(SPACE, *pack_profiles(log1p_SG))
    assert len(profiles) == 80
    assert profiles.z_SG.dtype == profiles.log1p_SG.dtype == np.float32
    assert np.allclose(profiles.z_SG, (log1p_SG - SPACE.mean_G) / SPACE.scale_G, atol=0.05)
    for percent in (0, 12.5, 50, 90, 100):
        expected = np.percentile(log1p_SG, percent, axis=0)
        assert np.allclose(np.log1p(profiles.quantile_tpm(percent)), expected, atol=float(profiles.step_G.max()))
    assert profiles.quantile_tpm(90) is profiles.quantile_tpm(90)
    with pytest.raises(ValueError, match="0 to 100"):
        profiles.quantile_tpm(101)


@pytest.fixture
def folder(tmp_path):
    """A model folder with random weights and neutral standardisation."""
    create_model(tmp_path / "m", "demo", dtype="float16")
    return tmp_path / "m"


def test_a_model_folder_carries_them(folder):
    log1p_SG = np.log1p(make_samples(6).tpm_SA)
    assert load_profiles(load_model(folder, device="cpu")) is None
    assert save_profiles(folder, log1p_SG) == 6
    profiles = load_profiles(load_model(folder, device="cpu"))
    assert np.allclose(profiles.log1p_SG, log1p_SG, atol=0.05)
    assert [p.name for p in folder.iterdir() if "partial" in p.name] == []
    with safe_open(folder / COHORT, "np") as file:
        assert len(file.metadata()) == 1


def test_a_large_cohort_is_drawn_from_by_seed(tmp_path):
    rng = np.random.default_rng(0)
    log1p_SG = rng.random((MAX_PROFILES + 50, 7)).astype(np.float32)

    def stored(seed):
        assert save_profiles(tmp_path, log1p_SG, seed) == MAX_PROFILES
        return (tmp_path / COHORT).read_bytes()

    assert stored(0) == stored(0) != stored(1)


def test_damaged_or_foreign_profiles_are_named(folder):
    save_profiles(folder, np.ones((3, 10)))
    with pytest.raises(ModelError, match="does not belong"):
        load_profiles(load_model(folder, device="cpu"))
    save_profiles(folder, np.log1p(make_samples(3).tpm_SA))
    whole = load_file(folder / COHORT)
    for name, words, change in (
        ("cohort.step", "does not belong", lambda a: a * np.nan),
        ("cohort.step", "does not belong", lambda a: a - 100),
        ("cohort.level", "does not belong", lambda a: a.astype(np.float32)),
        ("cohort.level", "does not belong", lambda a: a[:0]),
        ("cohort.level", "does not belong", lambda a: a[0]),
        ("cohort.low", "damaged", None),
    ):
        tensors = dict(whole)
        if change is None:
            del tensors[name]
        else:
            tensors[name] = np.ascontiguousarray(change(tensors[name]))
        save_file(tensors, folder / COHORT)
        with pytest.raises(ModelError, match=words):
            load_profiles(load_model(folder, device="cpu"))
    (folder / COHORT).write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        load_profiles(load_model(folder, device="cpu"))
