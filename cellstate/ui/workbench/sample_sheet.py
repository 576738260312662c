"""Groups of samples by name, and the sentence about a sample sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cellstate.errors import summarise_list
from cellstate.formatting import plural
from cellstate.io.sample_sheet import SampleSheet

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


def control_first(groups: Sequence[str]) -> list[str]:
    """Return groups with the control first, where exactly one has the name of a control."""
    controls = [group for group in groups if _CONTROL.match(group)]
    return sorted(groups, key=lambda group: group not in controls) if len(controls) == 1 else list(groups)


def in_words(groups: Mapping[str, Sequence[int]], limit: int = 4) -> str:
    """Return ``control (6), treated (5)``."""
    return summarise_list([f"{group} ({len(rows):,})" for group, rows in groups.items()], limit)


def match_sentence(sheet: SampleSheet, n_samples: int) -> str:
    """Return how many samples have a group in a sheet."""
    text = f"{plural(len(sheet.labels), 'sample')} of {n_samples:,} got a group"
    return f"{text} from the column {sheet.column}." if sheet.column else f"{text}."
