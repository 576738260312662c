"""Golden files: generated texts that are compared as a whole. ``CELLSTATE_UPDATE_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def assert_golden(name: str, found: Any) -> None:
    """Compare a JSON value with ``tests/golden/NAME.json``."""
    path = FOLDER / f"{name}.json"
    if os.environ.get("CELLSTATE_UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8"))
