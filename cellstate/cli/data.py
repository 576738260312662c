"""``cellstate data``: public cohorts."""

from __future__ import annotations

import argparse
import sys

from cellstate.cli.options import Answer, Commands
from cellstate.cli.train import trainer_module
from cellstate.errors import DataError

#: A corpus becomes a store of the trainer; the others are cohorts.
CORPUS = "human-bulk"


def add(commands: Commands) -> None:
    """Add ``data get``."""
    one = commands.group("data", "public cohorts").add("get", "fetch, check and store a cohort", _get)
    known = ["coadread", "hpa", CORPUS]
    one.add_argument(
        "cohort", choices=known, help="colorectal tumours; tissues and cell lines; a corpus of bulk profiles"
    )
    one.add_argument(
        "--out", metavar="DIR", help=f"folder (default: data/cohorts/NAME; of {CORPUS}: data/stores/{CORPUS})"
    )
    one.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="a file that was downloaded before: the wheel of TumorDecon 1.1.1, RNAtableExtended.tsv.gz, or the "
        f"HDF5 file of a corpus ({CORPUS} needs it)",
    )


def _get(options: argparse.Namespace) -> Answer:
    if options.cohort == CORPUS:
        return _corpus(options)
    from cellstate.cohorts import get_coadread, get_hpa

    get = {"coadread": get_coadread, "hpa": get_hpa}[options.cohort]
    out = options.out or f"data/cohorts/{options.cohort}"
    cohort = get(out, source=options.source, report_progress=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "n_genes", "sha256", "splits", "source", "licence", "attribution")
    result = {"path": str(cohort.path)} | {key: cohort.manifest[key] for key in keys if key in cohort.manifest}
    return result, [f"{cohort.path}: {result['n_samples']} samples, {result['n_genes']:,} genes"]


def _corpus(options: argparse.Namespace) -> Answer:
    if options.source is None:
        raise DataError(f"{CORPUS} is imported from a file.", "Give --from FILE: HDF5 in the layout of docs/corpus.md.")
    bulk = trainer_module("ingest.bulk")
    out = options.out or f"data/stores/{CORPUS}"
    store = bulk.import_bulk(options.source, out, report_progress=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "splits", "filters", "n_near_duplicates", "sha256", "licence")
    result = {"path": str(store.path)} | {key: store.manifest[key] for key in keys}
    return result, [f"{store.path}: {result['n_samples']:,} samples"]
