"""The two files of a model folder that say something about its weights: read once, every fault one sentence."""

from __future__ import annotations

import json

import pytest

from cellstate.errors import ModelError
from cellstate.evaluation import calibration, intervals
from cellstate.evidence import Benchmark, PredictorId
from cellstate.model.folder import default_model_folder
from cellstate.model.record import (
    EVIDENCE,
    METRICS,
    MODE_SHAPE,
    N_INTERVAL_LEVELS,
    ModelRecord,
    read_record,
    write_evidence,
    write_training,
)
from tests.support.evidence_factories import favouring


@pytest.fixture
def documents():
    return {name: json.loads((default_model_folder() / name).read_text()) for name in (METRICS, EVIDENCE)}


def put(document, path, value):
    """Set the entry at a path, or remove it where the value is ``...``."""
    *parents, last = path
    for key in parents:
        document = document[key]
    if value is ...:
        del document[last]
    else:
        document[last] = value


def test_the_shipped_folder_reads_with_every_part():
    found = read_record(default_model_folder())
    assert found.training is not None and found.calibration is not None
    assert list(found.evaluation) == ["test", "older_test"] and len(found.sources) == 2
    assert set(found.calibration.copy_through) == {one for one in PredictorId if one in found.calibration.copy_through}
    assert found.default_predictor is PredictorId.ELASTIC_NET
    assert {one.benchmark for one in found.records} == set(found.evidence.results)


def test_a_folder_without_the_files_has_nothing_to_say(tmp_path):
    found = read_record(tmp_path)
    assert found.training is None and found.calibration is None and not found.evaluation and not found.sources
    assert not found.records and found.default_predictor is PredictorId.AUTOENCODER
    assert ModelRecord().default_predictor is PredictorId.AUTOENCODER


def test_lengths_are_those_of_the_calibration():
    assert len(intervals.LEVELS_TPM) == N_INTERVAL_LEVELS
    assert (calibration.ERROR_CLASSES, len(calibration.SILENCE) + 1, len(calibration.LEVELS_TPM)) == MODE_SHAPE


RESULT = ("results", "regulons")
RECORD = (*RESULT, "records", 3)


@pytest.mark.parametrize(
    "file, path, value, place",
    [
        (METRICS, ("trained_on",), ..., ""),
        (METRICS, ("trained_on", "splits", "train"), "255", "trained_on.splits"),
        (METRICS, ("best_epoch",), 1.5, "best_epoch"),
        (METRICS, ("seconds",), None, "seconds"),
        (METRICS, ("evalution",), {}, ""),
        (METRICS, ("config", "network"), ..., "config"),
        (METRICS, ("calibration", "intervals", "low"), [0.1] * 9, "calibration.intervals.low"),
        (METRICS, ("calibration", "intervals", "low", 3), "x", "calibration.intervals.low[3]"),
        (METRICS, ("calibration", "conditional_mode", "error_edges"), [0.1] * 8, "calibration.conditional_mode"),
        (
            METRICS,
            ("calibration", "conditional_mode", "tpm", 0),
            [[0.1] * 18] * 4,
            "calibration.conditional_mode.tpm[0]",
        ),
        (METRICS, ("calibration", "ood", "state", "robust_sd"), 0, "calibration.ood.state.robust_sd"),
        (METRICS, ("calibration", "ood", "spread"), {}, "calibration.ood"),
        (METRICS, ("calibration", "copy_through", "network"), {}, "calibration.copy_through"),
        (METRICS, ("evaluation", "test", "bins"), [], "evaluation[...].bins"),
        (METRICS, ("evaluation", "test", "baselines", "pca", "bins"), [], "evaluation[...]"),
        (METRICS, ("evaluation", "test", "baselines", "gene_mean"), ..., "evaluation[...]"),
        (METRICS, ("evaluation", "test", "interval_coverage", "bins"), [0.9], "evaluation[...]"),
        (EVIDENCE, ("results",), [], "results"),
        (EVIDENCE, (*RESULT, "date"), ..., "results[...]"),
        (EVIDENCE, (*RECORD, "metric"), "AUROC in z", "results[...].records[3].metric"),
        (EVIDENCE, (*RECORD, "predictor"), "auto_encoder", "results[...].records[3].predictor"),
        (EVIDENCE, (*RECORD, "value"), "0.5", "results[...].records[3].value"),
        (EVIDENCE, (*RECORD, "passed"), True, "results[...].records[3]"),
        (EVIDENCE, (*RECORD, "benchmark"), "reliability", ""),
        (EVIDENCE, ("default_predictor", "predictor"), "coexpression", ""),
        (EVIDENCE, ("default_predictor", "rule"), "the best", "default_predictor.rule"),
    ],
)
def test_every_fault_is_one_sentence_with_its_place(tmp_path, documents, file, path, value, place):
    put(documents[file], path, value)
    for name, document in documents.items():
        (tmp_path / name).write_text(json.dumps(document))
    with pytest.raises(ModelError) as caught:
        read_record(tmp_path)
    message = caught.value.message
    assert message.startswith(f"{file} is damaged") and message.endswith(".") and message.count("\n") == 0
    assert f" at {place}" in message if place else message
    assert caught.value.hint


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"null", b'{"seconds": NaN}', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("file", [METRICS, EVIDENCE])
def test_what_is_no_such_document_is_one_sentence(tmp_path, file, text):
    (tmp_path / file).write_bytes(text)
    with pytest.raises(ModelError, match=rf"{file} is damaged") as caught:
        read_record(tmp_path)
    assert caught.value.message.count("\n") == 0


def test_not_a_number_in_a_figure_is_damage(tmp_path, documents):
    documents[METRICS]["validation_loss"] = float("nan")
    (tmp_path / METRICS).write_text(json.dumps(documents[METRICS]))
    with pytest.raises(ModelError, match=r"metrics\.json is damaged"):
        read_record(tmp_path)


def test_what_is_written_is_read_again(tmp_path, documents):
    written = write_training(tmp_path, documents[METRICS])
    assert json.loads((tmp_path / METRICS).read_text()) == documents[METRICS]
    write_evidence(tmp_path, favouring(PredictorId.PCA))
    found = read_record(tmp_path)
    assert found.training == written and found.default_predictor is PredictorId.PCA
    assert set(found.evidence.results) == {Benchmark.REGULONS, Benchmark.SIMULATED}
    with pytest.raises(ModelError, match=r"metrics\.json"):
        write_training(tmp_path, {"trained_on": {"name": "x"}})
    assert read_record(tmp_path).training == written
