"""Where a small fault can be put into Python code, by the operators of Cosmic Ray.

A site is a place and a kind of change: an arithmetic operator, a comparison, a number, a condition, a decorator. A site
may have several variants. Replacements of an operator by one of another kind (``+`` by ``&``) are left out, as they
fail for their types alone; so are changes that leave the program as it was (annotations) and ones that do not compile.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

#: Operators of one kind, which replace each other.
_KINDS = (
    {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}, {"BitOr", "BitAnd", "BitXor"}, {"RShift", "LShift"},
    {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}, {"Is", "IsNot"},
)  # fmt: skip
_REPLACED = re.compile(r"core/Replace(?:Binary|Comparison)Operator_(\w+)_(\w+)")


@dataclass(frozen=True)
class Site:
    """A place where a fault can be put.

    Attributes
    ----------
    line, column : int
        Where the changed text begins; lines from 1.
    kind : str
        What is changed.
    variants : tuple of (str, int)
        Operators and the number of this site among those of the operator in the file.
    """

    line: int
    column: int
    kind: str
    variants: tuple[tuple[str, int], ...]


def sites(text: str) -> list[Site]:
    """Return the sites of a file in their order."""
    # Operators of one group stand at the same places.
    groups = {names: get_operator(names[0])() for names in _groups()}
    seen = dict.fromkeys(groups, 0)
    found: dict[tuple[int, int, str], list[tuple[str, int]]] = {}
    for node in ast_nodes(get_ast(text)):
        for names, operator in groups.items():
            for (line, column), _ in operator.mutation_positions(node):
                here = found.setdefault((line, column, _kind(names[0])), [])
                here.extend((name, seen[names]) for name in names)
                seen[names] += 1
    return [Site(*place, tuple(variants)) for place, variants in sorted(found.items())]


def mutate(text: str, variant: tuple[str, int]) -> str | None:
    """Return a file with one fault in it; None where that is no other program, or none at all."""
    name, occurrence = variant
    operator: Operator = get_operator(name)()
    try:
        changed = mutate_code(text, operator, occurrence)
        return None if changed is None or _program(changed) == _program(text) else changed
    except (SyntaxError, AttributeError):  # the latter, of an exception that is named with its module
        return None


@lru_cache(maxsize=1)
def _groups() -> tuple[tuple[str, ...], ...]:
    """Return the names of the operators, together those that replace the same by something else."""
    groups: dict[str, list[str]] = {}
    for name in sorted(operator_names()):
        if pair := _REPLACED.fullmatch(name):
            if any(set(pair.groups()) <= kind for kind in _KINDS):
                groups.setdefault(name.rpartition("_")[0], []).append(name)
        # Those that need to be told names of variables are no faults of this code.
        elif not get_operator(name).arguments() and name != "core/NoOp":
            groups[name] = [name]
    return tuple(tuple(names) for names in groups.values())


def _kind(name: str) -> str:
    """Return the kind of change: the operator's name without what it replaces by what."""
    return re.sub(r"(?<=Operator)_.*", "", name.removeprefix("core/"))


def _program(text: str) -> str:
    """Return what a file does: its syntax tree without annotations."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return ast.dump(tree)
