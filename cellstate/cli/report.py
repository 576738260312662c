"""Commands that hand an answer on: ``report``, one HTML file, and ``bundle``, a zip that gives the numbers again."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cellstate.cli.answer import Answer
from cellstate.cli.commands import Commands, add_perturb, add_predictor, add_sample
from cellstate.cli.inputs import note, read_model, read_overrides, read_perturbations, read_whole_file

if TYPE_CHECKING:
    from cellstate.model import Model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.report.html_prediction import PredictionReport
    from cellstate.report.provenance import Source


def add(commands: Commands) -> None:
    """Add ``report`` and ``bundle``."""
    one = commands.add("report", "predicted shift as one HTML file to hand on", _report, reads=True, runs=True)
    _add_asked(one, "HTML")
    one = commands.add(
        "bundle", "predicted shift as a zip with the code that gives its numbers again", _bundle, reads=True, runs=True
    )
    _add_asked(one, "ZIP")
    one.add_argument("--with-input", action="store_true", help="put FILE itself into the bundle (default: its sha256)")


def _add_asked(command: argparse.ArgumentParser, what: str) -> None:
    add_perturb(command, "as for perturb")
    add_predictor(command)
    add_sample(command)
    command.add_argument("--out", required=True, metavar=what, help="where to write it")
    command.add_argument(
        "--name-sample", action="store_true", help="name the sample and FILE in it (default: nothing says who it is)"
    )


def _report(options: argparse.Namespace) -> Answer:
    from cellstate.report.html import render
    from cellstate.report.html_prediction import prediction_report
    from cellstate.report.provenance import provenance

    model, _, source, answer = _asked(options)
    today = datetime.now(UTC).date().isoformat()
    made = provenance(model)
    page = render(prediction_report(answer, source, made, model.record, named=options.name_sample, on=today))
    return _written(page, options, answer, source)


def _bundle(options: argparse.Namespace) -> Answer:
    from cellstate.io.write import ExportTable
    from cellstate.report.bundle import bundle
    from cellstate.report.provenance import Run, provenance

    model, perturbations, source, answer = _asked(options)
    about = {
        "sample": source.sample,
        "perturbations": ", ".join(answer.perturbations),
        "predictor": str(answer.predictor),
    }
    table = ExportTable(answer.table, ("ensembl_id",), "log2_fold_change", about | {"kind": "hypothesis"})
    run = Run("perturb", source, provenance(model), table, perturbations, answer.predictor)
    return _written(bundle(run, named=options.name_sample, with_input=options.with_input), options, answer, source)


def _asked(options: argparse.Namespace) -> tuple[Model, list[Perturbation], Source, PredictionReport]:
    """Read what was asked, and predict."""
    from cellstate.evaluation.ood import ood_score_after, ood_scores
    from cellstate.evaluation.reliability import change_over_error, reliability_table
    from cellstate.io import check_writable, split_selection
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample
    from cellstate.report.html_prediction import PredictionReport
    from cellstate.report.provenance import Source

    perturbations = read_perturbations(options)
    check_writable(options.out)
    model = read_model(options)
    samples, positions = read_whole_file(options)
    position, path = positions[0], Path(split_selection(options.file)[0])
    if len(positions) > 1:
        note(options, f"{len(positions)} samples; the first, {samples.names[position]}, is used (--sample NAME)")
    sample = prepare_sample(model, samples.take([position]))
    source = Source(path, path.name, read_overrides(options), sample.name, position, len(samples))
    prediction = predict(sample, perturbations, options.predictor)
    before, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    words = [perturbation.label for perturbation in perturbations]
    answer = PredictionReport(prediction.predictor, words, table, before, after, change_over_error(model, table))
    return model, perturbations, source, answer


def _written(data: bytes, options: argparse.Namespace, answer: PredictionReport, source: Source) -> Answer:
    from cellstate.io.write import write_file

    path = write_file(data, options.out)
    result = {
        "path": str(path),
        "n_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sample": source.sample,
        "perturbations": list(answer.perturbations),
        "predictor": answer.predictor,
        "kind": "hypothesis",
    }
    named = "It names the sample." if options.name_sample else "It does not name the sample (--name-sample)."
    return result, [f"{path}: {len(data) / 1e6:,.1f} MB. {named} A hypothesis, for research only."]
