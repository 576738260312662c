"""Which share of small faults the tests notice: a sample of all mutants, each tried in a copy of the tree.

    python -m benchmarks.mutation [--seed N] [--sample N] [--minutes M] [--workers W] [--only ID ...] [--quick]

Sites are those of `benchmarks.mutation_sites` in ``ROOMS``; a sample draws sites, and one variant of each. The seed is
new with every sample and printed; a sample that is not finished is continued with its seed. Every result is saved at
once, and dropped when the file, or a test that it was tried against, has changed.

A mutant is tried against the test files nearest to its module: the mirrored one, then that of rules for every file,
then by the number of imports between them, until one fails or the next would take more than ``MOST_TESTS_S``. A mutant
that takes far longer than its tests do without it counts as killed. A test file that fails without a fault takes no
part and is named. Survivors are listed with what they change; those in ``equivalent_mutants.toml`` cannot be noticed,
as it says why.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import hashlib
import json
import os
import py_compile
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from scipy.stats import binomtest

from benchmarks.mutants import REPOSITORY, copy_tree
from benchmarks.mutation_worker import BROKEN, SURVIVED, TIMED_OUT
from benchmarks.report import at_least, measured, show
from cellstate.evidence import Benchmark, Criterion

ROOMS = ("cellstate/io", "cellstate/evaluation", "cellstate/model", "cellstate/perturb", "train")
#: Folders of tests/unit with their tests.
TESTS = ("expression", "io", "evaluation", "model", "perturb", "train")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
PROGRESS = REPOSITORY / "build" / "mutation.json"
SAMPLE, QUICK, MINUTES, CRITERION = 300, 4, 40.0, 0.85
#: Tests of rules that hold for every file.
GENERAL = "tests/unit/test_value_objects.py"
#: Processor time of all tests that a mutant is tried against, as measured without it; and most files.
MOST_TESTS_S, MOST_FILES = 40.0, 6
#: Processor time for tests that nobody has timed yet; with a fault, so many times the usual time and so much more.
UNTIMED_S, TIMES, MORE_S = 240.0, 4.0, 15.0


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    file : str
    line, column : int
    operator : str
    old, new : str
        The lines that differ, without indentation.
    text : str
        The faulty file.
    """

    file: str
    line: int
    column: int
    operator: str
    old: str
    new: str
    text: str = field(repr=False)

    @property
    def id(self) -> str:
        """Where the fault is, and which."""
        return f"{self.file}:{self.line}:{self.column}:{self.operator}"


class Progress:
    """What was measured, on disk, by fingerprints of everything that it depends on.

    Attributes
    ----------
    sample : dict
        The ``seed`` in work.
    results : dict
        What became of mutants.
    seconds : dict
        Processor time of test files without a fault; None for one that fails.
    """

    def __init__(self, path: Path = PROGRESS) -> None:
        self._path, self._lock = path, Lock()
        saved: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.sample: dict[str, int] = saved.get("sample", {})
        self.results: dict[str, str] = saved.get("results", {})
        self.seconds: dict[str, float | None] = saved.get("seconds", {})

    def put(self, into: dict[str, Any], key: str, value: Any) -> None:
        """Save one value, whole or not at all."""
        with self._lock:
            into[key] = value
            self.save()

    def save(self) -> None:
        """Write everything."""
        self._path.parent.mkdir(exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"sample": self.sample, "results": self.results, "seconds": self.seconds}))
        fresh.replace(self._path)


class Worker:
    """A process of `benchmarks.mutation_worker` in a copy of the tree of its own."""

    def __init__(self, folder: Path) -> None:
        self.tree = copy_tree(folder)
        # Bytecode that is found by the content of its source: a fault is never taken for sound code of the same age.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.tree, quiet=2, force=True, invalidation_mode=mode)
        environment = os.environ | {
            "PYTHONPATH": str(self.tree),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._basetemp = str(folder / "tmp")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mutation_worker"],
            cwd=self.tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, tests: Sequence[str], cpu_s: float) -> tuple[str, float]:
        """Run tests until the first failure; returns what became of them, and their processor time."""
        assert self._process.stdin and self._process.stdout
        request = {"tests": tests, "cpu_s": cpu_s, "basetemp": self._basetemp}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return answer["result"], answer["seconds"]

    def run_mutant(self, mutant: Mutant, tests: Sequence[str], cpu_s: float) -> str:
        """Put a fault into the tree, run its tests, and take the fault out again."""
        path = self.tree / mutant.file
        sound = path.read_bytes()
        path.write_text(mutant.text, encoding="utf-8")
        try:
            return self.run(tests, cpu_s)[0]
        finally:
            path.write_bytes(sound)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def workers(n: int) -> Iterator[SimpleQueue[Worker]]:
    """Give so many workers."""
    with tempfile.TemporaryDirectory() as held:
        made = [Worker(Path(held) / str(number)) for number in range(n)]
        free: SimpleQueue[Worker] = SimpleQueue()
        for worker in made:
            free.put(worker)
        try:
            yield free
        finally:
            for worker in made:
                worker.close()


class Suite:
    """The test files of the rooms: how near each is to a module, and how long it takes."""

    def __init__(self, progress: Progress) -> None:
        import grimp

        self._progress = progress
        self._graph = grimp.build_graph("cellstate", "train", cache_dir=None)
        unit = REPOSITORY / "tests" / "unit"
        self.files = sorted(
            [*unit.glob("test_*.py"), *(path for room in TESTS for path in (unit / room).rglob("test_*.py"))]
        )
        self._imports = {path: _imports(path) & self._graph.modules for path in self.files}
        helpers = (path for path in sorted((REPOSITORY / "tests").rglob("*.py")) if not path.name.startswith("test_"))
        code = (path for room in ("cellstate", "train") for path in sorted((REPOSITORY / room).rglob("*.py")))
        self._common = digest(map(_text, [*code, *helpers]))

    def nearest(self, file: str) -> list[str]:
        """Return the test files that lead to a file, the nearest first."""
        steps = self._steps(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        name, room = Path(file).stem.strip("_"), next(room for room in TESTS if f"{room}/" in file)
        found = []
        for path, imports in self._imports.items():
            test = str(path.relative_to(REPOSITORY))
            if near := imports & steps.keys():
                mirrored = (
                    not test.startswith(f"tests/unit/{room}/"),
                    path.stem != f"test_{name}",
                    name not in path.stem,
                )
                found.append((*mirrored, min(map(steps.__getitem__, near)), test))
        first, *others = [test for *_, test in sorted(found) if test != GENERAL] or [GENERAL]
        return [first, *dict.fromkeys([GENERAL, *others])][:MOST_FILES]

    def _steps(self, module: str) -> dict[str, int]:
        """Return how many imports lead to a module, by the module that they start from."""
        steps, last = {module: 0}, {module}
        while last:
            reached = set().union(*map(self._graph.find_modules_that_directly_import, last))
            # The package itself offers names of many rooms: importing it says nothing.
            reached -= steps.keys() | {"cellstate"}
            steps |= dict.fromkeys(reached, max(steps.values()) + 1)
            last = reached
        return steps

    def seconds(self, test: str, worker: Worker) -> float | None:
        """Return the processor time of a test file without a fault; None for one that fails."""
        key = digest([self._common, test, _text(REPOSITORY / test)])
        if key not in self._progress.seconds:
            result, seconds = worker.run([test], UNTIMED_S)
            if result != SURVIVED:
                print(f"{test} fails without a fault: it takes no part", file=sys.stderr, flush=True)
            self._progress.put(self._progress.seconds, key, seconds if result == SURVIVED else None)
        return self._progress.seconds[key]


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports, in functions too, and names from them, which may be modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def digest(parts: Iterable[str]) -> str:
    """Return a checksum of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def code() -> dict[str, str]:
    """Return the files that faults are put into, by their paths."""
    paths = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
    return {str(path.relative_to(REPOSITORY)): _text(path) for path in paths}


def draw(texts: Mapping[str, str], n: int, seed: int) -> list[Mutant]:
    """Draw mutants: sites without replacement, each with the same chance, and one variant of each."""
    from benchmarks.mutation_sites import mutate, sites

    drawn = random.Random(seed)
    places = [(file, site) for file, text in texts.items() for site in sites(text)]
    drawn.shuffle(places)
    mutants: list[Mutant] = []
    for file, site in places:
        for name, number in drawn.sample(site.variants, len(site.variants)):
            changed = mutate(texts[file], (name, number))
            if changed is not None:
                operator = name.removeprefix("core/")
                mutants.append(
                    Mutant(file, site.line, site.column, operator, *difference(texts[file], changed), changed)
                )
                break
        if len(mutants) == n:
            break
    return mutants


def difference(sound: str, faulty: str) -> tuple[str, str]:
    """Return the lines that differ, without indentation; a mutant differs in one place."""
    a, b = sound.split("\n"), faulty.split("\n")
    first = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    last = next(i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y)
    old, new = (" ".join(line.strip() for line in lines[first : max(first + 1, len(lines) - last)]) for lines in (a, b))
    return old, new


def try_mutant(mutant: Mutant, tests: Suite, worker: Worker) -> str:
    """Try one mutant: against the nearest test file, then against the next ones together."""
    spent = 0.0
    first, *others = tests.nearest(mutant.file)
    for group in ([first], others):
        chosen: list[str] = []
        seconds = 0.0
        for test in group:
            needed = tests.seconds(test, worker)
            if needed is not None and (spent + seconds + needed <= MOST_TESTS_S or not spent):
                chosen.append(test)
                seconds += needed
        result = worker.run_mutant(mutant, chosen, MORE_S + TIMES * seconds) if chosen else SURVIVED
        if result != SURVIVED:
            return result
        spent += seconds
    return SURVIVED


def run(mutants: Sequence[Mutant], progress: Progress, n_workers: int, until: float) -> dict[str, str]:
    """Try mutants until a time of the monotonic clock; returns the results by id, of those that have one."""
    tests = Suite(progress)
    keys = {
        mutant.id: digest([mutant.text, *(test + _text(REPOSITORY / test) for test in tests.nearest(mutant.file))])
        for mutant in mutants
    }
    waiting = [mutant for mutant in mutants if keys[mutant.id] not in progress.results]
    if waiting:
        with workers(n_workers) as free, ThreadPoolExecutor(n_workers) as pool:

            def work(mutant: Mutant) -> None:
                if time.monotonic() > until:
                    return
                worker, began = free.get(), time.monotonic()
                try:
                    result = try_mutant(mutant, tests, worker)
                finally:
                    free.put(worker)
                progress.put(progress.results, keys[mutant.id], result)
                print(f"{mutant.id}: {result}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

            list(pool.map(work, waiting))
    return {mutant.id: progress.results[keys[mutant.id]] for mutant in mutants if keys[mutant.id] in progress.results}


def is_equivalent(mutant: Mutant, listed: Sequence[dict[str, str]]) -> bool:
    """Whether the list says that a fault cannot be noticed."""
    return any((one["file"], one["old"], one["new"]) == (mutant.file, mutant.old, mutant.new) for one in listed)


def read_equivalent() -> list[dict[str, str]]:
    """Read the list of mutants that no test can kill, each with its reason."""
    return tomllib.loads(_text(EQUIVALENT)).get("equivalent", [])


def report(mutants: Sequence[Mutant], results: dict[str, str]) -> list[Criterion]:
    """List the survivors, and turn results into criteria."""
    listed = read_equivalent()
    tried = [mutant for mutant in mutants if results.get(mutant.id, BROKEN) != BROKEN]
    survivors = [mutant for mutant in tried if results[mutant.id] == SURVIVED]
    for mutant in survivors:
        note = ", equivalent" if is_equivalent(mutant, listed) else ""
        print(f"{mutant.id}: survived{note}\n- {mutant.old}\n+ {mutant.new}")
    for room in ROOMS:
        here = Counter(results[mutant.id] == SURVIVED for mutant in tried if mutant.file.startswith(f"{room}/"))
        print(f"{room}: {here[False]} of {here.total()} killed")
    n, killed = len(tried), len(tried) - len(survivors)
    n_equivalent = sum(is_equivalent(mutant, listed) for mutant in survivors)
    low, high = binomtest(killed, n).proportion_ci(method="wilson")
    return [
        measured("mutants", n),
        at_least("killed_share", killed / n, "", CRITERION),
        measured("killed_share.low", low),
        measured("killed_share.high", high),
        measured("killed_by_time_limit", sum(results[mutant.id] == TIMED_OUT for mutant in tried), "mutants"),
        measured("listed_as_equivalent", n_equivalent, "mutants"),
        measured("killed_share_without_those", killed / (n - n_equivalent)),
        measured("left_to_try", len(mutants) - len(results), "mutants"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="a sample again; default: the one in work, then a new one")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"mutants (default {SAMPLE})")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="after them none begins, and a later run continues"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", metavar="ID", help="some mutants of the sample")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} mutants; claims nothing")
    options = parser.parse_args()
    until, progress = time.monotonic() + 60 * options.minutes, Progress()
    seed = options.seed or progress.sample.get("seed") or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}", flush=True)
    progress.put(progress.sample, "seed", seed)
    drawn = draw(code(), QUICK if options.quick else options.sample, seed)
    mutants = [mutant for mutant in drawn if options.only is None or mutant.id in options.only]
    results = run(mutants, progress, options.workers, until)
    if len(results) == len(drawn):
        progress.sample.clear()
        progress.save()
    show(Benchmark.MUTATION, criteria=report(mutants, results), quick=options.quick or len(results) < len(drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
