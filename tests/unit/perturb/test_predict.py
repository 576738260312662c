from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import ModelError
from cellstate.gene_space import align
from cellstate.model.network import AutoEncoder
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("older_test").take([1])


@pytest.fixture(scope="module")
def sample(small_model, samples):
    return prepare_sample(small_model, samples)


def test_the_shift_is_the_network_s_difference(small_model, samples, sample):
    """Against f(x') - f(x) written out in float64 from TPM, standardisation included."""
    space = small_model.space
    gene = next(i for i in range(len(space)) if not np.isnan(align(samples, space).tpm_SG[0, i]))
    shift = predict(sample, [Perturbation(space.symbols[gene], "knock-down", 60)])

    tpm = align(samples, space).tpm_SG.astype(np.float64)
    edited = tpm.copy()
    edited[:, gene] *= 0.4
    wide = AutoEncoder(small_model.config).double()
    wide.load_state_dict({k: v.double() for k, v in small_model.network.state_dict().items()})

    def f(values):
        z = np.nan_to_num((np.log1p(values) - space.mean_G) / space.scale_G)
        with torch.inference_mode():
            return wide(torch.from_numpy(z)).numpy()

    before = np.where(np.isnan(tpm), np.maximum(space.mean_G, 0), np.log1p(tpm))
    after = np.maximum(before + (f(edited) - f(tpm)) * space.scale_G, 0)
    others = ~shift.is_perturbed_G
    assert np.allclose(shift.log2_fold_change_G[others], ((after - before) / np.log(2))[0, others], atol=1e-5)
    assert np.allclose(np.expm1(shift.log1p_after_G[gene]), edited[0, gene], rtol=1e-4)


def test_the_table_is_sorted_and_ends_with_the_edited_genes(small_model, samples, sample):
    first, second = small_model.space.symbols[:2]
    table = predict(sample, [Perturbation(first, "knock-out"), Perturbation(second, "multiply", 4)]).table()
    assert set(table["gene"].iloc[-2:]) == {first, second}
    assert table["is_perturbed"].sum() == 2
    size = table.loc[~table["is_perturbed"], "log2_fold_change"].abs().to_numpy()
    assert (np.diff(size) <= 0).all() and size[0] > 0
    assert table.set_index("gene").loc[first, "tpm_after"] == 0
    assert {"log2_fold_change_no_change", "log2_fold_change_pca", "log2_fold_change_coexpression"} <= set(table.columns)
    assert (table.loc[~table["is_perturbed"], "log2_fold_change_no_change"] == 0).all()


def test_no_change_of_a_gene_changes_nothing(small_model, samples, sample):
    shift = predict(sample, [Perturbation(small_model.space.symbols[0], "multiply", 1)])
    assert not shift.log2_fold_change_G.any()


def test_a_gene_that_was_not_measured_is_edited_from_what_the_others_predict(small_model, samples, sample):
    space = small_model.space
    missing = int(np.flatnonzero(np.isnan(align(samples, space).tpm_SG[0]))[0])
    shift = predict(sample, [Perturbation(space.symbols[missing], "multiply", 2)])
    assert not shift.sample.measured_G[missing]
    predicted = space.log1p_tpm(small_model.reconstruct(sample.z_1G))[0, missing]
    before = shift.log1p_before_G[missing]
    assert abs(before - predicted) < 0.1 * abs(max(space.mean_G[missing], 0) - predicted)
    assert np.abs(shift.log2_fold_change_G).max() > 0


def test_weights_that_are_not_numbers_are_said(small_model, samples, sample):
    broken = AutoEncoder(small_model.config)
    broken.load_state_dict(small_model.network.state_dict())
    with torch.no_grad():
        broken.layers[1].weight[0, 0] = float("nan")
    model = replace(small_model, network=broken.requires_grad_(False))
    with pytest.raises(ModelError, match="not finite"):
        predict(prepare_sample(model, samples), [Perturbation(model.space.symbols[0], "knock-out")])
