"""Sentences about what drives a sample, and about the regulators of a cohort. All are Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from cellstate.formatting import decimal, escape_markdown, join_with_and, percent, plural
from cellstate.perturb.regulators.search import FDR

NAMED = 3


def regulators_headline(table: pd.DataFrame, reference: str) -> str:
    """Return how many regulators are called, and the most active one.

    Parameters are those of `regulators_sentence`.
    """
    first, called = escape_markdown(table["gene"].iloc[0]), int((table["fdr"] <= FDR).sum())
    if table["fdr"].isna().all():
        return f"No p-values: {first} is the most active regulator against the {escape_markdown(reference)}"
    if not called:
        none = f"No regulator reaches FDR {percent(FDR)} against the {escape_markdown(reference)}"
        return f"{none}; {first} is the most active"
    differ = "differs" if called == 1 else "differ"
    return f"{plural(called, 'regulator')} {differ} from the {escape_markdown(reference)}; {first} is the most active"


def regulators_sentence(table: pd.DataFrame, reference: str) -> str:
    """Return how many regulators are called, said first where none is, and the first names in each direction.

    Parameters
    ----------
    table : DataFrame
        Columns gene, z, fdr; most active first.
    reference : str
        What the sample was compared with, in words.
    """
    known = table.dropna(subset="z")
    up, down = known[known["z"] > 0]["gene"].tolist(), known[known["z"] < 0]["gene"].tolist()[::-1]
    called = int((known["fdr"] <= FDR).sum())
    if known["fdr"].isna().all():
        first = "**A ranking without p-values:** the reference has too few samples to tell how much its own differ."
    elif called:
        first = f"**{plural(called, 'regulator')} at FDR {percent(FDR)}.**"
    else:
        first = f"**No regulator reaches FDR {percent(FDR)}:** read the order as a list to test, no more."
    parts = [first]
    for names, word in ((up, "More"), (down, "Less")):
        if names:
            shown = join_with_and([escape_markdown(name) for name in names[:NAMED]])
            parts.append(f"{word} active than in the {escape_markdown(reference)}: {shown}.")
    return " ".join(parts)


def reference_of_others(n: int) -> str:
    """Return what the other samples of a file are called as a reference: ``other 84 samples``."""
    return f"other {plural(n, 'sample')}"


def reference_of_group(name: str, n: int) -> str:
    """Return what a group of samples is called as a reference; plain text."""
    return f"group {name} ({plural(n, 'sample')})"


def set_sentence(genes: Sequence[str], explained: float, best_member: float, p: float) -> str:
    """Return what a set of cooperating regulators explains of the half of the signature that it was not chosen on."""
    return (
        f"**Together:** {join_with_and([escape_markdown(gene) for gene in genes])} explain {percent(explained, 1)} of "
        f"the half of the genes that was held back; the best of them alone {percent(best_member, 1)} "
        f"(p = {decimal(p, 3)} against random sets of this size)."
    )


def admixture_sentence(tissue: str, share: float, taken_out: bool, without: str) -> str:
    """Return which tissue is admixed to a sample, and whether regulators are those of the rest.

    Parameters
    ----------
    without : str
        What takes it out, as an option or a switch is named.
    """
    first = f"About {percent(share)} of the transcripts are like normal {escape_markdown(tissue)}"
    if taken_out:
        return f"{first}; they were taken out."
    return f"{first}: some regulators may be those of that tissue ({without} takes it out)."


def cohort_sentence(recurrence: pd.DataFrame, n_samples: int, reference: str, n_ood: int = 0) -> str:
    """Return the regulators that most samples call, and those that one sample alone calls.

    Parameters
    ----------
    recurrence : DataFrame
        As `cellstate.perturb.regulators.search.recurrence` returns it.
    n_samples : int
    reference : str
        What each sample was compared with, in words.
    n_ood : int
        Samples that are out of distribution.
    """
    table = recurrence.assign(n_called=recurrence["n_more_active"] + recurrence["n_less_active"])
    called = table[table["n_called"] > 0]
    if not len(called):
        none = f"No regulator reaches FDR {percent(FDR)} in any of {plural(n_samples, 'sample')}"
        return f"**{none}, against the {escape_markdown(reference)}.**"
    shared, private = called[called["n_called"] > 1], called[called["n_called"] == 1]
    parts = []
    if len(shared):
        parts.append(f"recurrent: {join_with_and([_recurrent(row, n_samples) for row in _rows(shared)])}")
    if len(private):
        named = [f"{escape_markdown(row['gene'])} ({escape_markdown(row['samples'], 40)})" for row in _rows(private, 1)]
        parts.append(f"private: {plural(len(private), 'regulator')}, such as {join_with_and(named)}")
    text = "; ".join(parts)
    said = f"**{text[:1].upper()}{text[1:]}** (FDR {percent(FDR)}, against the {escape_markdown(reference)})."
    if n_ood:
        said += f" {plural(n_ood, 'sample is', 'samples are')} out of distribution, not reliable."
    return said


def cohort_line(groups: Mapping[str, Sequence[int]], file: str) -> str:
    """Return a cohort in one line: groups and file; the switch of the view counts the samples."""
    parts = []
    if groups:
        parts.append(join_with_and([f"{escape_markdown(name, 30)} {len(rows):,}" for name, rows in groups.items()]))
    return " · ".join([*parts, escape_markdown(file)])


def _rows(table: pd.DataFrame, n: int = NAMED) -> list[dict]:
    return table.head(n).to_dict("records")


def _recurrent(row: Mapping, n_samples: int) -> str:
    up, down = row["n_more_active"], row["n_less_active"]
    word = "more" if up >= down else "less"
    return f"{escape_markdown(row['gene'])} ({word} active in {max(up, down):,} of {n_samples:,})"
