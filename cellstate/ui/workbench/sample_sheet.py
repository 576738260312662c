"""Groups of samples by name, and the sentence about a sample sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from cellstate.errors import summarise_list
from cellstate.formatting import plural
from cellstate.io.number_text import to_numbers
from cellstate.io.sample_sheet import MAX_CHARS, SampleSheet

#: A column of more different values makes no groups.
_MAX_GROUPS = 12

#: The end of a sample's name that numbers a replicate: ``_1``, ``.rep2``, `` replicate 3``, ``-R1``.
_REPLICATE = re.compile(r"[\s_.-]*((biorep|rep|replicate|r|n)[\s_.-]*)?\d+$", re.IGNORECASE)
_CONTROL = re.compile(
    r"(neg(ative)?|si|sh)?[ _-]?(control|ctrl|ctl|scr)|untreated|unperturbed|vehicle|mock|dmso|wild|normal|healthy"
    r"|baseline|sham|parental|(wt|nt|nc|sinc)(?![a-z])",
    re.IGNORECASE,
)


def groups_of(labels: Mapping[str, str], names: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of each group's samples, groups in the order of the file."""
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if label := labels.get(name):
            found.setdefault(label, []).append(position)
    return found


def groups_in(values: Sequence[str]) -> list[str]:
    """Return the group of each sample by a column about them; all empty where the column makes no groups.

    A few different values are the groups. More numbers are divided at their median.
    """
    present = [value for value in values if value]
    if 2 <= len(set(present)) <= _MAX_GROUPS and len(set(present)) < len(present):
        return [value[:MAX_CHARS] for value in values]
    numbers = to_numbers(list(values))
    if np.isnan(numbers).sum() > len(values) - len(present) or len(np.unique(numbers[~np.isnan(numbers)])) < 2:
        return [""] * len(values)
    median = np.nanmedian(numbers)
    sides = {False: f"up to {median:g}", True: f"above {median:g}"}
    return ["" if np.isnan(number) else sides[bool(number > median)] for number in numbers]


def groups_by_name(names: Sequence[str]) -> dict[str, str]:
    """Return the group of each sample by its name without the number of the replicate.

    Empty where that makes no groups: one name or none repeats, or there are more groups than anyone would compare.
    """
    stems = [_REPLICATE.sub("", name) for name in names]
    if not all(stems) or not 2 <= len(set(stems)) <= min(_MAX_GROUPS, len(names) - 1):
        return {}
    return {name: stem[:MAX_CHARS] for name, stem in zip(names, stems, strict=True)}


def control_first(groups: Sequence[str]) -> list[str]:
    """Return groups with the control first, where exactly one has the name of a control."""
    controls = [group for group in groups if _CONTROL.match(group)]
    return sorted(groups, key=lambda group: group not in controls) if len(controls) == 1 else list(groups)


def control_and_treated(groups: Sequence[str]) -> tuple[str, str] | None:
    """Return the groups of control and treated samples where there are two and one has the name of a control."""
    first = control_first(groups)
    return (first[0], first[1]) if len(first) == 2 and sum(map(bool, map(_CONTROL.match, first))) == 1 else None


def in_words(groups: Mapping[str, Sequence[int]], limit: int = 4) -> str:
    """Return ``control (6), treated (5)``."""
    return summarise_list([f"{group} ({len(rows):,})" for group, rows in groups.items()], limit)


def match_sentence(sheet: SampleSheet, n_samples: int) -> str:
    """Return how many samples have a group in a sheet."""
    text = f"{plural(len(sheet.labels), 'sample')} of {n_samples:,} got a group"
    return f"{text} from the column {sheet.column}." if sheet.column else f"{text}."
