"""``cellstate data``: public cohorts."""

from __future__ import annotations

import argparse
import sys

from cellstate.cli.options import Answer, Commands
from cellstate.cli.train import trainer_module
from cellstate.errors import DataError

#: A corpus becomes a store of the trainer; the others are cohorts.
CORPUS = "human-bulk"
#: An experiment becomes one file, which the app's page Validate offers.
EXPERIMENT = "hoxa1"


def add(commands: Commands) -> None:
    """Add ``data get``."""
    one = commands.group("data", "public cohorts").add("get", "fetch, check and store a cohort", _get)
    known = ["coadread", "hpa", CORPUS, EXPERIMENT]
    one.add_argument(
        "cohort",
        choices=known,
        help="colorectal tumours; tissues and cell lines; a corpus of bulk profiles; a knock-down to compare with",
    )
    one.add_argument(
        "--out", metavar="DIR", help=f"folder (default: data/cohorts/NAME; of {CORPUS}: data/stores/{CORPUS})"
    )
    one.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="a file that was downloaded before: the wheel of TumorDecon 1.1.1, RNAtableExtended.tsv.gz, the "
        f"HDF5 file of a corpus ({CORPUS} needs it), or GSE37704_featurecounts.csv ({EXPERIMENT} needs it)",
    )


def _get(options: argparse.Namespace) -> Answer:
    if options.cohort == CORPUS:
        return _corpus(options)
    if options.cohort == EXPERIMENT:
        return _experiment(options)
    from cellstate.cohorts import get_coadread, get_hpa

    get = {"coadread": get_coadread, "hpa": get_hpa}[options.cohort]
    out = options.out or f"data/cohorts/{options.cohort}"
    cohort = get(out, source=options.source, report_progress=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "n_genes", "sha256", "splits", "source", "licence", "attribution")
    result = {"path": str(cohort.path)} | {key: cohort.manifest[key] for key in keys if key in cohort.manifest}
    return result, [f"{cohort.path}: {result['n_samples']} samples, {result['n_genes']:,} genes"]


def _experiment(options: argparse.Namespace) -> Answer:
    from cellstate.cohorts import hoxa1

    if options.source is None:
        raise DataError(
            f"{EXPERIMENT} is converted from a file: its source states no licence, so it is not part of CellState.",
            "Give --from GSE37704_featurecounts.csv.",
        )
    path = hoxa1.get_hoxa1(options.out or hoxa1.HOXA1_FILE, source=options.source)
    result = {"path": str(path), "n_samples": 6, "perturbation": hoxa1.HOXA1_PERTURBATION}
    return result, [f"{path}: 3 control and 3 treated samples, {hoxa1.HOXA1_PERTURBATION}"]


def _corpus(options: argparse.Namespace) -> Answer:
    if options.source is None:
        raise DataError(f"{CORPUS} is imported from a file.", "Give --from FILE: HDF5 in the layout of docs/corpus.md.")
    bulk = trainer_module("ingest.bulk")
    out = options.out or f"data/stores/{CORPUS}"
    store = bulk.import_bulk(options.source, out, report_progress=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "splits", "filters", "n_near_duplicates", "sha256", "licence")
    result = {"path": str(store.path)} | {key: store.manifest[key] for key in keys}
    return result, [f"{store.path}: {result['n_samples']:,} samples"]
