"""Two sets of edits side by side: the table, its words, and the section of the page."""

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
from cellstate.ui.components.examples import examples
from cellstate.ui.workbench import compare_scenarios as side_by_side
from cellstate.ui.workbench.compare_scenarios import _csv, agreement, difference_sentence, sides
from tests.app.conftest import check, words


def make_shift(
    deltas: list[float], edited: frozenset[str] | set[str] = frozenset(), trusted: bool = True
) -> pd.DataFrame:
    genes = list("ABCDEFGH"[: len(deltas)])
    return pd.DataFrame(
        {
            "gene": genes,
            "ensembl_id": [f"E{gene}" for gene in genes],
            "tpm_before": 1.0,
            "log2_fold_change": deltas,
            "is_perturbed": [gene in edited for gene in genes],
            "is_reliable": [trusted and gene not in edited for gene in genes],
            "reason": "",
        }
    )


A = make_shift([-3.0, 0.2, 0.1, 0.0, -0.1], edited={"A"})
B = make_shift([0.5, -2.0, 0.3, 0.0, -0.3], edited={"B"}).iloc[::-1]


def test_both_shifts_stand_beside_each_other() -> None:
    table = sides(A, B)
    assert list(table["gene"]) == ["C", "E", "D", "A", "B"]
    assert list(table["is_perturbed"]) == ["", "", "", "A", "B"]
    np.testing.assert_allclose(table["difference"], table["log2_fold_change_a"] - table["log2_fold_change_b"])
    np.testing.assert_allclose(
        table.set_index("gene").loc["C", ["log2_fold_change_a", "log2_fold_change_b"]].astype(float), [0.1, 0.3]
    )
    assert not table["is_reliable"].iloc[3:].any() and set(table["reason"].iloc[3:]) == {"edited: set, not predicted"}
    assert agreement(table) == pytest.approx(1.0)


def test_without_edits_the_other_side_moves_nothing() -> None:
    table = sides(A, None)
    assert (table["log2_fold_change_b"] == 0).all() and list(table["is_perturbed"].iloc[-1:]) == ["A"]
    assert agreement(table) is None
    assert "**B moves no other gene**, so nothing can be correlated" in difference_sentence(table)


@pytest.mark.parametrize(
    "b, said",
    [
        ([0, 0.2, 0.1, 0.0, -0.1], "do the same to the other genes"),
        ([0, 0.2, 0.1, 0.1, -0.2], "point the same way"),
        ([0, -0.2, -0.1, 0.0, 0.1], "point opposite ways"),
        ([0, 0.1, -0.2, 0.1, -0.1], "do different things"),
    ],
)
def test_words_follow_the_numbers(b: list[float], said: str) -> None:
    table = sides(A, make_shift(b, edited={"A"}))
    text = difference_sentence(table)
    assert f"**{said}**" in text and f"(r = {agreement(table):.2f})" in text
    assert "Over the 4 genes that neither edits" in text and "0.2 log2 under A" in text


def test_words_are_honest_where_there_is_little_to_say() -> None:
    assert "same edits" in difference_sentence(sides(A, A), same=True)
    alone = make_shift([-3.0], edited={"A"})
    assert "No gene is left" in difference_sentence(sides(alone, None))
    still = sides(make_shift([-3.0, 0.0, 0.0], edited={"A"}), None)
    assert "A and B move no other gene" in difference_sentence(still) and "differ" not in difference_sentence(still)
    doubted = sides(make_shift([0.1, 0.2, 0.5], trusted=False), None)
    assert "none of them trusted" in difference_sentence(doubted)


def unfold(app: AppTest) -> AppTest:
    app.session_state["sides"] = True
    app.run()
    check(app)
    return app


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    state = with_example.session_state["cellstate"]
    state.put([Perturbation("TP53", "knock-out"), Perturbation("CDX2", "knock-out")])
    with_example.switch_page("pages/workbench.py")
    return with_example


def test_against_a_saved_scenario(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments[2])
        return predict(*arguments, **options)

    monkeypatch.setattr(side_by_side, "predict", counted)
    page.session_state["cellstate"].scenarios = {"<b>MYC": (Perturbation("MYC", "multiply", 3.0),)}
    page.run()
    assert calls == []
    unfold(page)
    predictor = calls[0]
    model, samples = load_model(), read_samples(examples()[0].path)
    both = [
        predict(prepare_sample(model, samples), edits, predictor).table().set_index("gene")["log2_fold_change"]
        for edits in (
            [Perturbation("TP53", "knock-out"), Perturbation("CDX2", "knock-out")],
            [Perturbation("MYC", "multiply", 3.0)],
        )
    ]
    shown = page.dataframe[-1].value.set_index("gene")
    for side, expected in zip("ab", both, strict=True):
        np.testing.assert_allclose(shown[f"log2_fold_change_{side}"], expected[shown.index], atol=1e-6)
    assert set(shown.index[-3:]) == {"TP53", "CDX2", "MYC"}
    assert "MYC times 3" in words(page) and "(r = " in words(page)
    unfold(page)
    assert len(calls) == 1
    page.toggle(key="on-CDX2").set_value(False)
    unfold(page)
    assert set(page.dataframe[-1].value["gene"].iloc[-2:]) == {"TP53", "MYC"}


def test_against_none(page: AppTest) -> None:
    unfold(page)
    assert page.selectbox(key="sides-other").options == ["No edits: the sample as it is"]
    assert "B moves no other gene" in words(page) and "Save the edits in force" in words(page)
    assert (page.dataframe[-1].value["log2_fold_change_b"] == 0).all()


def test_the_download_says_what_it_is_about() -> None:
    table = pd.read_csv(io.BytesIO(_csv(sides(A, B), "=cmd", "TP53 knocked out", [], "pca")))
    assert len(table) == 5 and set(table["kind"]) == {"hypothesis"} and set(table["edits_b"]) == {"no edits"}
    assert set(table["sample"]) == {"'=cmd"}
