"""A report of one A4 page for a lab meeting: patient, regulators, predicted change, evidence, methods, limits.

One HTML file without scripts: its content security policy allows nothing but its own style, and it prints on one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cellstate.formatting import MAX_CHARS, decimal, percent, percent_change, plural, shorten, signed
from cellstate.labels import in_sentence, predictor_label
from cellstate.perturb.regulators.search import FDR
from cellstate.report.dossier import with_dossiers
from cellstate.report.html import template
from cellstate.report.html_prediction import PredictionReport
from cellstate.report.html_report import NOT_NAMED
from cellstate.report.narrative.answer import LEVEL_TITLE, check_sentence, check_title
from cellstate.report.narrative.evidence import default_reason, method_sentence
from cellstate.report.narrative.regulators import regulators_sentence
from cellstate.report.narrative.sample import tissue_label
from cellstate.report.provenance import Provenance, SampleFile
from cellstate.viz.columns import CHANGE, GENE, IS_PERTURBED, IS_RELIABLE
from cellstate.viz.style import DOWN, UP

if TYPE_CHECKING:
    from cellstate.model.record import ModelRecord
    from cellstate.perturb.regulators.search import Regulators

#: Rows that fit on the page.
CANDIDATES, GENES = 8, 10
#: Characters of the perturbations.
MAX_PERTURBATIONS = 160
#: Characters of compounds in a cell, and of the title.
_MAX_DRUGS, _MAX_TITLE = 40, 100
_LIMITS = (
    "A predicted change reflects how genes vary together in the training samples: **association, not cause**. A real "
    "knock-out can do nothing, or the opposite. Activities compare one sample with a model of normal tissue, so a "
    "difference between laboratories can look like a regulator. For research: no decision about a patient may rest on "
    "this page."
)


@dataclass(frozen=True, eq=False)
class OnePage:
    """Content of the page, all of it text; ``marked`` fields are in the Markdown of `cellstate.report.html`."""

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    candidates_title: str
    candidates_text: str
    candidates: Sequence[dict[str, str]]
    change_title: str
    changes: Sequence[dict]
    change_note: str
    level: str
    checks: Sequence[dict]
    methods: str
    limits: str
    footer: str


def render_page(page: OnePage) -> bytes:
    """Return the page as HTML in UTF-8, about 10 kB."""
    return template("one_page.html.j2").render(page=page, down=DOWN, up=UP).encode()


def one_page(
    found: PredictionReport,
    drivers: Regulators | None,
    source: SampleFile,
    made: Provenance,
    record: ModelRecord,
    *,
    named: bool = False,
    on: str = "",
) -> OnePage:
    """Return the page about a prediction and about what drives its sample.

    Parameters
    ----------
    found : PredictionReport
    drivers : Regulators or None
        Of the same sample; None where no model here knows normal tissue.
    record : ModelRecord
        Of the model folder.
    named : bool
        Whether sample and file are named.
    on : str
        Date.
    """
    words = ", ".join(found.perturbations)
    facts = [
        ("Sample", shorten(source.sample, MAX_CHARS) if named else NOT_NAMED.replace("report", "page")),
        ("Tissue", "not determined" if found.before.call is None else tissue_label(found.before.call)),
        ("Perturbations", shorten(words, MAX_PERTURBATIONS)),
        ("Model", f"{made.model}, {made.n_genes:,} genes, {_training(made)}"),
    ]
    table = found.table[~found.table[IS_PERTURBED]]
    reliable = table[table[IS_RELIABLE]]
    shown = (reliable if len(reliable) else table).head(GENES)
    kind = "reliable genes" if len(reliable) else "genes, none of them reliable"
    return OnePage(
        title=shorten(f"{words}: predicted change", _MAX_TITLE),
        facts=facts,
        warnings=[found.before.sentence] if found.before.is_ood else [],
        candidates_title="What drives this sample",
        **_candidates(drivers),
        change_title="Largest predicted changes",
        changes=_changes(shown),
        change_note=f"The {len(shown)} most changed {kind}, of {len(table):,}; changes of TPM + 1.",
        level=LEVEL_TITLE[found.evidence.level],
        checks=[
            {"passed": one.passed, "title": check_title(one), "sentence": check_sentence(one, found.predictor)}
            for one in found.evidence.checks
        ],
        methods=_methods(found.predictor, drivers, record),
        limits=_LIMITS,
        footer=f"CellState {made.versions['cellstate']}" + (f", {on}" if on else "") + f". sha256 of the file: "
        f"{source.sha256[:16]}…",
    )


def _training(made: Provenance) -> str:
    return f"trained on {made.trained_on}" if made.trained_on else "random weights, not trained"


def _candidates(drivers: Regulators | None) -> dict:
    if drivers is None:
        text = "No model here knows normal tissue, which a sample is compared with."
        return {"candidates_text": text, "candidates": ()}
    table = drivers.table()
    # Most extreme in either direction; what is too active is lowered, and the other way round.
    top = table.sort_values("z", key=lambda z: -z.abs(), kind="stable").head(CANDIDATES)
    top = with_dossiers(top, -top["z"])
    rows = [
        {
            "gene": row.gene,
            "z": signed(float(row.z), 2),
            "fdr": decimal(row.fdr, 2),
            "action": "knock-out" if row.z > 0 else "over-expression",
            "essential": row.essential or "not tested",
            "drugs": shorten(row.drugs, _MAX_DRUGS) or "none listed",
        }
        for row in top.itertuples()
    ]
    return {"candidates_text": regulators_sentence(table, drivers.reference), "candidates": rows}


def _changes(shown: pd.DataFrame) -> list[dict]:
    largest = float(shown[CHANGE].abs().max()) if len(shown) else 0.0
    rows = []
    for gene, change in shown[[GENE, CHANGE]].itertuples(index=False):
        width = round(48 * abs(change) / largest, 2) if largest else 0.0
        text = {"gene": gene, "log2": signed(change, 3), "percent": percent_change(change)}
        rows.append(text | {"start": -width if change < 0 else 0.0, "width": width, "falls": change < 0})
    return rows


def _methods(predictor: str, drivers: Regulators | None, record: ModelRecord) -> str:
    parts = [f"{predictor_label(predictor)}. {method_sentence(predictor)}", default_reason(record, predictor)]
    if drivers is not None:
        by = f"{in_sentence(predictor_label(drivers.predictor))}, model {drivers.model.config.name}"
        parts.append(
            f"Activity of {plural(len(drivers.candidates_T), 'regulator')}: cosine of what a rise of each does ({by}) "
            f"and of the sample's difference from its {drivers.reference}, in SD of normal samples of other "
            f"laboratories; FDR by Benjamini and Hochberg, called at {percent(FDR)}. Essential: DepMap. Compounds: "
            "DrugCentral, 2020 or before."
        )
    return " ".join(parts)
