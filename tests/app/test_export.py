"""Exports: they hold the numbers of the page, name no sample unless the user ticks that, and repeat the run."""

from __future__ import annotations

import io
import json
import runpy
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.experiment import compare
from cellstate.goals import read_goal
from cellstate.io import read_samples, to_csv
from cellstate.model import Model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.combination import Combination, combine
from cellstate.perturb.search.goal import gene_set_goal, toward_goal
from cellstate.perturb.search.pairs import Pairs, pairs
from cellstate.perturb.search.single import screen
from cellstate.report.bundle import bundle
from cellstate.report.html import render
from cellstate.ui.candidates.results import named
from cellstate.ui.components.export_menu import anonymous
from cellstate.ui.components.exports import (
    accuracy_export,
    experiment_export,
    portable_goal,
    prediction_export,
    sample_export,
    search_export,
    source_of,
)
from cellstate.ui.components.load_samples import examples
from cellstate.ui.evidence.reconstruction import figures_table
from cellstate.ui.state.prediction import prediction_result
from cellstate.ui.state.session import Loaded, Session
from cellstate.viz import Chart, combination_steps, pair_bars, screen_bars
from tests.app.conftest import check, open_evidence, open_sample

GOAL = "genes:+CDH1,-VIM"


@pytest.fixture(scope="module")
def opened() -> Model:
    """The shipped model."""
    return load_model(device="cpu")


@pytest.fixture
def state() -> Session:
    """A session with an example patient and two perturbations."""
    path = examples()[0].path
    session = Session()
    session.load(Loaded(read_samples(path), path, path.name, is_example=True))
    session.put([Perturbation("TP53", "knock-out"), Perturbation("MYC", "multiply", 3.0)])
    return session


def bundled(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        return {name: held.read(name) for name in held.namelist()}


def test_pages_export_tables_in_three_formats(with_example: AppTest) -> None:
    for draw, kind in ((open_sample, "sample"), (lambda app: open_evidence(app, "Reconstruction"), "accuracy")):
        check(draw(with_example))
        keys = {button.key for button in with_example.download_button}
        assert {f"export-{ending}-{kind}" for ending in ("csv", "parquet", "h5ad")} <= keys
        assert with_example.toggle(key=f"export-named-{kind}").value is False


def test_a_prediction_is_exported_as_the_page_shows_it(state: Session, opened: Model) -> None:
    result = prediction_result(state, opened)
    export = prediction_export(state, opened, result)
    assert export.report is not None and export.run is not None
    pd.testing.assert_frame_equal(export.table.frame, result.table)
    assert export.table.about["predictor"] == result.predictor
    assert export.link.startswith("?v=1&perturb=TP53=ko,MYC=x3")
    name = examples()[0].name
    for tick in (True, False):
        assert (name.encode() in render(export.report(tick))) is tick
        held = bundled(bundle(export.run(), named=tick))
        assert any(name.encode() in data for data in held.values()) is tick
    assert "sample" not in anonymous(export.table).about and name not in anonymous(export.table).csv().decode()


@pytest.fixture
def screened(state: Session, opened: Model):
    """A screen of some genes, and its export."""
    genes = np.arange(0, len(opened.space), 400)
    goal = read_goal(GOAL, state.prepared(opened))
    result = screen(state.prepared(opened), goal, perturbations=["ko", "kd50"], genes=genes)
    drawn = screen_bars(named(result.table), "", [])
    return result, search_export(state, opened, result, "Knocked out: some genes", "**Best**", drawn)


def test_a_bundle_repeats_a_screen_bit_for_bit(screened, tmp_path: Path, monkeypatch, capsys) -> None:
    result, export = screened
    assert export.run is not None
    zipfile.ZipFile(io.BytesIO(bundle(export.run()))).extractall(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(examples()[0].path)])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(tmp_path / "reproduce.py"), run_name="__main__")
    assert ended.value.code == 0 and "bit for bit" in capsys.readouterr().out
    assert (tmp_path / "again.csv").read_bytes() == to_csv(result.table).encode()


def test_report_of_a_search(screened, state: Session, opened: Model) -> None:
    result, export = screened
    page = render(export.report(False)).split(b"<script>")[0].decode()
    assert "CDH1 up, VIM down" in page and "<strong>Best</strong>" in page and result.table["gene"].iloc[0] in page
    assert examples()[0].name not in page and "knocked out" in page


def test_pairs_and_combinations_are_exported(state: Session, opened: Model) -> None:
    goal = read_goal(GOAL, state.prepared(opened))
    genes = np.arange(0, len(opened.space), 2_000)
    two = pairs(state.prepared(opened), goal, genes=genes, partners=genes)
    several = combine(state.prepared(opened), goal, max_perturbations=2, genes=genes)
    steps, greedy = named(several.steps), named(several.greedy)
    singles, distance = several.sum_of_singles, goal.distance
    assert two is not None and several.predictor == "elastic_net"
    drawn: list[tuple[Pairs | Combination, Chart]] = [
        (two, pair_bars(two.table)),
        (several, combination_steps(steps, greedy, sum_of_singles=singles, wanted=1.0, distance=distance)),
    ]
    for result, chart in drawn:
        export = search_export(state, opened, result, "some genes", "text", chart)
        assert export.run is not None and not export.no_bundle
        held = bundled(bundle(export.run()))
        assert held[f"tables/{export.kind}.csv"] == to_csv(export.table.frame).encode() and b"ENSG" in held["genes.txt"]
        assert not any(examples()[0].name.encode() in data for data in held.values())
        assert export.report is not None and render(export.report(True)).count(b"<tr>") > 3
        assert export.table.h5ad() and export.table.parquet()


def test_goals_from_gene_sets_are_written_gene_by_gene(state: Session, opened: Model) -> None:
    patient, space = prepare_sample(opened, state.sample()), opened.space
    of_set = gene_set_goal(space, {"CDH1": -1, "VIM": -1, "NOSUCH": -1}, spec="down:mine.gmt#S", label="S down")
    again = read_goal(portable_goal(of_set, opened, patient), patient)
    np.testing.assert_array_equal(again.direction_G, of_set.direction_G)
    assert again.distance == of_set.distance
    reference = read_samples(examples()[1].path)
    toward = toward_goal(patient, reference, spec="toward:/etc/passwd#S", label="toward S")
    assert portable_goal(toward, opened, patient) == ""


def test_tables_of_other_pages(state: Session, opened: Model) -> None:
    samples = read_samples(examples()[1].path)
    result = compare([state.prepared(opened)], [prepare_sample(opened, samples)], [Perturbation("TP53", "knock-out")])
    export = experiment_export(result, "TP53 knocked out")
    assert len(pd.read_csv(io.BytesIO(export.table.csv()))) == len(result.table) and "sample" not in export.table.about
    figures = figures_table(opened.record.evaluation["test"])
    read = pd.read_parquet(io.BytesIO(accuracy_export(figures, "S1").table.parquet()))
    assert list(read["Autoencoder"]) == list(figures["Autoencoder"])
    table = sample_export(state, opened).table
    tpm = state.sample().tpm_SA[0, opened.space.axis_index_G]
    np.testing.assert_array_equal(pd.read_parquet(io.BytesIO(table.parquet()))["tpm"], tpm)
    assert table.about["kind"] == "measured"


def test_a_bundle_holds_the_bytes_of_the_upload(state: Session, opened: Model) -> None:
    data = examples()[0].path.read_bytes()
    state.load(Loaded(state.sample(), data, "My patient.tsv.gz"))
    state.put([Perturbation("TP53", "knock-out")])
    assert source_of(state).contents() == data
    export = prediction_export(state, opened, prediction_result(state, opened))
    assert "example" not in export.link and export.run is not None
    held = bundled(bundle(export.run(), with_input=True))
    assert held["input.tsv.gz"] == data and b"My patient" not in held["settings.json"] + held["README.md"]
    assert json.loads(held["settings.json"])["input"]["in_bundle"] is True
