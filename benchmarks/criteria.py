"""What a benchmark of the code itself prints: a table for people and, last, one JSON document for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.report import machine


@dataclass(frozen=True)
class Criterion:
    """One figure; ``threshold`` and ``passed`` are ``None`` where it is only reported."""

    name: str
    value: float
    unit: str
    threshold: str | None = None
    passed: bool | None = None


def show_criteria(benchmark: str, criteria: Sequence[Criterion]) -> None:
    """Print the table and the JSON line."""
    print(f"| {benchmark} | measured | threshold | passed |\n| --- | --- | --- | --- |")
    for one in criteria:
        passed = {True: "yes", False: "**no**", None: ""}[one.passed]
        print(f"| {one.name} | {one.value:,g} {one.unit} | {one.threshold or ''} | {passed} |")
    document = {
        "benchmark": benchmark,
        "machine": machine(),
        "records": [],
        "criteria": [asdict(one) for one in criteria],
    }
    print(json.dumps(document))
