"""Near-duplicates are found, and only they; none is missed that an exhaustive comparison finds."""

import numpy as np
import pytest

from cellstate.errors import DataError
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import counts_to_tpm
from tests.support.factories import make_samples
from tests.unit.train.archs4_files import sequence, write_archs4
from train.ingest import IngestSettings, ingest
from train.ingest.archs4 import open_archs4
from train.ingest.duplicates import learn, near_duplicates

#: A few synthetic genes take most of the reads, so that the others need many.
DEEP = 100e6


def _log1p(counts_SA):
    return np.log1p(counts_to_tpm(counts_SA.astype(float), gene_axis().length_bp)).astype(np.float16)


@pytest.fixture(scope="module")
def log1p_SA():
    """60 samples; 60 and 61 are second and third sequencings of 0, 62 is 1 again, 63 a part of 2's reads."""
    tpm_SA = make_samples(60, seed=3, noise=0.2).tpm_SA
    once_SA = sequence(tpm_SA, 0, DEEP)
    again_SA = sequence(tpm_SA[:1].repeat(2, axis=0), 1, DEEP)
    part_A = np.random.default_rng(2).binomial(once_SA[2], 0.7)
    return _log1p(np.concatenate([once_SA, again_SA, once_SA[1:2], part_A[None]]))


def _groups(log1p_SA, correlation=0.995):
    reference = learn(log1p_SA)
    _, place_SD, signature_SK = reference.compare(log1p_SA)
    return near_duplicates(place_SD, signature_SK, lambda rows: reference.units(log1p_SA[rows]), correlation)


def test_planted_duplicates_are_grouped_and_nothing_else(log1p_SA):
    group_S, n_compared = _groups(log1p_SA)
    expected = [*range(60), 0, 0, 1, 2]
    assert group_S.tolist() == expected
    assert n_compared < 20  # of 2,016 pairs


@pytest.mark.parametrize("correlation", [0.9, 0.95, 0.99, 0.999])
def test_no_pair_is_missed_at_any_threshold(log1p_SA, correlation):
    exact_SS = np.corrcoef(log1p_SA.astype(np.float64)) >= correlation
    group_S, _ = _groups(log1p_SA, correlation)
    joined_SS = group_S[:, None] == group_S[None, :]
    assert joined_SS[exact_SS].all()
    # Joined without being alike themselves only through others.
    linked_SS = exact_SS.copy()
    for _ in range(6):
        linked_SS = linked_SS @ linked_SS
    np.testing.assert_array_equal(joined_SS, linked_SS)


def _apart(x_SD):
    square_S = (x_SD.astype(float) ** 2).sum(axis=1)
    return np.sqrt(np.maximum(square_S[:, None] + square_S[None] - 2 * x_SD.astype(float) @ x_SD.T.astype(float), 0))


def test_places_are_never_farther_apart_than_profiles(log1p_SA):
    reference = learn(log1p_SA[:40])
    correlation_S, place_SD, signature_SK = reference.compare(log1p_SA)
    true_SS = _apart(reference.units(log1p_SA).astype(float))
    assert (_apart(place_SD) <= true_SS + 2e-3).all()
    differ = true_SS > 0.05
    ratio = _apart(signature_SK)[differ] / true_SS[differ]
    assert 0.9 < np.median(ratio) < 1.1 and ratio.max() < 1.5
    median_A = np.median(log1p_SA[:40].astype(np.float32), axis=0)
    expected_S = [np.corrcoef(row_A.astype(np.float64), median_A)[0, 1] for row_A in log1p_SA]
    np.testing.assert_allclose(correlation_S, expected_S, atol=1e-5)


def test_a_gene_that_a_sample_lacks_is_at_the_median(log1p_SA):
    lacking_SA = log1p_SA.copy()
    lacking_SA[61, :500] = np.nan  # a third sequencing of sample 0, by another annotation
    reference = learn(lacking_SA[:50])
    _, place_SD, _ = reference.compare(lacking_SA)
    assert len(reference.index_G) == N_AXIS and np.isfinite(place_SD).all()
    assert np.isfinite(reference.units(lacking_SA)).all()


def test_one_sample_and_silent_samples_are_no_trouble(log1p_SA):
    assert _groups(log1p_SA[:1])[0].tolist() == [0]
    silent_SA = np.concatenate([log1p_SA[:3], np.zeros((2, N_AXIS), np.float16)])
    assert _groups(silent_SA)[0].tolist() == [0, 1, 2, 3, 4]


def test_samples_that_share_too_few_genes_are_refused(log1p_SA):
    lacking_SA = log1p_SA[:2].copy()
    lacking_SA[0, 900:] = np.nan
    with pytest.raises(DataError, match="only 900 measured genes in common"):
        learn(lacking_SA)


def test_many_samples_take_few_comparisons():
    """20,000 samples in clusters as those of tissues, alike in the main directions, with 200 pairs planted."""
    rng = np.random.default_rng(0)
    n = 20_000
    place_SD = (rng.normal(size=(50, 13)) * np.geomspace(0.3, 0.03, 13))[rng.integers(0, 50, n)]
    place_SD += rng.normal(size=(n, 13)) * 0.02
    signature_SK = rng.normal(size=(n, 64)) * 0.02
    for values in (place_SD, signature_SK):
        values[:200] = values[-200:] + rng.normal(size=values[:200].shape) * 1e-3
    asked = []

    def units(rows):
        asked.append(len(rows))
        return np.ones((len(rows), 1), np.float32)

    group_S, n_compared = near_duplicates(place_SD, signature_SK, units, 0.998)
    assert (group_S[:200] == group_S[-200:]).all()
    assert 200 <= n_compared < n and max(asked) <= 512


def test_duplicates_stay_in_one_split_and_are_listed(tmp_path):
    tpm_SA = make_samples(30, seed=5).tpm_SA
    counts_SA = np.concatenate([sequence(tpm_SA, 0, DEEP), sequence(tpm_SA[:8], 9, DEEP)])
    path = write_archs4(tmp_path / "a.h5", counts_SA, series=[f"GSE{i}" for i in range(38)])
    table = ingest(open_archs4([path], 0.5), tmp_path / "store", IngestSettings(), lambda _: None).table
    assert table["duplicate_group"][:8].tolist() == table["sample"][:8].tolist()
    assert table["duplicate_group"][30:].tolist() == table["sample"][:8].tolist()
    assert (table["duplicate_group"][8:30] == "").all()
    assert table["split"][:8].tolist() == table["split"][30:].tolist()
    assert set(table["split"]) == {"train", "validation", "test"}
