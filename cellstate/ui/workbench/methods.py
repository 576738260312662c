"""Every prediction method on the present perturbations: size of its changes, and agreement with the one in use."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.formatting import fold_change
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.report.narrative.prediction import agreement_sentence, baselines_of, distance_sentence, size_sentence
from cellstate.ui.components.layout import READABLE, number_column
from cellstate.ui.components.predictor_picker import predictor_sentence
from cellstate.ui.state.prediction import PredictionResult
from cellstate.ui.state.session import Session
from cellstate.viz.columns import CHANGE, CHANGE_OF, GENE, IS_PERTURBED


def methods_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw one row a method, and what the differences mean."""
    st.markdown(predictor_sentence(opened, result.predictor), width=READABLE)
    st.dataframe(
        method_table(result),
        hide_index=True,
        column_config={
            "r": number_column("r", 2, "Correlation with the method in use over all genes that are not perturbed."),
        },
        placeholder="–",
        key="methods-table",
        alt="Largest change by every method, and its correlation with the method in use",
    )
    st.markdown(size_sentence(result.table, result.over_error, result.predictor), width=READABLE)
    st.markdown(agreement_sentence(result.agreement, result.predictor), width=READABLE)
    st.caption(distance_sentence(result.before, result.after), width=READABLE)


def method_table(result: PredictionResult) -> pd.DataFrame:
    """Return one row a method: label, gene with the largest change, that change and r; the method in use first."""
    rest = result.table[~result.table[IS_PERTURBED]]
    columns = {result.predictor: CHANGE} | {name: CHANGE_OF + name for name in baselines_of(result.table)}
    rows = []
    for name, column in columns.items():
        change = rest[column]
        first = change.abs().idxmax() if change.any() else None
        gene, text = ("–", "0") if first is None else (rest.loc[first, GENE], fold_change(float(change.loc[first])))
        r = 1.0 if name == result.predictor else result.agreement.get(name)
        rows.append((predictor_label(name), gene, text, r))
    return pd.DataFrame(rows, columns=["Method", "Largest change", "Its size", "r"]).astype({"r": float})
