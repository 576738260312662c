"""Combined perturbations: the effect of each alone, of all together, and the deviation from additivity."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.formatting import file_stem
from cellstate.model import Model
from cellstate.perturb.predict import predict
from cellstate.report.narrative.prediction import DEVIATION, JOINT, additivity_sentence
from cellstate.ui.components.layout import READABLE, chart, download_table, result_csv
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult, prediction_key
from cellstate.ui.state.session import Session
from cellstate.viz import combination_heatmap
from cellstate.viz.columns import CHANGE, GENE, IS_PERTURBED, IS_RELIABLE

#: Genes in the figure; the download has all.
MAX_GENES = 40


def combined_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the effect of each perturbation alone and of all together."""
    if len(state.perturbations) < 2:
        st.info(
            "Add a second perturbation to see which of them changes which gene, and where their joint effect deviates "
            "from the sum.",
            icon=":material/grid_on:",
        )
        return
    effects = single_effects(state, opened, result)
    st.markdown(additivity_sentence(effects, result.predictor), width=READABLE)
    drawn = combination_heatmap(most_changed(effects, result.table), predictor=result.predictor, sample=result.sample)
    chart(drawn, key="combined-heatmap")
    file = f"cellstate-hypothesis-combined-{file_stem(result.sample)}.csv"
    download_table(lambda: csv(effects, result), file, key="download-combined")


def single_effects(state: Session, opened: Model, result: PredictionResult) -> pd.DataFrame:
    """Return the log2 change of every unperturbed gene: by each perturbation, `JOINT` and `DEVIATION`.

    One row a gene, with the index and the order of the result's table.
    """

    def compute() -> pd.DataFrame:
        rest = result.table[~result.table[IS_PERTURBED]]
        order = pd.Index(opened.space.ensembl).get_indexer(rest["ensembl_id"])
        with queue().turn():
            single = {
                one.label: predict(state.prepared(opened), [one], result.predictor).log2_fold_change_G[order]
                for one in state.perturbations
            }
        table = pd.DataFrame(single, index=rest.index, dtype=float)
        joint = rest[CHANGE].astype(float)
        return table.assign(**{JOINT: joint, DEVIATION: joint - table.sum(axis=1)})

    return state.cached("single-effects", prediction_key(state, opened, result.predictor), compute)


def most_changed(effects: pd.DataFrame, table: pd.DataFrame, n: int = MAX_GENES) -> pd.DataFrame:
    """Return the rows of the genes with the largest effect of any column, named by gene; reliable genes, if any."""
    reliable = table.loc[effects.index, IS_RELIABLE]
    rows = effects[reliable] if reliable.any() else effects
    size = rows.drop(columns=DEVIATION).abs().max(axis=1)
    chosen = rows.loc[size.sort_values(ascending=False, kind="stable").index[:n]]
    return chosen.set_axis(table.loc[chosen.index, GENE])


def csv(effects: pd.DataFrame, result: PredictionResult) -> bytes:
    """Return the effects on every gene as CSV."""
    rest = result.table.loc[effects.index]
    table = pd.concat([rest[[GENE, "ensembl_id"]], effects.round(6), rest[[IS_RELIABLE]]], axis=1)
    return result_csv(table, result.sample, predictor=result.predictor)
