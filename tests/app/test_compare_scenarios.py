"""Compare scenarios: the joined table, and the section of the page."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.prediction import difference_sentence
from cellstate.ui.components.load_samples import examples
from cellstate.ui.workbench import compare_scenarios
from cellstate.ui.workbench.compare_scenarios import csv, joined
from tests.app.conftest import check, words
from tests.app.workbench import perturb, session_of
from tests.unit.report.test_narrative_prediction import scenario

A = scenario([-3.0, 0.2, 0.1, 0.0, -0.1], "A")
B = scenario([0.5, -2.0, 0.3, 0.0, -0.3], "B").iloc[::-1]
CHANGES = ["log2_fold_change_a", "log2_fold_change_b"]


def test_both_predictions_are_joined_by_gene() -> None:
    table = joined(A, B)
    assert list(table["gene"]) == ["C", "E", "D", "A", "B"]
    assert list(table["is_perturbed"]) == ["", "", "", "A", "B"]
    assert list(table.set_index("gene").loc["C", CHANGES]) == [0.1, 0.3]
    np.testing.assert_allclose(table["difference"], table[CHANGES[0]] - table[CHANGES[1]])
    assert not table["is_reliable"].iloc[3:].any() and all(table["reason"].iloc[3:])
    both = joined(A, A)
    assert list(both["is_perturbed"].iloc[-1:]) == ["A and B"] and not both["difference"].any()


def test_without_perturbations_the_other_scenario_changes_nothing() -> None:
    table = joined(A, None)
    assert (table[CHANGES[1]] == 0).all() and list(table["is_perturbed"].iloc[-1:]) == ["A"]


def unfold(app: AppTest) -> pd.DataFrame:
    app.session_state["prediction-section"] = "Compare"
    app.run()
    check(app)
    return app.dataframe[-1].value


def test_against_a_saved_scenario(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    methods = []

    def counted(*arguments, **options):
        methods.append(arguments[2])
        return predict(*arguments, **options)

    monkeypatch.setattr(compare_scenarios, "predict", counted)
    other = [Perturbation("MYC", "multiply", 3.0)]
    session_of(with_example).scenarios = {"<b>MYC": tuple(other)}
    perturb(with_example, "TP53=ko", "CDX2=ko")
    assert methods == []
    shown = unfold(with_example).set_index("gene")
    sample = prepare_sample(load_model(), read_samples(examples()[0].path))
    for column, perturbations in zip(CHANGES, (session_of(with_example).perturbations, other), strict=True):
        expected = predict(sample, perturbations, methods[0]).table().set_index("gene")["log2_fold_change"]
        np.testing.assert_allclose(shown[column], expected[shown.index], atol=1e-6)
    assert set(shown.index[-3:]) == {"TP53", "CDX2", "MYC"}
    unfold(with_example)
    assert len(methods) == 1
    with_example.toggle(key="on-CDX2").set_value(False)
    assert set(unfold(with_example)["gene"].iloc[-2:]) == {"TP53", "MYC"}


def test_against_the_unperturbed_sample(with_example: AppTest) -> None:
    shown = unfold(perturb(with_example, "TP53=ko"))
    assert len(with_example.selectbox(key="compare-with").options) == 1
    assert (shown[CHANGES[1]] == 0).all() and difference_sentence(shown) in words(with_example)


def test_the_download_names_both_scenarios() -> None:
    table = pd.read_csv(io.BytesIO(csv(joined(A, B), "=cmd", a="TP53 knocked out", b="none", predictor="pca")))
    assert len(table) == 5 and set(table["kind"]) == {"hypothesis"} and set(table["perturbations_b"]) == {"none"}
    assert set(table["sample"]) == {"'=cmd"}
