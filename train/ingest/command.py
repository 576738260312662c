"""``python -m train ingest``: from files to a store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cellstate.errors import DataError

from ..store import Store
from . import Filters, IngestSettings, ingest
from .source import Source
from .splits import Shares, series_of

_SETTINGS = IngestSettings()


def add(commands: Any) -> None:
    """Add the command ``ingest`` with its two kinds of sources."""
    parser = commands.add_parser("ingest", help="make a store of samples for training")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    archs4 = kinds.add_parser("archs4", help="from the gene counts of ARCHS4 (HDF5)")
    archs4.add_argument("files", nargs="+", metavar="FILE.h5", help="human gene-level files, of any version")
    archs4.add_argument(
        "--max-single-cell",
        type=float,
        default=_SETTINGS.filters.single_cell,
        metavar="P",
        help="the probability that a sample is a single cell must be below (default: %(default)s)",
    )
    table = kinds.add_parser("table", help="from any files that CellState reads, h5ad too")
    table.add_argument("files", nargs="+", metavar="FILE", help="tables, quantifiers' output or h5ad")
    table.add_argument(
        "--series",
        metavar="CSV",
        help="a table with the columns sample and series (several: separated by ; in one cell) and, where wanted, "
        "split (train, validation, test) and batch; without it every sample is split on its own",
    )
    for one in (archs4, table):
        _add_settings(one)
        one.set_defaults(run=run)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    filters = _SETTINGS.filters
    parser.add_argument("--out", required=True, metavar="STORE", help="folder of the store; a new or an empty one")
    for option, kind, default, words in (
        ("--min-reads", float, filters.library_size, "reads a sample, at least, where the source has them"),
        ("--min-detected", int, filters.detected_genes, "genes of the axis above zero, at least"),
        ("--min-correlation", float, filters.median_correlation, "with the cohort's median profile, at least"),
        (
            "--duplicates",
            float,
            _SETTINGS.duplicate_correlation,
            "from this correlation on, samples are near-duplicates",
        ),
    ):
        parser.add_argument(option, type=kind, default=default, metavar="N", help=f"{words} (default: %(default)s)")
    parser.add_argument(
        "--split",
        default="80,10,10",
        metavar="A,B,C",
        help="shares of training, validation and test (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=_SETTINGS.seed, help="decides the splits (default: %(default)s)")


def run(options: argparse.Namespace) -> dict:
    """Ingest, with progress on standard error; returns the store's summary."""
    single_cell = getattr(options, "max_single_cell", _SETTINGS.filters.single_cell)
    settings = IngestSettings(
        Filters(single_cell, options.min_reads, options.min_detected, options.min_correlation),
        options.duplicates,
        Shares.parse(options.split),
        options.seed,
    )
    source = _open(options, settings)
    return summary(ingest(source, Path(options.out), settings, _print_progress))


def _open(options: argparse.Namespace, settings: IngestSettings) -> Source:
    files = [Path(name) for name in options.files]
    if len({path.resolve() for path in files}) < len(files):
        raise DataError("A file is named twice.", "Name each file once.")
    if options.kind == "archs4":
        from .archs4 import open_archs4

        return open_archs4(files, settings.filters.single_cell)
    from .tables import open_tables

    if options.series is None:
        _print_progress("no table of series: every sample is split on its own; give --series if some belong together")
    return open_tables(files, Path(options.series) if options.series else None)


def summary(store: Store) -> dict:
    """Return the main facts of a store."""
    manifest, series = store.manifest, {name for text in store.table["series"] for name in series_of(text)}
    keys = ("n_samples", "n_read", "filters", "splits", "n_near_duplicates", "sha256", "seconds")
    return {"store": str(store.path), **{key: manifest[key] for key in keys}, "n_series": len(series)}


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
