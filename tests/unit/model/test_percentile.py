"""Percentiles of the cohort, forward: which percentile a level is at."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.model.cohort import Profiles, pack_profiles
from tests.support.factories import make_space

N_GENES = 5


def make_profiles(log1p_SG: np.ndarray) -> Profiles:
    return Profiles(space_of(log1p_SG.shape[1]), *pack_profiles(log1p_SG))


space_of = lru_cache(make_space)


@given(
    levels=st.lists(st.lists(st.floats(0, 12, width=32), min_size=N_GENES, max_size=N_GENES), min_size=1, max_size=30),
    percent=st.floats(0, 100),
    gene=st.integers(0, N_GENES - 1),
)
def test_it_takes_a_quantile_back(levels: list[list[float]], percent: float, gene: int) -> None:
    profiles = make_profiles(np.array(levels))
    tpm = float(profiles.quantile_tpm(percent)[gene])
    found = profiles.percentile(gene, tpm)
    # Where profiles share the level, the highest percentage with it.
    assert percent - 0.1 <= found <= 100
    again = profiles.quantile_tpm(found)[gene]
    assert np.log1p(again) == pytest.approx(np.log1p(tpm), abs=0.01 * float(profiles.step_G[gene]) + 1e-5)


@given(
    levels=st.lists(st.floats(0, 12, width=32), min_size=1, max_size=30),
    pair=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_a_higher_level_has_no_lower_percentile(levels: list[float], pair: tuple[float, float]) -> None:
    profiles = make_profiles(np.array(levels)[:, None])
    low, high = sorted(pair)
    assert 0 <= profiles.percentile(0, low) <= profiles.percentile(0, high) <= 100


def test_levels_that_many_share_count_them_all() -> None:
    tpm_SG = np.array([[0.0], [0.0], [0.0], [10.0], [1000.0]])
    profiles = make_profiles(np.log1p(tpm_SG))
    assert profiles.percentile(0, 0.0) == 50
    assert profiles.percentile(0, 2_000.0) == 100
    assert 75 < profiles.percentile(0, 100.0) < 100


def test_a_gene_of_one_level_and_a_cohort_of_one() -> None:
    profiles = make_profiles(np.log1p(np.full((4, 1), 7.0)))
    assert [profiles.percentile(0, tpm) for tpm in (6.0, 7.0, 8.0)] == [0, 100, 100]
    alone = make_profiles(np.log1p(np.full((1, 1), 7.0)))
    assert [alone.percentile(0, tpm) for tpm in (6.0, 7.0)] == [0, 100]


def test_the_shipped_cohort_is_answered_as_well() -> None:
    from cellstate.model import load_model
    from cellstate.model.cohort import load_profiles

    profiles = load_profiles(load_model(device="cpu"))
    assert profiles is not None
    gene = profiles.space.find("CDX2")
    for percent in (5, 50, 90):
        assert profiles.percentile(gene, float(profiles.quantile_tpm(percent)[gene])) == pytest.approx(percent, abs=1.5)
