"""What is kept of a benchmark: whole results alone, all files or none; the default and the card follow."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from benchmarks.record import main, record
from benchmarks.report import at_most, measured, show
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Dataset, Metric, PredictorId
from cellstate.model import create_model, load_model
from cellstate.model.record import EVIDENCE, METRICS
from tests.support.evidence_factories import record as figure
from tests.support.evidence_factories import rule_records
from train.package import card

P = PredictorId


def one(benchmark, value=0.5, threshold=0.6):
    where, metric = {
        Benchmark.REGULONS: (Dataset.TARGETS_TUMOURS, Metric.TARGET_AUROC),
        Benchmark.RELIABILITY: (Dataset.TEST, Metric.OOD_AUROC),
    }[benchmark]
    return figure(benchmark, where, P.AUTOENCODER, metric, value, threshold=threshold)


@pytest.fixture
def folder(small_model, tmp_path):
    return Path(shutil.copytree(small_model.folder, tmp_path / "model"))


@pytest.fixture
def saved(tmp_path, capsys):
    def save(benchmark, *records, quick=False, model=None):
        show(benchmark, records=records or (one(benchmark),), quick=quick, model=model)
        path = tmp_path / f"{benchmark}.out"
        path.write_text("progress\n" + capsys.readouterr().out)
        os.utime(path, (1_700_000_000,) * 2)
        return path

    return save


def evidence_of(folder):
    return json.loads((folder / EVIDENCE).read_text())


def test_records_are_kept_with_date_and_machine(folder, saved):
    before = (folder / METRICS).read_bytes()
    record(folder, [saved(Benchmark.REGULONS), saved(Benchmark.RELIABILITY)])
    kept = evidence_of(folder)["results"]
    assert set(kept) == {"regulons", "reliability"} and (folder / METRICS).read_bytes() == before
    assert kept["regulons"]["date"] == "2023-11-14" and "torch" in kept["regulons"]["machine"]
    (found,) = kept["regulons"]["records"]
    assert (found["metric"], found["value"], found["threshold"], found["passed"]) == ("target_auroc", 0.5, 0.6, False)


def test_the_default_is_decided_once_with_its_reason(folder, saved):
    figures = rule_records(
        {P.AUTOENCODER: 0.02, P.PCA: 0.04, P.COEXPRESSION: 0.06},
        {P.PCA: 0.01, P.COEXPRESSION: 0.03},
        {P.AUTOENCODER: 0.6, P.PCA: 0.7, P.COEXPRESSION: 0.4},
    )
    by = {name: saved(name, *figures.where(benchmark=name)) for name in (Benchmark.REGULONS, Benchmark.SIMULATED)}
    # Half of the evidence decides nothing.
    assert record(folder, [by[Benchmark.REGULONS]]).predictor is P.AUTOENCODER
    found = record(folder, [by[Benchmark.SIMULATED]])
    assert found.predictor is P.PCA and load_model(folder, device="cpu").record.default_predictor is P.PCA
    kept = evidence_of(folder)["default_predictor"]
    assert (kept["predictor"], kept["rule"]) == ("pca", "target_specificity")
    assert (kept["reason"]["value"], kept["reason"]["reference_value"]) == (0.04, 0.02)
    verdicts = {entry["predictor"]: entry["verdict"] for entry in kept["competing"]}
    assert verdicts["coexpression"] == "worse_in_simulation" and verdicts["ridge"] == "missing_evidence"


def test_the_card_is_written_anew(folder, saved):
    assert main([str(folder), str(saved(Benchmark.REGULONS))]) == 0
    text = (folder / "MODEL_CARD.md").read_text()
    assert "0.500 ✗" in text and "2023-11-14" in text
    assert text == card(load_model(folder, device="cpu"))
    assert not list(folder.glob("*.partial"))


def test_a_later_result_replaces_that_of_its_own_benchmark_alone(folder, saved):
    record(folder, [saved(Benchmark.REGULONS), saved(Benchmark.RELIABILITY)])
    record(folder, [saved(Benchmark.REGULONS, one(Benchmark.REGULONS, 0.75))])
    kept = evidence_of(folder)["results"]
    assert kept["regulons"]["records"][0]["value"] == 0.75
    assert kept["reliability"]["records"][0]["value"] == 0.5


def test_a_figure_that_could_not_be_measured_is_null_and_passes_nothing(folder, saved):
    record(folder, [saved(Benchmark.REGULONS, one(Benchmark.REGULONS, float("nan")))])
    assert "NaN" not in (folder / EVIDENCE).read_text()
    (found,) = evidence_of(folder)["results"]["regulons"]["records"]
    assert found["value"] is None and found["passed"] is False


GOOD = '{"benchmark":"reliability","machine":"m","quick":false,"records":[%s],"criteria":[]}'
FIGURE = '{"benchmark":"reliability","dataset":"test","predictor":"pca","metric":"ood_auroc","value":0.9}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"benchmark": "x", "machine": "", "quick": false}',
        GOOD % "",
        GOOD % "1",
        GOOD % FIGURE.replace("ood_auroc", "AUROC of log of log"),
        GOOD % FIGURE.replace("0.9", "NaN"),
        GOOD % FIGURE.replace("reliability", "regulons"),
        GOOD % f"{FIGURE},{FIGURE}",
        "\x00\xff",
    ],
)
def test_a_file_without_a_result_is_refused_and_nothing_is_written(folder, saved, tmp_path, content, capsys):
    bad = tmp_path / "bad.out"
    bad.write_bytes(content.encode("latin-1"))
    assert main([str(folder), str(saved(Benchmark.RELIABILITY)), str(bad)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "bad.out" in message and len(message.splitlines()) == 2
    assert main([str(folder), str(tmp_path / "nowhere.out")]) == 2
    assert "nowhere.out" in capsys.readouterr().err and not (folder / EVIDENCE).exists()


def test_a_quick_run_claims_nothing(folder, saved):
    path = saved(Benchmark.RELIABILITY, quick=True)
    assert json.loads(path.read_text().splitlines()[-1])["records"][0]["threshold"] is None
    with pytest.raises(CellStateError, match="quick run of reliability"):
        record(folder, [path])


def test_criteria_alone_are_no_evidence(folder, tmp_path, capsys):
    criteria = [at_most("load", 0.5, "s", 1), measured("forward", 0.2, "s")]
    show(Benchmark.LATENCY, criteria=criteria, quick=False)
    path = tmp_path / "latency.out"
    path.write_text(capsys.readouterr().out)
    shown = json.loads(path.read_text().splitlines()[-1])
    assert [(entry["name"], entry["threshold"], entry["passed"]) for entry in shown["criteria"]] == [
        ("load", 1.0, True),
        ("forward", None, None),
    ]
    with pytest.raises(CellStateError, match="no records"):
        record(folder, [path])


def test_the_criteria_of_records_are_in_the_last_line(saved):
    shown = json.loads(saved(Benchmark.RELIABILITY).read_text().splitlines()[-1])
    (criterion,) = shown["criteria"]
    assert (criterion["name"], criterion["best"], criterion["passed"]) == (
        "test.autoencoder.ood_auroc",
        "higher",
        False,
    )


def test_random_weights_have_no_quality(saved, tmp_path):
    create_model(tmp_path / "random", "demo")
    with pytest.raises(CellStateError, match="random weights"):
        record(tmp_path / "random", [saved(Benchmark.RELIABILITY)])
    assert not (tmp_path / "random" / EVIDENCE).exists()


def test_a_result_of_other_weights_is_refused(folder, small_model, saved):
    path = saved(Benchmark.RELIABILITY, model=small_model)
    record(folder, [path])
    checksum = evidence_of(folder)["results"]["reliability"]["weights_sha256"]
    path.write_text(path.read_text().replace(checksum, "0" * 64))
    before = (folder / EVIDENCE).read_bytes()
    with pytest.raises(CellStateError, match="other weights"):
        record(folder, [path])
    assert (folder / EVIDENCE).read_bytes() == before
