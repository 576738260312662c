"""How many faults the tests notice: fixed hand-made mutants, each put into a copy of the tree and tested.

    python -m benchmarks.mutants --check
    python -m benchmarks.mutants [--only ID ...]

The mutants are rows of ``mutants.toml``: a file, a text that is in it exactly once, the faulty text, the tests that
are run, and whether those noticed the fault when the list was made (the baseline: 29 of 46). A mutant is killed when
its tests fail. Every result is saved at once, and a later run continues; a result is dropped when its row, its file or
its tests changed. ``--check`` only verifies that every fault can be placed.

Where code moved, the text is found again in the only file that holds it once, and a test by the only path with its
name. When a text changes, change ``old`` and ``new`` of its row. The id and the fault stay.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# Where the tree is, which folders hold code, and which are only read.
REPOSITORY = Path(__file__).resolve().parents[1]
CODE, READ_ONLY = ("cellstate", "train"), ("data", "models", ".git", ".venv")

ROWS = Path(__file__).with_name("mutants.toml")
PROGRESS = REPOSITORY / "build" / "mutants.json"
KILLED, SURVIVED, BROKEN = "killed", "survived", "broken"
#: Exit statuses of pytest: a failed test, and an error outside a test, such as an import.
_NOTICED = {1: KILLED, 2: KILLED, 0: SURVIVED}
LIMIT_S = 240


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    id, file, old, new : str
    tests : tuple of str
    killed : bool or None
        The baseline.
    """

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    killed: bool | None = None


def read_mutants(root: Path = REPOSITORY) -> list[Mutant]:
    """Read the list, with the present place of everything that moved."""
    rows = tomllib.loads(ROWS.read_text(encoding="utf-8"))["mutants"]
    return [locate(Mutant(**row | {"tests": tuple(row["tests"])}), root) for row in rows]


def locate(mutant: Mutant, root: Path = REPOSITORY) -> Mutant:
    """Return a mutant with the present paths of its file and tests; a path stays as it is where no other one fits."""
    file = mutant.file
    if _occurrences(root / file, mutant.old) != 1:
        paths = (path for folder in CODE for path in sorted((root / folder).rglob("*.py")))
        found = [path for path in paths if _occurrences(path, mutant.old)]
        if len(found) == 1 and _occurrences(found[0], mutant.old) == 1:
            file = str(found[0].relative_to(root))
    return replace(mutant, file=file, tests=tuple(_locate_test(test, root) for test in mutant.tests))


def _locate_test(test: str, root: Path) -> str:
    if (root / test).exists():
        return test
    found = sorted((root / "tests").rglob(Path(test).name))
    return str(found[0].relative_to(root)) if len(found) == 1 else test


def _occurrences(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").count(text) if path.is_file() else 0


def problems(mutants: Sequence[Mutant], root: Path = REPOSITORY) -> list[str]:
    """Return one sentence for each row that does not fit the tree."""
    ids = [mutant.id for mutant in mutants]
    found = [f"{one}: the id is used twice" for one in sorted({i for i in ids if ids.count(i) > 1})]
    for mutant in mutants:
        if (n := _occurrences(root / mutant.file, mutant.old)) != 1:
            found.append(f"{mutant.id}: its text is {n} times in {mutant.file}, and not in one other file")
        if mutant.old == mutant.new:
            found.append(f"{mutant.id}: changes nothing")
        found += [f"{mutant.id}: there is no {tests}" for tests in mutant.tests if not (root / tests).exists()]
    return found


def fingerprint(mutant: Mutant) -> str:
    """Return the checksum of everything that a result depends on: the row, its file and its tests."""
    files = [REPOSITORY / mutant.file]
    for tests in mutant.tests:
        files += sorted((REPOSITORY / tests).rglob("*.py")) or [REPOSITORY / tests]
    parts = [mutant.file, mutant.old, mutant.new, *mutant.tests, *(path.read_text(encoding="utf-8") for path in files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def copy_tree(folder: Path) -> Path:
    """Copy the repository; folders that are only read are linked, and so are the shared files beside it."""
    copy = folder / "tree"
    skip = shutil.ignore_patterns(*READ_ONLY, "build", "__pycache__", ".*_cache")
    shutil.copytree(REPOSITORY, copy, ignore=skip)
    for name in ("data", "models"):
        (copy / name).symlink_to(REPOSITORY / name)
    # Bytecode of what no fault touches; a changed file is newer than its own and is compiled again.
    compileall.compile_dir(copy, quiet=2)
    shared = REPOSITORY.parent / "shared"
    if shared.exists():
        (folder / "shared").symlink_to(shared)
    return copy


def run_tests(tree: Path, tests: Sequence[str], limit_s: float = LIMIT_S) -> int:
    """Run some tests in a tree until the first failure; returns pytest's exit status."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(
            command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=limit_s, check=False,
        ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1


def try_mutant(tree: Path, mutant: Mutant) -> str:
    """Put a fault into a tree, run its tests, and take the fault out again."""
    path = tree / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        return _NOTICED.get(run_tests(tree, mutant.tests), BROKEN)
    finally:
        path.write_text(sound, encoding="utf-8")


def run(mutants: Sequence[Mutant]) -> dict[str, str]:
    """Try every mutant that has no result yet; returns the results by id."""
    PROGRESS.parent.mkdir(exist_ok=True)
    saved: dict[str, str] = json.loads(PROGRESS.read_text()) if PROGRESS.exists() else {}
    waiting = [mutant for mutant in mutants if fingerprint(mutant) not in saved]
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_tree(Path(folder)) if waiting else REPOSITORY
        # Tests that fail without a fault would kill every mutant.
        if waiting and run_tests(tree, sorted({tests for mutant in waiting for tests in mutant.tests}), 10 * LIMIT_S):
            raise SystemExit("The tests fail without a fault: run those of the list, and mend them first.")
        for mutant in waiting:
            began = time.monotonic()
            saved[fingerprint(mutant)] = result = try_mutant(tree, mutant)
            PROGRESS.write_text(json.dumps(saved, indent=1))
            print(f"{mutant.id}: {result}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return {mutant.id: saved[fingerprint(mutant)] for mutant in mutants}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only verify that the list fits the tree")
    parser.add_argument("--only", nargs="+", metavar="ID", help="some mutants")
    options = parser.parse_args()
    mutants = read_mutants()
    if wrong := problems(mutants):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if options.check:
        print(f"{len(mutants)} mutants fit the tree.")
        return 0
    from benchmarks.report import at_least, measured, show
    from cellstate.evidence import Benchmark

    chosen = [mutant for mutant in mutants if options.only is None or mutant.id in options.only]
    results = run(chosen)
    for mutant in chosen:
        before = {True: KILLED, False: SURVIVED, None: "unknown"}[mutant.killed]
        print(f"{mutant.id}: {results[mutant.id]} (baseline: {before})")
    killed = sum(result == KILLED for result in results.values())
    baseline = sum(bool(mutant.killed) for mutant in chosen)
    broken = sum(result == BROKEN for result in results.values())
    criteria = [
        measured("mutants", len(chosen)),
        at_least("killed", killed, "mutants", baseline),
        measured("broken", broken, "mutants"),
    ]
    show(Benchmark.MUTANTS, criteria=criteria, quick=options.only is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
