"""Predictions for an AnnData: the same as sample by sample, as layers."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from cellstate.errors import CellStateError, ReadError
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import Prediction, predict, to_anndata
from cellstate.perturb.sample import prepare_sample
from cellstate.samples import Samples


@pytest.fixture(scope="module")
def samples(cohort) -> Samples:
    return cohort.split("test").take([0, 1, 2])


@pytest.fixture(scope="module")
def knock_out(small_model: Model) -> list[Perturbation]:
    return [Perturbation(small_model.space.symbols[3], "knock-out")]


@pytest.fixture(scope="module")
def each(small_model: Model, samples: Samples, knock_out: list[Perturbation]) -> list[Prediction]:
    return [predict(prepare_sample(small_model, samples.take([s])), knock_out) for s in range(len(samples))]


def test_an_anndata_is_predicted_as_its_samples_are(small_model, samples, knock_out, each):
    adata = samples.to_anndata()
    adata.obs["arm"] = pd.Categorical(["a", "b", "a"])
    before = adata.copy()
    found = predict(adata, knock_out, model=small_model)
    assert found.shape == (3, len(small_model.space)) and tuple(found.obs_names) == samples.names
    assert tuple(found.var_names) == tuple(small_model.space.ensembl) and found.obs["arm"].tolist() == ["a", "b", "a"]
    for s, one in enumerate(each):
        # TPM are scaled to one million again on the way in: equal up to rounding.
        np.testing.assert_allclose(found.X[s], np.expm1(one.log1p_before_G), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.layers["log2_fold_change"][s], one.log2_fold_change_G, atol=1e-4)
        for name, change_G in one.baseline_log2_fold_changes().items():
            np.testing.assert_allclose(found.layers[f"log2_fold_change_{name}"][s], change_G, atol=1e-4)
    (perturbed,) = np.flatnonzero(found.var["is_perturbed"])
    assert found.var["symbol"].iloc[perturbed] == knock_out[0].gene
    assert not found.layers["tpm_after"][:, perturbed].any()
    assert found.uns["cellstate"]["predictor"] == each[0].predictor
    assert adata.to_df().equals(before.to_df()) and adata.obs.equals(before.obs) and not adata.layers


def test_a_prediction_is_an_anndata_of_one_sample_that_is_written_and_read(each, tmp_path):
    one = each[0]
    found = one.to_anndata()
    assert found.shape == (1, len(one.log1p_before_G)) and found.obs_names[0] == one.sample.name
    np.testing.assert_array_equal(found.layers["log2_fold_change"][0], one.log2_fold_change_G)
    np.testing.assert_array_equal(found.layers["is_measured"][0], one.sample.measured_G)
    assert {name.removeprefix("log2_fold_change_") for name in found.layers} >= {*map(str, one.baseline_log1p_after)}
    found.write_h5ad(tmp_path / "prediction.h5ad")
    back = anndata.read_h5ad(tmp_path / "prediction.h5ad")
    np.testing.assert_array_equal(back.layers["tpm_after"], found.layers["tpm_after"])
    assert list(back.uns["cellstate"]["perturbations"]) == [perturbation.label for perturbation in one.perturbations]


def test_a_layer_is_predicted_and_a_model_may_be_its_folder(samples, knock_out, small_model):
    adata = samples.to_anndata()
    adata.layers["scaled"] = adata.X * 2
    found = predict(adata, knock_out, model=small_model.folder, layer="scaled")
    again = predict(adata, knock_out, model=small_model)
    np.testing.assert_allclose(found.X, again.X, rtol=1e-4)


def test_what_cannot_be_predicted_is_one_clear_error(small_model, samples, knock_out, each):
    adata = samples.to_anndata()
    with pytest.raises(ReadError, match="no layer"):
        predict(adata, knock_out, model=small_model, layer="none")
    with pytest.raises(CellStateError, match="not Samples"):
        predict(samples, knock_out)
    with pytest.raises(CellStateError, match="has its model"):
        predict(each[0].sample, knock_out, model=small_model)
    with pytest.raises(CellStateError, match="no prediction"):
        to_anndata([])
    other = predict(each[0].sample, [Perturbation(small_model.space.symbols[4], "knock-out")])
    with pytest.raises(CellStateError, match="different questions"):
        to_anndata([each[0], other])
