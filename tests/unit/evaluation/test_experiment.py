"""Predicted and measured change, on experiments that the test makes and therefore knows."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellstate import read_samples
from cellstate.errors import CellStateError, PerturbationError
from cellstate.evaluation.experiment import Agreement, _agree, compare
from cellstate.gene_space import align
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_samples as prepared
from cellstate.samples import Samples


@pytest.fixture(scope="module")
def control(cohort) -> Samples:
    return cohort.split("test").take([0, 1, 2])


def treated_by(control: Samples, model, log2_G: np.ndarray) -> Samples:
    """Samples in which every gene of the model has changed by a given log2 of TPM + 1."""
    space = model.space
    tpm_SG = align(control, space).tpm_SG.astype(np.float64)
    tpm_SA = control.tpm_SA.copy()
    tpm_SA[:, space.axis_index_G] = np.maximum((tpm_SG + 1) * np.exp2(log2_G) - 1, 0)
    return Samples(control.names, tpm_SA, control.library_size_S)


def test_an_experiment_that_does_what_was_predicted(small_model, control):
    perturbation = Perturbation(small_model.space.symbols[4], "multiply", 8)
    predicted_G = np.mean(
        [predict(one, [perturbation]).log2_fold_change_G for one in prepared(small_model, control)], axis=0
    )
    predicted_G[4] = 0.2  # as large as the others, so that it does not take all the transcripts to itself
    experiment = compare(
        prepared(small_model, control),
        prepared(small_model, treated_by(control, small_model, 5 * predicted_G)),
        [perturbation],
    )
    network = experiment.agreement["autoencoder"]
    assert network.pearson_delta > 0.9 and network.low <= network.pearson_delta <= network.high
    assert network.sign_accuracy_top50 > 0.9
    opposite = compare(
        prepared(small_model, control),
        prepared(small_model, treated_by(control, small_model, -5 * predicted_G)),
        [perturbation],
    )
    assert opposite.agreement["autoencoder"].pearson_delta < -0.8


def test_a_gene_without_a_predicted_change_counts_half():
    measured = np.array([3.0, -2.0, 1.5, 1.0] + [0.1] * 96)
    table = pd.DataFrame({"measured_log2": measured, "unchanged": 0.0, "one": 0.0})
    table.loc[0, "one"] = 1.0
    rows = np.random.default_rng(0).integers(0, 100, (10, 100))
    assert _agree(table, "one", rows).sign_accuracy_top50 == pytest.approx((1 + 49 / 2) / 50)
    assert _agree(table, "unchanged", rows) == Agreement(None, None, None, None)


def test_an_experiment_of_noise_agrees_with_nothing(small_model, control):
    noise_G = np.random.default_rng(3).normal(0, 0.5, len(small_model.space))
    perturbation = Perturbation(small_model.space.symbols[4], "knock-out")
    experiment = compare(
        prepared(small_model, control), prepared(small_model, treated_by(control, small_model, noise_G)), [perturbation]
    )
    assert all(abs(a.pearson_delta) < 0.35 for a in experiment.agreement.values() if a.pearson_delta is not None)
    assert experiment.agreement["no_change"] == Agreement(None, None, None, None)


def test_measured_change_is_the_difference_of_group_means_without_the_perturbed_gene(small_model, control):
    shift_G = np.random.default_rng(1).normal(0, 0.4, len(small_model.space))
    treated = treated_by(control, small_model, shift_G)
    gene = small_model.space.symbols[9]
    experiment = compare(
        prepared(small_model, control), prepared(small_model, treated), [Perturbation(gene, "knock-out")]
    )
    before, after = (np.log2(align(s, small_model.space).tpm_SG + 1).mean(axis=0) for s in (control, treated))
    measured = dict(zip(small_model.space.symbols, after - before, strict=True))
    table = experiment.table
    assert table["measured_log2"].to_numpy() == pytest.approx([measured[g] for g in table["gene"]], abs=1e-5)
    assert (np.diff(table["measured_log2"].abs()) <= 1e-12).all()
    assert gene not in set(table["gene"]) and experiment.perturbed["gene"].tolist() == [gene]


def test_pearson_is_numpy_s_and_the_interval_repeats(small_model, control):
    treated = treated_by(control, small_model, np.linspace(-1, 1, len(small_model.space)))
    perturbations = [Perturbation(small_model.space.symbols[0], "knock-out")]
    first, second = (
        compare(prepared(small_model, control), prepared(small_model, treated), perturbations) for _ in range(2)
    )
    expected = np.corrcoef(first.table["predicted_log2"], first.table["measured_log2"])[0, 1]
    assert first.agreement["autoencoder"].pearson_delta == pytest.approx(expected, abs=1e-9)
    assert first.agreement == second.agreement


def test_the_json_is_plain(small_model, control):
    treated = treated_by(control, small_model, np.linspace(-1, 1, len(small_model.space)))
    shown = compare(
        prepared(small_model, control),
        prepared(small_model, treated),
        [Perturbation(small_model.space.symbols[0], "knock-out")],
    ).to_dict()
    assert {"pearson_delta", "sign_accuracy_top50", "baselines"} <= set(shown)
    assert set(shown["baselines"]) == {
        "no_change", "pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf"
    }  # fmt: skip
    json.dumps(shown, allow_nan=False)


def test_groups_that_cannot_be_compared_are_an_error(small_model, control):
    perturbation = [Perturbation(small_model.space.symbols[0], "knock-out")]
    with pytest.raises(CellStateError, match="are the same"):
        compare(prepared(small_model, control), prepared(small_model, control), perturbation)
    few = control.tpm_SA.copy()
    few[:, small_model.space.axis_index_G[60:]] = np.nan
    with pytest.raises(CellStateError, match="share only"):
        compare(prepared(small_model, control), prepared(small_model, replace(control, tpm_SA=few)), perturbation)
    with pytest.raises(PerturbationError, match="no perturbation"):
        compare(prepared(small_model, control), prepared(small_model, control), [])


def test_another_method_takes_the_place_of_the_default(small_model, control):
    perturbation = Perturbation(small_model.space.symbols[4], "multiply", 8)
    noise_G = np.random.default_rng(3).normal(0, 0.5, len(small_model.space))
    treated = treated_by(control, small_model, noise_G)
    usual, other = (
        compare(prepared(small_model, control), prepared(small_model, treated), [perturbation], predictor=name)
        for name in (None, "coexpression")
    )
    assert (usual.predictor, other.predictor) == ("autoencoder", "coexpression")
    assert next(iter(other.agreement)) == "coexpression"
    assert other.agreement == usual.agreement
    assert (other.table["predicted_log2"] == usual.table["predicted_log2_coexpression"]).all()
    shown = other.to_dict()
    assert shown["predictor"] == "coexpression"
    assert shown["pearson_delta"] == usual.to_dict()["baselines"]["coexpression"]["pearson_delta"]
    assert shown["baselines"]["autoencoder"]["pearson_delta"] == usual.to_dict()["pearson_delta"]


@pytest.mark.parametrize(
    ("name", "groups", "perturbation"),
    [
        ("GSE37704_featurecounts.csv", ([0, 1, 2], [3, 4, 5]), Perturbation("HOXA1", "knock-down", 50)),
        ("SRP049988.raw_counts.tsv.gz", ([5, 6, 7, 8, 9], [0, 1, 2, 3, 4]), Perturbation("EHF", "multiply", 3)),
    ],
)
def test_real_experiments(shared_data, name, groups, perturbation):
    samples, model = read_samples(shared_data / "perturbation" / name), load_model(device="cpu")
    experiment = compare(*(prepared(model, samples.take(g)) for g in groups), [perturbation])
    change = float(experiment.perturbed["measured_log2"].iloc[0])
    assert (change < -0.5) if perturbation.kind == "knock-down" else (change > 1)
    assert len(experiment.table) > 8000 and experiment.is_ood
    # Fibroblasts and lung cells are no colorectal tumours; an agreement here would be a fault of the test.
    assert all(abs(a.pearson_delta) < 0.2 for a in experiment.agreement.values() if a.pearson_delta is not None)
