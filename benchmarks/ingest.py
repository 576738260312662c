"""How fast samples are ingested from ARCHS4's HDF5, beside reading the same chunks by h5py alone, and in what memory.

    python -m benchmarks.ingest [--quick]

Makes a file of 5,000 samples x 35,000 genes in the layout of ARCHS4, packed with gzip in chunks of 2,000 genes x 100
samples. Its counts are negative binomial around levels that tissues, series and samples share, a third of the genes
nearly silent, so that it packs as real counts do (told as a row). h5py reads whole columns of chunks, before and after
the ingest, and the faster of the two is held against it; the ingest ends with a store whose checksum was read back.
Each runs in a process of its own; the file is in the page cache for all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from benchmarks.clock import in_a_process, peak_resident
from benchmarks.report import at_least, at_most, measured, show
from cellstate.evidence import Benchmark
from cellstate.genes import N_AXIS, gene_axis

SAMPLES, GENES = 5_000, 35_000
CHUNK_GENES, CHUNK_SAMPLES = 2_000, 100
SERIES = 20  # samples of a series
TISSUES = 30


class Counts:
    """Draws negative binomial counts around levels that tissues, series and samples share.

    Shape suffixes: S samples, G genes, T tissues.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._level_G = rng.normal(3.0, 2.2, GENES)
        self._level_G[rng.random(GENES) < 0.35] -= 6
        self._tissue_TG = rng.normal(0, 0.8, (TISSUES, GENES)) * (rng.random((TISSUES, GENES)) < 0.4)

    def levels(self, n_samples: int) -> np.ndarray:
        """Return the log levels of the next series, a row a sample, shape (S, G)."""
        rng, log_SG = self._rng, np.empty((n_samples, GENES), np.float32)
        for start in range(0, n_samples, SERIES):
            series_G = self._level_G + self._tissue_TG[rng.integers(TISSUES)] + rng.normal(0, 0.4, GENES)
            log_SG[start : start + SERIES] = series_G
        return log_SG

    def draw(self, level_SG: np.ndarray) -> np.ndarray:
        """Return the counts of one sample around each level, shape (S, G)."""
        rng, log_SG = self._rng, level_SG.copy()
        log_SG += 0.2 * rng.standard_normal(log_SG.shape, np.float32) + rng.normal(0, 0.4, (len(log_SG), 1))
        mean_SG = np.exp(log_SG) * rng.standard_gamma(8.0, log_SG.shape, np.float32) / 8
        return rng.poisson(mean_SG)


def create_file(path: Path, n_samples: int, rng: np.random.Generator) -> h5py.File:
    """Create a file in the layout of ARCHS4 with genes and samples, whose counts are still to be written."""
    names = [*gene_axis().symbol, *(f"outside-{i}" for i in range(GENES - N_AXIS))]
    file = h5py.File(path, "w")
    chunks = (CHUNK_GENES, CHUNK_SAMPLES)
    file.create_dataset("data/expression", (GENES, n_samples), "u4", chunks=chunks, compression="gzip")
    file["meta/genes/symbol"] = np.array(names, dtype="S")
    for key, values in {
        "geo_accession": [f"GSM{i}" for i in range(n_samples)],
        "series_id": [f"GSE{i // SERIES}" for i in range(n_samples)],
        "title": [f"sample {i} of a synthetic file" for i in range(n_samples)],
    }.items():
        file[f"meta/samples/{key}"] = np.array(values, dtype="S")
    file["meta/samples/singlecellprobability"] = rng.beta(0.5, 8, n_samples).astype(np.float32)
    return file


def write_file(path: Path, n_samples: int) -> None:
    """Write counts, genes and samples."""
    rng = np.random.default_rng(0)
    counts = Counts(rng)
    with create_file(path, n_samples, rng) as file:
        data = file["data/expression"]
        for first in range(0, n_samples, CHUNK_SAMPLES):
            drawn_SG = counts.draw(counts.levels(min(CHUNK_SAMPLES, n_samples - first)))
            data[:, first : first + len(drawn_SG)] = drawn_SG.T


def read_alone(path: Path) -> dict[str, float]:
    """Read whole columns of chunks by h5py and nothing else."""
    start, cpu = time.perf_counter(), time.process_time()
    with h5py.File(path) as file:
        data = file["data/expression"]
        for first in range(0, data.shape[1], CHUNK_SAMPLES):
            data[:, first : first + CHUNK_SAMPLES]
        n_samples = data.shape[1]
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "samples": n_samples}


def ingest_file(path: Path) -> dict[str, float]:
    """Ingest as the command does, to the whole store."""
    from train.ingest import IngestSettings, ingest
    from train.ingest.archs4 import open_archs4

    start, settings = time.perf_counter(), IngestSettings()
    source = open_archs4([path], settings.filters.single_cell)
    store = ingest(source, path.parent / "store", settings, lambda line: print(line, file=sys.stderr))
    seconds = time.perf_counter() - start
    kept = {"kept": len(store), "peak": peak_resident()}
    return {"seconds": seconds, "samples": store.manifest["n_read"], **kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="300 samples; claims nothing")
    parser.add_argument("--measure", choices=("alone", "ingest"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps({"alone": read_alone, "ingest": ingest_file}[options.measure](options.file)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "archs4.h5"
        write_file(path, 300 if options.quick else SAMPLES)
        before, ingested, after = (
            in_a_process("benchmarks.ingest", "--measure", what, "--file", path)
            for what in ("alone", "ingest", "alone")
        )
        packed = path.stat().st_size
    alone = min(before, after, key=lambda figures: figures["seconds"])
    raw = alone["samples"] * GENES * 4
    rate, alone_rate = (figures["samples"] / figures["seconds"] for figures in (ingested, alone))
    criteria = [
        at_least("ingest_to_h5py_alone", rate / alone_rate, "x", 0.5),
        measured("ingest", rate, "samples/s"),
        measured("h5py_alone", alone_rate, "samples/s"),
        measured("h5py_alone_unpacked", raw / alone["seconds"] / 1e6, "MB/s"),
        at_most("ingest_peak_memory", ingested["peak"] / 1e9, "GB", 1.5),
        measured("file_unpacked_to_packed", raw / packed, "x"),
        measured("samples_in_file", ingested["samples"]),
        measured("samples_in_store", ingested["kept"]),
    ]
    show(Benchmark.INGEST, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
