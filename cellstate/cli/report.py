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
    from cellstate.report.provenance import SampleFile


def add(commands: Commands) -> None:
    """Add the command."""
    words = "predicted expression change as one HTML file to share"
    one = commands.add("report", words, _run, reads=True, runs=True)
    add_options(one, "HTML")
    one.add_argument(
        "--one-page", action="store_true", help="one A4 page for a lab meeting, with what drives the sample; no scripts"
    )


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
    if options.one_page:
        return write(_one_page(options, model, source, report, today), options, report, source)
    sections = prediction_report(report, source, provenance(model), model.record, named=options.name_sample, on=today)
    return write(render(sections), options, report, source)


def _one_page(
    options: argparse.Namespace, model: Model, source: SampleFile, report: PredictionReport, today: str
) -> bytes:
    from cellstate.evaluation.model_choice import BASE
    from cellstate.model import load_model
    from cellstate.model.folder import shipped_models
    from cellstate.perturb.regulators.reference import load_reference
    from cellstate.perturb.regulators.search import regulators
    from cellstate.perturb.sample import prepare_sample
    from cellstate.report.one_page import one_page, render_page
    from cellstate.report.provenance import provenance

    normal = model if load_reference(model) is not None else None
    if normal is None and BASE in shipped_models():
        normal = load_model(shipped_models()[BASE], device=str(model.device))
    samples, _ = read_all_samples(options)
    drivers = regulators([prepare_sample(normal, samples.take([source.position]))]) if normal is not None else None
    made = provenance(model)
    page = one_page(report, drivers, source, made, model.record, named=options.name_sample, on=today)
    return render_page(page)


def predict_from_file(options: argparse.Namespace) -> tuple[Model, list[Perturbation], SampleFile, PredictionReport]:
    """Read perturbations, model and sample, and predict."""
    from cellstate.evaluation.answer_evidence import prediction_evidence
    from cellstate.evaluation.ood import ood_score_after, ood_scores
    from cellstate.evaluation.reliability import change_over_error, reliability_table
    from cellstate.io import check_writable
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample
    from cellstate.report.html_prediction import PredictionReport
    from cellstate.report.provenance import SampleFile

    perturbations = read_perturbations(options)
    check_writable(options.out)
    model = read_model(options)
    samples, positions = read_all_samples(options)
    position, (data, name, _) = first_of(options, samples, positions), read_source(options)
    sample = prepare_sample(model, samples.take([position]))
    source = SampleFile(data, name, read_overrides(options), sample.name, position, len(samples))
    prediction = predict(sample, perturbations, options.predictor)
    before, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    labels = [perturbation.label for perturbation in perturbations]
    error, evidence = change_over_error(model, table), prediction_evidence(prediction, before, after, table)
    report = PredictionReport(prediction.predictor, labels, table, before, after, error, evidence)
    return model, perturbations, source, report


def write(data: bytes, options: argparse.Namespace, report: PredictionReport, source: SampleFile) -> Answer:
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
