"""What is calibrated on validation patients, and which genes of a shift deserve a look."""

import numpy as np
import pytest

from cellstate.evaluate import calibrate, shift_over_error, trust_reasons, trust_table
from cellstate.evaluate.intervals import gene_error
from cellstate.model import create_model, load_model
from cellstate.perturb import Edit, perturb


def test_the_trainer_stores_the_calibration(small_model, cohort):
    kept = small_model.record.calibration
    again = calibrate(small_model, cohort.split("validation"))
    assert again.copy_through.keys() == kept.copy_through.keys()
    assert again.conditional_mode == kept.conditional_mode
    assert again.intervals.high == pytest.approx(kept.intervals.high, rel=1e-3, abs=1e-3)


def test_random_weights_are_trusted_nowhere(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    assert set(trust_reasons(model, np.ones(len(model.space), bool), far=False)) == {"the model is not trained"}


def test_each_reason_against_trust(small_model):
    measured = np.ones(len(small_model.space), bool)
    measured[0] = False
    reasons = trust_reasons(small_model, measured, far=False)
    r2 = small_model.gene_table["r2_validation"].to_numpy()
    assert reasons[0] == "not measured in this sample"
    assert [r == "" for r in reasons[1:]] == (r2[1:] >= 0.3).tolist()
    assert 0 < reasons.count("") < len(reasons)
    assert set(trust_reasons(small_model, measured, far=True)) == {"the sample is unlike the training samples"}
    left = {"the prediction leaves what the training samples show"}
    assert set(trust_reasons(small_model, measured, far=False, left=True)) == left


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


def test_a_level_that_cannot_be_is_trusted_nowhere(small_model, cohort):
    sample, symbol = cohort.split("test").take([0]), small_model.space.symbols[3]
    shift = perturb(small_model, sample, [Edit(symbol, "multiply", 2)])
    trusted = np.flatnonzero(
        trust_table(small_model, shift, far=False).set_index("gene")["trusted"][list(shift.symbols)]
    )
    shift.log1p_after_SG[0, trusted[0]] = np.log1p(2e6)
    table = trust_table(small_model, shift, far=False).set_index("gene")
    assert table.loc[shift.symbols[trusted[0]], "reason"] == "more than a million TPM, which no sample holds"
    assert not table.loc[shift.symbols[trusted[0]], "trusted"] and table.loc[shift.symbols[trusted[1]], "trusted"]


def test_a_shift_is_held_against_the_error_of_its_gene(small_model, cohort):
    sample, space = cohort.split("test").take([0]), small_model.space
    table = trust_table(small_model, perturb(small_model, sample, [Edit(space.symbols[3], "knock-out")]), far=False)
    error = dict(zip(space.ensembl, gene_error(small_model), strict=True))
    trusted = table[table["trusted"]]
    ratios = [abs(d) * np.log(2) / error[g] for g, d in zip(trusted["ensembl_id"], trusted["delta_log2"], strict=True)]
    assert shift_over_error(small_model, table) == pytest.approx(max(ratios))
    assert shift_over_error(small_model, table.assign(trusted=False)) is None
