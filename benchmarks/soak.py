"""Whether the app survives users who upload, leave in the middle, and cancel: twenty-five of them for ten minutes.

    python -m benchmarks.soak [--quick]

The users are those of `benchmarks.app_users`, without a browser, and restless: each comes back in a new tab for every
file, and in turn perturbs genes, cancels a search for pairs after some seconds, closes the tab while its file is read,
or while its search runs. Every step checks that nothing of another user is seen. Meanwhile the server is asked for its
health ten times a second. Memory is the resident memory of the server's process: before, when one such user has come
and was forgotten; after, when all have left and were forgotten. A closed tab is kept for 10 seconds here instead of
120.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from benchmarks.app import KEPT_S
from benchmarks.app_server import Health, serving
from benchmarks.app_users import run_apart
from benchmarks.report import at_most, measured, show
from cellstate.evidence import Benchmark, Criterion

USERS, SECONDS, ALONE_S, PACE = 25, 600.0, 90.0, 1.0
QUICK_USERS, QUICK_SECONDS, QUICK_ALONE_S, QUICK_PACE = 3, 25.0, 5.0, 0.1
HEALTH_S, MEMORY = 1.0, 1.2
#: Closed tabs are checked every 5 seconds, and a search ends at its next step; then the memory is freed.
_GONE_S = KEPT_S + 20


def soak(n_users: int, seconds: float, alone_s: float, pace: float) -> list[Criterion]:
    """Let restless users use a fresh server."""
    with serving(kept_s=KEPT_S) as server:
        run_apart(server, 1, alone_s, pace, "--restless")
        time.sleep(_GONE_S)
        before = server.resident_bytes()
        with Health(server) as health:
            found = run_apart(server, n_users, seconds, pace, "--restless")
            most = server.resident_bytes()
        time.sleep(_GONE_S)
        after = server.resident_bytes()
    for line in sorted({*found["errors"], *found["mixed"]})[:20]:
        print(line, file=sys.stderr)
    left = Counter(found["left"])
    return [
        measured("users", n_users),
        measured("seconds", seconds, "s"),
        measured("files", len(found["files"])),
        measured("perturbations", len(found["perturbations"])),
        measured("searches_cancelled", len(found["searches"])),
        measured("tabs_closed_while_reading", left["upload"]),
        measured("tabs_closed_while_searching", left["search"]),
        at_most("errors", len(found["errors"]), "", 0),
        at_most("leaks_between_users", len(found["mixed"]), "times", 0),
        at_most("longest_wait_for_health", health.longest_s, "s", HEALTH_S),
        at_most("health_unanswered", health.n_unanswered, "times", 0),
        measured("slowest_cancel", max(found["searches"], default=None), "s"),
        measured("memory_before", before / 1e9, "GB"),
        measured("memory_as_the_last_user_leaves", most / 1e9, "GB"),
        at_most("memory_after_to_before", after / before, "x", MEMORY),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few users for a short time; claims nothing")
    quick = parser.parse_args().quick
    settings = (QUICK_USERS, QUICK_SECONDS, QUICK_ALONE_S, QUICK_PACE) if quick else (USERS, SECONDS, ALONE_S, PACE)
    show(Benchmark.SOAK, criteria=soak(*settings), quick=quick)


if __name__ == "__main__":
    main()
