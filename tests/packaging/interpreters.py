"""Install the wheel into a fresh environment of each Python given, and use it as its user would.

    python -m tests.packaging.interpreters python3.11 /opt/python3.13/bin/python3

Builds the wheel once; then, for each interpreter: a fresh environment, the wheel with its extras from the package index
that pip is set up with, ``cellstate doctor``, ``cellstate perturb`` on an example tumour, and ``cellstate app`` until
it answers its health check. Prints a table and, as the last line, one JSON document; exit status 1 when a step failed.
It downloads packages, so it is no part of ``make test``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

REPOSITORY = Path(__file__).resolve().parents[2]
STEPS = ("environment", "install", "doctor", "perturb", "app")
#: Longest time of one step, in seconds: an installation downloads torch.
PATIENCE_S = 1800.0
_EXAMPLES = "from cellstate.files import resource_path; print(resource_path('data', 'examples'))"


def build_wheel(folder: Path) -> Path:
    """Return a wheel of this checkout, built with the hatchling of this environment."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", folder, REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(*command: object, cwd: Path = REPOSITORY) -> str:
    """Run a command without this environment's settings; return its standard output, or raise ``RuntimeError``."""
    left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip())[-500:])
    return done.stdout


class Trial:
    """One interpreter, in a folder of its own outside the checkout."""

    def __init__(self, python: str, wheel: Path, options: argparse.Namespace, folder: Path) -> None:
        self._python, self._wheel, self._folder = python, wheel, folder
        self._extras, self._options, self._uv = options.extras, options.pip.split(), options.uv
        self._bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    def environment(self) -> str:
        """Make a fresh environment; return the version of its Python."""
        run(self._python, "-m", "venv", self._folder / "venv")
        return self._in_venv("python", "-c", "import platform; print(platform.python_version())").strip()

    def install(self) -> str:
        """Install the wheel with its extras; return the version that the command tells."""
        wanted = (*self._options, f"{self._wheel}[{self._extras}]")
        if self._uv:
            python = ("--python", self._bin / "python")
            run(self._uv, "pip", "install", "-q", *python, *wanted)
            run(self._uv, "pip", "check", "-q", *python)
        else:
            self._in_venv("python", "-m", "pip", "install", "-q", *wanted)
            self._in_venv("python", "-m", "pip", "check")
        return self._in_venv("cellstate", "--version").strip()

    def doctor(self) -> str:
        """Let the installation examine itself."""
        found = json.loads(self._in_venv("cellstate", "doctor", "--json"))
        return ", ".join(f"{name} {found['versions'][name]}" for name in ("torch", "numpy", "streamlit"))

    def perturb(self) -> str:
        """Knock out TP53 in an example tumour."""
        example = Path(self._in_venv("python", "-c", _EXAMPLES).strip()) / "TCGA-AA-3502-01.tpm.tsv.gz"
        found = json.loads(self._in_venv("cellstate", "perturb", example, "--perturb", "TP53=ko", "--json"))
        (gene,) = [row for row in found["genes"] if row["is_perturbed"]]
        if gene["gene"] != "TP53" or gene["tpm_after"] != 0:
            raise RuntimeError(f"the perturbed gene is {gene}")
        return f"{len(found['genes']):,} genes by {found['predictor']}"

    def app(self) -> str:
        """Start the app, and wait until it answers its health check."""
        command = [str(self._bin / "cellstate"), "app", "--json"]
        with subprocess.Popen(command, cwd=self._folder, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = json.loads(server.stdout.readline())["url"]
                return f"{url} answers {_answer(f'{url}/_stcore/health', server)}"
            finally:
                server.terminate()

    def _in_venv(self, program: str, *arguments: object) -> str:
        return run(self._bin / program, *arguments, cwd=self._folder)


def _answer(url: str, server: subprocess.Popen[str], patience_s: float = 120.0) -> str:
    end = time.monotonic() + patience_s
    while server.poll() is None and time.monotonic() < end:
        with suppress(OSError), urlopen(url, timeout=5) as answer:
            return answer.read().decode().strip()
        time.sleep(0.2)
    raise RuntimeError("the app does not answer")


def attempt(trial: Trial) -> dict[str, dict[str, Any]]:
    """Take the steps in order up to the first that fails; return seconds and result of each."""
    taken: dict[str, dict[str, Any]] = {}
    for name in STEPS:
        step: Callable[[], str] = getattr(trial, name)
        start = time.monotonic()
        try:
            text, passed = step(), True
        except (RuntimeError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            text, passed = str(error), False
        taken[name] = {"passed": passed, "seconds": round(time.monotonic() - start, 1), "result": text}
        print(f"{name:<12}{'ok' if passed else 'failed':<8}{taken[name]['seconds']:>7.1f} s  {text}", flush=True)
        if not passed:
            break
    return taken


def main(arguments: list[str] | None = None) -> int:
    """Try each interpreter; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.packaging.interpreters", description=__doc__)
    parser.add_argument("python", nargs="+", help="an interpreter to try: a name or a path")
    parser.add_argument("--extras", default="app,train", help="extras to install (default: app,train)")
    parser.add_argument("--pip", default="", metavar="OPTIONS", help="options of pip install, such as '-c FILE'")
    parser.add_argument("--uv", metavar="PROGRAM", help="install with this uv instead of pip, which takes longer")
    options = parser.parse_args(arguments)
    results: dict[str, dict[str, dict[str, Any]]] = {}
    with TemporaryDirectory(prefix="cellstate-wheel-") as folder:
        wheel = build_wheel(Path(folder))
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        for number, python in enumerate(options.python):
            print(f"\n{python}")
            place = Path(folder) / str(number)
            place.mkdir()
            results[python] = attempt(Trial(python, wheel, options, place))
    passed = all(step["passed"] for steps in results.values() for step in steps.values())
    print("\n" + json.dumps({"interpreters": results, "passed": passed}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
