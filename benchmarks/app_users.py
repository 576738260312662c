"""Many scripted users at once: each uploads its own files, perturbs genes, and checks that it sees only its own data.

    python -m benchmarks.app_users PORT --users 25 --seconds 300 [--restless]

The last line of standard output is one JSON document. The users run in this process, the server in another, on the same
machine; see `benchmarks.app` for what is made of it.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from benchmarks.app_client import Client
from benchmarks.app_server import Server
from cellstate import load_model, read_samples
from cellstate.files import resource_path
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model
from cellstate.perturb.sample import prepare_sample

#: Addresses of the pages that a user visits: to upload a file, to perturb a gene, to read the evidence, to search.
SAMPLE, PERTURB, EVIDENCE, CANDIDATES = "sample", "perturb", "accuracy", "candidates"
#: Seconds that a user looks at a result, and types, from least to most; drawn evenly.
READS_S, TYPES_S = (5.0, 15.0), (1.0, 3.0)
#: Perturbations of one file before the user uploads the next.
PERTURBATIONS_A_FILE = 6
#: TPM on the page may differ so far, relatively, from the file's: they are float32 on the way.
_CLOSE = 1e-3
_NAME = re.compile(r"User\d{2}x\d{2}")


@dataclass
class Diary:
    """What happened to one user.

    Attributes
    ----------
    perturbations, pages, files, searches : list of float
        Seconds that the user waited for each; for the end of each search that was cancelled.
    left : list of str
        During what the user closed the tab.
    errors : list of str
        Whatever went wrong.
    mixed : list of str
        What was seen that is not this user's own.
    """

    perturbations: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    searches: list[float] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)


class User:
    """One scripted user.

    Parameters
    ----------
    number : int
        What its names and values are drawn from.
    port : int
    model : Model
        The server's, to know the levels that the page must show.
    pace : float
        1 for a person's pace; smaller is faster.
    """

    def __init__(self, number: int, port: int, model: Model, pace: float) -> None:
        self.number, self.port, self.model, self.pace = number, port, model, pace
        self.diary, self._rng, self._n_files = Diary(), np.random.default_rng(number), 0
        well = np.flatnonzero(model.space.mean_G > 2.0)
        self._genes = [str(model.space.symbols[g]) for g in self._rng.permutation(well)]

    def live(self, until: float) -> None:
        """Open the app, work until a time on the monotonic clock, and close it."""
        try:
            with Client(self.port) as client:
                while time.monotonic() < until:
                    self._work(client, until)
        except Exception as error:
            self.diary.errors.append(f"{type(error).__name__}: {error}")

    def _work(self, client: Client, until: float) -> None:
        """Upload a file and make a few perturbations of it, one at a time."""
        name, data = self._new_file()
        levels = self._levels(data)
        self._upload(client, name, data)
        self.diary.pages.append(_timed(lambda: client.go(PERTURB)))
        for _ in range(PERTURBATIONS_A_FILE):
            if time.monotonic() > until:
                return
            gene = self._genes.pop()
            client.type("gene-query", gene)
            self._rest(TYPES_S)
            self.diary.perturbations.append(_timed(lambda: client.click("add")))
            self._check(client, name)
            self._check_level(client, gene, levels[gene])
            self._rest(READS_S)
            client.click(f"remove-{gene}")
        self.diary.pages.append(_timed(lambda: client.go(EVIDENCE)))
        self._check(client, name)

    def _new_file(self) -> tuple[str, bytes]:
        """Return the name of this user's next file, and the file."""
        self._n_files += 1
        name = f"User{self.number:02d}x{self._n_files:02d}"
        return name, self._file(name)

    def _upload(self, client: Client, name: str, data: bytes) -> None:
        """Upload a file and look at what was read."""
        client.go(SAMPLE)
        uploader = next(client.elements("file_uploader"))
        self.diary.files.append(_timed(lambda: client.upload(uploader, f"{name}.tsv", data)))
        self._check(client, name)
        self._rest(READS_S)

    def _file(self, name: str) -> bytes:
        """Write a made-up profile of every gene of the axis, drawn about the model's own means, so that it is usual."""
        axis, space = gene_axis(), self.model.space
        log_A = self._rng.normal(0.5, 1.0, N_AXIS)
        log_A[space.axis_index_G] = space.mean_G + self._rng.normal(0, 0.5, len(space))
        tpm_A = np.expm1(np.maximum(log_A, 0))
        out = io.StringIO()
        out.write(f"gene\t{name}\n")
        for ensembl, tpm in zip(axis.ensembl, tpm_A / tpm_A.sum() * 1e6, strict=True):
            out.write(f"{ensembl}\t{tpm:.5f}\n")
        return out.getvalue().encode()

    def _levels(self, data: bytes) -> dict[str, float]:
        """Return the level of each gene that the page must show for a file."""
        tpm_G = prepare_sample(self.model, read_samples(data, name="own.tsv")).tpm_G
        return dict(zip(map(str, self.model.space.symbols), map(float, tpm_G), strict=True))

    def _check(self, client: Client, name: str) -> None:
        self.diary.errors += client.errors()
        seen = set(_NAME.findall(client.words()))
        if seen - {name}:
            self.diary.mixed.append(f"{name} sees {sorted(seen)}")
        elif not seen:
            self.diary.errors.append(f"{name} is not on the page.")

    def _check_level(self, client: Client, gene: str, level: float) -> None:
        """The table must hold the perturbed gene, at the level of this user's own file."""
        shown = table_value(client, gene, "tpm_before")
        if shown is None:
            self.diary.errors.append(f"{gene} is not in the table.")
        elif not abs(shown - level) <= _CLOSE * level:
            self.diary.mixed.append(f"{gene} is at {shown:g} instead of {level:g} TPM")

    def _rest(self, between: tuple[float, float]) -> None:
        time.sleep(self.pace * self._rng.uniform(*between))


class RestlessUser(User):
    """One who comes back in a new tab for each file: to perturb genes, to cancel a search, or to close the tab."""

    def live(self, until: float) -> None:
        """Open the app, do one thing, close it, and come back, until a time on the monotonic clock."""
        ways = (self._work, self._cancel, self._leave_while_it_reads, self._leave_while_it_searches)
        for turn in itertools.count(self.number):
            if time.monotonic() > until:
                return
            try:
                with Client(self.port) as client:
                    ways[turn % len(ways)](client, until)
            except Exception as error:
                self.diary.errors.append(f"{type(error).__name__}: {error}")

    def _cancel(self, client: Client, until: float) -> None:
        """Start a search, look at it for a while, and cancel it."""
        name = self._search(client)
        self._rest(READS_S)
        self.diary.searches.append(_timed(lambda: self._stop(client)))
        self._check(client, name)

    @staticmethod
    def _stop(client: Client) -> None:
        if client.has("cancel"):
            client.click("cancel")
        # A browser asks again by itself while a search runs.
        while client.has("cancel"):
            time.sleep(0.5)
            client.rerun()

    def _leave_while_it_reads(self, client: Client, until: float) -> None:
        name, data = self._new_file()
        client.go(SAMPLE)
        client.upload(next(client.elements("file_uploader")), f"{name}.tsv", data, wait=False)
        self.diary.left.append("upload")

    def _leave_while_it_searches(self, client: Client, until: float) -> None:
        self._search(client)
        self._rest(TYPES_S)
        self.diary.left.append("search")

    def _search(self, client: Client) -> str:
        """Upload a file and start a search for pairs at the goal that the page proposes; returns the file's name."""
        name, data = self._new_file()
        self._upload(client, name, data)
        client.go(CANDIDATES)
        client.choose("regulators-kind", 1)
        client.click("run")
        self._check(client, name)
        if not client.has("cancel"):
            self.diary.errors.append("The search did not start.")
        return name


def table_value(client: Client, gene: str, column: str) -> float | None:
    """Return a number of a gene's row from the first table on the page that has the column."""
    for element in client.elements("dataframe"):
        table = pa.ipc.open_stream(element.arrow_data.data).read_all()
        if {"gene", column} <= set(table.column_names):
            row = table.column("gene").to_pylist().index(gene)
            return float(table.column(column)[row].as_py())
    return None


def run(port: int, n_users: int, seconds: float, pace: float, *, are_restless: bool = False) -> dict:
    """Let users work at once; returns everything that they noted."""
    model, kind = load_model(device="cpu"), RestlessUser if are_restless else User
    until = time.monotonic() + seconds
    users = [kind(number, port, model, pace) for number in range(1, n_users + 1)]
    threads = [threading.Thread(target=user.live, args=(until,)) for user in users]
    for thread in threads:
        thread.start()
        # They come within the first seconds, not in the same instant.
        time.sleep(min(0.2, seconds / 100))
    for thread in threads:
        thread.join()
    diaries = [asdict(user.diary) for user in users]
    whole = {key: [one for diary in diaries for one in diary[key]] for key in diaries[0]}
    return whole | {"fewest_perturbations": min(len(diary["perturbations"]) for diary in diaries)}


def run_apart(server: Server, n_users: int, seconds: float, pace: float, *options: str) -> dict:
    """Let users work in a process of their own; options are those of the command line."""
    command = [sys.executable, "-m", "benchmarks.app_users", str(server.port)]
    command += [f"--users={n_users}", f"--seconds={seconds}", f"--pace={pace}", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=resource_path(), check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _timed(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--users", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--pace", type=float, default=1.0, help="1 for a person's pace; smaller is faster")
    parser.add_argument("--restless", action="store_true", help="users who close tabs and cancel searches")
    options = parser.parse_args()
    found = run(options.port, options.users, options.seconds, options.pace, are_restless=options.restless)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
