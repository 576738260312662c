"""Golden files: the one place where the wording of a generated text is tested.

    CELLSTATE_REGENERATE_GOLDEN=1 python -m pytest tests/unit/report

writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"
SWITCH = "CELLSTATE_REGENERATE_GOLDEN"


def check_golden(name: str, text: str) -> None:
    """Compare a text with ``tests/golden/NAME.md``, or write that file where the switch is set."""
    path = FOLDER / f"{name}.md"
    if os.environ.get(SWITCH) == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: run with {SWITCH}=1"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs: run with {SWITCH}=1 and look at it"
