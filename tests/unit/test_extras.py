"""The Python package and the commands run without the extras, and what needs one says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cellstate.errors import CellStateError
from cellstate.extras import EXTRAS, missing_modules, require_extra

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "data" / "examples" / "TCGA-AA-3502-01.tpm.tsv.gz"
#: What only the extras bring: their modules, and what those depend on.
ABSENT = (*EXTRAS["app"], *EXTRAS["train"], "altair", "matplotlib", "joblib")
#: Runs a command as in an installation without the extras; warnings are errors.
WITHOUT = f"import sys; sys.modules |= dict.fromkeys({ABSENT}); from cellstate.cli import main; sys.exit(main())"
API = f"""
import sys; sys.modules |= dict.fromkeys({ABSENT})
import numpy as np, cellstate as cs
sample = cs.prepare_sample(cs.load_model(device="cpu"), cs.read_samples(sys.argv[1]))
knock_out = cs.Perturbation("TP53", "knock-out")
goal, genes = cs.read_goal("genes:+CDX2,-MYC", sample), np.arange(6)
assert len(cs.predict(sample, [knock_out]).table()) > 17_000
assert len(cs.screen(sample, goal, genes=genes).table) == 6
assert len(cs.pairs(sample, goal, genes=genes).table) > 0
assert len(cs.titrate(sample, "MYC").table()) > 0
assert [getattr(cs, name) for name in cs.__all__]
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_the_python_package_needs_no_extra() -> None:
    done = python(API, EXAMPLE)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", EXAMPLE, "--json"),
        ("perturb", EXAMPLE, "--perturb", "TP53=ko", "--json"),
        ("regulators", EXAMPLE, "--json"),
        ("evaluate", EXAMPLE, "--json"),
        ("combine", EXAMPLE, "--goal", "genes:+CDX2,-MYC", "--genes", "tf", "--max", "2", "--json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_need_no_extra(arguments: tuple[object, ...]) -> None:
    done = python(WITHOUT, *arguments)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("app", ("app", "--no-browser")),
        ("app", ("report", EXAMPLE, "--perturb", "TP53=ko", "--out", "report.html")),
        ("app", ("bundle", EXAMPLE, "--perturb", "TP53=ko", "--out", "bundle.zip")),
        ("train", ("train", "plan", "poster")),
    ],
    ids=["app", "report", "bundle", "train"],
)
def test_a_command_that_needs_an_extra_names_it(extra: str, arguments: tuple[object, ...]) -> None:
    done = python(WITHOUT, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(rf'error: .+\nhint: .+"cellstate\[{extra}\]".*\n', done.stderr), done.stderr


def test_an_extra_is_whole_or_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra("app", "The app")
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert missing_modules("app") == ["plotly"]
    with pytest.raises(CellStateError, match="plotly") as refused:
        require_extra("app", "The app")
    assert refused.value.code == "missing_extra" and "cellstate[app]" in refused.value.hint


def test_pyproject_has_these_extras_and_requirements_pin_all_of_them() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {*EXTRAS, "dev"}
    distributions = {"sklearn": "scikit-learn"}
    for extra, modules in EXTRAS.items():
        listed = {re.split(r"[><=]", line)[0] for line in extras[extra]}
        assert {distributions.get(name, name) for name in modules} <= listed
    needed = {re.split(r"[><=]", line)[0] for line in [*project["dependencies"], *extras["app"], *extras["train"]]}
    pinned = re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.lower() for name in needed} <= {name.lower() for name in pinned}
