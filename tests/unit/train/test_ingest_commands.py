"""The commands `ingest` and `manifest`, as they are called."""

import argparse
import json

import pandas as pd
import pytest

from cellstate.errors import CellStateError
from cellstate.model.folder import default_model_folder
from tests.unit.train.archs4_files import make_counts, write_archs4
from tests.unit.train.stores import make_store
from train import manifest
from train.ingest import command as ingest
from train.store import open_store


def call(*arguments):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    ingest.add(commands)
    manifest.add(commands)
    options = parser.parse_args([str(argument) for argument in arguments])
    return json.loads(json.dumps(options.run(options), allow_nan=False))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    single_cell = [0.1] * 10 + [0.7] * 2
    return write_archs4(tmp_path_factory.mktemp("archs4") / "a.h5", make_counts(12), single_cell=single_cell)


def test_ingest_archs4_returns_a_summary_of_the_store(tmp_path, path, capsys):
    out = tmp_path / "store"
    answer = call("ingest", "archs4", path, "--out", out, "--split", "60,20,20", "--seed", 3)
    store = open_store(out)
    assert answer["store"] == str(out) and answer["sha256"] == store.manifest["sha256"]
    assert answer["n_samples"] == 10 and answer["n_read"] == 12 and answer["filters"]["single_cell"] == 2
    assert answer["splits"] == {"train": 6, "validation": 2, "test": 2} and answer["n_series"] == 5
    captured = capsys.readouterr()
    assert captured.out == "" and "stored: " in captured.err


def test_thresholds_are_options(tmp_path, path):
    options = ("--max-single-cell", 0.8, "--min-reads", 0, "--min-detected", 1, "--min-correlation", -1)
    assert call("ingest", "archs4", path, "--out", tmp_path / "all", *options)["n_samples"] == 12
    assert call("ingest", "archs4", path, "--out", tmp_path / "one", "--duplicates", 0.9)["n_near_duplicates"] > 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--split", "1,2"), "three shares"),
        (("--min-detected", 0), "out of range"),
        (("--min-correlation", 2), "between -1 and 1"),
        (("--duplicates", 0.2), "0.9 to 1"),
        (("--min-reads", "1e12"), "No sample is left of 12: single_cell removed 2, library_size removed 10"),
    ],
)
def test_bad_options_are_refused_and_leave_nothing(tmp_path, path, arguments, message):
    with pytest.raises(CellStateError, match=message) as refusal:
        call("ingest", "archs4", path, "--out", tmp_path / "store", *arguments)
    assert refusal.value.hint and not list(tmp_path.iterdir())


def test_a_file_named_twice_is_refused(tmp_path, path):
    with pytest.raises(CellStateError, match="named twice"):
        call("ingest", "archs4", path, path, "--out", tmp_path / "store")


def test_manifest_lists_and_writes_samples(tmp_path):
    store = make_store(tmp_path / "store", n_train=30, n_held_out=5)
    answer = call("manifest", store.path)
    assert answer["n_samples"] == 40 and answer["splits"] == {"train": 30, "validation": 5, "test": 5}
    assert len(answer["samples"]) == manifest.LISTED and "trained_on_this_store" not in answer
    answer = call("manifest", store.path, "--split", "test", "--out", tmp_path / "test.csv")
    assert answer["n_samples"] == 5
    assert pd.read_csv(tmp_path / "test.csv")["sample"].tolist() == [f"GSM{i:04d}" for i in range(36, 41)]
    call("manifest", store.path, "--out", tmp_path / "all.parquet")
    assert len(pd.read_parquet(tmp_path / "all.parquet")) == 40
    with pytest.raises(CellStateError, match="no kind of table"):
        call("manifest", store.path, "--out", tmp_path / "all.xlsx")
    with pytest.raises(CellStateError, match="no sample 'nobody'"):
        call("manifest", store.path, "--sample", "nobody")


def test_manifest_lists_the_samples_that_trained_a_model(tmp_path):
    store = make_store(tmp_path / "store", n_train=30, n_held_out=5)
    other = make_store(tmp_path / "other", n_train=30, n_held_out=5, seed=1)
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(CellStateError, match="no trained model"):
        call("manifest", store.path, "--model", model)
    told = json.loads((default_model_folder() / "metrics.json").read_text()) | {
        "store_sha256": store.manifest["sha256"]
    }
    (model / "metrics.json").write_text(json.dumps(told))
    answer = call("manifest", store.path, "--model", model, "--out", tmp_path / "roles.csv")
    assert answer["trained_on_this_store"] is True
    assert answer["answer"] == "Of these samples, 30 trained it, 5 chose when to stop, 5 never seen."
    assert pd.read_csv(tmp_path / "roles.csv")["role"].value_counts().to_dict()["trained it"] == 30
    one = call("manifest", store.path, "--model", model, "--sample", "GSM0031")
    assert one["n_samples"] == 1 and one["samples"][0]["role"] == "chose when to stop"
    answer = call("manifest", other.path, "--model", model)
    assert answer["trained_on_this_store"] is False and "did not train this model" in answer["answer"]
    assert {row["role"] for row in answer["samples"]} == {"none"}
    del told["store_sha256"]
    (model / "metrics.json").write_text(json.dumps(told))
    assert call("manifest", store.path, "--model", model)["trained_on_this_store"] is False
