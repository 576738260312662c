"""What the report of every answer holds beside the answer: what it is about, evidence, limits, versions, checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pandas as pd

from cellstate.evaluation.ood import OodScore
from cellstate.io import to_csv
from cellstate.model.record import ModelRecord
from cellstate.report.html import Report
from cellstate.report.narrative.evidence import LIMITS
from cellstate.report.provenance import Provenance, Source
from cellstate.report.section import Section
from cellstate.report.sections import sections
from cellstate.viz import Chart

#: Which sections of the model's measured quality stand in a report.
EVIDENCE = ("default_predictor", "patients", "intervals", "copy_through", "regulons", "experiments")
NOT_NAMED = "not named in this report"


def answer_report(
    title: str,
    facts: Sequence[tuple[str, str]],
    answer: Sequence[Section],
    charts: Mapping[str, Sequence[Chart]],
    *,
    source: Source | None,
    made: Provenance,
    record: ModelRecord,
    numbers: pd.DataFrame,
    far: OodScore | None = None,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return a report of an answer.

    Parameters
    ----------
    title : str
    facts : sequence of (str, str)
        What was asked.
    answer : sequence of Section
    charts : mapping of str to sequence of Chart
        By the key of their section; they name the sample only if ``named``.
    source : Source, optional
        None where the answer is about several files.
    record : ModelRecord
        Of the model folder.
    numbers : DataFrame
        The whole answer, of which the report shows a part.
    far : OodScore, optional
        Of the sample from the training samples.
    named : bool
        Whether sample and file are named; by default nothing in the report says who it is about.
    on : str
        Date.
    """
    about = [] if source is None else [("Sample", source.sample if named else NOT_NAMED)]
    trained = f"trained on {made.trained_on}" if made.trained_on else "random weights, not trained"
    last = [
        ("Model", f"{made.model}, {made.n_genes:,} genes, {trained}"),
        ("Made with", f"CellState {made.versions['cellstate']}" + (f", {on}" if on else "")),
    ]
    rest = [
        *(one for one in sections(record) if one.key in EVIDENCE),
        Section("limits", "Limits", LIMITS),
        origin(source, made, numbers, named=named),
    ]
    return Report(title, [*about, *facts, *last], [*answer, *rest], _warnings(far, made), charts)


def origin(source: Source | None, made: Provenance, numbers: pd.DataFrame, *, named: bool) -> Section:
    """Return versions and checksums: what it takes to know that two reports speak of the same numbers."""
    rows = []
    if source is not None:
        decided = [name if value is True else f"{name} {value}" for name, value in source.overrides.chosen().items()]
        rows = [
            ("File of the sample", source.name if named else NOT_NAMED),
            ("sha256 of the file", source.sha256),
            ("Sample", f"{source.position + 1} of {source.n_samples}"),
            ("Decided by hand", ", ".join(decided) or "nothing"),
        ]
    rows += [
        ("Model folder", made.folder),
        *((f"sha256 of {name}", checksum) for name, checksum in made.files.items()),
        ("sha256 of the numbers", numbers_sha256(numbers)),
        ("Ran on", f"{made.device}, {made.dtype}, {made.threads} thread{'s' * (made.threads != 1)}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in made.versions.items())),
    ]
    text = (
        "The same file, model and versions give the same numbers. Their checksum is that of the whole table, every "
        "number in full, as a run bundle and the command line write it."
    )
    return Section("origin", "Versions and checksums", text, pd.DataFrame(rows, columns=["What", "Value"]))


def numbers_sha256(table: pd.DataFrame) -> str:
    """Return the checksum of a table as `cellstate.io.to_csv` writes it."""
    return hashlib.sha256(to_csv(table).encode()).hexdigest()


def _warnings(far: OodScore | None, made: Provenance) -> list[str]:
    found = []
    if not made.trained_on:
        found.append("The model is not trained: its weights are random, and nothing here means anything.")
    if far is not None and far.is_ood:
        found.append(f"Nothing in this report is trusted. {far.sentence}")
    return found
