"""``report`` and ``bundle``: files that hold a prediction."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pandas as pd
import pytest

from tests.unit.cli.conftest import refusal


@pytest.fixture
def call(run, table, small_model):
    """Run one of the two commands on a knock-out of the model's first gene; returns its document."""

    def with_perturbation(command, *arguments, **options):
        perturbation = f"{small_model.space.symbols[0]}=ko"
        given = ("--perturb", perturbation, "--model", small_model.folder, *arguments)
        return run(command, table, *given, **options)

    return with_perturbation


def test_report_is_one_file_that_names_nobody(call, table, small_model, tmp_path):
    result = call("report", "--out", tmp_path / "out.html", "--sample", "P061", "--json")
    page = (tmp_path / "out.html").read_bytes()
    assert result["sha256"] == hashlib.sha256(page).hexdigest() and result["n_bytes"] == len(page)
    assert page.startswith(b"<!doctype html>") and b"P061" not in page and table.name.encode() not in page
    assert f"{small_model.space.symbols[0]} knocked out".encode() in page


def test_report_names_the_sample_that_was_asked_for(call, table, tmp_path):
    named = ("--sample", "P061", "--name-sample", "--predictor", "pca", "--json")
    result = call("report", "--out", tmp_path / "out.html", *named)
    page = (tmp_path / "out.html").read_bytes()
    assert b"P061" in page and table.name.encode() in page and result["predictor"] == "pca"
    assert result["sample"] == "P061" and b"2 of 2" in page


def test_bundle_holds_what_perturb_writes(call, table, small_model, tmp_path):
    captured = call("bundle", "--out", tmp_path / "out.zip", "--with-input")
    assert "P060, is used" in captured.err and captured.out.startswith(str(tmp_path / "out.zip"))
    # A chosen precision is computed in torch, as in the bundle: equal to the last digit.
    call("perturb", "--dtype", "float32", "--out", tmp_path / "change.csv")
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        assert bundle.read("tables/prediction.csv") == (tmp_path / "change.csv").read_bytes()
        assert bundle.read("input.csv") == table.read_bytes()
        settings = json.loads(bundle.read("settings.json"))
        change = pd.read_parquet(io.BytesIO(bundle.read("tables/prediction.parquet")))
    assert settings["perturbations"] == [f"{small_model.space.symbols[0]}=ko"]
    assert settings["sample"]["name"] is None and "sample" not in change


def test_what_cannot_be_written_is_refused_before_the_work(call, tmp_path):
    assert "no folder" in refusal(call("report", "--out", tmp_path / "none" / "out.html", status=2))
    assert "no sample called" in refusal(call("bundle", "--out", tmp_path / "out.zip", "--sample", "P9", status=2))
    assert list(tmp_path.iterdir()) == []
