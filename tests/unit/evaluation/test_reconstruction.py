import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score

from cellstate.evaluation.reconstruction import evaluate
from cellstate.gene_space import align
from cellstate.model import create_model, load_model
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.sample import prepare_samples
from tests.support.factories import make_samples


@pytest.fixture(scope="module")
def evaluation(small_model, cohort):
    return evaluate(prepare_samples(small_model, cohort.split("test")))


def test_figures_are_those_of_the_definition(small_model, cohort, evaluation):
    space = small_model.space
    tpm = align(cohort.split("test"), space).tpm_SG
    z = (np.log1p(tpm) - space.mean_G) / space.scale_G
    predicted = np.maximum(small_model.reconstruct(z.astype(np.float32)) * space.scale_G + space.mean_G, 0)
    truth = np.log1p(tpm)
    network = evaluation.quality["autoencoder"]
    assert network.r2_pooled == pytest.approx(r2_score(truth.ravel(), predicted.ravel()), abs=1e-5)
    per_gene = r2_score(truth, predicted, multioutput="raw_values")
    assert network.r2_gene_median == pytest.approx(np.median(per_gene), abs=1e-4)
    mean = evaluation.quality["gene_mean"]
    assert mean.r2_pooled == pytest.approx(
        r2_score(truth.ravel(), np.broadcast_to(np.maximum(space.mean_G, 0), truth.shape).ravel()), abs=1e-5
    )
    pca = load_components(small_model).reconstruct(z)
    expected = np.maximum(pca * space.scale_G + space.mean_G, 0)
    assert evaluation.quality["pca"].r2_pooled == pytest.approx(r2_score(truth.ravel(), expected.ravel()), abs=1e-5)


def test_the_network_beats_the_gene_mean(evaluation):
    quality = evaluation.quality
    assert quality["autoencoder"].r2_pooled > quality["gene_mean"].r2_pooled
    assert quality["autoencoder"].r2_gene_median > 0.3 > quality["gene_mean"].r2_gene_median


def test_the_json_is_whole_and_plain(evaluation):
    shown = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert set(shown["baselines"]) == {"gene_mean", "pca"}
    assert [b["low"] for b in shown["bins"]] == [0, 2.5, 10, 100] and shown["bins"][-1]["high"] is None
    assert all(
        {"low", "high", "n", "accuracy", "ceiling", "share_of_ceiling", "accuracy_conditional_mode"} == set(b)
        for b in shown["bins"]
    )
    assert sum(b["n"] for b in shown["bins"]) == shown["n_values"]


def test_one_sample_has_no_r2_per_gene(small_model, cohort):
    shown = evaluate(prepare_samples(small_model, cohort.split("test").take([0]))).to_dict()
    assert shown["r2_gene_median"] is None and 0 < shown["r2_pooled"] <= 1
    assert shown["samples"][0]["r2"] == pytest.approx(shown["r2_pooled"], abs=1e-6)


def test_missing_genes_count_nowhere(small_model, cohort):
    samples = cohort.split("older_test")
    measured = int((~np.isnan(align(samples, small_model.space).tpm_SG)).sum())
    assert (
        evaluate(prepare_samples(small_model, samples)).to_dict()["n_values"]
        == measured
        < len(samples) * len(small_model.space)
    )


def test_random_weights_stand_beside_the_gene_mean_alone(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    samples = make_samples(2)
    assert set(evaluate(prepare_samples(model, samples)).quality) == {"autoencoder", "gene_mean"}


def test_a_platform_of_its_own_is_told_by_the_other_samples(small_model, cohort):
    samples = cohort.split("test")
    moved_A = np.random.default_rng(0).choice([0.4, 2.5], size=samples.tpm_SA.shape[1])
    elsewhere = replace(samples, tpm_SA=samples.tpm_SA * moved_A.astype(np.float32))
    found = evaluate(prepare_samples(small_model, elsewhere))
    assert found.batch_offset.r2_gene_median > found.quality["autoencoder"].r2_gene_median + 0.1
    # Of two samples neither has enough others.
    assert evaluate(prepare_samples(small_model, elsewhere.take([0, 1]))).batch_offset is None
    record = found.record()
    assert record.batch_offset is not None and len(record.batch_offset.bins) == len(record.bins)
