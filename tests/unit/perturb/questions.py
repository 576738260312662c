"""One patient and one goal of the synthetic cohort."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from cellstate.model import Model, load_model
from cellstate.model.checksums import write_model_checksums
from cellstate.model.cohort import COHORT
from cellstate.perturb.search.goal import Goal, gene_set_goal
from tests.support.factories import make_samples


def patient_samples(seed: int = 7):
    """One sample that the small model never saw."""
    return make_samples(1, seed=seed)


def without_cohort(model: Model, folder: Path) -> Model:
    """The same model in a folder that carries no cohort."""
    shutil.copytree(model.folder, folder, ignore=shutil.ignore_patterns(COHORT))
    write_model_checksums(folder)
    return load_model(folder, device="cpu")


def some_goal(model: Model, n: int = 20, seed: int = 0) -> Goal:
    """Genes of the model, half of them down."""
    chosen = np.random.default_rng(seed).choice(len(model.space), n, replace=False)
    signs = {model.space.ensembl[g]: 1 if i % 2 else -1 for i, g in enumerate(chosen)}
    return gene_set_goal(model.space, signs, spec="genes", label="some genes")
