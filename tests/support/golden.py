"""Golden files: the one place where the wording of a generated text is tested.

    CELLSTATE_REGENERATE_GOLDEN=1 python -m pytest tests/unit/report tests/unit/io

writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"
SWITCH = "CELLSTATE_REGENERATE_GOLDEN"


def check_golden(name: str, found: str | dict | list) -> None:
    """Compare a text with ``tests/golden/NAME.md``, another value with ``NAME.json``; with the switch, write it."""
    if isinstance(found, str):
        path, text = FOLDER / f"{name}.md", found
    else:
        path, text = FOLDER / f"{name}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get(SWITCH) == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: run with {SWITCH}=1"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs: run with {SWITCH}=1 and look at it"
