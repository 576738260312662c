"""Saved scenarios as a file: JSON that holds names and edits, no sample, and is checked as if anyone had written it.

``{"format": "cellstate-scenarios", "version": 1, "scenarios": [{"name": "No p53", "edits": [{"gene": "TP53", "kind":
"knock-out", "amount": 0.0}]}]}``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from cellstate.errors import CellStateError, ReadError
from cellstate.expression import GeneSpace
from cellstate.perturb.perturbations import Perturbation, resolve_genes
from cellstate.ui.link import MOST_EDITS

FORMAT, VERSION = "cellstate-scenarios", 1
MOST_BYTES, MOST_SCENARIOS, MOST_NAME_CHARS = 200_000, 100, 80
_HINT = "Import a file that this page has exported."

#: Edits by the name of their scenario.
Scenarios = Mapping[str, tuple[Perturbation, ...]]


def write_scenarios(scenarios: Scenarios) -> bytes:
    """Return scenarios as a file, every amount in full and no blank, so that many fit."""
    listed = [{"name": name, "edits": [asdict(edit) for edit in edits]} for name, edits in scenarios.items()]
    whole = {"format": FORMAT, "version": VERSION, "scenarios": listed}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def fits(scenarios: Scenarios) -> bool:
    """Return whether so many can be kept: not more than a file that can be imported again may hold."""
    return len(scenarios) <= MOST_SCENARIOS and len(write_scenarios(scenarios)) <= MOST_BYTES


def read_scenarios(data: bytes, space: GeneSpace) -> dict[str, tuple[Perturbation, ...]]:
    """Read scenarios; genes come under the model's own symbols.

    Raises
    ------
    CellStateError
        Whatever is wrong, in one sentence: nothing of such a file is taken.
    """
    if len(data) > MOST_BYTES:
        raise ReadError(f"A file of scenarios may hold at most {MOST_BYTES // 1000} kB.", _HINT)
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ReadError("This is not a file of scenarios: it is no JSON.", _HINT) from error
    whole = _fields(whole, {"format", "version", "scenarios"}, "The file")
    if whole["format"] != FORMAT:
        raise ReadError("This JSON is not a file of scenarios.", _HINT)
    if type(whole["version"]) is not int or whole["version"] != VERSION:
        raise ReadError(f"This file of scenarios is not of version {VERSION}.", "Export it again with this CellState.")
    found: dict[str, tuple[Perturbation, ...]] = {}
    for number, one in enumerate(_listed(whole["scenarios"], MOST_SCENARIOS, "The file", "scenarios"), start=1):
        one = _fields(one, {"name", "edits"}, f"Scenario {number}")
        name = checked_name(one["name"])
        if name in found:
            raise ReadError(f"Two scenarios are called {name!r}.", "Rename one of them.")
        found[name] = _edits(one["edits"], space, f"Scenario {name!r}")
    return found


def checked_name(name: object) -> str:
    """Return the name of a scenario as it is kept: on one line, without blanks around it."""
    text = " ".join("".join(c if c.isprintable() else " " for c in name).split()) if isinstance(name, str) else ""
    if not text:
        raise ReadError("A scenario has no name.", "Give it one.")
    if len(text) > MOST_NAME_CHARS:
        raise ReadError(f"The name of a scenario has at most {MOST_NAME_CHARS} characters.", "Shorten it.")
    return text


def merged(kept: Scenarios, new: Scenarios) -> dict[str, tuple[Perturbation, ...]]:
    """Return scenarios with others added: one whose name is taken by other edits gets a number behind its name.

    Raises
    ------
    ReadError
        More together than fit.
    """
    together = dict(kept)
    for name, edits in new.items():
        free, number = name, 1
        while free in together and together[free] != edits:
            number += 1
            free = f"{name[: MOST_NAME_CHARS - 6]} ({number})"
        together[free] = edits
    if not fits(together):
        raise ReadError(
            f"Together that would be more than {MOST_SCENARIOS} scenarios or {MOST_BYTES // 1000} kB.",
            "Delete some first.",
        )
    return together


def _edits(listed: object, space: GeneSpace, who: str) -> tuple[Perturbation, ...]:
    edits = [_edit(one, who) for one in _listed(listed, MOST_EDITS, who, "edits")]
    try:
        genes = resolve_genes(edits, space)
    except CellStateError as error:
        raise ReadError(f"{who}: {error.message}", error.hint) from error
    return tuple(replace(edit, gene=space.symbols[gene]) for edit, gene in zip(edits, genes, strict=True))


def _edit(one: object, who: str) -> Perturbation:
    fields = _fields(one, {"gene", "kind", "amount"}, f"An edit of {who[0].lower()}{who[1:]}")
    gene, kind, amount = fields["gene"], fields["kind"], fields["amount"]
    if not isinstance(gene, str) or len(gene) > MOST_NAME_CHARS:
        raise ReadError(f"{who} names a gene that is no text.", _HINT)
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise ReadError(f"{who}: the amount of {gene} is no number.", _HINT)
    try:
        return Perturbation(gene, kind, float(amount))
    except (CellStateError, OverflowError, TypeError) as error:
        hint = error.hint if isinstance(error, CellStateError) else _HINT
        message = error.message if isinstance(error, CellStateError) else f"the amount of {gene} is too large."
        raise ReadError(f"{who}: {message}", hint) from error


def _fields(value: object, names: set[str], who: str) -> dict[str, Any]:
    """Return an object of JSON that has exactly the fields it should have."""
    if not isinstance(value, dict) or set(value) != names:
        raise ReadError(f"{who} does not hold {', '.join(sorted(names))} and nothing else.", _HINT)
    return value


def _listed(value: object, most: int, who: str, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ReadError(f"{who} holds no list of {what}.", _HINT)
    if len(value) > most:
        raise ReadError(f"{who} holds more than {most} {what}.", f"Keep {most} at most.")
    return value
