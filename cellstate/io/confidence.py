"""How sure each decision of the reader is, and what it rests on.

The figures order decisions, and say which ones to put to the user; they are no frequencies. One is 1 where the user or
the format decided. The others are a margin or a share where there is a natural one: the genes found in the chosen
direction against the other, the share of names that are genes, the agreement of a sample with the others. The unit has
three levels, by the kind of sign that it rests on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cellstate.genes import FOUND, Resolution
from cellstate.io.columns import SampleColumns
from cellstate.io.containers import SHEET
from cellstate.io.raw_table import RawTable, ReadOptions
from cellstate.io.unit_detection import DetectedUnit
from cellstate.io.units import Unit
from cellstate.samples import Decision, ReadReport, is_doubt

UNIT, NAMES, ORIENTATION, SAMPLES = "unit", "names", "orientation", "samples"
#: A unit whose values have the marks of it and of no other, one that the reader had to tell from another, and a guess.
_CLEAR, _TOLD_APART, _GUESSED = 0.95, 0.8, 0.4
#: So many genes in a file are no accident, however many names beside them are none.
_MANY_GENES = 10_000
#: A column without others to compare it with: the only one of numbers, and one that others were left out beside.
_ONLY_ONE, _ONE_OF_SEVERAL = 0.95, 0.8
#: Columns whose names state a quantity.
_STATED = 0.95
#: Correlation at which columns are as likely samples as not: shallow samples of one study reach 0.5 and more, a column
#: that describes genes hardly 0.3 with expression.
_EVEN = 0.4


def orientation_decision(orientation: str, n_chosen: int, n_other: int, *, is_chosen: bool) -> Decision:
    """Return the decision on where the genes are, from the number of genes in the rows and in the header."""
    if is_chosen:
        return Decision(ORIENTATION, orientation, 1.0, "it was chosen")
    other = "the header" if orientation.endswith("rows") else "a column"
    reason = f"{n_chosen:,} genes are named there and {n_other:,} in {other}"
    return Decision(ORIENTATION, orientation, max(0.0, 1.0 - n_other / max(1, n_chosen)), reason)


def samples_decision(samples: SampleColumns, agreement: float | None, *, is_chosen: bool) -> Decision:
    """Return the decision on which columns are samples.

    Parameters
    ----------
    samples : SampleColumns
    agreement : float or None
        Lowest of the columns' best correlations with another of them; None where they cannot be compared.
    is_chosen : bool
        Whether the user chose the columns.
    """
    value = ",".join(str(c + 1) for c in samples.columns)
    if is_chosen:
        return Decision(SAMPLES, value, 1.0, "they were chosen")
    if samples.quantity is not None:
        return Decision(SAMPLES, value, _STATED, f"the names of the columns state {samples.quantity}")
    if agreement is None:
        if len(samples.columns) > 1:
            return Decision(SAMPLES, value, _ONE_OF_SEVERAL, "there are too few rows to compare the columns")
        if samples.warnings:
            return Decision(SAMPLES, value, _ONE_OF_SEVERAL, "the other columns of numbers describe genes")
        return Decision(SAMPLES, value, _ONLY_ONE, "it is the only column of numbers")
    reason = f"each column correlates with another by at least {agreement:.2f}"
    # Half at the even point, 0 and 1 at the ends of the scale.
    confidence = 0.5 * agreement / _EVEN if agreement < _EVEN else 0.5 + 0.5 * (agreement - _EVEN) / (1 - _EVEN)
    return Decision(SAMPLES, value, min(max(confidence, 0.0), 1.0), reason)


def decisions(
    table: RawTable, options: ReadOptions, detected: DetectedUnit, resolution: Resolution, id_type: str, n_other: int
) -> tuple[Decision, ...]:
    """Return the decisions on unit, names, orientation and samples, and on the sheet of a workbook.

    Parameters
    ----------
    table : RawTable
    options : ReadOptions
    detected : DetectedUnit
    resolution : Resolution
        Of the feature names.
    id_type : str
    n_other : int
        Number of names that look like those of another animal.
    """
    by_format = {
        ORIENTATION: Decision(ORIENTATION, table.orientation, 1.0, f"the format {table.format} determines it"),
        SAMPLES: Decision(SAMPLES, "", 1.0, f"the format {table.format} determines them"),
    }
    told = {decision.name: decision for decision in table.decisions}
    return (
        _unit_decision(table, options, detected),
        _names_decision(resolution, options, id_type, n_other),
        *(by_format | told).values(),
    )


def _unit_decision(table: RawTable, options: ReadOptions, detected: DetectedUnit) -> Decision:
    value = str(detected.unit)
    if options.unit is not None and Unit.parse(options.unit) == detected.unit:
        return Decision(UNIT, value, 1.0, "it was chosen")
    if table.unit:
        return Decision(UNIT, value, 1.0, f"the format {table.format} states it")
    if (warning := detected.warning) is not None:
        return Decision(UNIT, value, _GUESSED if is_doubt(warning) else _TOLD_APART, str(warning))
    stated = f"a name states {table.unit_hint}, and " if table.unit_hint else ""
    return Decision(UNIT, value, _CLEAR, f"{stated}the values are as those of {value}")


def _names_decision(resolution: Resolution, options: ReadOptions, id_type: str, n_other: int) -> Decision:
    if options.id_type is not None:
        return Decision(NAMES, options.id_type, 1.0, "they were chosen")
    counts, n = resolution.counts(), max(1, len(resolution.names))
    n_known = sum(counts.get(status, 0) for status in (*FOUND, "outside", "date"))
    n_found = sum(counts.get(status, 0) for status in FOUND)
    confidence = max(n_known / n, min(1.0, n_found / _MANY_GENES)) * (1.0 - n_other / n)
    return Decision(NAMES, id_type, confidence, f"{n_known:,} of {n:,} names are known genes")


def confirm(options: ReadOptions, report: ReadReport) -> ReadOptions:
    """Return the options with all doubtful decisions of a report as the user's own choices."""
    fields = {UNIT: "unit", NAMES: "id_type", ORIENTATION: "orientation", SAMPLES: "columns", SHEET: "sheet"}
    chosen: dict[str, Any] = {fields[doubt.name]: doubt.value for doubt in report.doubts}
    return replace(options, **chosen)
