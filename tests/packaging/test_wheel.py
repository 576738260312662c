"""The wheel: what it holds, and that the command and the trainer run from it outside the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from functools import partial
from pathlib import Path

import pytest

from cellstate import __version__
from cellstate.cohorts import Cohort
from cellstate.extras import EXTRAS

pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = "_shipped/data/examples/TCGA-AA-3502-01.tpm.tsv.gz"
CONFIG = """
[data]
cohort = "{cohort}"
[network]
name = "tiny"
hidden = [16, 4, 16]
[loop]
epochs = 1
batch_size = 16
warmup_steps = 1
[output]
folder = "{folder}"
"""


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, REPOSITORY)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the checkout in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    return folder


@pytest.fixture
def cellstate(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs the installed command in an empty folder; returns its standard output."""
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}

    def python(*arguments: object) -> str:
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = python("-c", "import cellstate; print(cellstate.__file__)").strip()
    assert Path(where) == installed / "cellstate" / "__init__.py"
    return partial(python, installed / "bin" / "cellstate")


def test_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"cellstate"}
    inside = {name.removeprefix("cellstate/") for name in names}
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    files = [path for path in tracked.stdout.split("\0") if path and (REPOSITORY / path).exists()]
    shipped = (
        "app.py",
        "pages/",
        "models/",
        "data/genes/",
        "data/examples/",
        "data/gene_sets/",
        "data/corpora/",
        "data/targets/",
        ".streamlit/config.toml",
    )
    expected = {path.removeprefix("cellstate/") for path in files if path.startswith("cellstate/")}
    expected |= {f"_shipped/{path}" for path in files if path.startswith(shipped)}
    expected |= {f"_train/{path.removeprefix('train/')}" for path in files if path.startswith("train/")}
    assert expected <= inside
    assert {"_shipped/models/coadread/model.safetensors", "_train/configs/coadread.toml", EXAMPLE} <= expected
    assert any(name.startswith("ui/help/content/") and name.endswith(".md") for name in expected)
    assert not [name for name in inside if name.startswith(("benchmarks", "tests", "_shipped/tests"))]


def test_wheel_tells_its_extras_and_carries_every_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (place,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        about = message_from_bytes(archive.read(f"{place}/METADATA"))
        licences = {name.partition("/licenses/")[2] for name in archive.namelist() if "/licenses/" in name}
    assert about["Version"] == __version__ and set(about.get_all("Provides-Extra", [])) == {*EXTRAS, "dev"}
    needed = {re.split(r"[^\w-]", line)[0] for line in about.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert {"torch", "anndata"} <= needed and not needed & {"streamlit", "plotly", "gseapy", "scikit-learn"}
    folders = {path.parent.relative_to(REPOSITORY) for path in (REPOSITORY / "data").glob("**/README.md")}
    assert licences == {"LICENSE", *(f"{folder.as_posix()}/README.md" for folder in folders)}


def test_installed_command_predicts_and_screens(installed: Path, cellstate: Callable[..., str], tmp_path: Path) -> None:
    example = installed / "cellstate" / EXAMPLE
    answer = json.loads(cellstate("perturb", example, "--perturb", "TP53=ko", "--json"))
    (perturbed,) = [row for row in answer["genes"] if row["is_perturbed"]]
    assert perturbed["gene"] == "TP53" and perturbed["tpm_after"] == 0 and len(answer["genes"]) > 17_000
    (tmp_path / "genes.txt").write_text("CDX2\nTP53\n")
    ranking = json.loads(cellstate("screen", example, "--goal", "genes:+CDX2,-MYC", "--genes", "genes.txt", "--json"))
    assert {row["gene"] for row in ranking["ranked"]} == {"CDX2", "TP53"}


def test_installed_trainer_fits_a_model(cellstate: Callable[..., str], cohort: Cohort, tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(CONFIG.format(cohort=cohort.path, folder=tmp_path / "model"))
    last = cellstate("train", "fit", config, "--device", "cpu").splitlines()[-1]
    assert isinstance(json.loads(last), dict) and (tmp_path / "model" / "model.safetensors").is_file()
