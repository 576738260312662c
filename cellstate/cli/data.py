"""``cellstate data``: public cohorts."""

from __future__ import annotations

import argparse
import sys

from cellstate.cli.options import Answer, Commands


def add(commands: Commands) -> None:
    """Add ``data get``."""
    one = commands.group("data", "public cohorts").add("get", "fetch, check and store a cohort", _get)
    one.add_argument("cohort", choices=["coadread", "hpa"], help="colorectal tumours; tissues and cell lines")
    one.add_argument("--out", metavar="DIR", help="folder of the stored cohort (default: data/cohorts/NAME)")
    one.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="a file that was downloaded before: the wheel of TumorDecon 1.1.1, or RNAtableExtended.tsv.gz",
    )


def _get(options: argparse.Namespace) -> Answer:
    from cellstate.cohorts import get_coadread, get_hpa

    get = {"coadread": get_coadread, "hpa": get_hpa}[options.cohort]
    out = options.out or f"data/cohorts/{options.cohort}"
    cohort = get(out, source=options.source, report_progress=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "n_genes", "sha256", "splits", "source", "licence", "attribution")
    result = {"path": str(cohort.path)} | {key: cohort.manifest[key] for key in keys if key in cohort.manifest}
    return result, [f"{cohort.path}: {result['n_samples']} samples, {result['n_genes']:,} genes"]
