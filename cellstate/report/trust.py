"""How far a model's answers can be trusted: intervals, the flag for samples unlike its own, and copy-through."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from cellstate.formatting import percent
from cellstate.report.marks import LEGEND, NOT_RECORDED, SYMBOLS, marks_of, on_each_set, when, where
from cellstate.report.reconstruction import SPLITS, held_out
from cellstate.report.section import UNTRAINED, Section, decimal, label
from cellstate.viz.accuracy import bin_label

#: An answer of the edited gene below this share of the edit is called damped.
DAMPED = 0.5
#: How `benchmarks.trust` names what it says of the flag.
_FLAG = re.compile(r"[^:]+: (?:AUROC of (?P<told>.+)|(?P<far>.+), flagged|false alarms)")


def interval_coverage(metrics: Mapping) -> Section:
    """How many true values the intervals hold."""
    title = "Are the intervals honest?"
    found = {words: f for words, f in held_out(metrics).items() if f.get("interval_coverage")}
    if not found:
        return Section("intervals", title, "", absent=UNTRAINED)
    first = next(iter(found.values()))
    nominal = percent(first["interval_coverage"]["nominal"])
    covered = {words: f["interval_coverage"] for words, f in found.items()}
    rows = [(words, *(percent(share, 1) for share in (c["overall"], *c["bins"]))) for words, c in covered.items()]
    text = (
        f"Each predicted level comes with a {nominal} interval, calibrated on validation patients. On held-out "
        f"patients, **{nominal} of the true values should lie inside**, of quiet genes and of loud ones."
    )
    hidden = on_each_set(metrics, "the same for hidden genes")
    notes = (f"The same for genes that were hidden from the network: {hidden}.",) if hidden else ()
    columns = ["Patients", "All values", *(f"{bin_label(b['low'], b['high'])} TPM" for b in first["bins"])]
    return Section("intervals", title, text, pd.DataFrame(rows, columns=columns), notes)


def flags(metrics: Mapping) -> Section:
    """Which samples are flagged as unlike the training samples."""
    title = "Does it know what it does not know?"
    text = (
        "A sample unlike the training samples is flagged, and no gene of it is trusted. Kinds of samples that must be "
        "flagged stand against held-out patients who must not. AUROC: 1 tells every one of them apart, 0.5 none."
    )
    cells: dict[str, dict[str, str]] = {}
    for one in marks_of(metrics, "trust"):
        parts = _FLAG.fullmatch(one["name"])
        if parts is None or one["value"] is None:
            continue
        value = decimal(one["value"]) if parts["told"] else percent(one["value"], 1)
        kind = parts["told"] or parts["far"] or "Held-out patients (false alarms)"
        column = f"{where(one['name'])}: {'AUROC' if parts['told'] else 'flagged'}"
        cells.setdefault(kind, {})[column] = f"{value} {SYMBOLS[one['reached']]}".strip()
    if not cells:
        return Section("flags", title, text, absent=NOT_RECORDED.format("trust"))
    seen = dict.fromkeys(column for row in cells.values() for column in row)
    columns = [f"{words}: {what}" for words in SPLITS.values() for what in ("AUROC", "flagged")]
    columns = [column for column in columns if column in seen]
    rows = [(kind, *(row.get(column, "–") for column in columns)) for kind, row in cells.items()]
    return Section(
        "flags", title, text, pd.DataFrame(rows, columns=["Samples", *columns]), (LEGEND, when(metrics, "trust"))
    )


def copying(metrics: Mapping) -> Section:
    """Whether an edit comes back as an echo of itself."""
    title = "Is an edit only echoed?"
    gauges = metrics.get("trust", {}).get("copying")
    if not gauges:
        return Section("copying", title, "", absent=UNTRAINED)
    rows = [
        (
            label(name),
            "left out" if one["own"] is None else f"{one['own']:.2g} S",
            f"{one['others']:.2g} S",
            "–" if one["own_to_others"] is None else f"{one['own_to_others']:.1f} ×",
            "–" if one["leaf_to_tf"] is None else f"{one['leaf_to_tf']:.2f} ×",
        )
        for name, one in gauges.items()
    ]
    text = (
        "An auto-encoder can hand a gene through: then an edit is an echo of itself and little else moves. Each gene "
        "in turn is raised by 1 S, and the answer is read in S (standard deviations over the training cohort)."
    )
    network = gauges.get("network", {})
    if network.get("own") is not None:
        text += (
            f" **The network answers with {network['own']:.2g} S in the edited gene itself** and "
            f"{network['others']:.2g} S in a usual other gene."
        )
        if abs(network["own"]) < DAMPED:
            text += " Single edits are damped: read a shift as a ranking, not as an amount."
    if network.get("leaf_to_tf") is not None:
        text += (
            f" Genes that are no transcription factors move others {network['leaf_to_tf']:.2f} times as much as "
            "transcription factors do. Near 1, the network does not know who regulates."
        )
    columns = ["Predictor", "Edited gene", "Other genes", "Edited / others", "No factor / factor"]
    return Section("copying", title, text, pd.DataFrame(rows, columns=columns))
