"""What benchmarks have measured, as ``benchmarks.record`` keeps it in a model's metrics.

A benchmark keeps ``date``, ``machine`` and ``marks``; a mark has ``name``, ``value`` (None where it could not be had),
``unit``, ``mark`` (a bound, or None where the figure is only told) and ``reached``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from cellstate.formatting import digits, percent

#: Marks by case, predictor and measure.
ByPredictor = dict[str, dict[str, dict[str, Mapping]]]
#: A mark's outcome inside a table's cell, and what the symbols mean.
SYMBOLS = {True: "✓", False: "✗ missed", None: ""}
LEGEND = "✓: the mark is reached."
NOT_RECORDED = "This model folder holds no result of the benchmark “{0}” yet. Run it, save its output, and record it."
#: ``case: predictor, measure``: how benchmarks name what they ask of several predictors. Case and predictor are words
#: alone, so that they may stand in Markdown.
_OF_PREDICTOR = re.compile(r"(?P<case>[\w -]+): (?P<who>[\w -]+), (?P<what>.+)")
#: What the benchmarks call each held-out set, and what the pages do.
_WHERE = {"newer sequencer": "Same sequencer", "older sequencer": "Older sequencer"}


def marks_of(metrics: Mapping, benchmark: str) -> list[dict]:
    """Return the marks of a benchmark, none where it was not recorded."""
    return metrics.get("evidence", {}).get(benchmark, {}).get("marks", [])


def where(name: str) -> str:
    """Return the held-out set that a mark's name begins with, in the words of the pages."""
    case = name.partition(":")[0]
    return _WHERE.get(case, case)


def on_each_set(metrics: Mapping, ending: str) -> str:
    """Say what `benchmarks.trust` found on each held-out set: ``90.4 % (same sequencer), ...``; may be empty."""
    return ", ".join(
        f"{percent(one['value'], 1)} ({where(one['name']).lower()})"
        for one in marks_of(metrics, "trust")
        if one["name"].endswith(ending) and one["value"] is not None
    )


def all_marks(metrics: Mapping, *, missed: bool = False) -> pd.DataFrame:
    """Return every recorded figure, or those that miss their mark, as text."""
    rows = [
        (benchmark, one["name"], measured(one), bound(one), reached(one))
        for benchmark in metrics.get("evidence", {})
        for one in marks_of(metrics, benchmark)
        if not missed or one["reached"] is False
    ]
    return pd.DataFrame(rows, columns=["Benchmark", "What", "Measured", "Mark", "Reached"])


def measured(mark: Mapping) -> str:
    """Return the value of a mark with its unit."""
    return "–" if mark["value"] is None else f"{digits(mark['value'])} {mark['unit']}".strip()


def bound(mark: Mapping) -> str:
    """Return the bound of a mark in words; a dash where the figure is only told."""
    return (mark["mark"] or "–").replace(">= ", "at least ").replace("<= ", "at most ")


def reached(mark: Mapping) -> str:
    """Say whether a mark is reached, with a symbol and in a word."""
    return {True: "✓ reached", False: SYMBOLS[False], None: "–"}[mark["reached"]]


def when(metrics: Mapping, benchmark: str) -> str:
    """Say where and when a benchmark was run."""
    kept = metrics["evidence"][benchmark]
    return f"Measured by benchmarks.{benchmark} on {kept['date']}, {kept['machine']}."


def by_predictor(marks: Iterable[Mapping]) -> ByPredictor:
    """Return marks by case, predictor and measure; those named otherwise are left out."""
    found: ByPredictor = {}
    for one in marks:
        if parts := _OF_PREDICTOR.fullmatch(one["name"]):
            found.setdefault(parts["case"], {}).setdefault(parts["who"], {})[parts["what"]] = one
    return found
