"""Sentences about the regulators of a cohort. All are Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from cellstate.formatting import escape_markdown, join_with_and, percent, plural
from cellstate.perturb.regulators.search import FDR

NAMED = 3


def cohort_sentence(recurrence: pd.DataFrame, n_samples: int, n_ood: int = 0) -> str:
    """Return the regulators that most samples call, and those that one sample alone calls.

    Parameters
    ----------
    recurrence : DataFrame
        As `cellstate.perturb.regulators.search.recurrence` returns it.
    n_samples : int
    n_ood : int
        Samples that are out of distribution.
    """
    table = recurrence.assign(n_called=recurrence["n_more_active"] + recurrence["n_less_active"])
    called = table[table["n_called"] > 0]
    if not len(called):
        return f"**No regulator reaches FDR {percent(FDR)} in any of {plural(n_samples, 'sample')}.**"
    shared, private = called[called["n_called"] > 1], called[called["n_called"] == 1]
    parts = []
    if len(shared):
        parts.append(f"recurrent: {join_with_and([_recurrent(row, n_samples) for row in _rows(shared)])}")
    if len(private):
        named = [f"{escape_markdown(row['gene'])} ({escape_markdown(row['samples'], 40)})" for row in _rows(private, 1)]
        parts.append(f"private to one sample: {plural(len(private), 'regulator')}, such as {join_with_and(named)}")
    text = "; ".join(parts)
    said = f"**{text[:1].upper()}{text[1:]}** (FDR {percent(FDR)})."
    if n_ood:
        said += f" {plural(n_ood, 'sample is', 'samples are')} out of distribution, without reliable regulators."
    return said


def cohort_line(n_samples: int, groups: Mapping[str, Sequence[int]], file: str) -> str:
    """Return a cohort in one line: samples, groups and file."""
    parts = [plural(n_samples, "sample")]
    if groups:
        parts.append(join_with_and([f"{escape_markdown(name, 30)} {len(rows):,}" for name, rows in groups.items()]))
    return " · ".join([*parts, escape_markdown(file)])


def _rows(table: pd.DataFrame, n: int = NAMED) -> list[dict]:
    return table.head(n).to_dict("records")


def _recurrent(row: Mapping, n_samples: int) -> str:
    up, down = row["n_more_active"], row["n_less_active"]
    word = "more" if up >= down else "less"
    return f"{escape_markdown(row['gene'])} ({word} active in {max(up, down):,} of {n_samples:,})"
