"""The prediction method: the default of a folder, and a choice that is made or refused."""

from dataclasses import replace

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.evidence import PredictorId
from cellstate.model import create_model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.registry import available_predictors, default_predictor, resolve_predictor
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.titration import titrate
from tests.support.evidence_factories import favouring

BASELINES = ("pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf")


def with_default(model, name):
    """A model whose evidence makes one method the default."""
    return replace(model, record=replace(model.record, evidence=favouring(PredictorId(name))))


def test_the_shipped_model_uses_the_default_that_its_folder_names():
    model = load_model(device="cpu")
    assert resolve_predictor(model, None) == default_predictor(model) == "elastic_net" == model.record.default_predictor


def test_only_methods_of_the_folder_can_be_chosen(small_model, tmp_path):
    assert tuple(available_predictors(small_model)) == ("autoencoder", *BASELINES)
    assert resolve_predictor(small_model, None) == "autoencoder"
    assert resolve_predictor(small_model, "autoencoder") == "autoencoder"
    assert [resolve_predictor(small_model, name) for name in BASELINES] == list(BASELINES)
    with pytest.raises(ModelError, match="no predictor 'no_change'") as caught:
        resolve_predictor(small_model, "no_change")
    assert "autoencoder, pca" in caught.value.hint
    create_model(tmp_path / "demo", "demo", dtype="float16")
    random = load_model(tmp_path / "demo", device="cpu")
    assert tuple(available_predictors(random)) == ("autoencoder",)
    # A default that the folder does not hold is not used.
    assert resolve_predictor(with_default(random, "coexpression"), None) == "autoencoder"
    with pytest.raises(ModelError, match="holds no pca") as caught:
        resolve_predictor(random, "pca")
    assert caught.value.hint


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("test").take([0])


def test_who_leads_trades_places_and_no_number_changes(small_model, samples):
    perturbations = [
        Perturbation(small_model.space.symbols[0], "knock-out"),
        Perturbation(small_model.space.symbols[5], "multiply", 3),
    ]
    usual = predict(prepare_sample(small_model, samples), perturbations)
    assert usual.predictor == "autoencoder" and "autoencoder" not in usual.baseline_log1p_after
    said = {"autoencoder": usual.log1p_after_G} | usual.baseline_log1p_after
    for name in BASELINES:
        shift = predict(prepare_sample(small_model, samples), perturbations, predictor=name)
        assert shift.predictor == name
        assert next(iter(shift.baseline_log1p_after)) == "autoencoder"
        assert np.array_equal(shift.log1p_after_G, said[name])
        assert shift.baseline_log1p_after.keys() == said.keys() - {name}
        assert all(np.array_equal(after, said[other]) for other, after in shift.baseline_log1p_after.items())
        table = shift.table()
        assert {"log2_fold_change_autoencoder"} <= set(table) and f"log2_fold_change_{name}" not in set(table)
        sizes = table.loc[~table["is_perturbed"], "log2_fold_change"].abs()
        assert sizes.is_monotonic_decreasing and sizes.iloc[0] > 0


def test_by_default_the_evidence_decides(small_model, samples):
    told = with_default(small_model, "coexpression")
    symbol = small_model.space.symbols[0]
    shift = predict(prepare_sample(told, samples), [Perturbation(symbol, "knock-out")])
    assert shift.predictor == "coexpression"
    assert (
        predict(prepare_sample(told, samples), [Perturbation(symbol, "knock-out")], predictor="autoencoder").predictor
        == "autoencoder"
    )
    assert titrate(prepare_sample(told, samples), symbol).predictor == "coexpression"


@pytest.mark.parametrize("name", ["autoencoder", *BASELINES])
def test_a_dose_is_a_single_edit_by_the_same_predictor(small_model, samples, name):
    sample = samples
    tf = next(
        g
        for g in np.flatnonzero(small_model.space.is_tf_G)
        if available_predictors(small_model)["ridge_tf"].effects.source_G[g]
    )
    symbol = small_model.space.symbols[tf]
    curve = titrate(prepare_sample(small_model, sample), symbol, predictor=name)
    assert curve.predictor == name
    for dose, perturbation in ((0, "ko"), (3, "kd50"), (6, "x4")):
        shift = predict(
            prepare_sample(small_model, sample), [Perturbation.parse(f"{symbol}={perturbation}")], predictor=name
        )
        assert np.allclose(curve.log2_fold_change_DG[dose], shift.log2_fold_change_G, atol=1e-5)
        assert shift.log2_fold_change_G.any()
