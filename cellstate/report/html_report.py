"""Parts of every report beside the result: sample and model, warnings, evidence, limits, versions and checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pandas as pd

from cellstate.evaluation.ood import OodScore
from cellstate.formatting import plural
from cellstate.io import to_csv
from cellstate.model.record import ModelRecord
from cellstate.report.html import Report
from cellstate.report.narrative.evidence import LIMITS
from cellstate.report.provenance import Provenance, SampleFile
from cellstate.report.sections import Section, sections
from cellstate.viz import Chart

#: Sections about the model that a report holds.
EVIDENCE = ("default_predictor", "patients", "intervals", "copy_through", "regulons", "experiments")
NOT_NAMED = "not named in this report"


def build_report(
    title: str,
    facts: Sequence[tuple[str, str]],
    result: Sequence[Section],
    charts: Mapping[str, Sequence[Chart]],
    *,
    source: SampleFile | None,
    made: Provenance,
    record: ModelRecord,
    numbers: pd.DataFrame,
    ood: OodScore | None = None,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return the report of a result.

    Parameters
    ----------
    title : str
    facts : sequence of (str, str)
        The request.
    result : sequence of Section
    charts : mapping of str to sequence of Chart
        By the key of their section; they name the sample only if ``named``.
    source : SampleFile, optional
        None where the result is about several files.
    record : ModelRecord
        Of the model folder.
    numbers : DataFrame
        The whole table, of which the report shows a part.
    ood : OodScore, optional
        Of the sample.
    named : bool
        Whether sample and file are named.
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
        _provenance(source, made, numbers, named=named),
    ]
    return Report(title, [*about, *facts, *last], [*result, *rest], _warnings(ood, made), charts)


def _provenance(source: SampleFile | None, made: Provenance, numbers: pd.DataFrame, *, named: bool) -> Section:
    rows = []
    if source is not None:
        overridden = [name if value is True else f"{name} {value}" for name, value in source.overrides.chosen().items()]
        rows = [
            ("File of the sample", source.name if named else NOT_NAMED),
            ("sha256 of the file", source.sha256),
            ("Sample", f"{source.position + 1} of {source.n_samples}"),
            ("Settings overridden by the user", ", ".join(overridden) or "none"),
        ]
    rows += [
        ("Model folder", made.folder),
        *((f"sha256 of {name}", checksum) for name, checksum in made.files.items()),
        ("sha256 of the numbers", numbers_sha256(numbers)),
        ("Device", f"{made.device}, {made.dtype}, {plural(made.threads, 'thread')}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in made.versions.items())),
    ]
    text = (
        "The same file, model and versions give the same numbers. Their checksum is that of the whole table, "
        "unrounded, as a run bundle and the command line write it."
    )
    return Section("provenance", "Versions and checksums", text, pd.DataFrame(rows, columns=["What", "Value"]))


def numbers_sha256(table: pd.DataFrame) -> str:
    """Return the checksum of a table as `cellstate.io.to_csv` writes it."""
    return hashlib.sha256(to_csv(table).encode()).hexdigest()


def _warnings(ood: OodScore | None, made: Provenance) -> list[str]:
    found = []
    if not made.trained_on:
        found.append("The model is not trained: its weights are random, so the numbers have no meaning.")
    if ood is not None and ood.is_ood:
        found.append(f"Nothing in this report is reliable. {ood.sentence}")
    return found
