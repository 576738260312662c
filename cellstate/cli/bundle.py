"""``cellstate bundle``: a predicted expression change as a zip, with the code that gives its numbers again."""

from __future__ import annotations

import argparse

from cellstate.cli.options import Answer, Commands
from cellstate.cli.report import add_options, predict_from_file, write
from cellstate.extras import require_extra


def add(commands: Commands) -> None:
    """Add the command."""
    words = "predicted expression change as a zip, with the code that gives its numbers again"
    one = commands.add("bundle", words, _run, reads=True, runs=True)
    add_options(one, "ZIP")
    one.add_argument("--with-input", action="store_true", help="put FILE itself into the bundle (default: its sha256)")


def _run(options: argparse.Namespace) -> Answer:
    require_extra("app", "A bundle")
    from cellstate.io.write import ExportTable
    from cellstate.report.bundle import bundle
    from cellstate.report.provenance import Run, provenance

    model, perturbations, source, report = predict_from_file(options)
    about = {
        "sample": source.sample,
        "perturbations": ", ".join(report.perturbations),
        "predictor": str(report.predictor),
    }
    table = ExportTable(report.table, ("ensembl_id",), "log2_fold_change", about | {"kind": "hypothesis"})
    run = Run("perturb", source, provenance(model), table, perturbations, report.predictor)
    data = bundle(run, named=options.name_sample, with_input=options.with_input)
    return write(data, options, report, source)
