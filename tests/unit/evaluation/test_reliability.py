"""What is calibrated on validation patients, and which genes of a shift deserve a look."""

import numpy as np
import pytest

from cellstate.evaluation.intervals import gene_error
from cellstate.evaluation.reliability import (
    IMPOSSIBLE,
    NOT_MEASURED,
    OOD,
    OOD_AFTER,
    PERTURBED,
    UNTRAINED,
    calibrate,
    change_over_error,
    reliability_reasons,
    reliability_table,
)
from cellstate.model import create_model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample, prepare_samples


def test_the_trainer_stores_the_calibration(small_model, cohort):
    kept = small_model.record.calibration
    again = calibrate(prepare_samples(small_model, cohort.split("validation")))
    assert again.copy_through.keys() == kept.copy_through.keys()
    assert again.conditional_mode == kept.conditional_mode
    assert again.intervals.high == pytest.approx(kept.intervals.high, rel=1e-3, abs=1e-3)


def test_random_weights_are_never_reliable(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    assert set(reliability_reasons(model, np.ones(len(model.space), bool), is_ood=False)) == {UNTRAINED}


def test_each_reason(small_model):
    measured = np.ones(len(small_model.space), bool)
    measured[0] = False
    reasons = reliability_reasons(small_model, measured, is_ood=False)
    r2 = small_model.gene_table["r2_validation"].to_numpy()
    assert reasons[0] == NOT_MEASURED
    assert [r == "" for r in reasons[1:]] == (r2[1:] >= 0.3).tolist()
    assert 0 < reasons.count("") < len(reasons)
    assert set(reliability_reasons(small_model, measured, is_ood=True)) == {OOD}
    assert set(reliability_reasons(small_model, measured, is_ood=False, is_ood_after=True)) == {OOD_AFTER}


def test_the_table_of_a_prediction_has_reliability_and_reason(small_model, cohort):
    sample, space = cohort.split("older_test").take([0]), small_model.space
    found = predict(prepare_sample(small_model, sample), [Perturbation(space.symbols[3], "knock-out")])
    table = reliability_table(found, is_ood=False).set_index("gene")
    assert table.loc[space.symbols[3], "reason"] == PERTURBED
    assert not table.loc[space.symbols[3], "is_reliable"]
    for symbol, measured, r2 in zip(
        space.symbols, found.sample.measured_G, small_model.gene_table["r2_validation"], strict=True
    ):
        if symbol != space.symbols[3]:
            assert table.loc[symbol, "is_reliable"] == (measured and r2 >= 0.3)


def test_an_impossible_level_is_not_reliable(small_model, cohort):
    sample, symbol = cohort.split("test").take([0]), small_model.space.symbols[3]
    found = predict(prepare_sample(small_model, sample), [Perturbation(symbol, "multiply", 2)])
    reliable = np.flatnonzero(
        reliability_table(found, is_ood=False).set_index("gene")["is_reliable"][list(small_model.space.symbols)]
    )
    found.log1p_after_G[reliable[0]] = np.log1p(2e6)
    table = reliability_table(found, is_ood=False).set_index("gene")
    assert table.loc[small_model.space.symbols[reliable[0]], "reason"] == IMPOSSIBLE
    assert (
        not table.loc[small_model.space.symbols[reliable[0]], "is_reliable"]
        and table.loc[small_model.space.symbols[reliable[1]], "is_reliable"]
    )


def test_a_change_is_compared_with_the_error_of_its_gene(small_model, cohort):
    sample, space = cohort.split("test").take([0]), small_model.space
    table = reliability_table(
        predict(prepare_sample(small_model, sample), [Perturbation(space.symbols[3], "knock-out")]), is_ood=False
    )
    error = dict(zip(space.ensembl, gene_error(small_model), strict=True))
    reliable = table[table["is_reliable"]]
    ratios = [
        abs(d) * np.log(2) / error[g] for g, d in zip(reliable["ensembl_id"], reliable["log2_fold_change"], strict=True)
    ]
    assert change_over_error(small_model, table) == pytest.approx(max(ratios))
    assert change_over_error(small_model, table.assign(is_reliable=False)) is None
