"""A small model that knows normal tissue."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from cellstate.cohorts import Cohort
from cellstate.model import Model
from cellstate.model.checksums import write_model_checksums
from cellstate.perturb.regulators.reference import save_reference
from cellstate.perturb.sample import prepare_samples
from train.regulators import NormalSamples, fit_reference

N_SOURCES = 4


def normal_samples(model: Model, cohort: Cohort, split: str) -> NormalSamples:
    """Return the samples of a split as normal ones of two tissues and four sources."""
    samples = prepare_samples(model, cohort.split(split))
    n = len(samples)
    tissue = ["colon" if s % 2 else "liver" for s in range(n)]
    z_SG = np.concatenate([one.z_1G for one in samples])
    return NormalSamples(z_SG, tissue, [f"source {s % N_SOURCES}" for s in range(n)])


def with_normal_tissue(model: Model, cohort: Cohort, folder: Path) -> Path:
    """Copy a model folder, with a model of normal tissue learnt from the cohort; returns the new folder."""
    shutil.copytree(model.folder, folder)
    normal, held_out = (normal_samples(model, cohort, split) for split in ("train", "validation"))
    save_reference(fit_reference(model, normal, held_out, n=3), folder)
    write_model_checksums(folder)
    return folder
