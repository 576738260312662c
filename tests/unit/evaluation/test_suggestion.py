"""The first knock-out that a sample is begun with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellstate.evaluation.reliability import MIN_R2
from cellstate.evaluation.suggestion import MIN_TPM, suggest_knock_out
from cellstate.files import resource_path
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.ui.components.load_samples import examples


@pytest.fixture(scope="module")
def sample() -> PreparedSample:
    return prepare_sample(load_model(resource_path("models", "coadread")), read_samples(examples()[0].path))


def test_it_is_a_well_modelled_factor_with_a_large_effect(sample: PreparedSample) -> None:
    space, symbol = sample.model.space, suggest_knock_out(sample)
    assert symbol is not None
    gene = space.find(symbol)
    assert space.is_tf_G[gene] and sample.tpm_G[gene] >= MIN_TPM
    assert sample.model.gene_table["r2_validation"].iloc[gene] >= MIN_R2

    def effect(name: str) -> float:
        found = predict(sample, [Perturbation(name, "knock-out")])
        return float((found.log2_fold_change_G[~found.is_perturbed_G].astype(float) ** 2).sum())

    assert effect(symbol) > max(effect("TP53"), effect("MYC"))


def test_no_factor_that_is_measured_means_no_suggestion(sample: PreparedSample) -> None:
    assert suggest_knock_out(replace(sample, measured_G=np.zeros_like(sample.measured_G))) is None
