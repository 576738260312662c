"""From sources to a store: read once, in parts that are kept, then compare, group, split and write.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cellstate import __version__
from cellstate.cohorts.store import ReportLine
from cellstate.errors import CellStateError, DataError, Stopped
from cellstate.files import sha256
from cellstate.genes import gene_axis

from ..store import COLUMNS, MANIFEST, Store, open_store, write_store
from .duplicates import MOST, learn, near_duplicates
from .journal import Journal
from .settings import IngestSettings
from .source import Block, Source, labels
from .splits import assign, components

#: Threads that read parts; each holds one part in memory.
READERS = 2
_REPORT_SECONDS = 10.0

T = TypeVar("T")
R = TypeVar("R")


def ingest(source: Source, out: Path, settings: IngestSettings, report_progress: ReportLine) -> Store:
    """Make a store, or continue a killed run; a complete store of the same sources and settings is returned unchanged.

    Parameters
    ----------
    out : Path
        Folder of the store. Until it is complete, finished parts are next to it in ``.NAME.partial``.
    report_progress : callable
        Called with each line of progress.

    Raises
    ------
    ReadError, DataError
        A damaged source, no sample left, a folder with other content, a full disk.
    Stopped
        The user stopped the run; finished parts are kept.
    """
    started = time.perf_counter()
    work = out.resolve().with_name(f".{out.resolve().name}.partial")
    signatures = [_file_signature(path) for path in source.files]
    fingerprint = _fingerprint(signatures, source.n_parts, settings)
    if (store := _stored(out, fingerprint)) is not None:
        report_progress(f"already complete: {out}")
        return store
    # Samples are read and compared in threads already: one BLAS thread each.
    with _readable_errors(out, work), threadpool_limits(1, user_api="blas"):
        out.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(work, fingerprint)
        with ThreadPoolExecutor(1) as background:
            if journal.replaced:
                report_progress("starts again: the finished parts are of other sources or settings")
            if journal.parts:
                report_progress(f"continues: {len(journal.parts):,} of {source.n_parts:,} parts are finished")
            _read(source, settings, journal, report_progress)
            # Reading keeps all processors busy; the comparison leaves one free.
            sums = background.submit(lambda: [sha256(path) for path in source.files])
            table, removed = _finish(source, settings, journal, report_progress)
            if [_file_signature(path) for path in source.files] != signatures:
                raise DataError("A source changed while it was read.", "Run the command again.")
            about = {
                "fingerprint": fingerprint,
                "version": __version__,
                "sources": [
                    {"name": label, "bytes": signature[1], "sha256": digest}
                    for label, signature, digest in zip(labels(source.files), signatures, sums.result(), strict=True)
                ],
                "settings": asdict(settings),
                "n_read": journal.n_rows + journal.removed.total(),
                "filters": dict(removed),
                "n_near_duplicates": int((table["duplicate_group"] != "").sum()),
                "seconds": round(time.perf_counter() - started, 1),
            }
            stage = work / "store"
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
            write_store(stage, _kept(journal, table.index.to_numpy()), table, about)
        if out.exists():
            out.rmdir()
        os.replace(stage, out)
        shutil.rmtree(work)
    report_progress(f"stored: {out}")
    return open_store(out)


def _stored(out: Path, fingerprint: str) -> Store | None:
    """Return a store that is complete already, None where there is none yet; refuse any other folder."""
    if (out / MANIFEST).is_file():
        store = open_store(out)
        if store.manifest.get("fingerprint") == fingerprint:
            return store
        raise DataError(f"{out} holds a store of other sources or settings.", "Choose another folder, or delete it.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and holds something else.", "Choose an empty or a new folder.")
    return None


@contextmanager
def _readable_errors(out: Path, work: Path) -> Iterator[None]:
    """Convert errors of the system to sentences; keep finished parts where repeating the command can help."""
    again = f"Finished parts are kept in {work.name}; the same command continues."
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(f"{out} is not complete yet.", again) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "the disk is full" if full else error.strerror or str(error)
        raise DataError(f"{out} cannot be made: {what}.", f"Correct that. {again}") from error
    except CellStateError:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _read(source: Source, settings: IngestSettings, journal: Journal, report_progress: ReportLine) -> None:
    """Read the missing parts, some in advance; append them to the journal in order."""

    def read(part: int) -> Block:
        block = source.read(part)
        return block.where(settings.filters.measured(block.table))

    first, began, reported, n_before = len(journal.parts), time.perf_counter(), time.perf_counter(), journal.n_rows
    for block in _ahead(read, range(first, source.n_parts), READERS):
        journal.append(block)
        if time.perf_counter() - reported > _REPORT_SECONDS:
            reported = time.perf_counter()
            rate = (journal.n_rows - n_before) / (reported - began)
            report_progress(
                f"part {len(journal.parts):,} of {source.n_parts:,}, {journal.n_rows:,} samples, {rate:.0f} a second"
            )


def _ahead(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Map in order with some threads; no more results wait than there are threads."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _finish(
    source: Source, settings: IngestSettings, journal: Journal, report_progress: ReportLine
) -> tuple[pd.DataFrame, Counter[str]]:
    """Compare the samples with their cohort and with each other, and split them.

    Returns the kept samples, by row of the journal, and how many each filter removed.
    """
    removed = journal.removed
    _refuse_none(journal.n_rows, removed)
    table = journal.table
    chosen = np.arange(len(table))
    if len(table) > MOST:
        chosen = np.sort(np.random.default_rng(settings.seed).choice(len(table), MOST, replace=False))
    reference = learn(journal.rows(chosen))
    report_progress(f"comparing {len(table):,} samples")
    compared = list(_ahead(reference.compare, journal.blocks(), READERS))
    correlation_S, place_SD, signature_SK = (np.concatenate(parts) for parts in zip(*compared, strict=True))
    compared.clear()
    table["median_correlation"] = correlation_S.astype(np.float64)
    kept = np.flatnonzero(correlation_S >= settings.filters.median_correlation)
    removed["median_correlation"] = len(table) - len(kept)
    _refuse_none(len(kept), removed)
    table = source.describe(_with_unique_names(table.iloc[kept]))
    # In place of what they are taken from: of hundreds of thousands of samples they are hundreds of megabytes.
    place_SD, signature_SK = place_SD[kept], signature_SK[kept]
    group_S, n_compared = near_duplicates(
        place_SD,
        signature_SK,
        lambda rows: reference.units(journal.rows(kept[rows])),
        settings.duplicate_correlation,
    )
    report_progress(f"compared {n_compared:,} pairs exactly")
    table["duplicate_group"] = _names_of(group_S, table["sample"].to_numpy())
    component_S = components(table["series"], table["duplicate_group"])
    given_S = table.get("split")
    table["split"] = assign(component_S, table["sample"], settings.shares, settings.seed, given_S)
    return table[[*COLUMNS, *table.columns.difference(COLUMNS, sort=False)]], removed


def _refuse_none(n_left: int, removed: Counter[str]) -> None:
    if not n_left:
        by_filter = ", ".join(f"{name} removed {n:,}" for name, n in removed.items() if n)
        raise DataError(
            f"No sample is left of {removed.total():,}: {by_filter or 'the sources hold none'}.",
            "Lower a filter's threshold (see --help), or take another file.",
        )


def _with_unique_names(table: pd.DataFrame) -> pd.DataFrame:
    """Put the source before the names of samples that several sources have."""
    repeated = table["sample"].duplicated(keep=False)
    return table.assign(sample=table["sample"].where(~repeated, table["source"] + ":" + table["sample"]))


def _names_of(group_S: np.ndarray, names_S: np.ndarray) -> np.ndarray:
    """Name each group of several samples by its first; a single sample gets no name."""
    _, first, group_S, size = np.unique(group_S, return_index=True, return_inverse=True, return_counts=True)
    return np.where(size[group_S] > 1, names_S[first[group_S]], "")


def _kept(journal: Journal, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the kept rows."""
    start = 0
    for block_SA in journal.blocks():
        here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(block_SA))] - start
        yield block_SA if len(here) == len(block_SA) else block_SA[here]
        start += len(block_SA)


def _file_signature(path: Path) -> tuple[str, int, int]:
    """Return name, size and time of change of a file."""
    stat = path.stat()
    return path.name, stat.st_size, stat.st_mtime_ns


def _fingerprint(signatures: list[tuple[str, int, int]], n_parts: int, settings: IngestSettings) -> str:
    parts = [__version__, gene_axis().hash, signatures, n_parts, asdict(settings)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
