"""Value objects do not change once they are made."""

from __future__ import annotations

import ast
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Classes that hold what changes, as their purpose is.
CHANGING = {
    "cellstate/ui/runtime/uploads.py _Upload",
    "cellstate/ui/state/history.py History",
    "cellstate/ui/state/session.py Session",
    "cellstate/ui/workbench/gene_results.py Selected",
    "train/callbacks.py TrainingState",
}


def is_frozen(node: ast.ClassDef) -> bool | None:
    """Return whether a class is a frozen dataclass or structure; None for another class."""
    made = [one for one in node.decorator_list if "dataclass" in ast.unparse(one)]
    if not made and not any("Struct" in ast.unparse(base) for base in node.bases):
        return None
    keywords = node.keywords if not made else getattr(made[0], "keywords", [])
    return any(one.arg == "frozen" and ast.unparse(one.value) == "True" for one in keywords)


def test_value_objects_are_frozen() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)} {node.name}": is_frozen(node)
        for room in ("cellstate", "train")
        for path in (REPOSITORY / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert sum(frozen is True for frozen in found.values()) > 100
    assert {name for name, frozen in found.items() if frozen is False} == CHANGING
