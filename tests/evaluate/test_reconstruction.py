import json

import numpy as np
import pytest
from sklearn.metrics import r2_score

from cellstate.evaluate import distances, evaluate, trust_reasons, trust_table
from cellstate.evaluate.distance import residual_rms
from cellstate.expression import align
from cellstate.model import create_model, load_model
from cellstate.perturb import Edit, perturb
from cellstate.perturb.rivals import load_pca
from tests.factories import make_samples


@pytest.fixture(scope="module")
def evaluation(small_model, cohort):
    return evaluate(small_model, cohort.split("test"))


def test_figures_are_those_of_the_definition(small_model, cohort, evaluation):
    space = small_model.space
    tpm = align(cohort.split("test"), space).tpm_SG
    z = (np.log1p(tpm) - space.mean_G) / space.scale_G
    predicted = np.maximum(small_model.reconstruct(z.astype(np.float32)) * space.scale_G + space.mean_G, 0)
    truth = np.log1p(tpm)
    network = evaluation.quality["network"]
    assert network.r2_pooled == pytest.approx(r2_score(truth.ravel(), predicted.ravel()), abs=1e-5)
    per_gene = r2_score(truth, predicted, multioutput="raw_values")
    assert network.r2_gene_median == pytest.approx(np.median(per_gene), abs=1e-4)
    mean = evaluation.quality["gene_mean"]
    assert mean.r2_pooled == pytest.approx(
        r2_score(truth.ravel(), np.broadcast_to(np.maximum(space.mean_G, 0), truth.shape).ravel()), abs=1e-5
    )
    pca = load_pca(small_model).reconstruct(z)
    expected = np.maximum(pca * space.scale_G + space.mean_G, 0)
    assert evaluation.quality["pca"].r2_pooled == pytest.approx(r2_score(truth.ravel(), expected.ravel()), abs=1e-5)


def test_the_network_beats_the_gene_mean(evaluation):
    quality = evaluation.quality
    assert quality["network"].r2_pooled > quality["gene_mean"].r2_pooled
    assert quality["network"].r2_gene_median > 0.3 > quality["gene_mean"].r2_gene_median


def test_the_json_is_whole_and_plain(evaluation):
    shown = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert set(shown["baselines"]) == {"gene_mean", "pca"}
    assert [b["low"] for b in shown["bins"]] == [0, 2.5, 10, 100] and shown["bins"][-1]["high"] is None
    assert all({"low", "high", "n", "accuracy", "ceiling"} == set(b) for b in shown["bins"])
    assert sum(b["n"] for b in shown["bins"]) == shown["n_values"]


def test_one_sample_has_no_r2_per_gene(small_model, cohort):
    shown = evaluate(small_model, cohort.split("test").take([0])).to_dict()
    assert shown["r2_gene_median"] is None and 0 < shown["r2_pooled"] <= 1
    assert shown["samples"][0]["r2"] == pytest.approx(shown["r2_pooled"], abs=1e-6)


def test_missing_genes_count_nowhere(small_model, cohort):
    samples = cohort.split("older_test")
    measured = int((~np.isnan(align(samples, small_model.space).tpm_SG)).sum())
    assert evaluate(small_model, samples).to_dict()["n_values"] == measured < len(samples) * len(small_model.space)


def test_random_weights_stand_beside_the_gene_mean_alone(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    samples = make_samples(2)
    assert set(evaluate(model, samples).quality) == {"network", "gene_mean"}
    assert [d.score for d in distances(model, samples)] == [None, None]
    assert set(trust_reasons(model, np.ones(len(model.space), bool), far=False)) == {"the model is not trained"}


def test_a_sample_of_the_cohort_is_near_and_a_shuffled_one_far(small_model, cohort):
    near = cohort.split("test")
    tpm = near.tpm_SA.copy()
    genes = np.flatnonzero(~np.isnan(tpm[0]))
    tpm[:, genes] = tpm[:, np.random.default_rng(0).permutation(genes)]
    far = type(near)(near.names, tpm, near.library_size_S)
    assert not any(d.flag for d in distances(small_model, near))
    for judged in distances(small_model, far):
        assert judged.flag and judged.score > 2 and "unreliable" in judged.sentence


def test_the_residual_counts_measured_genes_only():
    z, hat = np.array([[1.0, 5.0, 9.0]]), np.array([[0.0, 5.0, 0.0]])
    assert residual_rms(z, hat, np.array([[True, True, False]])) == pytest.approx([np.sqrt(0.5)])


def test_each_reason_against_trust(small_model):
    measured = np.ones(len(small_model.space), bool)
    measured[0] = False
    reasons = trust_reasons(small_model, measured, far=False)
    r2 = small_model.gene_table["r2_validation"].to_numpy()
    assert reasons[0] == "not measured in this sample"
    assert [r == "" for r in reasons[1:]] == (r2[1:] >= 0.3).tolist()
    assert 0 < reasons.count("") < len(reasons)
    assert set(trust_reasons(small_model, measured, far=True)) == {"the sample is unlike the training samples"}


def test_the_table_of_a_shift_says_whom_to_trust(small_model, cohort):
    sample, space = cohort.split("older_test").take([0]), small_model.space
    shift = perturb(small_model, sample, [Edit(space.symbols[3], "knock-out")])
    table = trust_table(small_model, shift, far=False).set_index("gene")
    assert table.loc[space.symbols[3], "reason"] == "edited: set, not predicted"
    assert not table.loc[space.symbols[3], "trusted"]
    for symbol, measured, r2 in zip(
        space.symbols, shift.measured_SG[0], small_model.gene_table["r2_validation"], strict=True
    ):
        if symbol != space.symbols[3]:
            assert table.loc[symbol, "trusted"] == (measured and r2 >= 0.3)
