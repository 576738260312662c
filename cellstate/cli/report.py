"""Commands that hand an answer on: ``report``, one HTML file, and ``bundle``, a zip that gives the numbers again."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cellstate.cli.answer import Answer
from cellstate.cli.commands import Commands, add_predictor, add_sample
from cellstate.cli.inputs import note, read_file, read_model

if TYPE_CHECKING:
    from cellstate.model import Model
    from cellstate.perturb import Edit
    from cellstate.report.html_shift import ShiftAnswer
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
    command.add_argument(
        "--edit", action="append", required=True, metavar="GENE=EDIT", help="as for perturb; may be given again"
    )
    add_predictor(command)
    add_sample(command)
    command.add_argument("--out", required=True, metavar=what, help="where to write it")
    command.add_argument(
        "--name-sample", action="store_true", help="name the sample and FILE in it (default: nothing says who it is)"
    )


def _report(options: argparse.Namespace) -> Answer:
    from cellstate.report.html import render
    from cellstate.report.html_shift import shift_report
    from cellstate.report.provenance import provenance

    model, _, source, answer = _asked(options)
    today = datetime.now(UTC).date().isoformat()
    made = provenance(model)
    page = render(shift_report(answer, source, made, model.record, named=options.name_sample, on=today))
    return _written(page, options, answer, source)


def _bundle(options: argparse.Namespace) -> Answer:
    from cellstate.io.write import ExportTable
    from cellstate.report.bundle import bundle
    from cellstate.report.provenance import provenance
    from cellstate.report.run import Run

    model, edits, source, answer = _asked(options)
    about = {"sample": source.sample, "edits": ", ".join(answer.edits), "predictor": answer.predictor}
    table = ExportTable(answer.table, ("ensembl_id",), "delta_log2", about | {"kind": "hypothesis"})
    run = Run("perturb", source, provenance(model), table, edits, answer.predictor)
    return _written(bundle(run, named=options.name_sample, with_input=options.with_input), options, answer, source)


def _asked(options: argparse.Namespace) -> tuple[Model, list[Edit], Source, ShiftAnswer]:
    """Read what was asked, and predict."""
    from cellstate.evaluate import distances, distances_after, shift_over_error, trust_table
    from cellstate.io import ReadOptions, check_writable
    from cellstate.perturb import parse_edits, perturb
    from cellstate.report.html_shift import ShiftAnswer
    from cellstate.report.provenance import Source

    edits = parse_edits(options.edit)
    check_writable(options.out)
    model, samples = read_model(options), read_file(options)
    if options.sample is None and len(samples) > 1:
        note(options, f"{len(samples)} samples; the first, {samples.names[0]}, is used (--sample NAME)")
    position = 0 if options.sample is None else samples.names.index(samples.select(options.sample).names[0])
    sample, path = samples.take([position]), Path(options.file)
    overrides = ReadOptions(options.format, options.orientation, options.unit, options.ids, options.repair_dates)
    source = Source(path, path.name, overrides, sample.names[0], position, len(samples))
    shift = perturb(model, sample, edits, predictor=options.predictor)
    before, after = distances(model, sample)[0], distances_after(model, shift)[0]
    table = trust_table(model, shift, far=before.flag, left=after.flag)
    words = [edit.label for edit in edits]
    return (
        model,
        edits,
        source,
        ShiftAnswer(shift.predictor, words, table, before, after, shift_over_error(model, table)),
    )


def _written(data: bytes, options: argparse.Namespace, answer: ShiftAnswer, source: Source) -> Answer:
    from cellstate.io.write import write_file

    path = write_file(data, options.out)
    result = {
        "path": str(path),
        "n_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sample": source.sample,
        "edits": list(answer.edits),
        "predictor": answer.predictor,
        "kind": "hypothesis",
    }
    named = "It names the sample." if options.name_sample else "It does not name the sample (--name-sample)."
    return result, [f"{path}: {len(data) / 1e6:,.1f} MB. {named} A hypothesis, for research only."]
