"""``cellstate report``: a predicted expression change as one HTML file; its parts also serve ``cellstate bundle``."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cellstate.cli.options import Answer, Commands, add_perturb, add_predictor
from cellstate.cli.readers import (
    first_of,
    read_all_samples,
    read_model,
    read_overrides,
    read_perturbations,
    read_source,
)
from cellstate.extras import require_extra

if TYPE_CHECKING:
    from cellstate.model import Model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.report.html_prediction import PredictionReport
    from cellstate.report.provenance import Source


def add(commands: Commands) -> None:
    """Add the command."""
    words = "predicted expression change as one HTML file to share"
    add_options(commands.add("report", words, _run, reads=True, runs=True), "HTML")


def add_options(command: argparse.ArgumentParser, kind: str) -> None:
    """Add the options of ``report`` and ``bundle``."""
    add_perturb(command, "as for perturb")
    add_predictor(command)
    command.add_argument("--out", required=True, metavar=kind, help="where to write it")
    command.add_argument(
        "--name-sample", action="store_true", help="name the sample and FILE in it (default: neither is named)"
    )


def _run(options: argparse.Namespace) -> Answer:
    require_extra("app", "A report")
    from cellstate.report.html import render
    from cellstate.report.html_prediction import prediction_report
    from cellstate.report.provenance import provenance

    model, _, source, report = predict_from_file(options)
    today = datetime.now(UTC).date().isoformat()
    sections = prediction_report(report, source, provenance(model), model.record, named=options.name_sample, on=today)
    return write(render(sections), options, report, source)


def predict_from_file(options: argparse.Namespace) -> tuple[Model, list[Perturbation], Source, PredictionReport]:
    """Read perturbations, model and sample, and predict."""
    from cellstate.evaluation.answer_evidence import prediction_evidence
    from cellstate.evaluation.ood import ood_score_after, ood_scores
    from cellstate.evaluation.reliability import change_over_error, reliability_table
    from cellstate.io import check_writable
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample
    from cellstate.report.html_prediction import PredictionReport
    from cellstate.report.provenance import Source

    perturbations = read_perturbations(options)
    check_writable(options.out)
    model = read_model(options)
    samples, positions = read_all_samples(options)
    position, (data, name, _) = first_of(options, samples, positions), read_source(options)
    sample = prepare_sample(model, samples.take([position]))
    source = Source(data, name, read_overrides(options), sample.name, position, len(samples))
    prediction = predict(sample, perturbations, options.predictor)
    before, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    labels = [perturbation.label for perturbation in perturbations]
    error, evidence = change_over_error(model, table), prediction_evidence(prediction, before, after, table)
    report = PredictionReport(prediction.predictor, labels, table, before, after, error, evidence)
    return model, perturbations, source, report


def write(data: bytes, options: argparse.Namespace, report: PredictionReport, source: Source) -> Answer:
    """Write the file, and return its checksum and content in words."""
    from cellstate.io.write import write_file

    path = write_file(data, options.out)
    result = {
        "path": str(path),
        "n_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sample": source.sample,
        "perturbations": list(report.perturbations),
        "predictor": report.predictor,
        "kind": "hypothesis",
    }
    named = "It names the sample." if options.name_sample else "It does not name the sample (--name-sample)."
    return result, [f"{path}: {len(data) / 1e6:,.1f} MB. {named} A hypothesis, for research only."]
