"""What each page offers to take along, made of the plain results that it shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from cellstate.evaluation.experiment import Experiment
from cellstate.gene_space import align
from cellstate.io.write import ExportTable
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.pairs import RANKED_BY, Pairs
from cellstate.perturb.search.single import Screen
from cellstate.report.html import Report
from cellstate.report.html_prediction import PredictionReport, prediction_report
from cellstate.report.html_search import search_report
from cellstate.report.provenance import Run, Source, provenance
from cellstate.ui.components.export_menu import Offer
from cellstate.ui.components.share_link import link_of, names_no_file
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import Answer
from cellstate.ui.workbench.qc import distance
from cellstate.viz import Chart

_FILE_GOAL = "This goal rests on a file of yours, which a bundle does not carry: take the table along."


def shift_offer(state: Session, opened: Model, found: Answer) -> Offer:
    """Offer a predicted shift."""
    edits, source = state.edits, source_of(state)
    about = {
        "sample": found.sample,
        "perturbations": found.edits,
        "predictor": str(found.predictor),
        "kind": "hypothesis",
    }
    table = ExportTable(found.table, ("ensembl_id",), "log2_fold_change", about)
    answer = PredictionReport(
        found.predictor, [edit.label for edit in edits], found.table, found.before, found.after, found.over_error
    )

    def report(named: bool) -> Report:
        return prediction_report(answer, source, provenance(opened), opened.record, named=named, on=today())

    def run() -> Run:
        return Run("perturb", source, provenance(opened), table, edits, found.predictor)

    return Offer("shift", table, report, run, link=link_of(state, opened))


def search_offer(
    state: Session,
    opened: Model,
    found: Screen | Pairs | Combination,
    searched: str,
    text: str,
    chart: Chart,
) -> Offer:
    """Offer what a search found.

    Parameters
    ----------
    searched : str
        What was tried, in words.
    text : str
        What was found, in Markdown.
    """
    kind = type(found).__name__.lower()
    frame = found.steps if isinstance(found, Combination) else found.table
    key, source = ("a", "b") if isinstance(found, Pairs) else ("gene", "perturbation"), source_of(state)
    about = {"sample": found.sample, "searched": searched, "kind": "hypothesis"}
    predictor = found.predictor
    if not isinstance(found, Pairs):
        about["predictor"] = str(predictor)
    table = ExportTable(frame, key, RANKED_BY[found.by] if isinstance(found, Pairs) else "score", about)
    judged = distance(state, opened)

    def report(named: bool) -> Report:
        return search_report(
            kind,
            found.goal,
            searched,
            text,
            frame,
            [chart],
            source=source,
            made=provenance(opened),
            record=opened.record,
            predictor=predictor,
            ood=judged,
            named=named,
            on=today(),
        )

    goal = portable_goal(found.goal, opened, state.prepared(opened))
    run = (lambda: search_run(found, goal, source, opened, table)) if goal else None
    return Offer(kind, table, report, run, "" if goal else _FILE_GOAL, link_of(state, opened))


def search_run(
    found: Screen | Pairs | Combination, goal: str, source: Source, opened: Model, table: ExportTable
) -> Run:
    """Return what repeats a search; the candidates of a screen are those that its table holds."""

    def names(genes: np.ndarray | None) -> list[str] | None:
        return None if genes is None else [opened.space.ensembl[gene] for gene in genes]

    if isinstance(found, Screen):
        command, edits, predictor = "screen", list(dict.fromkeys(found.table["perturbation"])), found.predictor
        more: dict[str, Any] = {"genes": sorted(set(found.table["ensembl_id"]))}
    elif isinstance(found, Pairs):
        command, edits, predictor = "pairs", [found.perturbation], found.predictor
        anchor = None if found.anchor is None else opened.space.ensembl[found.anchor]
        more = {"genes": names(found.genes), "partners": names(found.partners)}
        more["options"] = {"by": found.by, "anchor": anchor}
    else:
        command, edits, predictor = "combine", list(found.perturbations), found.predictor
        options = {"max_perturbations": found.max_perturbations, "fraction": found.fraction}
        more = {"genes": names(found.genes), "options": options}
    patterns = [Perturbation.pattern(edit) for edit in edits]
    return Run(command, source, provenance(opened), table, patterns, predictor, goal=goal, **more)


def portable_goal(goal: Goal, opened: Model, sample: PreparedSample) -> str:
    """Return a goal as the command line writes it, without a file; empty where it cannot do without.

    A set of genes from a file is written out gene by gene, which is the same goal.
    """
    form, space = goal.spec.partition(":")[0], opened.space
    if form in ("up", "down", "genes"):
        genes = np.flatnonzero(goal.direction_G)
        signs = np.where(goal.direction_G[genes] > 0, "+", "-")
        return "genes:" + ",".join(f"{sign}{space.ensembl[g]}" for sign, g in zip(signs, genes, strict=True))
    return goal.spec if names_no_file(goal, sample) else ""


def experiment_offer(found: Experiment, words: str) -> Offer:
    """Offer a comparison with an experiment."""
    about = {"perturbations": words, "predictor": str(found.predictor), "kind": "hypothesis"}
    return Offer("experiment", ExportTable(found.table, ("ensembl_id",), "predicted_log2", about))


def accuracy_offer(figures: pd.DataFrame, sample: str) -> Offer:
    """Offer the figures of reconstruction, one row a figure and one column a predictor."""
    return Offer("accuracy", ExportTable(figures, ("Figure",), "Autoencoder", {"sample": sample, "kind": "measured"}))


def sample_offer(state: Session, opened: Model) -> Offer:
    """Offer the selected sample on the model's genes."""
    sample = state.sample()
    aligned = align(sample, opened.space)
    frame = pd.DataFrame(
        {
            "gene": opened.space.symbols,
            "ensembl_id": opened.space.ensembl,
            "tpm": sample.tpm_SA[0, opened.space.axis_index_G],
            "tpm_on_cohort_scale": aligned.tpm_SG[0],
            "measured": aligned.measured_SG[0],
        }
    )
    about = {"sample": sample.names[0], "kind": "measured"}
    return Offer("sample", ExportTable(frame, ("ensembl_id",), "tpm", about))


def source_of(state: Session) -> Source:
    """Return the selected sample and the file that it is of."""
    loaded = state.loaded
    assert loaded is not None
    names = loaded.samples.names
    return Source(loaded.source, loaded.name, loaded.overrides, names[state.selected], state.selected, len(names))


def today() -> str:
    """Return the date."""
    return datetime.now(UTC).date().isoformat()
