"""The list of slow tests names tests that are there, so that a renamed one does not slip into the fast tier."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def test_every_listed_test_exists():
    lines = (TESTS / "slow_tests.txt").read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    files = (path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert listed and listed <= {name for text in files for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
