"""Who predicts: the choice on the perturb page, what it changes, and what every part then says."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.transfer import predictors
from cellstate.io import read_samples
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import ModelRecord, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.registry import default_predictor
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.evidence import default_reason, measured_sentence, method_sentence, pairs_reason
from cellstate.report.narrative.prediction import agreement_sentence, size_sentence
from cellstate.ui.components.examples import examples
from cellstate.ui.components.predictor_picker import KEY, pairs_method_sentence
from cellstate.ui.workbench.gene_results import prediction_csv as _csv
from cellstate.ui.workbench.titration import csv as dose_csv
from tests.app.conftest import check, words

EDIT = Perturbation("MYC", "knock-out")


@pytest.fixture
def perturbed(with_example: AppTest) -> AppTest:
    with_example.session_state["cellstate"].put([EDIT])
    with_example.switch_page("pages/workbench.py").run()
    check(with_example)
    return with_example


def shown(app: AppTest):
    return app.session_state["cellstate"]._cache["shift"][1]


def test_the_best_by_the_evidence_stands_first_and_says_why(perturbed: AppTest) -> None:
    model = load_model()
    first = default_predictor(model)
    choice = perturbed.radio(key=KEY)
    assert choice.value == first == shown(perturbed).predictor
    assert len(choice.options) == len(predictors(model))
    assert [name for name in choice.options if name.endswith(" – default")] == [f"{predictor_label(first)} – default"]
    said = words(perturbed)
    assert f"**{predictor_label(first)}.** " in said and default_reason(model.record, first) in said
    assert method_sentence(first) in said
    assert f"{predictor_label(first)}'s largest shift" in said


def test_every_choice_is_told_with_its_figures(perturbed: AppTest) -> None:
    captions = perturbed.radio(key=KEY).proto.captions
    for name, caption in zip(predictors(load_model()), captions, strict=True):
        assert caption.startswith(method_sentence(name))
        assert caption.endswith(measured_sentence(load_model().record, name)) and "r = " in caption


def test_another_choice_changes_table_figures_download_and_dose_curve(perturbed: AppTest) -> None:
    perturbed.toggle(key="reliable-only").set_value(False).run()
    expected = predict(prepare_sample(load_model(), read_samples(examples()[0].path)), [EDIT], "ridge_tf")
    perturbed.radio(key=KEY).set_value("ridge_tf").run()
    check(perturbed)
    table = perturbed.dataframe[0].value
    assert table["gene"].tolist() == expected.table()["gene"].tolist()
    assert table["log2_fold_change"].to_numpy() == pytest.approx(expected.table()["log2_fold_change"])
    assert table["tpm_after"].to_numpy() == pytest.approx(expected.table()["tpm_after"])
    assert "log2_fold_change_autoencoder" in table and "log2_fold_change_ridge_tf" not in table
    said = words(perturbed)
    assert "**Ridge on TFs.** " in said and default_reason(load_model().record, "ridge_tf") in said
    assert "Hypothesis by Ridge on TFs" in said and "Ridge on TFs's largest shift" in said
    agreed = next(block.value for block in perturbed.markdown if "**No change** says" in block.value)
    assert "**Autoencoder" in agreed and "Ridge on TFs" not in agreed
    assert set(pd.read_csv(io.BytesIO(_csv(shown(perturbed))))["predictor"]) == {"ridge_tf"}
    perturbed.session_state["shift-section"] = "Doses"
    perturbed.session_state["dose-curve"] = True
    perturbed.run()
    check(perturbed)
    curve = perturbed.session_state["cellstate"]._cache["doses"][1]
    assert curve.predictor == "ridge_tf" and "straight line in log1p TPM" in words(perturbed)
    assert set(pd.read_csv(io.BytesIO(dose_csv(curve)))["predictor"]) == {"ridge_tf"}


def test_a_choice_stays_when_the_page_is_left(perturbed: AppTest) -> None:
    perturbed.radio(key=KEY).set_value("autoencoder").run()
    perturbed.switch_page("pages/workbench.py").run()
    perturbed.switch_page("pages/workbench.py").run()
    check(perturbed)
    assert perturbed.radio(key=KEY).value == "autoencoder" == shown(perturbed).predictor


def test_a_choice_that_the_model_does_not_hold_is_forgotten(with_example: AppTest) -> None:
    with_example.session_state["cellstate"].put([EDIT])
    with_example.session_state[KEY] = "oracle"
    with_example.switch_page("pages/workbench.py").run()
    check(with_example)
    assert shown(with_example).predictor == default_predictor(load_model()) == with_example.radio(key=KEY).value


def test_an_edit_that_leaves_the_cloud_is_trusted_nowhere(with_example: AppTest) -> None:
    # So loud a gene takes its co-expressed genes far out of what any patient showed.
    with_example.session_state["cellstate"].put([Perturbation("GAPDH", "knock-out")])
    with_example.session_state[KEY] = "coexpression"
    with_example.switch_page("pages/workbench.py").run()
    check(with_example)
    found = shown(with_example)
    assert found.after.is_ood and not found.before.is_ood and not found.table["is_reliable"].any()
    assert "no gene of it is trusted" in words(with_example)
    with_example.radio(key=KEY).set_value("autoencoder").run()
    assert shown(with_example).table["is_reliable"].any()


def test_sentences_name_whoever_leads() -> None:
    table = pd.DataFrame(
        {"log2_fold_change": [5.0, -0.1], "log2_fold_change_autoencoder": [0.01, 0.0], "is_perturbed": False}
    )
    said = size_sentence(table, predictor="coexpression")
    assert said.startswith("Co-expression's largest shift is 5 log2 (32-fold).")
    assert "Autoencoder goes up to 0.01: the predictors do not agree on size. **Read it as a ranking" in said
    same = {"autoencoder": 0.99, "ridge": 0.99}
    assert agreement_sentence(same, "pca").count("the network adds nothing") == 1
    assert agreement_sentence({"ridge": 0.99}, "autoencoder").count("the network adds nothing") == 1


def test_a_search_for_edits_that_work_together_says_that_it_follows_the_network() -> None:
    model = load_model()
    said = pairs_method_sentence(model)
    assert in_sentence(predictor_label(default_predictor(model))) in said
    assert pairs_reason(model.record) in said
    assert pairs_method_sentence(replace(model, record=ModelRecord())) == pairs_reason(ModelRecord())
