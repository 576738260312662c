"""The choice of the prediction method on the workbench, and what it changes."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import read_samples
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import ModelRecord, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.registry import available_predictors, default_predictor
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.answer import check_sentence
from cellstate.report.narrative.evidence import default_reason, measured_sentence, method_sentence, pairs_reason
from cellstate.ui.components.load_samples import examples
from cellstate.ui.components.predictor_picker import KEY, pairs_method_sentence
from cellstate.ui.workbench.gene_results import prediction_csv
from cellstate.ui.workbench.titration import csv as titration_csv
from tests.app.conftest import check, words
from tests.app.workbench import cached, perturb


@pytest.fixture
def perturbed(with_example: AppTest) -> AppTest:
    return perturb(with_example, "MYC=ko")


def test_the_default_comes_first_and_every_method_has_its_figures(perturbed: AppTest) -> None:
    model = load_model()
    first, methods = default_predictor(model), available_predictors(model)
    choice = perturbed.radio(key=KEY)
    assert choice.value == first == cached(perturbed, "prediction").predictor
    assert [name for name in choice.options if name.endswith(" – default")] == [f"{predictor_label(first)} – default"]
    text = words(perturb(perturbed, "MYC=ko", section="Methods"))
    assert default_reason(model.record, first) in text and method_sentence(first) in text
    for name, caption in zip(methods, choice.proto.captions, strict=True):
        assert caption.startswith(method_sentence(name))
        figures = measured_sentence(model.record, name)
        assert caption.endswith(figures) and ("r = " in caption) is bool(figures)
    assert "r = " in choice.proto.captions[0]


def test_another_choice_changes_table_figures_download_and_titration(perturbed: AppTest) -> None:
    perturbed.toggle(key="reliable-only").set_value(False).run()
    sample = prepare_sample(load_model(), read_samples(examples()[0].path))
    expected = predict(sample, [Perturbation("MYC", "knock-out")], "ridge_tf").table()
    perturbed.radio(key=KEY).set_value("ridge_tf").run()
    check(perturbed)
    table, result = perturbed.dataframe[0].value, cached(perturbed, "prediction")
    assert table["gene"].tolist() == expected["gene"].tolist()
    for column in ("log2_fold_change", "tpm_after"):
        assert table[column].to_numpy() == pytest.approx(expected[column])
    assert "log2_fold_change_autoencoder" in table and "log2_fold_change_ridge_tf" not in table
    assert "autoencoder" in result.agreement and "ridge_tf" not in result.agreement
    assert check_sentence(result.evidence.checks[-1], "ridge_tf") in words(perturbed)
    assert set(pd.read_csv(io.BytesIO(prediction_csv(result)))["predictor"]) == {"ridge_tf"}
    perturbed.session_state["prediction-section"] = "Titration"
    perturbed.run()
    check(perturbed)
    assert set(pd.read_csv(io.BytesIO(titration_csv(cached(perturbed, "titration"))))["predictor"]) == {"ridge_tf"}


def test_a_choice_stays_when_the_page_is_left(perturbed: AppTest) -> None:
    perturbed.radio(key=KEY).set_value("autoencoder").run()
    perturbed.switch_page("pages/workbench.py").run()
    perturbed.switch_page("pages/workbench.py").run()
    check(perturbed)
    assert perturbed.radio(key=KEY).value == "autoencoder" == cached(perturbed, "prediction").predictor


def test_a_choice_that_the_model_does_not_hold_is_forgotten(app: AppTest) -> None:
    app.session_state[KEY] = "oracle"
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    page = perturb(app, "MYC=ko")
    assert cached(page, "prediction").predictor == default_predictor(load_model()) == page.radio(key=KEY).value


def test_no_gene_is_reliable_where_the_prediction_is_out_of_distribution(with_example: AppTest) -> None:
    # Co-expression takes the neighbours of a highly expressed gene far beyond any patient.
    with_example.radio(key=KEY).set_value("coexpression").run()
    result = cached(perturb(with_example, "GAPDH=ko"), "prediction")
    assert result.after.is_ood and not result.before.is_ood and not result.table["is_reliable"].any()
    with_example.radio(key=KEY).set_value("autoencoder").run()
    assert cached(with_example, "prediction").table["is_reliable"].any()


def test_a_search_for_interacting_pairs_names_its_method() -> None:
    model = load_model()
    text = pairs_method_sentence(model)
    assert in_sentence(predictor_label(default_predictor(model))) in text
    assert pairs_reason(model.record) in text
    assert pairs_method_sentence(replace(model, record=ModelRecord())) == pairs_reason(ModelRecord())
