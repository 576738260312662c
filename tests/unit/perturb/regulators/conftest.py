"""A small model that knows normal tissue."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from cellstate.model import load_model
from cellstate.model.checksums import write_model_checksums
from cellstate.perturb.regulators.reference import save_reference
from cellstate.perturb.sample import prepare_samples
from train.regulators import NormalSamples, fit_reference

SOURCES = ("a", "b", "c", "d")


@pytest.fixture(scope="session")
def normal(cohort, small_model):
    """Normal samples of four sources to learn from, and others held out."""

    def of(split):
        samples = prepare_samples(small_model, cohort.split(split))
        n = len(samples)
        tissue = ["colon" if s % 2 else "liver" for s in range(n)]
        return NormalSamples(np.concatenate([one.z_1G for one in samples]), tissue, [SOURCES[s % 4] for s in range(n)])

    return of("train"), of("validation")


@pytest.fixture(scope="session")
def human(small_model, normal, tmp_path_factory):
    """The small model with a model of normal tissue in its folder."""
    folder = tmp_path_factory.mktemp("models") / "human"
    shutil.copytree(small_model.folder, folder)
    save_reference(fit_reference(small_model, *normal, n=3), folder)
    write_model_checksums(folder)
    return load_model(folder, device="cpu")


@pytest.fixture
def patients(cohort, human):
    """Two samples that were never trained on, prepared."""
    return prepare_samples(human, replace(cohort.split("test").take([0, 1])))
