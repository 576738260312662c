"""Whether any file breaks a reader: changed files by the ten thousand, each read within limits.

    python -m benchmarks.fuzz [--quick] [--only FORMAT] [--seconds N] [--workers N] [--afresh]
    python -m benchmarks.fuzz --only FORMAT --seed SEED --number N [--out FILE]

The law: a reader returns what it promises or raises a ``CellStateError`` of one sentence and a hint, within 10 seconds
and 1 GB. Inputs are made from sound ones, synthetic and (where ``../shared/data`` is there) real, by the mishaps of
`benchmarks.fuzz_mutations` and `benchmarks.fuzz_containers`.

A run gives each format so many seconds, those with the fewest inputs first, and its seed is new. Counts are saved in
``build/fuzz.json`` and add up over runs until every format has its 50,000; ``--afresh`` starts at zero. What broke the
law is judged again first, and forgotten when it does no more.

An input is its format, seed and number: the second command makes the same one again, shows where it went wrong, and
writes it to a file. A find is kept as a test in that way: the file goes to ``tests/unit/io/finds``.

Worker processes read the inputs one after the other. A worker that dies, or does not answer in time, is a violation
as well, and another one goes on behind that input. Memory is the process's peak above what it held before the first
input; processor time and address space are limited, so that an input out of bounds ends in an error and not in a
machine that hangs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random, SystemRandom
from threading import Lock
from typing import Any, NamedTuple

from benchmarks.fuzz_readers import FORMATS, Input
from benchmarks.fuzz_seeds import real_data
from benchmarks.report import at_least, at_most, measured, show
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Criterion

INPUTS = 50_000
#: Seconds of a run for each format, and of a quick one.
SECONDS, QUICK_SECONDS = 90.0, 1.0
MOST_SECONDS, MOST_BYTES = 10.0, 1_000_000_000
#: After this time by the clock a worker is given up; the limit of 10 s is processor time, whatever else is running.
_PATIENCE_SECONDS = 60
#: A worker may take this long to load what it needs.
_START_SECONDS = 180
#: Address space that a worker may take beyond what it started with.
_ROOM_BYTES = 3_000_000_000
#: An input that takes this share of a limit is told too: a slower machine or a larger file would break the law.
_NEAR = 0.5
#: Inputs of one format after which the counts are saved.
_SAVED_EACH = 200
PROGRESS = Path(__file__).resolve().parents[1] / "build" / "fuzz.json"


class Case(NamedTuple):
    """What an input is made from."""

    format: str
    seed: int
    number: int


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
    """Counts of one format, over all runs."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_bytes: int = 0
    violations: list[Verdict] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of inputs."""
        return self.outcomes.total()

    def add(self, verdict: Verdict) -> None:
        """Count one input."""
        self.outcomes["violation" if verdict.violation else verdict.outcome] += 1
        if verdict.violation:
            self.violations.append(verdict)
        else:
            self.seconds = max(self.seconds, verdict.seconds)
            self.peak_bytes = max(self.peak_bytes, verdict.peak_bytes)

    def forget(self, verdict: Verdict) -> None:
        """Take out a violation that is none any more."""
        self.violations.remove(verdict)
        self.outcomes.subtract({"violation": 1, "refused": -1})


def load(path: Path = PROGRESS) -> dict[str, Tally]:
    """Read the counts of earlier runs."""
    saved: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    tallies = {name: Tally() for name in FORMATS}
    for name in saved.keys() & tallies.keys():
        told = saved[name]
        found = [Verdict(Case(*one.pop("case")), **one) for one in told.pop("violations")]
        tallies[name] = Tally(Counter(told.pop("outcomes")), **told, violations=found)
    return tallies


def save(tallies: dict[str, Tally], path: Path = PROGRESS) -> None:
    """Write the counts, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(
        json.dumps({name: asdict(one) | {"outcomes": dict(one.outcomes)} for name, one in tallies.items()})
    )
    fresh.replace(path)


def make_input(case: Case) -> Input:
    """Make the input of a case."""
    return FORMATS[case.format].make(Random(f"{case.seed} {case.format} {case.number}"))


def judge(case: Case) -> Verdict:
    """Read one input, and hold what happens against the law; time and memory are the caller's."""
    given = make_input(case)
    # What it took to make the input is not the reader's.
    _forget_peak()
    start = time.process_time()
    outcome = judge_input(case.format, given)
    return Verdict(case, outcome, time.process_time() - start)


def judge_input(name: str, given: Input) -> str:
    """Return ``read``, ``refused``, or what the law was broken by, of an input of a format."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            FORMATS[name].read(given)
    except CellStateError as error:
        sentence = error.message.endswith((".", "?")) and not {"\n", "\r"} & set(error.message + error.hint)
        return "refused" if sentence and len(error.message) < 600 else f"not a sentence: {error.message[:200]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:120]}"
    return f"{caught[0].category.__name__}: {str(caught[0].message)[:120]}" if caught else "read"


def _work(pipe: Connection, cases: Sequence[Case]) -> None:
    """Judge cases in this process, and say so after each."""
    for name in {case.format for case in cases}:
        judge_input(name, Input(FORMATS[name].seeds()[0]))
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + _ROOM_BYTES,) * 2)
    held = _status("VmRSS")
    pipe.send("ready")
    for case in cases:
        _limit_time()
        verdict = judge(case)
        peak = max(0, _status("VmHWM") - held)
        pipe.send(Verdict(case, verdict.outcome, verdict.seconds, peak))


def _limit_time() -> None:
    """End this process when the next input takes too long, whatever library it is in."""
    soft = int(time.process_time() + MOST_SECONDS) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _forget_peak() -> None:
    # Other systems than Linux do not tell, and the short run in the tests does not ask.
    with suppress(FileNotFoundError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def in_processes(cases: Sequence[Case]) -> Generator[Verdict, None, None]:
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


def run(tallies: dict[str, Tally], names: Sequence[str], seconds: float, workers: int, seed: int) -> None:
    """Judge inputs of each format for so many seconds, and count them."""
    lock = Lock()

    def take(part: Sequence[Case]) -> None:
        # Closing ends the process, which works ahead; the time begins when it has started.
        end = None
        with closing(in_processes(part)) as verdicts:
            for verdict in verdicts:
                with lock:
                    tally = tallies[verdict.case.format]
                    tally.add(verdict)
                    if not tally.n % _SAVED_EACH:
                        save(tallies)
                _tell(verdict)
                end = end or time.monotonic() + seconds
                if time.monotonic() > end or tally.n >= INPUTS:
                    return

    for name in sorted(names, key=lambda name: tallies[name].n):
        cases = [Case(name, seed, number) for number in range(INPUTS - tallies[name].n)]
        if cases:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(take, (cases[worker::workers] for worker in range(workers))))
            save(tallies)


def judge_again(tallies: dict[str, Tally]) -> None:
    """Judge what broke the law in earlier runs, and forget what does so no more."""
    known = {verdict.case: verdict for tally in tallies.values() for verdict in tally.violations}
    for verdict in in_processes(list(known)):
        if not verdict.violation:
            tallies[verdict.case.format].forget(known[verdict.case])
        _tell(verdict)
    save(tallies)


def _tell(verdict: Verdict) -> None:
    told = verdict.violation
    if not told and verdict.is_near:
        told = f"{verdict.seconds:.1f} s and {verdict.peak_bytes / 1e9:.2f} GB, near the limits"
    if told:
        name, seed, number = verdict.case
        print(f"--only {name!r} --seed {seed} --number {number}: {told}", file=sys.stderr, flush=True)


def criteria_of(tallies: dict[str, Tally]) -> list[Criterion]:
    """Turn counts into criteria."""
    criteria = [at_least("fewest_inputs_of_a_format", min(tally.n for tally in tallies.values()), "inputs", INPUTS)]
    for title, tally in tallies.items():
        name = title.lower().replace(" ", "_")
        criteria += [
            measured(f"{name}.inputs", tally.n),
            at_most(f"{name}.violations", len(tally.violations), "inputs", 0),
            at_most(f"{name}.slowest_input", tally.seconds, "s", MOST_SECONDS),
            at_most(f"{name}.peak_memory", tally.peak_bytes / 1e9, "GB", MOST_BYTES / 1e9),
            measured(f"{name}.share_refused_with_a_sentence", tally.outcomes["refused"] / tally.n if tally.n else None),
        ]
    return criteria


def replay(case: Case, out: Path | None) -> None:
    """Write one input, or read it here and show what it is and what comes of it."""
    given = make_input(case)
    if out is not None:
        out.write_bytes(given.data)
        return
    print(f"{len(given.data):,} bytes, {given.name[:60]!r}, {given.overrides}: {given.data[:300]!r}")
    try:
        print(FORMATS[case.format].read(given))
    except CellStateError as error:
        print(f"refused: {error}")
    except Exception:
        traceback.print_exc()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s a format; claims nothing")
    parser.add_argument("--only", choices=FORMATS, help="one format")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each format (default {SECONDS:g})")
    parser.add_argument("--afresh", action="store_true", help="forget the counts of earlier runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="of an input; a run's is new")
    parser.add_argument("--number", type=int, help="one input: shown, read, and the error with it")
    parser.add_argument("--out", type=Path, help="write that input instead")
    options = parser.parse_args()
    if options.number is not None:
        if options.only is None or options.seed is None:
            parser.error("--number needs --only FORMAT and --seed SEED")
        replay(Case(options.only, options.seed, options.number), options.out)
        return
    if real_data() is None:
        print("note: without ../shared/data the inputs are made from synthetic files alone", file=sys.stderr)
    seed = SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    tallies = {name: Tally() for name in FORMATS} if options.afresh else load()
    judge_again(tallies)
    names = [options.only] if options.only else list(FORMATS)
    run(tallies, names, QUICK_SECONDS if options.quick else options.seconds, options.workers, seed)
    show(Benchmark.FUZZ, criteria=criteria_of(tallies), quick=options.quick)


if __name__ == "__main__":
    main()
