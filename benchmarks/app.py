"""How fast the app is for one user, and how it behaves with twenty-five.

    python -m benchmarks.app [--quick] [--only browser|users|upload|models]

`benchmarks.app_browser` times the first page, a change of pages and a perturbation in Chromium, with no other user.
In `benchmarks.app_users`, 25 scripted users, without a browser, open a fresh server at once: each uploads a synthetic
profile of 19,383 genes under a name of its own, looks at the result for 5 to 15 seconds, and knocks out one gene after
the other, with 1 to 3 seconds to type its name; after six perturbations it opens the page of evidence and uploads the
next file. At every step it checks that the page names its own sample alone, and after each perturbation that the level
of the gene before the perturbation is that of its own file.

Memory is the resident memory of the server's process: before, when one such user has worked for a minute and was
forgotten; after, when all 25 have left and were forgotten. A closed tab is kept for 10 seconds here instead of 120.
``benchmarks.app_models`` is the memory with both shipped models, ``benchmarks.upload`` times how large files are read.
Server, users and browser share the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks import app_browser, app_models, upload
from benchmarks.app_server import serving
from benchmarks.app_users import run_apart
from benchmarks.report import at_most, measured, show
from cellstate import load_model
from cellstate.evidence import Benchmark, Criterion

USERS, SECONDS, ALONE_S = 25, 300.0, 60.0
QUICK_USERS, QUICK_SECONDS, QUICK_ALONE_S, QUICK_PACE = 3, 20.0, 5.0, 0.1
PERTURBATION_S, MEMORY = 3.0, 1.3
#: How long the server keeps a closed tab in this benchmark.
KEPT_S = 10
#: Closed tabs are checked every 5 seconds; a moment more until the memory is freed.
_GONE_S = KEPT_S + 10


def users(*, quick: bool) -> list[Criterion]:
    """Return the criteria of many users at once."""
    n, seconds, alone, pace = (
        (QUICK_USERS, QUICK_SECONDS, QUICK_ALONE_S, QUICK_PACE) if quick else (USERS, SECONDS, ALONE_S, 1)
    )
    with serving(kept_s=KEPT_S) as server:
        run_apart(server, 1, alone, pace)
        time.sleep(_GONE_S)
        before, processor = server.resident_bytes(), server.processor_s()
        found = run_apart(server, n, seconds, pace)
        used, most = server.processor_s() - processor, server.resident_bytes()
        time.sleep(_GONE_S)
        after = server.resident_bytes()
    for line in sorted({*found["errors"], *found["mixed"]})[:20]:
        print(line, file=sys.stderr)
    who = f"users_{n}"
    print(f"{n} users for {seconds:g} s: {len(found['perturbations']):,} perturbations, {len(found['files']):,} files.")
    return [
        at_most(f"{who}.errors", len(found["errors"]), "", 0),
        at_most(f"{who}.leaks_between_users", len(found["mixed"]), "times", 0),
        at_most(f"{who}.perturbation_median", _median(found["perturbations"]), "s", PERTURBATION_S),
        measured(f"{who}.perturbation_slowest", max(found["perturbations"], default=float("nan")), "s"),
        measured(f"{who}.fewest_perturbations_of_a_user", found["fewest_perturbations"]),
        measured(f"{who}.upload_median", _median(found["files"]), "s"),
        measured(f"{who}.page_change_median", _median(found["pages"]), "s"),
        measured(f"{who}.processors_busy", used / seconds),
        measured("memory_before", before / 1e9, "GB"),
        measured("memory_as_the_last_user_leaves", most / 1e9, "GB"),
        at_most("memory_after_to_before", after / before, "x", MEMORY),
    ]


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


PARTS: dict[str, Callable[..., list[Criterion]]] = {
    "browser": app_browser.measure,
    "users": users,
    "upload": upload.measure,
    "models": app_models.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few users and repetitions; claims nothing")
    parser.add_argument("--only", choices=PARTS, help="one part of the benchmark")
    options = parser.parse_args()
    criteria = [one for name in PARTS if options.only in (None, name) for one in PARTS[name](quick=options.quick)]
    show(Benchmark.APP, criteria=criteria, quick=options.quick, model=load_model(device="cpu"))


if __name__ == "__main__":
    main()
