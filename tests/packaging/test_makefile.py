"""The Makefile deletes no folder that it did not make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and empty lists of packages."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(REPOSITORY / "Makefile", folder)
    (folder / "docs").mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "docs/requirements.txt", "pyproject.toml"):
        (folder / name).touch()
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # No Python is found, so that nothing is ever installed.
    command = [MAKE or "make", "--no-print-directory", "-C", str(checkout), "PYTHON=none", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}, timeout=60
    )


@pytest.mark.skipif(MAKE is None, reason="there is no make")
@pytest.mark.parametrize("target", ["clean", "lint", "run"])
@pytest.mark.parametrize("stamp", [None, "/another/checkout"])
def test_a_folder_of_someone_else_is_left_as_it_is(
    checkout: Path, tmp_path: Path, target: str, stamp: str | None
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "work").write_text("theirs")
    if stamp:
        (theirs / ".folder").write_text(stamp)
    done = make(checkout, target, f"VENV={theirs}")
    assert done.returncode == 2
    told, *rest = done.stderr.splitlines()
    assert str(theirs) in told and "VENV=" in told
    assert all(line.startswith("make: ***") for line in rest)
    assert (theirs / "work").read_text() == "theirs"


@pytest.mark.skipif(MAKE is None, reason="there is no make")
@pytest.mark.parametrize("stamp", ["here", "/where/the/checkout/was"])
def test_its_own_folder_is_deleted(checkout: Path, stamp: str) -> None:
    """A checkout that was moved, its environment inside it, is still its own."""
    own = checkout / ".venv"
    own.mkdir()
    (own / ".folder").write_text(str(checkout) if stamp == "here" else stamp)
    assert make(checkout, "clean").returncode == 0
    assert not own.exists()


@pytest.mark.skipif(MAKE is None, reason="there is no make")
def test_an_environment_that_another_checkout_made_inside_its_own_is_refused(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / ".venv"
    other.mkdir(parents=True)
    (other / ".folder").write_text(str(other.parent))
    assert make(checkout, "clean", f"VENV={other}").returncode == 2 and other.exists()
