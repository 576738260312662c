"""How much of the package one answer runs through: files in which a function runs, and moves between files.

    python -m benchmarks.code_paths [--list]

Two ways are traced, each in a fresh process: a screen of four genes by the command, and in the app the upload of a
CSV file, a knock-out, and its figure. A file counts when a function, method, lambda or comprehension of it is called,
in any thread; what runs while a module of the package is imported does not count. A move is a call whose nearest
caller in the package lies in another file; a generator counts whenever it is resumed. A second row also counts files
of which only a class is defined. ``--list`` names the files, with the calls into each.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
#: What this script counted before the code was rearranged: files with a function that runs, files with a function or
#: the body of a class, moves.
BEFORE = {"screen": (64, 75, 600), "upload": (100, 132, 1652)}
#: Files that are allowed: a number, or (below 1) a share of those before.
MOST_FILES = {"screen": 40, "upload": 0.5}
#: Bit of a code object's flags that a function has, and the body of a module or class has not.
_IS_FUNCTION = 0x1


class Tracer:
    """Counts calls of functions of a package in all threads that start while it is on.

    Parameters
    ----------
    package : Path

    Attributes
    ----------
    calls : Counter of str
        Calls into each file.
    moves : Counter of (str, str)
        Calls from one file into another.
    classes : set of str
        Files of which a class was defined.
    """

    def __init__(self, package: Path) -> None:
        self.calls: Counter[str] = Counter()
        self.moves: Counter[tuple[str, str]] = Counter()
        self.classes: set[str] = set()
        self._start = f"{package}/"
        self._lock = threading.Lock()

    def __enter__(self) -> Tracer:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not self._counts(frame.f_code):
            return
        if not frame.f_code.co_flags & _IS_FUNCTION:
            if frame.f_code.co_name != "<module>":
                self.classes.add(frame.f_code.co_filename)
            return
        caller: str | None = None
        above = frame.f_back
        while above is not None:
            if self._counts(above.f_code):
                if not above.f_code.co_flags & _IS_FUNCTION:
                    return  # called while a module is imported
                caller = caller or above.f_code.co_filename
            above = above.f_back
        file = frame.f_code.co_filename
        with self._lock:
            self.calls[file] += 1
            if caller not in (None, file):
                self.moves[caller or "", file] += 1

    def _counts(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self._start)


# All that this script knows of the product: how the command and the pages are driven.
PACKAGE = REPOSITORY / "cellstate"
EXAMPLE = REPOSITORY / "data" / "examples" / "TCGA-AA-3502-01.tpm.tsv.gz"
GENES = ("CDX2", "KLF4", "MYC", "TP53")
GOAL = "genes:+CDX2,+KLF4,-MYC"
#: Elements of a page that are figures: the linked charts of an answer are a component.
CHARTS = ("bidi_component", "plotly_chart", "vega_lite_chart")


def screen() -> None:
    """Screen four genes by the command, in this process."""
    from cellstate.cli import main

    with tempfile.TemporaryDirectory() as folder:
        genes = Path(folder) / "genes.txt"
        genes.write_text("\n".join(GENES))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = main(["screen", str(EXAMPLE), "--goal", GOAL, "--genes", str(genes), "--json"])
    assert status == 0 and len(json.loads(printed.getvalue())["ranked"]) == len(GENES)


def upload() -> None:
    """Upload a CSV file in the app, knock a gene out and wait for the figure."""
    from streamlit.testing.v1 import AppTest

    with gzip.open(EXAMPLE, "rt", encoding="utf-8") as lines:
        data = lines.read().replace("\t", ",").encode()
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120).run()
    app.switch_page("pages/workbench.py").run()
    app.file_uploader[0].upload("sample.csv", data)
    app.run()
    app.text_input(key="gene-query").set_value("TP53").run()
    app.segmented_control(key="kind").set_value("knock-out").run()
    app.button(key="add").click().run()
    assert not app.exception and not app.error, [*app.exception, *app.error]
    assert any(app.get(kind) for kind in CHARTS), "no figure"


WAYS: dict[str, Callable[[], None]] = {"screen": screen, "upload": upload}


def trace(way: str) -> dict[str, Any]:
    """Trace one way in this process; returns the calls into each file, and the numbers of files and moves."""
    with Tracer(PACKAGE) as tracer:
        WAYS[way]()
    calls = {str(Path(file).relative_to(REPOSITORY)): n for file, n in sorted(tracer.calls.items())}
    or_classes = len(tracer.classes | tracer.calls.keys())
    return {"calls": calls, "files_or_classes": or_classes, "moves": tracer.moves.total()}


def traced(way: str) -> dict[str, Any]:
    """Trace one way in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.code_paths", "--way", way]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the files")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(trace(options.way)))
        return
    # Only now: a traced process must not have imported the package before.
    from benchmarks.report import at_most, measured, show
    from cellstate.evidence import Benchmark

    criteria = []
    for way in WAYS:
        found = traced(way)
        if options.list:
            print(f"{way}:", *(f"  {n:6,} {file}" for file, n in found["calls"].items()), sep="\n")
        files_before, or_classes_before, moves_before = BEFORE[way]
        most = MOST_FILES[way] if MOST_FILES[way] > 1 else MOST_FILES[way] * files_before
        criteria += [
            at_most(f"{way}.files", len(found["calls"]), "files", most),
            measured(f"{way}.files_before", files_before, "files"),
            measured(f"{way}.files_or_classes", found["files_or_classes"], "files"),
            measured(f"{way}.files_or_classes_before", or_classes_before, "files"),
            measured(f"{way}.moves", found["moves"], "calls"),
            measured(f"{way}.moves_before", moves_before, "calls"),
        ]
    show(Benchmark.CODE_PATHS, criteria=criteria, quick=False)


if __name__ == "__main__":
    main()
