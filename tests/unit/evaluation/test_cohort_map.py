"""A patient on the map of the training profiles: axes, position and length of the arrow."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cellstate.errors import CellStateError
from cellstate.evaluation.cohort_map import cohort_map
from cellstate.model import create_model, load_model
from cellstate.model.cohort import load_profiles


@pytest.fixture
def before_G(small_model):
    return load_profiles(small_model).log1p_SG[3].astype(float)


def test_the_map_is_a_pca_of_decoded_states(small_model, before_G):
    found = cohort_map(small_model, before_G, {})
    decoded_SG = small_model.reconstruct(load_profiles(small_model).z_SG).astype(np.float64)
    pca = PCA(2, svd_solver="full").fit(decoded_SG)
    theirs_S2 = pca.transform(decoded_SG)
    sign_2 = np.sign((theirs_S2 * found.cohort_S2).sum(axis=0))
    assert found.cohort_S2 == pytest.approx(theirs_S2 * sign_2, abs=1e-6 * np.abs(theirs_S2).max())
    assert found.explained_2 == pytest.approx(pca.explained_variance_ratio_)
    # A training profile stands where its dot is, but for the rounding of the kept profiles.
    assert found.before_2 == pytest.approx(found.cohort_S2[3], abs=1e-4 * np.abs(theirs_S2).max())


def test_the_arrow_has_the_length_of_the_distance_in_all_directions(small_model, before_G):
    profiles = load_profiles(small_model)
    other_G = profiles.log1p_SG[7].astype(float)
    found = cohort_map(small_model, before_G, {"ridge": other_G, "no_change": before_G})
    decoded_SG = small_model.reconstruct(profiles.z_SG).astype(np.float64)
    spread = np.sqrt(((decoded_SG - decoded_SG.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert found.moved["ridge"] == pytest.approx(np.linalg.norm(decoded_SG[7] - decoded_SG[3]) / spread, rel=1e-3)
    seen = np.linalg.norm(found.after_2["ridge"] - found.before_2)
    assert found.in_plane["ridge"] == pytest.approx(seen / (found.moved["ridge"] * spread), rel=1e-6)
    assert 0 < found.in_plane["ridge"] < 1
    assert found.moved["no_change"] == found.in_plane["no_change"] == 0
    assert (found.after_2["no_change"] == found.before_2).all()


def test_a_model_without_profiles_has_no_map(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo")
    with pytest.raises(CellStateError, match="no training profiles"):
        cohort_map(model, np.zeros(len(model.space)), {})
