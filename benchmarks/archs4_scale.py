"""The published scale: a file of 237,824 samples ingested by the trainer's own command, killed once and resumed.

    python -m benchmarks.archs4_scale [--samples N] [--folder DIR] [--quick]

Makes a file in the layout of ARCHS4 (`benchmarks.ingest`) of 237,824 samples x 35,000 genes. A column of chunks holds
one of 24 groups of series, and each of its chunks is one of 4 that were drawn and packed once: the file is made at the
speed of the disk, while a chunk packs as real counts do and no two samples are the same. The ingest is killed (SIGKILL)
once about half of the rows are kept, and run again; between the two, h5py reads the same chunks and does nothing else.
The rate counts both attempts, start of Python and checksum of file and store included. `train plan` then says what the
published network takes on the store that was made. Needs 28 GB of disk: file, kept parts and store.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clock import in_a_process, peak_resident
from benchmarks.ingest import CHUNK_GENES, CHUNK_SAMPLES, GENES, Counts, create_file
from benchmarks.report import at_least, at_most, measured, show
from cellstate.errors import CellStateError, DataError, print_error
from cellstate.evidence import Benchmark, Criterion
from cellstate.files import resource_path
from cellstate.genes import N_AXIS

SAMPLES, QUICK_SAMPLES = 237_824, 2_000
#: Groups of series, and chunks that were drawn of each for each range of genes.
GROUPS, DRAWS = 24, 4
#: As h5py packs by default.
_LEVEL = 4
_ROW_BYTES = 2 * N_AXIS
#: Bytes of disk a sample takes: packed counts (measured: 36 KB), a kept part, and its row of the store.
DISK_BYTES = 40_000 + 2 * _ROW_BYTES
#: Seconds between two looks at a running command.
_POLL_S = 0.1
#: GPUs and hardware that the published network is planned for.
PLANS = ((96, "a100-80g"), (8, "h100-80g"), (1, "h200-141g"))
CONFIG, STORE_IN_CONFIG = "poster-geo", 'store = "data/stores/archs4"'


def write_file(path: Path, n_samples: int) -> None:
    """Write the file; columns of chunks are put together from packed ones."""
    rng = np.random.default_rng(0)
    counts = Counts(rng)
    levels = [counts.levels(CHUNK_SAMPLES) for _ in range(GROUPS)]
    pool = [[_packed(counts.draw(level_SG)) for _ in range(DRAWS)] for level_SG in levels]
    with create_file(path, n_samples, rng) as file:
        data = file["data/expression"]
        for first in range(0, n_samples, CHUNK_SAMPLES):
            group = pool[rng.integers(GROUPS)]
            for i, chosen in enumerate(rng.integers(DRAWS, size=len(group[0]))):
                data.id.write_direct_chunk((i * CHUNK_GENES, first), group[chosen][i])


def _packed(counts_SG: np.ndarray) -> list[bytes]:
    """Return a column of chunks; HDF5 stores the last one whole, beyond the last gene."""
    chunks = []
    for first in range(0, GENES, CHUNK_GENES):
        chunk_GS = np.zeros((CHUNK_GENES, CHUNK_SAMPLES), "<u4")
        part_SG = counts_SG[:, first : first + CHUNK_GENES]
        chunk_GS[: part_SG.shape[1]] = part_SG.T
        chunks.append(zlib.compress(chunk_GS.tobytes(), _LEVEL))
    return chunks


@dataclass(frozen=True)
class Attempt:
    """One run of the ingest: seconds by the clock and by the processor, most memory in bytes, and how it ended."""

    seconds: float
    cpu: float
    peak: int
    status: int
    result: dict
    progress: str


def attempt(path: Path, out: Path, kill_at: int | None = None) -> Attempt:
    """Run the trainer's command; kill it once it has kept ``kill_at`` rows."""
    rows = out.with_name(f".{out.name}.partial") / "rows.f16"
    command = [sys.executable, "-m", "train", "ingest", "archs4", str(path), "--out", str(out)]
    started, cpu, peak = time.perf_counter(), _cpu_of_children(), 0
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as progress:
        process = subprocess.Popen(command, stdout=said, stderr=progress, cwd=resource_path())
        try:
            while process.poll() is None:
                # It may end while it is looked at.
                with suppress(OSError, StopIteration):
                    peak = max(peak, peak_resident(process.pid))
                if kill_at is not None and rows.exists() and rows.stat().st_size >= kill_at * _ROW_BYTES:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(_POLL_S)
        finally:
            process.kill()
            process.wait()
        seconds = time.perf_counter() - started
        said.seek(0)
        progress.seek(0)
        lines = said.read().splitlines()
        result = json.loads(lines[-1]) if process.returncode == 0 else {}
        return Attempt(seconds, _cpu_of_children() - cpu, peak, process.returncode, result, progress.read())


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plans(store: Path, folder: Path) -> list[Criterion]:
    """What ``train plan`` says of the published network on the store; its tables go to standard error."""
    text = resource_path("train", "configs", f"{CONFIG}.toml").read_text()
    if STORE_IN_CONFIG not in text:
        raise ValueError(f"{CONFIG}.toml names another store")
    config = folder / f"{CONFIG}.toml"
    config.write_text(text.replace(STORE_IN_CONFIG, f"store = {json.dumps(str(store))}"))
    criteria = []
    for gpus, hardware in PLANS:
        found = in_a_process("train", "plan", config, "--gpus", gpus, "--hardware", hardware)
        best: dict = found["recommended"]  # type: ignore[assignment]
        strategies: dict = found["strategies"]  # type: ignore[assignment]
        figures = strategies[best["strategy"]]["figures"]
        name, hours = f"plan_{gpus}_{hardware.replace('-', '_')}", figures["run"]["value"] / 3600
        criteria += [
            measured(f"{name}.run", hours, "h"),
            measured(f"{name}.gpu_hours", gpus * hours, "h"),
            measured(f"{name}.step", figures["step"]["value"], "s"),
            measured(f"{name}.peak_memory", figures["peak"]["value"] / 1e9, "GB"),
        ]
    return criteria


def run(n_samples: int, folder: Path) -> list[Criterion]:
    """Make the file, ingest it in two attempts, and plan; raises ``CellStateError`` where there is too little disk."""
    free, needed = shutil.disk_usage(folder).free, n_samples * DISK_BYTES
    if free < needed:
        raise DataError(
            f"{n_samples:,} samples need {needed / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free.",
            "Give fewer (--samples) or another folder (--folder).",
        )
    path, store = folder / "archs4.h5", folder / "store"
    in_a_process("benchmarks.archs4_scale", "--write", path, "--samples", n_samples)
    killed = attempt(path, store, n_samples // 2)
    if killed.status != -signal.SIGKILL:
        raise DataError(f"The ingest ended before it was killed.{killed.progress}", "Give more samples.")
    alone = in_a_process("benchmarks.ingest", "--measure", "alone", "--file", path)
    resumed = attempt(path, store)
    if resumed.status or "continues: " not in resumed.progress or resumed.result["n_read"] != n_samples:
        raise DataError(f"The ingest was not resumed: {resumed.progress}", "Run it again.")
    rate, alone_rate = n_samples / (killed.seconds + resumed.seconds), n_samples / alone["seconds"]
    return [
        at_least("ingest_to_h5py_alone", rate / alone_rate, "x", 0.5),
        at_most("ingest_peak_memory", max(killed.peak, resumed.peak) / 1e9, "GB", 1.5),
        measured("killed_attempt", killed.seconds, "s"),
        measured("resumed_attempt", resumed.seconds, "s"),
        measured("ingest_processor_time", killed.cpu + resumed.cpu, "s"),
        measured("h5py_alone_processor_time", alone["cpu"], "s"),
        measured("ingest", rate, "samples/s"),
        measured("h5py_alone", alone_rate, "samples/s"),
        measured("file", path.stat().st_size / 1e9, "GB"),
        measured("samples_in_file", n_samples),
        measured("samples_in_store", resumed.result["n_samples"]),
        *plans(store, folder),
    ]


def main(argv: list[str] | None = None) -> int:
    """Run; returns 0, or 2 where it could not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, metavar="N", help=f"samples of the file (default: {SAMPLES:,})")
    parser.add_argument("--folder", type=Path, help="for file and store, removed at the end (default: a temporary one)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SAMPLES:,} samples; claims nothing")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    n_samples = options.samples or (QUICK_SAMPLES if options.quick else SAMPLES)
    if options.write:
        write_file(options.write, n_samples)
        print("{}")
        return 0
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            criteria = run(n_samples, Path(temporary))
    except CellStateError as error:
        return print_error(error)
    show(Benchmark.ARCHS4_SCALE, criteria=criteria, quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
