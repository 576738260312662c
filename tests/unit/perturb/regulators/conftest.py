"""A small model that knows normal tissue."""

from __future__ import annotations

import pytest

from cellstate.model import load_model
from cellstate.perturb.sample import prepare_samples
from tests.support.normal_tissue import normal_samples, with_normal_tissue


@pytest.fixture(scope="session")
def normal(cohort, small_model):
    """Normal samples of four sources to learn from, and others held out."""
    return normal_samples(small_model, cohort, "train"), normal_samples(small_model, cohort, "validation")


@pytest.fixture(scope="session")
def human(cohort, small_model, tmp_path_factory):
    """The small model with a model of normal tissue in its folder."""
    return load_model(
        with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human"), device="cpu"
    )


@pytest.fixture
def patients(cohort, human):
    """Two samples that were never trained on, prepared."""
    return prepare_samples(human, cohort.split("test").take([0, 1]))
