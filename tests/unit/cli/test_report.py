"""The commands that hand an answer on, called as the program calls them."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import zipfile

import pandas as pd
import pytest

from cellstate.cli import report
from cellstate.cli.options import Commands
from cellstate.errors import CellStateError


@pytest.fixture
def call(table, small_model):
    """Run one of the two commands; returns the document that ``--json`` prints."""

    def run(command, *arguments):
        parser = argparse.ArgumentParser()
        report.add(Commands(parser.add_subparsers()))
        edit = f"--perturb={small_model.space.symbols[0]}=ko"
        words = [command, str(table), edit, "--model", str(small_model.folder), *map(str, arguments)]
        options = parser.parse_args(words)
        result, lines = options.run(options)
        assert lines[0].startswith(str(options.out)) and "hypothesis" in lines[0]
        return result

    return run


def test_report_is_one_file_that_names_nobody(call, table, small_model, tmp_path):
    result = call("report", "--out", tmp_path / "out.html", "--sample", "P061")
    page = (tmp_path / "out.html").read_bytes()
    assert result["sha256"] == hashlib.sha256(page).hexdigest() and result["n_bytes"] == len(page)
    assert page.startswith(b"<!doctype html>") and b"P061" not in page and table.name.encode() not in page
    assert f"{small_model.space.symbols[0]} knocked out".encode() in page


def test_report_names_the_sample_that_was_asked_for(call, table, tmp_path):
    result = call("report", "--out", tmp_path / "out.html", "--sample", "P061", "--name-sample", "--predictor", "pca")
    page = (tmp_path / "out.html").read_bytes()
    assert b"P061" in page and table.name.encode() in page and result["predictor"] == "pca"
    assert result["sample"] == "P061" and b"2 of 2" in page


def test_bundle_holds_what_perturb_writes(call, run, table, small_model, tmp_path, capsys):
    call("bundle", "--out", tmp_path / "out.zip", "--with-input")
    assert "P060, is used" in capsys.readouterr().err
    edit = f"{small_model.space.symbols[0]}=ko"
    run("perturb", table, "--perturb", edit, "--model", small_model.folder, "--out", tmp_path / "shift.csv")
    with zipfile.ZipFile(tmp_path / "out.zip") as held:
        assert held.read("tables/prediction.csv") == (tmp_path / "shift.csv").read_bytes()
        assert held.read("input.csv") == table.read_bytes()
        told = json.loads(held.read("settings.json"))
        shift = pd.read_parquet(io.BytesIO(held.read("tables/prediction.parquet")))
    assert told["perturbations"] == [edit] and told["sample"]["name"] is None and "sample" not in shift


def test_what_cannot_be_written_is_said_before_the_work(call, tmp_path):
    with pytest.raises(CellStateError, match="no folder"):
        call("report", "--out", tmp_path / "none" / "out.html")
    with pytest.raises(CellStateError, match="no sample called"):
        call("bundle", "--out", tmp_path / "out.zip", "--sample", "P999")
    assert list(tmp_path.iterdir()) == []
