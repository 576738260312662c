"""How fast large uploads are read, in what memory, and how long other threads wait, beside pandas on the same bytes.

    python -m benchmarks.upload [--quick]

Four uploads of about 100 MB of text, made here: counts of 58,000 Ensembl genes (TSV), TPM of 20,000 symbols (CSV), the
same with genes in columns, and the counts packed with gzip. Each is read in a process of its own by `read_samples`, and
by ``pandas.read_csv`` alone, which makes no profiles of it. Memory is the peak above what the process held with the
upload in it; a packed upload is held against the text that it unpacks to. While a file is read, a second thread wakes
every 5 ms: its longest gap is how long another user's page could be held up, as far as the machine is otherwise idle.
`measure` is a part of the benchmark ``app`` too.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clock import in_a_process, peak_resident
from benchmarks.report import at_most, measured, show
from cellstate.evidence import Benchmark, Criterion
from cellstate.genes import gene_axis

MEGABYTES = 100
#: The promise for each upload.
SECONDS, TIMES_THE_FILE, WAIT_MS = 10.0, 5.0, 300.0
_TICK_S = 0.005
_GENES, _SYMBOLS = 58_000, 20_000


def make_files(folder: Path, megabytes: float) -> dict[str, Path]:
    """Write the uploads; returns the path of each by what it is."""
    rng = np.random.default_rng(0)
    axis = gene_axis()
    genes = [f"{axis.ensembl[i]}.{i % 20}" if i < len(axis) else f"ENSG{9 * 10**10 + i}" for i in range(_GENES)]
    symbols = [*axis.symbol, *(f"outside-{i}" for i in range(_SYMBOLS - len(axis)))]
    n_samples = max(2, round(480 * megabytes / MEGABYTES))
    level_G = rng.normal(4.5, 3.0, _GENES).clip(None, 12)
    counts_GS = rng.poisson(np.exp(level_G[:, None] + rng.normal(0, 0.5, (_GENES, n_samples))))
    counts = pd.DataFrame(counts_GS, index=pd.Index(genes, name="gene_id"))
    n_samples = max(2, round(700 * megabytes / MEGABYTES))
    tpm_GS = np.exp(rng.normal(0, 2.5, (_SYMBOLS, 1)) + rng.normal(0, 0.5, (_SYMBOLS, n_samples)))
    tpm_GS *= rng.random(tpm_GS.shape) > 0.15
    tpm = pd.DataFrame(tpm_GS * 1e6 / tpm_GS.sum(axis=0), index=pd.Index(symbols, name="gene"))
    counts.columns, tpm.columns = ([f"S{i}" for i in range(table.shape[1])] for table in (counts, tpm))
    texts: dict[str, Callable[[], bytes]] = {
        "counts.tsv": lambda: counts.to_csv(sep="\t").encode(),
        "tpm.csv": lambda: tpm.to_csv(float_format="%.4f").encode(),
        "tpm-genes-in-columns.csv": lambda: tpm.T.to_csv(float_format="%.4f").encode(),
    }
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / name
        paths[name].write_bytes(text())
    packed = folder / "counts.tsv.gz"
    packed.write_bytes(gzip.compress(paths["counts.tsv"].read_bytes(), 6))
    return {
        "counts, 58,000 genes in rows": paths["counts.tsv"],
        "TPM, 20,000 genes in rows": paths["tpm.csv"],
        "TPM, 20,000 genes in columns": paths["tpm-genes-in-columns.csv"],
        "counts, packed with gzip": packed,
    }


def read(reader: str, path: Path) -> dict[str, float]:
    """Read an upload by ``cellstate`` or ``pandas`` in this process; returns what it took."""
    from cellstate.io import read_samples

    # What is loaded once in a server's life is no cost of an upload.
    read_samples(b"gene,a,b\nTP53,5,1\nMYC,3,2\n")
    data = path.read_bytes()
    separator = "\t" if ".tsv" in path.name else ","

    def by_pandas() -> object:
        packed = "gzip" if path.suffix == ".gz" else None
        return pd.read_csv(io.BytesIO(data), sep=separator, index_col=0, compression=packed)

    before, stop, gaps = peak_resident(), threading.Event(), [0.0]
    clock = threading.Thread(target=_tick, args=(stop, gaps))
    clock.start()
    start, used = time.perf_counter(), time.process_time()
    result = read_samples(data, name=path.name) if reader == "cellstate" else by_pandas()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    stop.set()
    clock.join()
    assert result is not None
    above = peak_resident() - before
    text_bytes = len(gzip.decompress(data)) if path.suffix == ".gz" else len(data)
    return {
        "seconds": seconds,
        "processor_seconds": used,
        "bytes_above": above,
        "wait_ms": 1000 * max(gaps),
        "text_bytes": text_bytes,
    }


def _tick(stop: threading.Event, gaps: list[float]) -> None:
    last = time.perf_counter()
    while not stop.is_set():
        time.sleep(_TICK_S)
        now = time.perf_counter()
        gaps.append(now - last - _TICK_S)
        last = now


def measure(*, quick: bool = False) -> list[Criterion]:
    """Make the uploads, read each, and return the criteria; a quick run takes files of a twentieth."""
    criteria: list[Criterion] = []
    with tempfile.TemporaryDirectory() as temporary:
        for what, path in make_files(Path(temporary), MEGABYTES / 20 if quick else MEGABYTES).items():
            ours, baseline = (
                in_a_process("benchmarks.upload", "--reader", reader, "--file", path)
                for reader in ("cellstate", "pandas")
            )
            size = ours["text_bytes"]
            name = re.sub("[^a-z0-9]+", "_", what.lower()).strip("_")
            print(f"{what}: {size / 1e6:.0f} MB of text")
            criteria += [
                at_most(f"{name}.upload", ours["seconds"], "s", SECONDS),
                measured(f"{name}.processor_time", ours["processor_seconds"], "s"),
                measured(f"{name}.pandas_alone", baseline["seconds"], "s"),
                at_most(f"{name}.memory_above_to_text", ours["bytes_above"] / size, "x", TIMES_THE_FILE),
                measured(f"{name}.pandas_alone_memory_above_to_text", baseline["bytes_above"] / size, "x"),
                at_most(f"{name}.longest_wait_of_another_thread", ours["wait_ms"], "ms", WAIT_MS),
            ]
    return criteria


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="files of 5 MB; claims nothing")
    parser.add_argument("--reader", choices=("cellstate", "pandas"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        print(json.dumps(read(options.reader, options.file)))
        return
    show(Benchmark.UPLOAD, criteria=measure(quick=options.quick), quick=options.quick)


if __name__ == "__main__":
    main()
