"""What every benchmark prints: a table for people and, last, one JSON document for scripts."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass

import torch

from cellstate.model import Model
from cellstate.model.folder import weights_sha256


@dataclass(frozen=True)
class Mark:
    """One measured claim; ``mark`` is the bound it is held against, ``None`` where it is only told."""

    name: str
    value: float
    unit: str
    mark: str | None = None
    reached: bool | None = None


def at_most(name: str, value: float, unit: str, bound: float) -> Mark:
    """A mark that is reached when the value does not exceed the bound."""
    return Mark(name, value, unit, f"<= {bound:g}", value <= bound)


def at_least(name: str, value: float, unit: str, bound: float) -> Mark:
    """A mark that is reached when the value is not below the bound."""
    return Mark(name, value, unit, f">= {bound:g}", value >= bound)


def machine() -> str:
    """Describe the machine in a few words, without its name."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = torch.__version__.split("+")[0]
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, torch {version}"


def show(benchmark: str, marks: list[Mark], *, quick: bool, model: Model | None = None) -> None:
    """Print the table and the JSON line; a quick run claims nothing, so its marks are dropped.

    Where a model folder was measured, the checksum of its weights says which.
    """
    print(f"| {benchmark} | measured | mark | reached |\n| --- | --- | --- | --- |")
    if quick:
        marks = [Mark(m.name, m.value, m.unit) for m in marks]
    for m in marks:
        reached = {True: "yes", False: "**no**", None: ""}[m.reached]
        print(f"| {m.name} | {m.value:.4g} {m.unit} | {m.mark or ''} | {reached} |")
    document: dict = {"benchmark": benchmark, "machine": machine(), "quick": quick, "marks": [asdict(m) for m in marks]}
    if model is not None:
        document["weights_sha256"] = weights_sha256(model.folder)
    print(json.dumps(document))
