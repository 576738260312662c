"""What damaged and hostile files cost the server, and what reading apart costs a small one.

    python -m benchmarks.hostile_uploads FOLDER [--mutants N] [--quick]

Three parts. A table of 20,000 genes is read in a reader process and in this one in turn. Each file of FOLDER is
uploaded to a server while its health is asked for and another user goes from page to page: how long until the refusal,
the longest wait for an answer, and the other user's pages against those before. N h5ad files with changed structure
are read by reader processes: how long the slowest takes.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.app_client import Client
from benchmarks.app_server import Health, serving
from benchmarks.fuzz_containers import change_hdf5
from benchmarks.fuzz_seeds import h5ad_seeds
from benchmarks.report import at_most, measured, show
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Criterion
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.ui.runtime.reader_process import READER_FAILED, read_apart

#: The promises: seconds until a refusal, for an answer of the server, and another user's pages.
REFUSED_S, HEALTH_S, TIMES_PAGE = 15.0, 1.0, 1.3
#: A small file: so many times the time in this process, and so many seconds more.
TIMES_SMALL, MORE_SMALL_S = 1.3, 0.2
_PAGES = ("workbench", "evidence", "help")
_TURNS, _QUICK_TURNS, _PAGES_BEFORE = 25, 3, 12


def small_file() -> bytes:
    """Return a table of one sample of every gene."""
    return ("gene,A\n" + "".join(f"{name},{1.5 * i}\n" for i, name in enumerate(gene_axis().symbol))).encode()


def compare_small(turns: int) -> list[Criterion]:
    """Read a small file apart and in this process in turn."""
    data = small_file()

    def apart() -> None:
        read_apart(read_samples, data, name="a.csv")

    def here() -> None:
        read_samples(data, name="a.csv")

    for read in (apart, here):
        read()
    pairs = [(_seconds(apart), _seconds(here)) for _ in range(turns)]
    there_s, here_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    return [
        measured("small_csv.in_this_process", here_s, "s"),
        measured("small_csv.apart", there_s, "s"),
        at_most("small_csv.apart_less_1_3_times_in_this_process", there_s - TIMES_SMALL * here_s, "s", MORE_SMALL_S),
    ]


def upload_each(files: Sequence[Path]) -> list[Criterion]:
    """Upload the files one after the other while another user reads pages."""
    refused: list[float] = []
    with serving() as server, Client(server.port) as other:
        other.go("workbench")
        with Health(server) as health_before:
            before = [_seconds(partial(other.go, _PAGES[n % len(_PAGES)])) for n in range(_PAGES_BEFORE)]
        del before[: len(_PAGES)]
        during: list[float] = []
        with Health(server) as health:
            for path in files:
                ended = threading.Event()

                def upload(path: Path = path, ended: threading.Event = ended) -> None:
                    with Client(server.port, page="workbench") as client:
                        box = next(client.elements("file_uploader"))
                        seconds = _seconds(lambda: client.upload(box, path.name, path.read_bytes()))
                        assert client.errors(), f"{path.name} was not refused"
                        refused.append(seconds)
                    ended.set()

                thread = threading.Thread(target=upload)
                thread.start()
                while thread.is_alive():
                    for page in _PAGES:
                        during.append(_seconds(partial(other.go, page)))
                        time.sleep(0.2)
                assert ended.is_set(), f"the upload of {path.name} failed"
    return [
        measured("hostile.files", len(refused)),
        at_most("hostile.slowest_refusal", max(refused), "s", REFUSED_S),
        measured("hostile.longest_wait_for_health_before", health_before.longest_s, "s"),
        at_most("hostile.longest_wait_for_health", health.longest_s, "s", HEALTH_S),
        at_most("hostile.health_unanswered", health.n_unanswered, "times", 0),
        measured("hostile.page_of_another_user_before", statistics.median(before), "s"),
        measured("hostile.page_of_another_user_meanwhile", statistics.median(during), "s"),
        at_most("hostile.page_of_another_user", statistics.median(during) / statistics.median(before), "x", TIMES_PAGE),
    ]


def read_mutants(n: int, seed: int) -> list[Criterion]:
    """Read h5ad files with changed structure apart."""
    random, seeds, times = Random(seed), h5ad_seeds(), list[float]()
    n_read = n_failed = 0
    for _ in range(n):
        data = change_hdf5(random, random.choice(seeds), random.choice(seeds))
        start = time.monotonic()
        try:
            read_apart(read_samples, data, name="a.h5ad")
            n_read += 1
        except CellStateError as error:
            n_failed += error.code == READER_FAILED
        times.append(time.monotonic() - start)
    return [
        measured("mutants.files", n),
        measured("mutants.read", n_read),
        measured("mutants.ended_with_their_process", n_failed),
        at_most("mutants.slowest", max(times), "s", REFUSED_S),
    ]


def _seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--mutants", type=int, default=2000, metavar="N")
    parser.add_argument("--quick", action="store_true", help="one file, 20 mutants; claims nothing")
    options = parser.parse_args()
    files, seed = sorted(options.folder.iterdir()), time.time_ns() % 10**6
    print(f"Seed of the mutants: {seed}")
    criteria = [
        *compare_small(_QUICK_TURNS if options.quick else _TURNS),
        *upload_each(files[:1] if options.quick else files),
        *read_mutants(20 if options.quick else options.mutants, seed),
    ]
    show(Benchmark.HOSTILE_UPLOADS, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
