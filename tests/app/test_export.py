"""What pages let their users take along: it is the answer, it names nobody unless asked to, and it comes back."""

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
from cellstate.ui.components.examples import examples
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
from cellstate.ui.evidence.reconstruction import figures_table
from cellstate.ui.state.session import Loaded, Session
from cellstate.viz import Chart, combination_steps, interaction_map, screen_bars
from tests.app.conftest import check

GOAL = "genes:+CDH1,-VIM"


@pytest.fixture(scope="module")
def opened() -> Model:
    """The shipped model."""
    return load_model(device="cpu")


@pytest.fixture
def state() -> Session:
    """A session with an example patient and two edits."""
    path = examples()[0].path
    session = Session()
    session.load(Loaded(read_samples(path), path, path.name, is_example=True))
    session.put([Perturbation("TP53", "knock-out"), Perturbation("MYC", "multiply", 3.0)])
    return session


def bundled(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        return {name: held.read(name) for name in held.namelist()}


@pytest.mark.parametrize("page, what", [("sample", "sample"), ("accuracy", "accuracy")])
def test_pages_offer_three_forms(with_example: AppTest, page: str, what: str) -> None:
    with_example.switch_page(f"pages/{page}.py").run()
    check(with_example)
    keys = {button.key for button in with_example.download_button}
    assert {f"export-{ending}-{what}" for ending in ("csv", "parquet", "h5ad")} <= keys
    assert with_example.toggle(key=f"export-named-{what}").value is False


def test_a_shift_is_taken_along_as_the_page_shows_it(state: Session, opened: Model) -> None:
    found = answer(state, opened)
    offer = prediction_export(state, opened, found)
    assert offer.report is not None and offer.run is not None
    pd.testing.assert_frame_equal(offer.table.frame, found.table)
    assert offer.table.about["predictor"] == found.predictor and offer.link.startswith("?v=1&edits=TP53=ko,MYC=x3")
    name = examples()[0].name
    for tick in (True, False):
        assert (name.encode() in render(offer.report(tick))) is tick
        held = bundled(bundle(offer.run(), named=tick))
        assert any(name.encode() in data for data in held.values()) is tick
    assert "sample" not in anonymous(offer.table).about and name not in anonymous(offer.table).csv().decode()


@pytest.fixture
def found_screen(state: Session, opened: Model):
    """A screen of some genes, and its offer."""
    genes = np.arange(0, len(opened.space), 400)
    goal = read_goal(GOAL, state.prepared(opened))
    found = screen(state.prepared(opened), goal, perturbations=["ko", "kd50"], genes=genes)
    drawn = screen_bars(named(found.table), "", [])
    return found, search_export(state, opened, found, "Knocked out: some genes", "**Best**", drawn)


def test_a_screen_comes_back_bit_for_bit(found_screen, tmp_path: Path, monkeypatch, capsys) -> None:
    found, offer = found_screen
    assert offer.run is not None
    zipfile.ZipFile(io.BytesIO(bundle(offer.run()))).extractall(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(examples()[0].path)])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(tmp_path / "reproduce.py"), run_name="__main__")
    assert ended.value.code == 0 and "bit for bit" in capsys.readouterr().out
    assert (tmp_path / "again.csv").read_bytes() == to_csv(found.table).encode()


def test_what_a_search_found_becomes_a_report(found_screen, state: Session, opened: Model) -> None:
    found, offer = found_screen
    page = render(offer.report(False)).split(b"<script>")[0].decode()
    assert "CDH1 up, VIM down" in page and "<strong>Best</strong>" in page and found.table["gene"].iloc[0] in page
    assert examples()[0].name not in page and "knocked out" in page


def test_pairs_and_combinations_are_taken_along(state: Session, opened: Model) -> None:
    goal = read_goal(GOAL, state.prepared(opened))
    genes = np.arange(0, len(opened.space), 2_000)
    two = pairs(state.prepared(opened), goal, genes=genes, partners=genes)
    several = combine(state.prepared(opened), goal, max_perturbations=2, genes=genes)
    steps, greedy = named(several.steps), named(several.greedy)
    singles, distance = several.sum_of_singles, goal.distance
    assert two is not None and several.predictor == "elastic_net"
    drawn: list[tuple[Pairs | Combination, Chart]] = [
        (two, interaction_map(two.table)),
        (several, combination_steps(steps, greedy, sum_of_singles=singles, wanted=1.0, distance=distance)),
    ]
    for found, chart in drawn:
        offer = search_export(state, opened, found, "some genes", "said", chart)
        assert offer.run is not None and not offer.no_bundle
        held = bundled(bundle(offer.run()))
        assert held[f"tables/{offer.what}.csv"] == to_csv(offer.table.frame).encode() and b"ENSG" in held["genes.txt"]
        assert not any(examples()[0].name.encode() in data for data in held.values())
        assert offer.report is not None and render(offer.report(True)).count(b"<tr>") > 3
        assert offer.table.h5ad() and offer.table.parquet()


def test_goals_are_written_out_where_that_is_the_same_goal(state: Session, opened: Model) -> None:
    patient, space = prepare_sample(opened, state.sample()), opened.space
    of_set = gene_set_goal(space, {"CDH1": -1, "VIM": -1, "NOSUCH": -1}, spec="down:mine.gmt#S", label="S down")
    again = read_goal(portable_goal(of_set, opened, patient), patient)
    np.testing.assert_array_equal(again.direction_G, of_set.direction_G)
    assert again.distance == of_set.distance
    reference = read_samples(examples()[1].path)
    toward = toward_goal(patient, reference, spec="toward:/etc/passwd#S", label="toward S")
    assert portable_goal(toward, opened, patient) == ""


def test_other_pages_offer_their_tables(state: Session, opened: Model) -> None:
    samples = read_samples(examples()[1].path)
    found = compare([state.prepared(opened)], [prepare_sample(opened, samples)], [Perturbation("TP53", "knock-out")])
    offer = experiment_export(found, "TP53 knocked out")
    assert len(pd.read_csv(io.BytesIO(offer.table.csv()))) == len(found.table) and "sample" not in offer.table.about
    figures = figures_table(opened.record.evaluation["test"])
    read = pd.read_parquet(io.BytesIO(accuracy_export(figures, "S1").table.parquet()))
    assert list(read["Autoencoder"]) == list(figures["Autoencoder"])
    table = sample_export(state, opened).table
    tpm = state.sample().tpm_SA[0, opened.space.axis_index_G]
    np.testing.assert_array_equal(pd.read_parquet(io.BytesIO(table.parquet()))["tpm"], tpm)
    assert table.about["kind"] == "measured"


def test_the_file_of_an_upload_is_the_bytes_that_were_brought(state: Session, opened: Model) -> None:
    data = examples()[0].path.read_bytes()
    state.load(Loaded(state.sample(), data, "My patient.tsv.gz"))
    state.put([Perturbation("TP53", "knock-out")])
    assert source_of(state).contents() == data
    offer = prediction_export(state, opened, answer(state, opened))
    assert "example" not in offer.link and offer.run is not None
    held = bundled(bundle(offer.run(), with_input=True))
    assert held["input.tsv.gz"] == data and b"My patient" not in held["settings.json"] + held["README.md"]
    assert json.loads(held["settings.json"])["input"]["in_bundle"] is True
