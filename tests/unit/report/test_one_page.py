"""The page for a lab meeting: right numbers, no script, nothing of the sample's name unless asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellstate.formatting import percent_change, signed
from cellstate.model import load_model
from cellstate.perturb.regulators.search import Regulators, regulators
from cellstate.perturb.sample import prepare_sample
from cellstate.report.one_page import CANDIDATES, GENES, one_page, render_page
from cellstate.report.provenance import provenance
from tests.support.normal_tissue import with_normal_tissue
from tests.unit.report.conftest import NASTY
from tests.unit.report.test_html import Page


@pytest.fixture(scope="module")
def drivers(cohort, small_model, tmp_path_factory) -> Regulators:
    folder = with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human")
    model = load_model(folder, device="cpu")
    return regulators([prepare_sample(model, cohort.split("test").take([1]))])


@pytest.fixture
def page(answer, drivers, source, small_model):
    return one_page(answer, drivers, source, provenance(small_model), small_model.record, on="2026-01-31")


def test_a_change_is_given_as_log2_and_as_percent(page, answer) -> None:
    table = answer.table[~answer.table["is_perturbed"]]
    shown = table[table["is_reliable"]] if table["is_reliable"].any() else table
    first = shown.iloc[0]
    assert page.changes[0]["gene"] == first["gene"] and len(page.changes) == min(GENES, len(shown))
    assert page.changes[0]["log2"] == signed(first["log2_fold_change"], 3)
    assert page.changes[0]["percent"] == percent_change(first["log2_fold_change"])
    assert max(one["width"] for one in page.changes) == page.changes[0]["width"] <= 48


def test_candidates_are_the_strongest_in_either_direction(page, drivers) -> None:
    table = drivers.table()
    strongest = table.loc[table["z"].abs().sort_values(ascending=False, kind="stable").index[:CANDIDATES]]
    assert [one["gene"] for one in page.candidates] == strongest["gene"].tolist()
    assert [one["action"] == "knock-out" for one in page.candidates] == strongest["z"].gt(0).tolist()
    assert all(one["drugs"] and one["essential"] for one in page.candidates)


def test_the_page_holds_no_script_and_allows_nothing(page) -> None:
    shown = Page(render_page(page))
    assert shown.scripts == [] and "default-src 'none'" in shown.policy and "script-src" not in shown.policy
    assert not any(name in ("src", "href", "onclick", "onerror") for name, _ in shown.attributes)
    assert [one["title"] in shown.words for one in page.checks] == [True] * 4


def test_names_are_text_and_only_shown_on_request(answer, drivers, source, small_model) -> None:
    made = provenance(small_model)
    named = Page(render_page(one_page(answer, drivers, source, made, small_model.record, named=True)))
    hidden = Page(render_page(one_page(answer, drivers, source, made, small_model.record)))
    assert NASTY[:60] in named.words and named.scripts == [] and "img" not in named.tags
    assert NASTY[:20] not in hidden.words and source.name not in hidden.words


def test_without_normal_tissue_the_page_says_so(answer, source, small_model) -> None:
    found = one_page(answer, None, source, provenance(small_model), small_model.record)
    assert found.candidates == () and found.candidates_text and render_page(found)


def test_no_change_at_all(answer, drivers, source, small_model) -> None:
    still = replace(answer, table=answer.table.assign(log2_fold_change=0.0))
    found = one_page(still, drivers, source, provenance(small_model), small_model.record)
    assert {one["width"] for one in found.changes} == {0.0} and render_page(found)


@pytest.mark.parametrize(
    ("log2", "text"), [(-1.11, "\u221254%"), (1.0, "+100%"), (0.0, "0.0%"), (0.05, "+3.5%"), (np.log2(1.17), "+17%")]
)
def test_a_log2_change_as_percent(log2: float, text: str) -> None:
    assert percent_change(log2) == text
