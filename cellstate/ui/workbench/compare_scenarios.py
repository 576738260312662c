"""Compare two scenarios: the present perturbations against a saved scenario, or against the unperturbed sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, file_stem
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.report.narrative.prediction import difference_sentence
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    download_table,
    gene_table,
    number_column,
    result_csv,
)
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult
from cellstate.ui.state.session import Session
from cellstate.viz.columns import CHANGE, CHANGE_A, CHANGE_B, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_BEFORE
from cellstate.viz.compare_scenarios import scenario_scatter

#: Scenario B where it is no saved one.
UNPERTURBED = ""
NONE_TEXT = "no perturbation"


def compare_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the comparison of the present perturbations with another scenario."""
    names = list(state.scenarios)
    name = st.selectbox(
        "Scenario B; scenario A is the present perturbations",
        [*names, UNPERTURBED],
        format_func=lambda name: name or "The unperturbed sample",
        key="compare-with",
        width=READABLE,
    )
    if not names:
        st.caption("Save the perturbations as a scenario and change them, to compare both here.")
    other = state.scenarios.get(name or UNPERTURBED, ())
    predictor = result.predictor
    table = joined(result.table, _predicted(state, opened, other, predictor))
    text_b = ", ".join(one.label for one in other) or NONE_TEXT
    st.markdown(
        f"**A**: {escape_markdown(result.perturbations, 400)}. **B**: {escape_markdown(text_b, 400)}. "
        f"Both predicted by {predictor_label(predictor)} for {escape_markdown(result.sample)}.",
        width=READABLE,
    )
    st.markdown(difference_sentence(table, is_same=other == state.perturbations), width=READABLE)
    drawn = scenario_scatter(
        table, a="the present perturbations", b=f"“{name}”" if name else NONE_TEXT, sample=result.sample
    )
    chart(drawn, key="compare-scatter")
    gene_table(table, _columns(), key="compare-table", alt="Both changes of every gene, the largest difference first")
    st.caption("Genes that either scenario perturbs are at the end: they are set, not predicted.")
    download_table(
        lambda: csv(table, result.sample, a=result.perturbations, b=text_b, predictor=predictor),
        f"cellstate-hypothesis-scenarios-{file_stem(result.sample)}.csv",
        key="download-compare",
        label="Download both changes as CSV",
    )


def _predicted(
    state: Session, opened: Model, perturbations: Sequence[Perturbation], predictor: str
) -> pd.DataFrame | None:
    """Return the prediction of scenario B; None without perturbations, which change nothing."""
    if not perturbations:
        return None

    def compute() -> pd.DataFrame:
        with queue().turn():
            return predict(state.prepared(opened), perturbations, predictor).table()

    return state.cached("scenario-b", (state.selected, tuple(perturbations), predictor, opened.stamp), compute)


def joined(a: pd.DataFrame, b: pd.DataFrame | None) -> pd.DataFrame:
    """Return the predictions of two scenarios in one table.

    Parameters
    ----------
    a : DataFrame
        As `cellstate.evaluation.reliability_table` returns it.
    b : DataFrame or None
        As `cellstate.perturb.predict.Prediction.table` returns it; None changes nothing.

    Returns
    -------
    DataFrame
        Columns gene, log2_fold_change_a, log2_fold_change_b, difference (A minus B), tpm_before, is_perturbed (``A``,
        ``B``, ``A and B`` or empty), is_reliable, reason and ensembl_id; the largest difference first, genes that
        either scenario perturbs last.
    """
    table = a.rename(columns={CHANGE: CHANGE_A, IS_PERTURBED: "in_a"})
    if b is None:
        table = table.assign(**{CHANGE_B: 0.0, "in_b": False})
    else:
        other = b[["ensembl_id", CHANGE, IS_PERTURBED]].rename(columns={CHANGE: CHANGE_B, IS_PERTURBED: "in_b"})
        table = table.merge(other, on="ensembl_id", validate="one_to_one")
    table["difference"] = table[CHANGE_A] - table[CHANGE_B]
    in_a, in_b = table["in_a"], table["in_b"]
    table[IS_PERTURBED] = np.select([in_a & in_b, in_a, in_b], ["A and B", "A", "B"], default="")
    # A gene that B alone perturbs is no prediction of B.
    table.loc[in_a | in_b, IS_RELIABLE] = False
    table.loc[in_a | in_b, REASON] = "perturbed: set, not predicted"
    order = np.lexsort((-table["difference"].abs().to_numpy(), in_a | in_b))
    return table.iloc[order][list(_columns())].reset_index(drop=True)


def _columns() -> dict:
    return {
        GENE: st.column_config.TextColumn("Gene", pinned=True, width="small"),
        CHANGE_A: number_column("A (log2)", 3, "Predicted log2 fold change of TPM + 1 in scenario A."),
        CHANGE_B: number_column("B (log2)", 3, "The same in scenario B."),
        "difference": number_column("A − B", 3, "Difference of both changes, the largest first."),
        TPM_BEFORE: number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        IS_PERTURBED: st.column_config.TextColumn("Perturbed in", width="small"),
        IS_RELIABLE: st.column_config.CheckboxColumn("Reliable", help="In scenario A."),
        REASON: st.column_config.TextColumn("Reason", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def csv(table: pd.DataFrame, sample: str, *, a: str, b: str, predictor: str) -> bytes:
    """Return the table as CSV; each row names both scenarios."""
    return result_csv(table.round(6), sample, perturbations_a=a, perturbations_b=b, predictor=predictor)
