"""Two sets of edits side by side: the edits in force against a saved scenario, or against none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.formatting import digits, escape_markdown, file_stem, join_with_and
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.default import default_predictor
from cellstate.report.agreement import ALIKE, SAME, correlation
from cellstate.ui.components.errors import guard
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    download_table,
    gene_table,
    hypothesis,
    number_column,
    result_csv,
)
from cellstate.ui.components.predictor_picker import KEY
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import prediction_result
from cellstate.viz.compare_scenarios import most_different, scenario_scatter
from cellstate.viz.style import look

#: The other side where it is no saved scenario.
NOTHING = ""
IN_FORCE, NO_EDITS = "the edits in force", "no edits"


@st.fragment
def side_by_side(state: Session, opened: Model) -> None:
    """Draw the comparison, closed until it is asked for: it takes a second prediction."""
    place = st.expander("Two edit sets side by side", icon=":material/compare_arrows:", key="sides", on_change="rerun")
    with place, guard("comparing two sets of edits"):
        if place.open:
            _comparison(state, opened)


def _comparison(state: Session, opened: Model) -> None:
    names = list(state.scenarios)
    other = st.selectbox(
        "A is the edits in force; B is",
        [*names, NOTHING],
        format_func=lambda name: name if name != NOTHING else "No edits: the sample as it is",
        key="sides-other",
        width=READABLE,
    )
    if not names:
        st.caption("Save the edits in force as a scenario and change them: then the two can be compared here.")
    b_name = f"“{other}”" if other else NO_EDITS
    edits = state.scenarios.get(other or NOTHING, ())
    # The choice on this page, which was drawn before; a model with one predictor has none.
    predictor = str(st.session_state.get(KEY) or default_predictor(opened))
    one = prediction_result(state, opened, predictor)
    table = sides(one.table, _other(state, opened, edits, predictor))
    hypothesis()
    st.markdown(
        f"**A**: {escape_markdown(one.perturbations, 400)}. **B**: "
        f"{escape_markdown(', '.join(e.label for e in edits) or NO_EDITS, 400)}. "
        f"{look(predictor).label} predicts both, for {escape_markdown(one.sample)}.",
        width=READABLE,
    )
    st.markdown(difference_sentence(table, same=edits == state.perturbations), width=READABLE)
    chart(scenario_scatter(table, a=IN_FORCE, b=b_name, sample=one.sample), key="sides-scatter")
    gene_table(table, _columns(), key="sides-table", alt="Both shifts of every gene, the largest difference first")
    st.caption(
        "Genes that either set edits stand at the end: they are set, not predicted, and count in no figure above."
    )
    download_table(
        lambda: _csv(table, one.sample, one.perturbations, edits, predictor),
        f"cellstate-hypothesis-side-by-side-{file_stem(one.sample)}.csv",
        key="download-sides",
        label="Download both shifts as CSV",
    )


def _other(state: Session, opened: Model, edits: Sequence[Perturbation], predictor: str) -> pd.DataFrame | None:
    """Predict the shift of the other side, once; None without edits, which move nothing."""
    if not edits:
        return None

    def make() -> pd.DataFrame:
        with queue().turn():
            return predict(state.prepared(opened), edits, predictor).table()

    return state.once("other-side", (state.selected, tuple(edits), predictor, opened.stamp), make)


def sides(a: pd.DataFrame, b: pd.DataFrame | None) -> pd.DataFrame:
    """Put two shifts of the same sample beside each other.

    Parameters
    ----------
    a : DataFrame
        As `cellstate.evaluate.trust_table` returns it.
    b : DataFrame or None
        As `cellstate.perturb.predict.Prediction.table` returns it; None moves nothing.

    Returns
    -------
    DataFrame
        Columns gene, log2_fold_change_a, log2_fold_change_b, difference (A minus B), tpm_before, edited (``A``, ``B``,
        ``A and B`` or empty), trusted, reason and ensembl_id; the largest difference first, genes that either edits
        last.
    """
    table = a[["gene", "ensembl_id", "tpm_before", "log2_fold_change", "is_perturbed", "is_reliable", "reason"]]
    table = table.rename(columns={"log2_fold_change": "log2_fold_change_a", "is_perturbed": "in_a"})
    if b is None:
        table = table.assign(log2_fold_change_b=0.0, in_b=False)
    else:
        other = b[["ensembl_id", "log2_fold_change", "is_perturbed"]]
        other = other.rename(columns={"log2_fold_change": "log2_fold_change_b", "is_perturbed": "in_b"})
        table = table.merge(other, on="ensembl_id", validate="one_to_one")
    table["difference"] = table["log2_fold_change_a"] - table["log2_fold_change_b"]
    edited = np.select([table["in_a"] & table["in_b"], table["in_a"], table["in_b"]], ["A and B", "A", "B"], default="")
    table["is_perturbed"] = edited
    # What is set in B alone is no prediction of B.
    table.loc[table["is_perturbed"] != "", "is_reliable"] = False
    table.loc[table["is_perturbed"] != "", "reason"] = "edited: set, not predicted"
    order = np.lexsort((-table["difference"].abs().to_numpy(), table["is_perturbed"] != ""))
    return table.iloc[order][list(_columns())].reset_index(drop=True)


def agreement(table: pd.DataFrame) -> float | None:
    """Correlate both shifts over the genes that neither edits; None where one of them moves nothing."""
    return correlation(table.loc[table["is_perturbed"] == "", ["log2_fold_change_a", "log2_fold_change_b"]])


def difference_sentence(table: pd.DataFrame, *, same: bool = False) -> str:
    """Say how far two shifts agree, which is larger, and where they differ most."""
    if same:
        return "**Both are the same edits**, so nothing differs."
    rest = table[table["is_perturbed"] == ""]
    if not len(rest):
        return "No gene is left that neither set edits."
    r = agreement(table)
    size = {side: float(rest[f"log2_fold_change_{side.lower()}"].abs().max()) for side in "AB"}
    if r is None:
        still = [side for side in "AB" if not size[side]] or ["one of them"]
        text = (
            f"**{join_with_and(still)} {'moves' if len(still) == 1 else 'move'} no other gene**, "
            "so nothing can be correlated."
        )
    else:
        way = (
            "**do the same to the other genes**"
            if r >= SAME
            else "**point the same way**"
            if r >= ALIKE
            else "**point opposite ways**"
            if r <= -ALIKE
            else "**do different things**"
        )
        text = f"Over the {len(rest):,} genes that neither edits, A and B {way} (r = {r:.2f})."
    text += f" The largest shift is {digits(size['A'], 2)} log2 under A and {digits(size['B'], 2)} under B."
    apart = most_different(rest).head(3)
    if len(apart):
        named = [
            f"{escape_markdown(g.gene)} (A {g.log2_fold_change_a:+.3f}, B {g.log2_fold_change_b:+.3f})"
            for g in apart.itertuples()
        ]
        which = "trusted genes" if apart["is_reliable"].all() else "genes, none of them trusted"
        text += f" Of the {which}, {join_with_and(named)} {'differ' if len(named) > 1 else 'differs'} most."
    return text


def _columns() -> dict:
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "log2_fold_change_a": number_column(
            "A (log2)", 3, "Predicted log2 fold change of TPM + 1 under the edits in force."
        ),
        "log2_fold_change_b": number_column("B (log2)", 3, "The same under the other set."),
        "difference": number_column("A − B", 3, "The table begins with the largest difference."),
        "tpm_before": number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        "edited": st.column_config.TextColumn("Edited in", width="small"),
        "is_reliable": st.column_config.CheckboxColumn(
            "Trusted", help="Nothing known speaks against this gene under A."
        ),
        "reason": st.column_config.TextColumn("Why not trusted", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def _csv(table: pd.DataFrame, sample: str, a: str, b: Sequence[Perturbation], predictor: str) -> bytes:
    """Return the table with what it is about in each row."""
    edits_b = ", ".join(edit.label for edit in b) or NO_EDITS
    return result_csv(table.round(6), sample, edits_a=a, edits_b=edits_b, predictor=predictor)
