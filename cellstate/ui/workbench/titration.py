"""Titration: one perturbed gene, from no expression to many times its level."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cellstate.formatting import escape_markdown, file_stem
from cellstate.model import Model
from cellstate.perturb.search.titration import Titration, titrate
from cellstate.report.narrative.prediction import titration_sentence
from cellstate.ui.components.layout import READABLE, chart, download_table, result_csv
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult
from cellstate.ui.state.session import Session
from cellstate.viz import titration_lines, titration_score

#: Genes in the download, the most responsive ones; the command ``cellstate titrate`` writes all of them.
MAX_GENES = 1_000


def titration_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the titration of a perturbed gene by the method of the prediction."""
    genes = [one.gene for one in state.perturbations]
    gene = genes[0]
    if len(genes) > 1:
        key = f"titrate-{'-'.join(genes)}"
        gene = str(
            st.pills(
                "Gene",
                genes,
                default=gene,
                format_func=escape_markdown,
                required=True,
                key=key,
                persist_state="session",
            )
        )
    found = titration(state, opened, gene, result.predictor)
    st.markdown(titration_sentence(found, n_perturbations=len(genes)), width=READABLE)
    reference: Any = {"gene": found.gene, "present_tpm": found.present_tpm, "usual_tpm": found.usual_tpm}
    chart(titration_lines(found.responders(), sample=found.sample, **reference), key="titration-lines")
    if found.goal is not None:
        goal = escape_markdown(found.goal.label, 200)
        st.markdown(f":material/flag: **Goal of the Candidates page:** {goal}.", width=READABLE)
        chart(titration_score(found.levels(), **reference), key="titration-score")
    download_table(
        lambda: csv(found),
        f"cellstate-hypothesis-titration-{file_stem(found.gene)}-{file_stem(found.sample)}.csv",
        key="download-titration",
        label=f"Download the {min(MAX_GENES, len(found.symbols)):,} most responsive genes as CSV",
    )


def titration(state: Session, opened: Model, gene: str, predictor: str) -> Titration:
    """Predict the effect of each level of a gene in the selected sample, without the session's perturbations."""
    goal = state.goal

    def compute() -> Titration:
        with queue().turn():
            return titrate(state.prepared(opened), gene, goal=goal, predictor=predictor)

    return state.cached("titration", (state.selected, gene, goal, predictor, opened.stamp), compute)


def csv(found: Titration) -> bytes:
    """Return the most responsive genes at every level as CSV."""
    table = found.responders(MAX_GENES).drop(columns="rank").rename(columns={"gene": "responder"})
    table.insert(0, "gene", found.gene)
    more = {"predictor": found.predictor.value}
    if found.goal is not None:
        levels = found.levels()[["tpm", "score", "fraction_of_distance"]].rename(columns={"tpm": "level_tpm"})
        table = table.merge(levels, on="level_tpm", how="left")
        more["goal"] = found.goal.label
    return result_csv(table.round(6), found.sample, **more)
