"""Contracts between the packages: which package may import which."""

from __future__ import annotations

import ast
import logging.config
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

REPOSITORY = Path(__file__).resolve().parents[2]
APP = REPOSITORY / "app.py"


def imported_packages(path: Path) -> set[str]:
    """Return the names of every module that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_arrows_go_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    # It would silence the loggers that are there, for the tests that come later.
    monkeypatch.setattr(logging.config, "dictConfig", lambda settings: None)
    status = lint_imports(config_filename=str(REPOSITORY / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_app_is_navigation_and_nothing_else() -> None:
    assert len(APP.read_text(encoding="utf-8").splitlines()) <= 60


def test_app_and_pages_do_not_know_the_training_side() -> None:
    entry_points = [p for p in (APP, *(REPOSITORY / "pages").glob("*.py")) if p.exists()]
    knowing = [p.name for p in entry_points if any(name.split(".")[0] == "train" for name in imported_packages(p))]
    assert knowing == []
