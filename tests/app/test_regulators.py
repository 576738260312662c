"""The candidates page: goals, options, searches beside the page, results, and the way to the workbench."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.cohorts import Cohort
from cellstate.errors import CellStateError
from cellstate.evaluation.admixture import Admixture
from cellstate.evaluation.answer_evidence import GROUP_CHECKS, RANKING_CHECKS, EvidenceCheck
from cellstate.genes import gene_axis
from cellstate.genes.dossier import dossier
from cellstate.io import read_samples
from cellstate.model import Model
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.goal import PRESETS, Goal, gene_set_goal
from cellstate.perturb.search.single import screen
from cellstate.report.dossier import dossier_links, dossier_sentence
from cellstate.report.narrative.answer import check_title
from cellstate.report.narrative.regulators import admixture_sentence
from cellstate.report.narrative.search import common_gene, goal_scale
from cellstate.ui.candidates import compared_with, drivers, results
from cellstate.ui.candidates import options as regulators_options
from cellstate.ui.candidates.drivers import Ranking
from cellstate.ui.candidates.goal import signed
from cellstate.ui.candidates.results import agreement, csv, short
from cellstate.ui.components.layout import containing
from cellstate.ui.components.load_samples import examples
from cellstate.ui.components.predictor_picker import KEY
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from tests.app.conftest import check, open_sample, session_of, words
from tests.app.workbench import a_file, upload
from tests.support.factories import make_samples
from tests.support.normal_tissue import with_normal_tissue

PATIENCE_S = 60


@pytest.fixture
def genes(small_model: Model) -> list[str]:
    """Genes of the small model that the example patient measures."""
    measured_A = read_samples(examples()[0].path).measured_SA[0]
    return [gene_axis().symbol[i] for i in small_model.space.axis_index_G if measured_A[i]]


@pytest.fixture
def page(small_model: Model, monkeypatch: pytest.MonkeyPatch, app: AppTest) -> Iterator[AppTest]:
    """The candidates page with an example patient and a small model."""
    monkeypatch.setenv(MODEL_VARIABLE, str(small_model.folder))
    app.switch_page("pages/candidates.py").run()
    app.button(key="empty-example").click().run()
    check(app)
    app.switch_page("pages/candidates.py").run()
    check(app)
    yield app
    app.session_state["cellstate"].drop_runs()


@pytest.fixture
def with_goal(page: AppTest, genes: list[str]) -> AppTest:
    return set_goal(page, f"+{genes[0]} {genes[1]}, -{genes[2]}")


def set_goal(app: AppTest, text: str) -> AppTest:
    if app.selectbox(key="goal-kind").value != "genes":
        goal_kind(app, "genes")
    app.text_area(key="goal-genes-0").set_value(text).run()
    return app


def goal_kind(app: AppTest, kind: str) -> AppTest:
    app.selectbox(key="goal-kind").set_value(kind).run()
    return app


def open_section(app: AppTest, *sections: str) -> AppTest:
    """Open parts of the page that are drawn only while they are open."""
    for section in sections:
        app.session_state[f"section-{section}"] = True
    return app.run()


def change(app: AppTest) -> AppTest:
    """Open the form again above a result."""
    app.button(key="change-search").click().run()
    return app


def search(app: AppTest, kind: str) -> AppTest:
    app.segmented_control(key="regulators-kind").set_value(kind).run()
    if has_button(app, "change-search"):
        change(app)
    app.button(key="run").click().run()
    return finish(app)


def finish(app: AppTest) -> AppTest:
    job = app.session_state["cellstate"].job
    job.wait(PATIENCE_S)
    assert job.has_ended
    return app.run()


def has_button(app: AppTest, key: str) -> bool:
    return any(button.key == key for button in app.button)


# Goals


def test_signs_are_read_as_a_person_types_them() -> None:
    assert signed("+A B,-C;−D\n- E  + F") == "genes:+A,+B,-C,-D,-E,+F"
    assert signed("HLA-A, NKX2-1") == "genes:+HLA-A,+NKX2-1"


def goal_of(app: AppTest) -> Goal | None:
    return app.session_state["cellstate"].goal


def test_a_goal_of_genes(page: AppTest, genes: list[str]) -> None:
    goal_kind(page, "genes")
    assert page.button(key="run").disabled and goal_of(page) is None
    set_goal(page, f"+{genes[0].lower()} {genes[1]}, -{genes[2]} NOTAGENE1 <b>x</b>")
    check(page)
    goal = goal_of(page)
    assert goal is not None and goal.n_genes == 3
    said = words(page).replace("\\<", "").replace("\\", "")
    assert all(name in said for name in (*genes[1:3], "NOTAGENE1")) and goal_scale(goal) in said
    assert "<" not in said
    assert not page.button(key="run").disabled


@pytest.mark.parametrize("text", ["NOTAGENE1", "+{0} -{0}", "+"])
def test_a_goal_without_a_direction_is_an_error(page: AppTest, genes: list[str], text: str) -> None:
    set_goal(page, text.format(*genes))
    assert not page.exception
    assert len(page.error) == 1 and goal_of(page) is None
    assert page.button(key="run").disabled


def test_a_preset_is_chosen_at_first(page: AppTest, small_model: Model) -> None:
    # The small model lacks the genes of the sets.
    assert page.selectbox(key="goal-kind").value == PRESETS["less proliferative"]
    goal_kind(page, PRESETS["more like normal tissue"])
    assert len(page.error) == 1 and goal_of(page) is None and page.button(key="run").disabled


def test_example_goal_is_one_click_away(page: AppTest) -> None:
    goal_kind(page, "genes")
    page.button(key="goal-example").click().run()
    assert "CDH1" in str(page.text_area(key="goal-genes-0").value)
    assert not page.exception


def test_gene_set_from_a_file(page: AppTest, genes: list[str]) -> None:
    goal_kind(page, "set")
    page.file_uploader[0].upload("<i>sets.txt", b"no gene sets\n")
    page.run()
    assert len(page.error) == 1 and not page.exception
    assert page.session_state["cellstate"].gene_sets is None
    lines = f"FIRST\tx\t{genes[0]}\t{genes[1]}\nSECOND\tx\t{genes[2]}\tNOTAGENE1\n"
    page.file_uploader[0].upload("sets.gmt", lines.encode())
    page.run()
    check(page)
    goal = goal_of(page)
    assert goal is not None and (goal.label, goal.n_genes) == ("FIRST up", 2)
    page.selectbox(key="goal-set-2").set_value("SECOND").run()
    page.segmented_control(key="goal-way").set_value("down").run()
    check(page)
    goal = goal_of(page)
    assert goal is not None and (goal.label, goal.missing) == ("SECOND down", ("NOTAGENE1",))
    assert goal.direction_G.min() < 0
    # The file stays out of Streamlit's store, and can be taken away again.
    page.button(key="remove-goal-gene-sets").click().run()
    goal = goal_of(page)
    # What comes with CellState is used again.
    assert page.file_uploader[0].value is None and goal is not None and goal.spec.startswith("down:hallmark#")


def test_toward_a_reference_sample(page: AppTest) -> None:
    goal_kind(page, "sample")
    tpm_AS = make_samples(3).tpm_SA.T
    data = pd.DataFrame(tpm_AS, index=gene_axis().symbol, columns=["N1", "N2", "N3"]).to_csv().encode()
    page.file_uploader[0].upload("normal.csv", data)
    page.run()
    check(page)
    mean = goal_of(page)
    assert mean is not None and mean.spec == "toward:normal.csv#N1,N2,N3"
    page.multiselect[0].set_value([1]).run()
    check(page)
    one = goal_of(page)
    assert one is not None and one.spec == "toward:normal.csv#N2" and one.distance != mean.distance
    assert page.session_state["cellstate"].reference.source == b""


def test_toward_the_cohort(page: AppTest, genes: list[str]) -> None:
    goal_kind(page, "cohort")
    assert page.button(key="run").disabled
    page.text_input(key="goal-gene-0").set_value(genes[0].lower()).run()
    high = goal_of(page)
    assert high is not None and high.spec == f"cohort:high:{genes[0]}"
    page.segmented_control(key="goal-end").set_value("median").run()
    median = goal_of(page)
    assert median is not None and median.spec == "cohort:median"
    check(page)
    page.segmented_control(key="goal-end").set_value("low").run()
    # What is typed never names a file of the server.
    for text in ("/etc/passwd#x", "sets.gmt"):
        page.text_input(key="goal-gene-0").set_value(text).run()
        assert len(page.error) == 1 and goal_of(page) is None
    assert not page.exception


# Searches


def test_single_genes(with_goal: AppTest, genes: list[str], small_model: Model) -> None:
    search(with_goal, "screen")
    check(with_goal)
    goal = gene_set_goal(small_model.space, {genes[0]: 1, genes[1]: 1, genes[2]: -1}, spec="genes", label="three genes")
    expected = screen(prepare_sample(small_model, read_samples(examples()[0].path)), goal).table
    # The form is a line now, and what is not open is not drawn.
    assert not has_button(with_goal, "run") and has_button(with_goal, "change-search") and not with_goal.dataframe
    rows = with_goal.session_state["cellstate"]._cache["candidates"][1]
    assert [one.perturbation.gene for one in rows] == expected["gene"].head(10).tolist()
    with_goal.button(key="more-candidates").click().run()
    assert len(with_goal.session_state["cellstate"]._cache["candidates"][1]) == 20
    open_section(with_goal, "all", "methods", "reading")
    check(with_goal)
    shown = with_goal.dataframe[0].value
    assert list(shown["gene"]) == list(expected["gene"])
    np.testing.assert_allclose(shown["score"], expected["score"])
    np.testing.assert_allclose(shown["fraction_of_distance"], 100 * expected["fraction_of_distance"])
    assert "Special here (z)" in with_goal.dataframe[0].proto.columns
    assert with_goal.button(key="open-in-perturb").disabled
    assert list(shown["essential"]) == [dossier(gene).essentiality for gene in shown["gene"]]
    assert dossier_links(dossier(expected["gene"].iloc[0])) in words(with_goal)
    # Search, and the note when the goal is another one by now.
    with_goal.text_input(key="screen-query").set_value(genes[5].lower()).run()
    assert genes[5] in list(with_goal.dataframe[0].value["gene"])
    assert len(with_goal.dataframe[0].value) < len(expected)
    assert not with_goal.info
    change(with_goal)
    set_goal(with_goal, genes[3])
    check(with_goal)
    assert len(with_goal.info) == 1


def test_several_perturbations_of_a_gene_list(with_goal: AppTest, genes: list[str]) -> None:
    with_goal.selectbox(key="screen-action").set_value("several").run()
    with_goal.pills(key="screen-perturbations").set_value(["ko", "x", "=q"]).run()
    with_goal.selectbox(key="screen-genes").set_value("list").run()
    assert with_goal.button(key="run").disabled
    with_goal.text_area(key="screen-list-0").set_value(f"{genes[4]}, {genes[5]} NOTAGENE1").run()
    assert "NOTAGENE1" in words(with_goal)
    search(with_goal, "screen")
    open_section(with_goal, "all")
    check(with_goal)
    shown = with_goal.dataframe[0].value
    assert set(shown["gene"]) == {genes[4], genes[5]}
    assert set(shown["perturbation"]) == {"knocked out", "times 3", "set to the cohort's 90th percentile"}
    change(with_goal)
    with_goal.pills(key="screen-perturbations").set_value([]).run()
    assert with_goal.button(key="run").disabled
    check(with_goal)


def test_pairs_and_partners_of_one_gene(with_goal: AppTest, genes: list[str]) -> None:
    with_goal.segmented_control(key="regulators-kind").set_value("pairs").run()
    with_goal.selectbox(key="pairs-genes").set_value("all").run()
    search(with_goal, "pairs")
    open_section(with_goal, "pairs")
    check(with_goal)
    shown = with_goal.dataframe[0].value
    assert shown["cohort_r"].is_monotonic_decreasing
    change(with_goal)
    with_goal.segmented_control(key="pairs-by").set_value("interaction").run()
    search(with_goal, "pairs")
    check(with_goal)
    shown = with_goal.dataframe[0].value
    assert shown["interaction"].is_monotonic_decreasing
    np.testing.assert_allclose(shown["score"], shown["score_a"] + shown["score_b"] + shown["interaction"], atol=1e-6)
    change(with_goal)
    with_goal.selectbox(key="pairs-genes").set_value("one").run()
    assert with_goal.button(key="run").disabled
    with_goal.text_input(key="pairs-one-0").set_value(genes[6]).run()
    search(with_goal, "pairs")
    open_section(with_goal, "pairs")
    check(with_goal)
    assert common_gene(with_goal.dataframe[0].value) == genes[6]


def test_combination_opens_in_perturb(with_goal: AppTest) -> None:
    with_goal.segmented_control(key="regulators-kind").set_value("combination").run()
    with_goal.number_input(key="combination-most").set_value(2).run()
    with_goal.radio(key=KEY).set_value("elastic_net").run()
    search(with_goal, "combination")
    check(with_goal)
    state = with_goal.session_state["cellstate"]
    steps = state.job.result.steps
    assert state.job.result.predictor == "elastic_net"
    open_section(with_goal, "steps")
    assert len(with_goal.dataframe[0].value) == len(steps) > 0
    assert steps["sentence"].iloc[0].split(".")[0][:20] in words(with_goal).replace("\\", "")
    with_goal.button(key="open-in-perturb").click().run()
    check(with_goal)
    assert with_goal.title[0].value == "Workbench"
    assert [one.spec for one in state.perturbations] == [f"{s.gene}={s.perturbation}" for s in steps.itertuples()]
    state.undo()
    assert state.perturbations == ()


def test_results_of_each_kind_stay_until_the_sample_changes(with_goal: AppTest) -> None:
    search(with_goal, "screen")
    with_goal.segmented_control(key="regulators-kind").set_value("combination").run()
    assert not has_button(with_goal, "change-search") and has_button(with_goal, "run")
    with_goal.switch_page("pages/home.py").run()
    with_goal.switch_page("pages/candidates.py").run()
    with_goal.segmented_control(key="regulators-kind").set_value("screen").run()
    check(with_goal)
    assert has_button(with_goal, "change-search") and not has_button(with_goal, "run")
    open_sample(with_goal)
    with_goal.selectbox(key="example").select(1).run()
    with_goal.button(key="load-example").click().run()
    with_goal.switch_page("pages/candidates.py").run()
    check(with_goal)
    assert not has_button(with_goal, "change-search")
    # The goal is kept for the next patient.
    assert not with_goal.button(key="run").disabled


def test_a_row_is_tried_in_the_workbench(with_goal: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    search(with_goal, "screen")
    found = with_goal.session_state["cellstate"].job.result
    monkeypatch.setattr(results, "candidates_table", lambda data, alt: 2)
    with_goal.run()
    check(with_goal)
    assert with_goal.title[0].value == "Workbench"
    row = found.table.iloc[2]
    assert [one.spec for one in with_goal.session_state["cellstate"].perturbations] == [f"{row['gene']}=ko"]


def test_a_table_of_ones_own_joins_the_candidates(with_goal: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict] = []
    monkeypatch.setattr(results, "candidates_table", lambda data, alt: drawn.append(data))
    search(with_goal, "screen")
    best = with_goal.session_state["cellstate"].job.result.table["gene"].iloc[0]
    with_goal.file_uploader[0].upload("notes.csv", b"nothing,here\n1,2\n")
    with_goal.run()
    assert len(with_goal.error) == 1 and with_goal.session_state["cellstate"].gene_table is None
    with_goal.file_uploader[0].upload("notes.csv", f"gene,note\n{best},our hit\nNOSUCH,x\n".encode())
    with_goal.run()
    check(with_goal)
    assert drawn[-1]["own"] == ["note"] and drawn[-1]["rows"][0]["own"] == ["our hit"]
    assert drawn[-1]["rows"][1]["own"] == ["–"]
    open_section(with_goal, "all")
    assert with_goal.dataframe[0].value["own_0"].iloc[0] == "our hit"
    with_goal.button(key="remove-gene-table").click().run()
    assert drawn[-1]["own"] == [] and with_goal.session_state["cellstate"].gene_table is None


# Long runs


class Slow:
    """A search of pairs that goes on row by row when it is told to."""

    def __init__(self) -> None:
        self.go, self.rows = threading.Semaphore(0), 0

    def __call__(self, *args: Any, progress: Any, blocks: dict, **options: Any) -> None:
        for row in range(4):
            progress(row, 4, "rows of pairs")
            if row not in blocks:
                assert self.go.acquire(timeout=PATIENCE_S)
                blocks[row], self.rows = row, self.rows + 1
        raise CellStateError("There is no pair.", "Try others.")


@pytest.fixture
def slow(with_goal: AppTest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    stub = Slow()
    monkeypatch.setattr(regulators_options, "pairs", stub)
    with_goal.segmented_control(key="regulators-kind").set_value("pairs").run()
    with_goal.selectbox(key="pairs-genes").set_value("all").run()
    with_goal.button(key="run").click().run()
    yield stub
    stub.go.release(8)


def test_a_run_is_stopped_and_goes_on(with_goal: AppTest, slow: Slow) -> None:
    check(with_goal)
    state = with_goal.session_state["cellstate"]
    assert not has_button(with_goal, "run")
    slow.go.release(1)
    with_goal.button(key="cancel").click().run()
    slow.go.release(1)
    finish(with_goal)
    check(with_goal)
    assert state.job.state == "stopped"
    assert not has_button(with_goal, "cancel") and has_button(with_goal, "continue")
    before = slow.rows
    assert 0 < before < 4
    with_goal.button(key="continue").click().run()
    slow.go.release(4)
    finish(with_goal)
    assert slow.rows == 4
    # The run failed in the end: a sentence, and the page goes on.
    assert state.job.state == "failed"
    assert len(with_goal.error) == 1 and not with_goal.exception
    assert not with_goal.button(key="run").disabled


def test_a_run_survives_a_page_change(with_goal: AppTest, slow: Slow) -> None:
    job = with_goal.session_state["cellstate"].job
    with_goal.switch_page("pages/home.py").run()
    assert not job.has_ended
    assert "Searching: 0%" in [getattr(link, "label", "") for link in with_goal.get("page_link")]
    with_goal.switch_page("pages/candidates.py").run()
    check(with_goal)
    assert has_button(with_goal, "cancel")
    assert with_goal.session_state["cellstate"].job is job


@pytest.mark.parametrize("how", ["delete-data", "load"])
def test_a_run_ends_with_its_sample(with_goal: AppTest, slow: Slow, how: str) -> None:
    job = with_goal.session_state["cellstate"].job
    if how == "delete-data":
        with_goal.button(key="delete-data").click().run()
    else:
        open_sample(with_goal)
        with_goal.button(key="load-example").click().run()
    slow.go.release(8)
    job.wait(PATIENCE_S)
    assert job.state == "stopped"
    assert with_goal.session_state["cellstate"].job is None
    with_goal.switch_page("pages/candidates.py").run()
    check(with_goal)


def test_the_download_names_sample_and_goal_and_holds_no_formula(with_goal: AppTest) -> None:
    search(with_goal, "screen")
    found = with_goal.session_state["cellstate"].job.result
    table = pd.read_csv(io.BytesIO(csv(found)))
    assert len(table) == len(found.table) and {"z_patient", "essential", "drugs"} <= set(table)
    assert set(table["kind"]) == {"hypothesis"} and set(table["goal"]) == {found.goal.label}
    # A linear method has the same effect per SD in every patient.
    assert "z_patient" not in pd.read_csv(io.BytesIO(csv(replace(found, predictor=PredictorId.PCA))))
    assert b"'=cmd" in csv(replace(found, sample='=cmd|"/c calc"!A1'))


# Tables


def test_perturbations_are_named_for_a_figure_and_compared_with_other_methods() -> None:
    table = pd.DataFrame({"gene": ["A", "B", "C"], "perturbation": ["ko", "x3", "ko"], "score": [0.5, 0.1, -0.2]})
    named, action = short(table)
    assert (list(named["name"]), action) == (["A KO", "B x3", "C KO"], "")
    named, action = short(table.iloc[[0, 2]])
    assert (list(named["name"]), action) == (["A", "C"], "knocked out")
    table = table.assign(score_pca=2 * table["score"], score_ridge=np.nan)
    assert agreement(table, ["pca", "ridge"]) == {"pca": pytest.approx(1.0), "ridge": None}


def test_a_table_is_searched_by_every_name() -> None:
    table = pd.DataFrame({"a": ["TP53", "MYC"], "b": ["KRAS", "EGFR"], "n": [1, 2]})
    assert list(containing(table, "kra", ["a", "b"])["n"]) == [1]
    assert list(containing(table, ".*", ["a", "b"])["n"]) == []
    assert containing(table, "  ", ["a", "b"]) is table


# What drives the sample


def find_drivers(app: AppTest) -> AppTest:
    app.segmented_control(key="regulators-kind").set_value("drivers").run()
    assert not has_button(app, "try-driver")
    app.button(key="find-drivers").click().run()
    finish(app)
    check(app)
    return app


def test_drivers_need_no_goal(page: AppTest) -> None:
    find_drivers(page)
    # The small model knows no normal tissue: the base model answers.
    ranking = page.session_state["cellstate"].job.result.whole
    assert ranking.found.model.config.name == "human" and not has_button(page, "find-drivers")
    assert [one.check for one in ranking.evidence.checks] == list(RANKING_CHECKS)
    assert all(check_title(one) in words(page).replace("\u00a0", " ") for one in ranking.evidence.checks)
    table = page.dataframe[0].value
    top, last = table["gene"].iloc[0], table["gene"].iloc[-1]
    assert dossier_sentence(dossier(top), -1) in words(page) and dossier_links(dossier(last)) not in words(page)
    assert any(table["drugs"]) and {"common essential", "selective", "neither"} <= set(table["essential"])
    # A ticked regulator takes the top one's place; one that is less active is raised.
    state = page.session_state["cellstate"]
    ticks = {"selection": {"rows": [len(table) - 1], "columns": [], "cells": []}}
    page.session_state[f"drivers-table-{state.round}-{state.selected}"] = ticks
    page.run(timeout=PATIENCE_S)
    check(page)
    assert dossier_sentence(dossier(last), +1) in words(page) and dossier_links(dossier(top)) not in words(page)
    page.button(key="try-driver").click().run(timeout=PATIENCE_S)
    [entry] = page.session_state["cellstate"].entries
    assert entry.perturbation.spec.endswith("=ko")


def test_finding_drivers_is_cancelled(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Semaphore(0)

    def slow(samples: Any, *, progress: Any, **options: Any) -> None:
        for done in range(200):
            progress(done, 200, "random sets of regulators")
            assert go.acquire(timeout=PATIENCE_S)

    monkeypatch.setattr(drivers, "regulators", slow)
    page.segmented_control(key="regulators-kind").set_value("drivers").run()
    page.button(key="find-drivers").click().run()
    # While it runs there is nothing to start it again.
    assert has_button(page, "cancel") and not has_button(page, "find-drivers")
    page.button(key="cancel").click().run()
    go.release(200)
    finish(page)
    check(page)
    assert page.session_state["cellstate"].job.state == "stopped"
    assert has_button(page, "find-drivers") and not has_button(page, "try-driver")


def test_admixed_tissue_is_named_and_taken_out(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def liver(sample: PreparedSample) -> Admixture:
        return Admixture("liver", 0.3, "colon", np.linspace(0.2, 1, len(sample.tpm_G)).astype(np.float32))

    monkeypatch.setattr(drivers, "admixture", liver)
    find_drivers(page)
    with_it = page.dataframe[0].value
    said = [admixture_sentence("liver", 0.3, out, f"“{drivers.WITHOUT}”") for out in (False, True)]
    assert said[0] in words(page) and said[1] not in words(page)
    page.toggle(key="without-admixture").set_value(True).run(timeout=PATIENCE_S)
    check(page)
    assert said[1] in words(page) and said[0] not in words(page)
    assert page.dataframe[0].value["z"].tolist() != with_it["z"].tolist()


def test_where_nothing_is_admixed_there_is_no_switch(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "admixture", lambda _: None)
    find_drivers(page)
    assert not page.toggle


@pytest.fixture
def of_seven(app: AppTest, monkeypatch: pytest.MonkeyPatch, small_human: Path) -> Iterator[AppTest]:
    """The drivers of the first of seven samples, on a small model that knows normal tissue."""
    monkeypatch.setenv(MODEL_VARIABLE, str(small_human))
    monkeypatch.setattr(compared_with, "admixture", lambda _: None)
    monkeypatch.setattr(compared_with, "own_normal_tissue", lambda *_: "colon")
    monkeypatch.setattr(drivers, "admixture", lambda _: None)
    monkeypatch.setattr(drivers, "normal_tissue", lambda model, name: replace(middle(model), name=f"normal {name}"))
    upload(app, "seven.csv", a_file(SEVEN))
    app.switch_page("pages/candidates.py").run()
    app.segmented_control(key="regulators-kind").set_value("drivers").run()
    check(app)
    yield app
    session_of(app).drop_runs()


@pytest.fixture(scope="module")
def small_human(cohort: Cohort, small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_normal_tissue(small_model, cohort, tmp_path_factory.mktemp("models") / "human")


SEVEN = ["A", "B", "C", "D", "E", "F", "G"]


def middle(model: Model) -> PreparedSample:
    return prepare_sample(model, make_samples(1, seed=9))


def compare(app: AppTest, option: str) -> Ranking:
    """Rank against another reference; returns the ranking that the page shows."""
    app.selectbox(key="drivers-reference").set_value(option).run()
    check(app)
    app.button(key="find-drivers").click().run()
    finish(app)
    check(app)
    return session_of(app).runs["drivers"].result.whole


def test_each_reference_gives_another_ranking(of_seven: AppTest) -> None:
    state = session_of(of_seven)
    state.labels = dict(zip(SEVEN, "xxxyyyy", strict=True))
    of_seven.run()
    assert of_seven.selectbox(key="drivers-reference").options == [
        "Closest normal state",
        "Normal colon",
        "Other 6 samples",
        "Group x (2)",
        "Group y (4)",
    ]
    found = {option: compare(of_seven, option) for option in ("normal", "tissue", "others", "group:x")}
    orders = {tuple(ranking.found.z_ST[0]) for ranking in found.values()}
    assert len(orders) == len(found)
    # The samples of a group are its null, without the one that is compared; two samples and one profile have none.
    assert [ranking.found.has_null for ranking in found.values()] == [True, False, True, False]
    checks = {option: [one.check for one in ranking.evidence.checks] for option, ranking in found.items()}
    assert checks["normal"] == list(RANKING_CHECKS) and checks["others"] == list(GROUP_CHECKS)
    assert checks["group:x"][0] is checks["tissue"][0] is EvidenceCheck.BEYOND_GROUP
    said = words(of_seven)
    assert found["group:x"].found.reference in said.replace("\\", "")
    # What is shown is not ranked again; another choice can be.
    assert not has_button(of_seven, "find-drivers")
    of_seven.selectbox(key="drivers-reference").set_value("others").run()
    assert has_button(of_seven, "find-drivers") and has_button(of_seven, "try-driver")


def test_a_choice_that_is_gone_is_the_first_one_again(of_seven: AppTest) -> None:
    state = session_of(of_seven)
    state.labels = {"A": "alone", "B": "x"}
    of_seven.run()
    # A group of the sample alone: one sentence, and nothing to press.
    of_seven.selectbox(key="drivers-reference").set_value("group:alone").run()
    assert len(of_seven.error) == 1 and not of_seven.exception and of_seven.button(key="find-drivers").disabled
    state.labels = {}
    of_seven.run()
    check(of_seven)
    box = of_seven.selectbox(key="drivers-reference")
    assert box.value == "normal" and not of_seven.button(key="find-drivers").disabled
    box.set_value("others").run()
    # Another sample of the file has other samples beside it; another file of one sample has none.
    state.select(1)
    of_seven.run()
    check(of_seven)
    assert of_seven.selectbox(key="drivers-reference").value == "others"
    upload(of_seven, "one.csv", a_file(["A"]))
    of_seven.switch_page("pages/candidates.py").run()
    check(of_seven)
    assert of_seven.selectbox(key="drivers-reference").value == "normal"


def test_a_choice_counts_that_the_page_has_not_drawn_yet(of_seven: AppTest) -> None:
    of_seven.selectbox(key="drivers-reference").set_value("others")
    of_seven.button(key="find-drivers").click().run()
    finish(of_seven)
    check(of_seven)
    assert session_of(of_seven).runs["drivers"].result.reference.option == "others"
