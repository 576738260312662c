"""Whether any file breaks a reader: changed files by the ten thousand, each read within limits.

    python -m benchmarks.fuzz [--quick] [--only FORMAT [--number N]] [--inputs N] [--workers N]

The law: a reader returns what it promises or raises a ``CellStateError`` of one sentence and a hint, within 10 seconds
and 1 GB. Inputs are made from sound ones, synthetic and (where ``../shared/data`` is there) real, by the mishaps of
`benchmarks.fuzz_mutations` and `benchmarks.fuzz_containers`. An input is its format and its number: the same one is
made again, on any machine with the same seeds, by ``--only FORMAT --number N``, which also shows where it went wrong.

Worker processes read the inputs one after the other. A worker that dies, or does not answer in time, is a violation
as well, and another one goes on behind that input. Memory is the process's peak above what it held before the first
input; the address space is limited, so that an input out of bounds ends in an error and not in a full machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random

from benchmarks.fuzz_readers import FORMATS, Input
from benchmarks.fuzz_seeds import real_data
from benchmarks.report import at_least, at_most, measured, show
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Criterion

INPUTS, QUICK = 50_000, 60
MOST_SECONDS, MOST_BYTES = 10.0, 1_000_000_000
#: After this time by the clock a worker is given up; the limit of 10 s is processor time, whatever else is running.
_PATIENCE_SECONDS = 60
#: A worker may take this long to load what it needs.
_START_SECONDS = 180
#: Address space that a worker may take beyond what it started with.
_ROOM_BYTES = 3_000_000_000
#: An input that takes this share of a limit is told too: a slower machine or a larger file would break the law.
_NEAR = 0.5
SEED = 1

Case = tuple[str, int]


@dataclass(frozen=True)
class Verdict:
    """What became of one input; ``outcome`` is ``read``, ``refused``, or what the law was broken by."""

    case: Case
    outcome: str
    seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def violation(self) -> str | None:
        """How the law was broken, if it was."""
        if self.outcome not in ("read", "refused"):
            return self.outcome
        if self.seconds > MOST_SECONDS:
            return f"{self.seconds:.1f} s"
        return f"{self.peak_bytes / 1e9:.1f} GB" if self.peak_bytes > MOST_BYTES else None

    @property
    def is_near(self) -> bool:
        """Whether a limit is not far."""
        return self.seconds > _NEAR * MOST_SECONDS or self.peak_bytes > _NEAR * MOST_BYTES


@dataclass
class Tally:
    """Counts of one format."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_bytes: int = 0
    violations: list[Verdict] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Count one input."""
        self.outcomes["violation" if verdict.violation else verdict.outcome] += 1
        self.seconds = max(self.seconds, verdict.seconds)
        self.peak_bytes = max(self.peak_bytes, verdict.peak_bytes)
        if verdict.violation:
            self.violations.append(verdict)


def make_input(case: Case) -> Input:
    """Make an input from its format and number."""
    name, number = case
    return FORMATS[name].make(Random(f"{SEED} {name} {number}"))


def judge(case: Case) -> Verdict:
    """Read one input, and hold what happens against the law; time and memory are the caller's."""
    given = make_input(case)
    # What it took to make the input is not the reader's.
    _forget_peak()
    start = time.process_time()
    outcome = _outcome(case, given)
    return Verdict(case, outcome, time.process_time() - start)


def _outcome(case: Case, given: Input) -> str:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            FORMATS[case[0]].read(given)
    except CellStateError as error:
        sentence = error.message.endswith((".", "?")) and not {"\n", "\r"} & set(error.message + error.hint)
        return "refused" if sentence and len(error.message) < 600 else f"not a sentence: {error.message[:200]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:120]}"
    return f"{caught[0].category.__name__}: {str(caught[0].message)[:120]}" if caught else "read"


def _work(pipe: Connection, cases: Sequence[Case]) -> None:
    """Judge cases in this process, and say so after each."""
    for name in dict(cases):
        FORMATS[name].seeds()
        _outcome((name, 0), Input(FORMATS[name].seeds()[0]))
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + _ROOM_BYTES,) * 2)
    held = _status("VmRSS")
    pipe.send("ready")
    for case in cases:
        verdict = judge(case)
        peak = max(0, _status("VmHWM") - held)
        pipe.send(Verdict(case, verdict.outcome, verdict.seconds, peak))


def _status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _forget_peak() -> None:
    # Other systems than Linux do not tell, and the short run in the tests does not ask.
    with suppress(FileNotFoundError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def in_processes(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Judge cases in a process of their own; one that it does not survive is told, and the next are judged."""
    context = multiprocessing.get_context("spawn")
    waiting = list(cases)
    while waiting:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, waiting), daemon=True)
        process.start()
        theirs.close()
        if not ours.poll(_START_SECONDS) or ours.recv() != "ready":
            raise RuntimeError("a worker process does not start")
        done = 0
        try:
            while done < len(waiting) and ours.poll(_PATIENCE_SECONDS):
                yield ours.recv()
                done += 1
            if done < len(waiting):
                yield Verdict(waiting[done], "no answer", _PATIENCE_SECONDS)
        except EOFError:
            process.join()
            yield Verdict(waiting[done], f"the process died ({process.exitcode})")
        finally:
            process.kill()
            process.join()
        waiting = waiting[done + 1 :]


def run(names: Sequence[str], inputs: int, workers: int) -> dict[str, Tally]:
    """Judge so many inputs of each format."""
    cases = [(name, number) for name in names for number in range(inputs)]
    tallies = {name: Tally() for name in names}

    def take(part: Sequence[Case]) -> None:
        for verdict in in_processes(part):
            tallies[verdict.case[0]].add(verdict)
            if told := verdict.violation:
                print(f"{verdict.case[0]} number {verdict.case[1]}: {told}", file=sys.stderr, flush=True)
            elif verdict.is_near:
                near = f"{verdict.seconds:.1f} s and {verdict.peak_bytes / 1e9:.2f} GB, near the limits"
                print(f"{verdict.case[0]} number {verdict.case[1]}: {near}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(take, (cases[worker::workers] for worker in range(workers))))
    return tallies


def criteria_of(tallies: dict[str, Tally], inputs: int) -> list[Criterion]:
    """Turn counts into criteria."""
    criteria = [at_least("inputs_per_format", inputs, "inputs", INPUTS)]
    for title, tally in tallies.items():
        name = title.lower().replace(" ", "_")
        refused = tally.outcomes["refused"] / tally.outcomes.total()
        criteria += [
            at_most(f"{name}.violations", len(tally.violations), "inputs", 0),
            at_most(f"{name}.slowest_input", tally.seconds, "s", MOST_SECONDS),
            at_most(f"{name}.peak_memory", tally.peak_bytes / 1e9, "GB", MOST_BYTES / 1e9),
            measured(f"{name}.share_refused_with_a_sentence", refused),
        ]
    return criteria


def replay(case: Case) -> None:
    """Read one input here, and show what it is and what comes of it."""
    given = make_input(case)
    print(f"{len(given.data):,} bytes, {given.name[:60]!r}, {given.overrides}: {given.data[:300]!r}")
    try:
        print(FORMATS[case[0]].read(given))
    except CellStateError as error:
        print(f"refused: {error}")
    except Exception:
        traceback.print_exc()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} inputs a format; claims nothing")
    parser.add_argument("--only", choices=FORMATS, help="one format")
    parser.add_argument("--number", type=int, help="one input of that format: shown, read, and the error with it")
    parser.add_argument("--inputs", type=int, help=f"inputs a format (default {INPUTS:,})")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.number is not None:
        if options.only is None:
            parser.error("--number needs --only FORMAT")
        replay((options.only, options.number))
        return
    names = [options.only] if options.only else list(FORMATS)
    inputs = options.inputs or (QUICK if options.quick else INPUTS)
    if real_data() is None:
        print("note: without ../shared/data the inputs are made from synthetic files alone", file=sys.stderr)
    show(Benchmark.FUZZ, criteria=criteria_of(run(names, inputs, options.workers), inputs), quick=options.quick)


if __name__ == "__main__":
    main()
