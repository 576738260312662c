"""The exports of each page, made of the plain results that it shows."""

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
from cellstate.perturb.regulators.search import regulators
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.pairs import RANKED_BY, Pairs
from cellstate.perturb.search.single import Screen
from cellstate.report.html import Report
from cellstate.report.html_prediction import PredictionReport, prediction_report
from cellstate.report.html_search import search_report
from cellstate.report.one_page import OnePage, one_page
from cellstate.report.provenance import Run, SampleFile, provenance
from cellstate.ui.components.export_menu import Export
from cellstate.ui.components.share_link import link_of, names_no_file
from cellstate.ui.runtime.resources import model_of_normal_tissue
from cellstate.ui.state.prediction import PredictionResult, distance
from cellstate.ui.state.session import Session
from cellstate.viz import Chart

_FILE_GOAL = "This goal comes from a file of yours, which a bundle does not contain: export the table."


def prediction_export(state: Session, opened: Model, result: PredictionResult) -> Export:
    """Return the export of a prediction."""
    perturbations, source = state.perturbations, source_of(state)
    labels = [item.label for item in perturbations]
    about = {
        "sample": result.sample,
        "perturbations": ", ".join(labels),
        "predictor": str(result.predictor),
        "kind": "hypothesis",
    }
    table = ExportTable(result.table, ("ensembl_id",), "log2_fold_change", about)
    answer = PredictionReport(
        result.predictor, labels, result.table, result.before, result.after, result.over_error, result.evidence
    )

    def report(named: bool) -> Report:
        return prediction_report(answer, source, provenance(opened), opened.record, named=named, on=today())

    def page(named: bool) -> OnePage:
        normal = model_of_normal_tissue(opened)
        drivers = None if normal is None else regulators([prepare_sample(normal, state.sample())])
        return one_page(answer, drivers, source, provenance(opened), opened.record, named=named, on=today())

    def run() -> Run:
        return Run("perturb", source, provenance(opened), table, perturbations, result.predictor)

    return Export("prediction", table, report, page, run, link=link_of(state, opened))


def search_export(
    state: Session,
    opened: Model,
    result: Screen | Pairs | Combination,
    searched: str,
    text: str,
    chart: Chart,
) -> Export:
    """Return the export of a search.

    Parameters
    ----------
    searched : str
        The search in words.
    text : str
        Its result in Markdown.
    """
    kind = type(result).__name__.lower()
    frame = result.steps if isinstance(result, Combination) else result.table
    key, source = ("a", "b") if isinstance(result, Pairs) else ("gene", "perturbation"), source_of(state)
    about = {"sample": result.sample, "searched": searched, "kind": "hypothesis"}
    predictor = result.predictor
    if not isinstance(result, Pairs):
        about["predictor"] = str(predictor)
    table = ExportTable(frame, key, RANKED_BY[result.by] if isinstance(result, Pairs) else "score", about)

    def report(named: bool) -> Report:
        return search_report(
            kind,
            result.goal,
            searched,
            text,
            frame,
            [chart],
            source=source,
            made=provenance(opened),
            record=opened.record,
            predictor=predictor,
            ood=distance(state, opened),
            named=named,
            on=today(),
        )

    goal = portable_goal(result.goal, opened, state.prepared(opened))
    run = (lambda: search_run(result, goal, source, opened, table)) if goal else None
    no_bundle = "" if goal else _FILE_GOAL
    return Export(kind, table, report, run=run, no_bundle=no_bundle, link=link_of(state, opened))


def search_run(
    result: Screen | Pairs | Combination, goal: str, source: SampleFile, opened: Model, table: ExportTable
) -> Run:
    """Return the run that repeats a search; the candidates of a screen are those of its table."""

    def names(genes: np.ndarray | None) -> list[str] | None:
        return None if genes is None else [opened.space.ensembl[gene] for gene in genes]

    if isinstance(result, Screen):
        command, specs, predictor = "screen", list(dict.fromkeys(result.table["perturbation"])), result.predictor
        more: dict[str, Any] = {"genes": sorted(set(result.table["ensembl_id"]))}
    elif isinstance(result, Pairs):
        command, specs, predictor = "pairs", [result.perturbation], result.predictor
        anchor = None if result.anchor is None else opened.space.ensembl[result.anchor]
        more = {"genes": names(result.genes), "partners": names(result.partners)}
        more["options"] = {"by": result.by, "anchor": anchor}
    else:
        command, specs, predictor = "combine", list(result.perturbations), result.predictor
        options = {"max_perturbations": result.max_perturbations, "fraction": result.fraction}
        more = {"genes": names(result.genes), "options": options}
    patterns = [Perturbation.pattern(spec) for spec in specs]
    return Run(command, source, provenance(opened), table, patterns, predictor, goal=goal, **more)


def portable_goal(goal: Goal, opened: Model, sample: PreparedSample) -> str:
    """Return a goal as the command line writes it, without a file; empty where it needs one.

    A gene set from a file is written gene by gene, which is the same goal.
    """
    form, space = goal.spec.partition(":")[0], opened.space
    if form in ("up", "down", "genes"):
        genes = np.flatnonzero(goal.direction_G)
        signs = np.where(goal.direction_G[genes] > 0, "+", "-")
        return "genes:" + ",".join(f"{sign}{space.ensembl[g]}" for sign, g in zip(signs, genes, strict=True))
    return goal.spec if names_no_file(goal, sample) else ""


def experiment_export(result: Experiment, words: str) -> Export:
    """Return the export of a comparison with an experiment."""
    about = {"perturbations": words, "predictor": str(result.predictor), "kind": "hypothesis"}
    return Export("experiment", ExportTable(result.table, ("ensembl_id",), "predicted_log2", about))


def accuracy_export(figures: pd.DataFrame, sample: str) -> Export:
    """Return the export of the reconstruction's figures: one row a figure, one column a method."""
    return Export("accuracy", ExportTable(figures, ("Figure",), "Autoencoder", {"sample": sample, "kind": "measured"}))


def sample_export(state: Session, opened: Model) -> Export:
    """Return the export of the selected sample on the model's genes."""
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
    return Export("sample", ExportTable(frame, ("ensembl_id",), "tpm", about))


def source_of(state: Session) -> SampleFile:
    """Return the selected sample and its file."""
    loaded = state.loaded
    assert loaded is not None
    names = loaded.samples.names
    return SampleFile(loaded.source, loaded.name, loaded.overrides, names[state.selected], state.selected, len(names))


def today() -> str:
    """Return the date in UTC, for example 2026-01-31."""
    return datetime.now(UTC).date().isoformat()
