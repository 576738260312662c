"""The workbench: find a gene, perturb it, and read the prediction."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.answer_evidence import EvidenceCheck
from cellstate.evaluation.reliability import reliability_table
from cellstate.evaluation.suggestion import suggest_knock_out
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.cohort import load_profiles
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.report.narrative.answer import LEVEL_TITLE, check_sentence, headline
from cellstate.report.narrative.prediction import agreement_sentence, size_sentence, tpm_text
from cellstate.ui.components.load_samples import examples
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import Loaded
from cellstate.ui.workbench import perturbation_form
from cellstate.ui.workbench.gene_level import rounded
from cellstate.ui.workbench.gene_results import filtered, prediction_csv
from tests.app.conftest import check, open_sample, words
from tests.app.workbench import cached, perturb, session_of, specs
from tests.support.factories import make_samples, make_space


def sample() -> PreparedSample:
    return prepare_sample(load_model(), read_samples(examples()[0].path))


def find(app: AppTest, query: str, kind: str = "knock-out") -> None:
    app.text_input(key="gene-query").set_value(query).run()
    app.segmented_control(key="kind").set_value(kind).run()
    check(app)


def add(app: AppTest, query: str, kind: str = "knock-out") -> AppTest:
    find(app, query, kind)
    app.button(key="add").click().run()
    check(app)
    return app


def percentile(gene: str, percent: float) -> float:
    """A gene's level in TPM that so many percent of the model's cohort do not exceed."""
    model = load_model()
    profiles = load_profiles(model)
    assert profiles is not None
    return float(profiles.quantile_tpm(percent)[model.space.find(gene)])


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    return perturb(with_example)


@pytest.fixture
def perturbed(with_example: AppTest) -> AppTest:
    return perturb(with_example, "TP53=ko", "MYC=ko")


def test_every_kind_of_perturbation(page: AppTest) -> None:
    for gene, kind in (("p53", "knock-out"), ("MYC", "knock-down"), ("KRAS", "multiply"), ("CDX2", "quantile")):
        add(page, gene, kind)
        assert page.text_input(key="gene-query").value == ""
    find(page, "EGFR", "set")
    page.number_input(key="level-EGFR").set_value(10.0).run()
    page.button(key="add").click().run()
    check(page)
    assert specs(page) == ["TP53=ko", "MYC=kd50", "KRAS=x2", "CDX2==q90", "EGFR==10"]
    table = cached(page, "prediction").table.set_index("gene")
    assert table.loc["CDX2", "tpm_after"] == pytest.approx(percentile("CDX2", 90), rel=1e-5)


def test_the_form_shows_the_level_before_and_after(page: AppTest) -> None:
    page.text_input(key="gene-query").set_value("CDX2").run()
    model = load_model()
    now = float(sample().tpm_G[model.space.find("CDX2")])
    for kind, after, rank in (
        ("knock-out", 0, "below the cohort"),
        ("multiply", 2 * now, "percentile"),
        ("quantile", percentile("CDX2", 90), "90th percentile"),
    ):
        page.segmented_control(key="kind").set_value(kind).run()
        check(page)
        before, _, later = next(c.value for c in page.caption if " becomes " in c.value).partition(" becomes ")
        assert before.startswith(tpm_text(now)) and later.startswith(f"{tpm_text(after)} TPM (") and rank in later
    page.select_slider(key="percentile").set_value(5).run()
    assert f" becomes {tpm_text(percentile('CDX2', 5))} TPM (5th percentile)" in words(page)


def test_a_level_is_set_with_a_slider_or_as_a_number(page: AppTest) -> None:
    find(page, "CDX2", "set")
    now = rounded(float(sample().tpm_G[load_model().space.find("CDX2")]))
    slider, number = page.select_slider(key="slide-CDX2"), page.number_input(key="level-CDX2")
    # It begins at the present level, which changes nothing.
    assert slider.value == number.value == now and page.button(key="add").disabled
    assert sum("now" in option for option in slider.options) == 1
    number.set_value(33.33).run()
    assert page.select_slider(key="slide-CDX2").value == 33.33
    page.select_slider(key="slide-CDX2").set_value(0.0).run()
    assert page.number_input(key="level-CDX2").value == 0
    page.number_input(key="level-CDX2").set_value(123_456.5).run()
    check(page)
    assert "123,456 TPM (above the cohort)" in words(page)
    page.button(key="add").click().run()
    assert specs(page) == ["CDX2==123456"]


def test_a_model_without_a_cohort_offers_no_percentile(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbation_form, "load_profiles", lambda model: None)
    find(page, "CDX2", "set")
    assert "Set to percentile" not in page.segmented_control(key="kind").options
    page.number_input(key="level-CDX2").set_value(3.0).run()
    check(page)
    assert " becomes 3 TPM." in words(page) and "percentile" not in page.select_slider[0].options[0]


@pytest.mark.parametrize(
    "query, symbol",
    [
        ("tp53", "TP53"),
        ("p53", "TP53"),
        ("MLL2", "KMT2D"),
        ("7157", "TP53"),
        ("ENSG00000141510.12", "TP53"),
        ("KRA", "KRAS"),
        ("1-Mar", "MARCHF1"),
        ("p16", "CDKN2A"),
    ],
)
def test_any_name_finds_its_gene(page: AppTest, query: str, symbol: str) -> None:
    page.text_input(key="gene-query").set_value(query).run()
    # A name that is not the symbol is explained.
    assert ("→" in words(page) or "is taken here" in words(page)) == (query.upper() != symbol)
    page.button(key="add").click().run()
    check(page)
    assert specs(page) == [f"{symbol}=ko"]


def test_another_gene_of_the_same_name_can_be_chosen(page: AppTest) -> None:
    page.text_input(key="gene-query").set_value("MLL2").run()
    page.pills(key="match-MLL2").set_value(load_model().space.find("KMT2B")).run()
    page.button(key="add").click().run()
    assert specs(page) == ["KMT2B=ko"]


def test_a_gene_that_cannot_be_added_has_an_error(page: AppTest) -> None:
    for query, name in (("XIST", "XIST"), ("NOTAGENE1", "NOTAGENE1"), ("<b>x</b>", "x")):
        page.text_input(key="gene-query").set_value(query).run()
        assert name in page.error[0].value and "<b>" not in page.error[0].value
        assert page.button(key="add").disabled
    axis, space = gene_axis(), load_model().space
    others = (axis.symbol[i] for i in range(len(axis)) if not space.covers(i))
    uncovered = next(s for s in others if not any(space.covers(i) for i, _ in axis.search(s, limit=50)))
    page.text_input(key="gene-query").set_value(uncovered).run()
    check(page)
    assert len(page.warning) == 1 and page.button(key="add").disabled


def test_a_second_perturbation_of_a_gene_replaces_the_first(perturbed: AppTest) -> None:
    add(perturbed, "TP53", "multiply")
    assert specs(perturbed) == ["TP53=x2", "MYC=ko"]


def test_the_page_shows_the_prediction(perturbed: AppTest) -> None:
    prediction = predict(sample(), [Perturbation("TP53", "knock-out"), Perturbation("MYC", "knock-out")])
    expected = reliability_table(prediction, is_ood=False).drop(columns=["is_measured", "is_perturbed"])
    perturbed.toggle(key="reliable-only").set_value(False).run()
    shown = perturbed.dataframe[0].value
    pd.testing.assert_frame_equal(shown[expected.columns], expected, check_dtype=False)
    # What no column shows is not sent to the browser.
    assert not {"is_measured", "is_perturbed"} & set(shown)
    assert set(shown["gene"].iloc[-2:]) == {"TP53", "MYC"} and not shown["is_reliable"].iloc[-2:].any()
    result, state = cached(perturbed, "prediction"), session_of(perturbed)
    assert perturbed.header[0].value.startswith(headline(state.perturbations, result.table))
    text = words(perturb(perturbed, "TP53=ko", "MYC=ko", section="Methods"))
    assert size_sentence(result.table, result.over_error, result.predictor) in text
    assert agreement_sentence(result.agreement, result.predictor) in text
    assert perturbed.dataframe[0].value["r"].notna().any()


def test_each_answer_carries_its_evidence(perturbed: AppTest) -> None:
    result, text = cached(perturbed, "prediction"), words(perturbed)
    assert LEVEL_TITLE[result.evidence.level] in text
    for one in result.evidence.checks:
        assert check_sentence(one, result.predictor, "TP53, MYC") in text


def test_enter_knocks_out_the_best_match(page: AppTest) -> None:
    for query, symbols in (("p53", ["TP53"]), ("MYC", ["TP53", "MYC"]), ("TP53", ["TP53", "MYC"])):
        page.text_input(key="knock-out-query").set_value(query)
        page.button(key="knock-out-add").click().run()
        check(page)
        assert specs(page) == [f"{symbol}=ko" for symbol in symbols]
        assert ("p53 → " in words(page)) == (query == "p53")
    for query in ("NOTAGENE1", "XIST"):
        page.text_input(key="knock-out-query").set_value(query)
        page.button(key="knock-out-add").click().run()
        assert query in page.error[0].value and len(specs(page)) == 2


def test_a_sample_begins_with_a_regulator(page: AppTest) -> None:
    page.button(key="suggest").click().run()
    check(page)
    assert specs(page) == [f"{suggest_knock_out(sample())}=ko"]
    page.button(key="undo").click().run()
    assert specs(page) == []


def test_the_table_can_be_searched(perturbed: AppTest) -> None:
    perturbed.text_input(key="table-query").set_value("cdkn1a").run()
    check(perturbed)
    assert list(perturbed.dataframe[0].value["gene"]) == ["CDKN1A"]


def test_perturbations_stay_with_another_sample(perturbed: AppTest) -> None:
    first = perturbed.dataframe[0].value
    open_sample(perturbed)
    perturbed.selectbox(key="example").select(1).run()
    perturbed.button(key="load-example").click().run()
    check(perturbed)
    assert specs(perturbed) == ["TP53=ko", "MYC=ko"]
    assert not first["tpm_before"].equals(perturbed.dataframe[0].value["tpm_before"])


def test_the_download_holds_every_gene_and_no_formula(perturbed: AppTest) -> None:
    result = cached(perturbed, "prediction")
    table = pd.read_csv(io.BytesIO(prediction_csv(result)))
    assert len(table) == len(result.table) and set(table["kind"]) == {"hypothesis"}
    columns = {"gene", "tpm_before", "tpm_after", "log2_fold_change", "log2_fold_change_pca", "is_reliable", "reason"}
    assert columns | {"sample", "perturbations", "predictor"} <= set(table)
    object.__setattr__(result, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in prediction_csv(result)


def test_the_filter_keeps_perturbed_genes() -> None:
    table = pd.DataFrame(
        {
            "gene": ["A", "B", "C", "D"],
            "ensembl_id": ["E1", "E2", "E3", "E4"],
            "is_perturbed": [False, False, False, True],
            "is_reliable": [True, False, True, False],
        }
    )
    assert list(filtered(table, "", True)["gene"]) == ["A", "C", "D"]
    assert list(filtered(table, "e2", False)["gene"]) == ["B"]
    assert list(filtered(table, ".*", False)["gene"]) == []


def test_a_model_of_few_genes_without_a_cohort_does_all_of_it(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(3)
    network = AutoEncoder(ModelConfig("tiny", (3, 4, 2, 4, 3)))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols})
    save_model(tmp_path, network, space, table, torch.float32)
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path))
    samples = make_samples(1)
    samples.tpm_SA[:, space.axis_index_G[0]] = np.nan
    state = session_of(app)
    state.load(Loaded(samples, b"", "mine.csv"))
    perturb(app)
    add(app, space.symbols[0], "multiply")
    found = {one.check: one.passed for one in cached(app, "prediction").evidence.checks}
    assert not found[EvidenceCheck.GENE_MODELLED] and not found[EvidenceCheck.SAMPLE_IN_RANGE]
    add(app, space.symbols[1], "knock-out")
    state.scenarios = {"S": state.perturbations[:1]}
    for _ in range(2):
        app.session_state["prediction-section"] = "Compare"
        app.run()
        check(app)
        assert app.selectbox(key="compare-with").value == "S"
        state.add(Perturbation(space.symbols[2], "knock-out"))
