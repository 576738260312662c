"""The prediction method: the default of a folder, and a choice that is made or refused."""

from dataclasses import replace

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.evidence import PredictorId
from cellstate.model import create_model, load_model
from cellstate.perturb import Edit, perturb
from cellstate.perturb.doses import dose_curve
from cellstate.perturb.leader import choose, default_predictor, predictors
from cellstate.perturb.rivals import REGISTRY, rival_maps
from tests.evidence_factories import favouring

RIVALS = tuple(rival.name for rival in REGISTRY)


def with_default(model, name):
    """A model whose evidence makes one method the default."""
    return replace(model, record=replace(model.record, evidence=favouring(PredictorId(name))))


def test_the_shipped_model_uses_the_default_that_its_folder_names():
    model = load_model(device="cpu")
    assert choose(model, None) == default_predictor(model) == "elastic_net" == model.record.default_predictor


def test_who_can_be_chosen(small_model, tmp_path):
    assert predictors(small_model) == ("autoencoder", *RIVALS)
    assert choose(small_model, None) == "autoencoder"
    assert [choose(small_model, name) for name in RIVALS] == list(RIVALS)
    with pytest.raises(ModelError, match="no predictor 'no_change'") as caught:
        choose(small_model, "no_change")
    assert "autoencoder, pca" in caught.value.hint
    create_model(tmp_path / "demo", "demo", dtype="float16")
    random = load_model(tmp_path / "demo", device="cpu")
    assert predictors(random) == ("autoencoder",)
    # Evidence of rivals that the folder does not hold lets nobody lead.
    assert choose(with_default(random, "coexpression"), None) == "autoencoder"
    with pytest.raises(ModelError, match="holds no pca") as caught:
        choose(random, "pca")
    assert caught.value.hint


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("test").take([0, 1])


def test_who_leads_trades_places_and_no_number_changes(small_model, samples):
    edits = [Edit(small_model.space.symbols[0], "knock-out"), Edit(small_model.space.symbols[5], "multiply", 3)]
    usual = perturb(small_model, samples, edits)
    assert usual.predictor == "autoencoder" and "autoencoder" not in usual.rival_log1p_after
    said = {"autoencoder": usual.log1p_after_SG} | usual.rival_log1p_after
    for name in RIVALS:
        shift = perturb(small_model, samples, edits, predictor=name)
        assert shift.predictor == name
        assert next(iter(shift.rival_log1p_after)) == "autoencoder"
        assert np.array_equal(shift.log1p_after_SG, said[name])
        assert shift.rival_log1p_after.keys() == said.keys() - {name}
        assert all(np.array_equal(after, said[other]) for other, after in shift.rival_log1p_after.items())
        table = shift.table()
        assert {"delta_log2_autoencoder"} <= set(table) and f"delta_log2_{name}" not in set(table)
        sizes = table.loc[~table["edited"], "delta_log2"].abs()
        assert sizes.is_monotonic_decreasing and sizes.iloc[0] > 0


def test_by_default_the_evidence_decides(small_model, samples):
    told = with_default(small_model, "coexpression")
    symbol = small_model.space.symbols[0]
    shift = perturb(told, samples, [Edit(symbol, "knock-out")])
    assert shift.predictor == "coexpression"
    assert perturb(told, samples, [Edit(symbol, "knock-out")], predictor="autoencoder").predictor == "autoencoder"
    assert dose_curve(told, samples.take([0]), symbol).predictor == "coexpression"


@pytest.mark.parametrize("name", ["autoencoder", *RIVALS])
def test_a_dose_is_a_single_edit_by_the_same_predictor(small_model, samples, name):
    sample = samples.take([0])
    tf = next(g for g in np.flatnonzero(small_model.space.is_tf_G) if rival_maps(small_model)["ridge_tf"].source_G[g])
    symbol = small_model.space.symbols[tf]
    curve = dose_curve(small_model, sample, symbol, predictor=name)
    assert curve.predictor == name
    for dose, edit in ((0, "ko"), (3, "kd50"), (6, "x4")):
        shift = perturb(small_model, sample, [Edit.parse(f"{symbol}={edit}")], predictor=name)
        assert np.allclose(curve.delta_log2_DG[dose], shift.delta_log2_SG[0], atol=1e-5)
        assert shift.delta_log2_SG.any()
