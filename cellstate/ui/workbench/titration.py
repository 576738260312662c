"""The dose curve on the perturb page: one edited gene, from nothing to many times its level."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import digits, escape_markdown, file_stem
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.perturb.predictors.registry import SPECS
from cellstate.perturb.search.titration import Titration, titrate
from cellstate.ui.components.layout import READABLE, chart, download_table, result_csv
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import Answer
from cellstate.viz import titration_lines, titration_score

#: Genes in the download, those that respond most; the command ``cellstate titrate`` writes all of them.
MOST_GENES = 1_000


def dose_section(state: Session, opened: Model, shift: Answer) -> None:
    """Draw the curve of an edited gene, by whoever predicts the shift."""
    genes = [edit.gene for edit in state.edits]
    gene = genes[0]
    if len(genes) > 1:
        key = f"dose-{'-'.join(genes)}"
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
    found = curve(state, opened, gene, shift.predictor)
    st.markdown(reading(found, n_edits=len(genes)), width=READABLE)
    table = found.responders()
    drawn = titration_lines(
        table, gene=found.gene, present_tpm=found.present_tpm, usual_tpm=found.usual_tpm, sample=found.sample
    )
    chart(drawn, key="dose-lines")
    if found.goal is not None:
        st.markdown(
            f":material/flag: **Goal of the Regulators page:** {escape_markdown(found.goal.label, 200)}.",
            width=READABLE,
        )
        score = titration_score(
            found.levels(), gene=found.gene, present_tpm=found.present_tpm, usual_tpm=found.usual_tpm
        )
        chart(score, key="dose-score")
    download_table(
        lambda: csv(found),
        f"cellstate-hypothesis-doses-{file_stem(found.gene)}-{file_stem(found.sample)}.csv",
        key="download-doses",
        label=f"Download the {min(MOST_GENES, len(found.symbols)):,} genes that respond most as CSV",
    )


def curve(state: Session, opened: Model, gene: str, predictor: str) -> Titration:
    """Predict what each level of a gene does to the selected sample without its edits, once."""
    goal = state.goal

    def predict() -> Titration:
        with queue().turn():
            return titrate(state.prepared(opened), gene, goal=goal, predictor=predictor)

    return state.once("doses", (state.selected, gene, goal, predictor, opened.stamp), predict)


def reading(found: Titration, *, n_edits: int) -> str:
    """Say what the curve is of and how to read it."""
    gene = f"**{escape_markdown(found.gene)}**"
    here = f"{_tpm(found.present_tpm)} TPM in this sample"
    if not found.measured_G[found.position]:
        here = (
            f"not measured in this sample, so it starts from the model's own prediction, {_tpm(found.present_tpm)} TPM"
        )
    rest = ", without the other edits" if n_edits > 1 else ""
    text = (
        f"{gene} alone is set to {len(found.tpm_D)} levels in the sample as it is{rest}, whatever its edit says. It is "
        f"{here}; at that level nothing changes. {predictor_label(found.predictor)} predicts"
    )
    text += "." if not SPECS[found.predictor].is_linear else " that each gene follows a straight line in log1p TPM."
    if found.usual_tpm is None:
        return text + " This model carries no cohort, so nobody can say which levels are usual."
    low, high = found.usual_tpm
    return text + (
        f" Levels outside the shaded range, {_tpm(low)} to {_tpm(high)} TPM, were never seen in the model's cohort: "
        "what is drawn there is **extrapolated**."
    )


def csv(found: Titration) -> bytes:
    """Return the genes that respond most, at every level, with what it is about in each row."""
    table = found.responders(MOST_GENES).drop(columns="rank").rename(columns={"gene": "responder"})
    table.insert(0, "gene", found.gene)
    about = {"predictor": found.predictor.value}
    if found.goal is not None:
        doses = found.levels()[["tpm", "score", "fraction_of_distance"]].rename(columns={"tpm": "level_tpm"})
        table = table.merge(doses, on="level_tpm", how="left")
        about["goal"] = found.goal.label
    return result_csv(table.round(6), found.sample, **about)


def _tpm(tpm: float) -> str:
    return digits(tpm) if tpm else "0"
