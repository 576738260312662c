"""Several edits on the perturb page: what each of them moves alone, and all of them together."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, file_stem, percent
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import SPECS
from cellstate.ui.components.layout import READABLE, chart, download_table, result_csv
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import Answer, about
from cellstate.viz import combination_heatmap
from cellstate.viz.style import look

#: Genes in the figure; the download has all.
MOST_GENES = 40
TOGETHER, BEYOND = "All together", "Together minus sum"
#: Largest difference from the sum, as a share of the largest shift, that is called nothing.
SAME_SHARE = 0.01


def edits_section(state: Session, opened: Model, found: Answer) -> None:
    """Draw the edits in force, each alone and all together."""
    if len(state.edits) < 2:
        st.info(
            "Add a second edit: then you see here which of them drives which gene, and where both together do "
            "something else than the sum of each.",
            icon=":material/grid_on:",
        )
        return
    each = each_edit(state, opened, found)
    table = most_moved(each, found.table)
    st.markdown(sum_sentence(each, found.predictor), width=READABLE)
    chart(combination_heatmap(table, predictor=found.predictor, sample=found.sample), key="edit-heat")
    download_table(
        lambda: csv(each, found),
        f"cellstate-hypothesis-edits-{file_stem(found.sample)}.csv",
        key="download-heat",
    )


def each_edit(state: Session, opened: Model, found: Answer) -> pd.DataFrame:
    """Return the shift of every gene that was not edited, by each edit alone, by all, and all minus the sum.

    One row a gene, by the index of the answer's table and in its order; log2 of TPM + 1.
    """

    def make() -> pd.DataFrame:
        rest = found.table[~found.table["is_perturbed"]]
        with queue().turn():
            alone = {
                edit.label: predict(state.prepared(opened), [edit], found.predictor).log2_fold_change_G
                for edit in state.edits
            }
        order = pd.Index(opened.space.ensembl).get_indexer(rest["ensembl_id"])
        table = pd.DataFrame({label: delta_G[order] for label, delta_G in alone.items()}, index=rest.index, dtype=float)
        together = rest["log2_fold_change"].astype(float)
        return table.assign(**{TOGETHER: together, BEYOND: together - table.sum(axis=1)})

    return state.once("each-edit", about(state, opened, found.predictor), make)


def most_moved(each: pd.DataFrame, table: pd.DataFrame, n: int = MOST_GENES) -> pd.DataFrame:
    """Return the rows of the genes that move most by any of the edits or by all, named by gene, largest first.

    Trusted genes only, where there are any.
    """
    rest = table.loc[each.index]
    some = each[rest["is_reliable"]] if rest["is_reliable"].any() else each
    size = some.drop(columns=BEYOND).abs().max(axis=1)
    chosen = some.loc[size.sort_values(ascending=False, kind="stable").index[:n]]
    return chosen.set_axis(table.loc[chosen.index, "gene"])


def sum_sentence(each: pd.DataFrame, predictor: str) -> str:
    """Say which edit moves genes most and whether all together are more than their sum."""
    alone = each.drop(columns=[TOGETHER, BEYOND])
    power = (alone**2).sum()
    strongest = power.idxmax()
    share = power[strongest] / power.sum() if power.any() else 0.0
    text = (
        f"**{escape_markdown(strongest)}** moves genes most: by up to {alone[strongest].abs().max():.2g} log2, and "
        "with "
        f"{percent(share)} of all squared shifts by single edits."
    )
    beyond, largest = float(each[BEYOND].abs().max()), float(each[TOGETHER].abs().max())
    same = beyond <= SAME_SHARE * largest
    apart = f"by up to {beyond:.2g} log2"
    if SPECS[PredictorId(predictor)].is_linear:
        text += f" {predictor_label(predictor)} is linear: **all together are the sum of what each moves alone**"
        return text + ("." if same else f", but for genes that cannot fall below zero ({apart}).")
    if same:
        return text + " All together are **the sum of what each moves alone**."
    return (
        text + f" All together differ from the sum of each alone {apart}, {percent(beyond / largest)} of the largest."
    )


def csv(each: pd.DataFrame, found: Answer) -> bytes:
    """Return every gene by each edit, with what it is about in each row."""
    rest = found.table.loc[each.index]
    table = each.round(6)
    table.insert(0, "gene", rest["gene"])
    table.insert(1, "ensembl_id", rest["ensembl_id"])
    table["is_reliable"] = rest["is_reliable"]
    return result_csv(table, found.sample, predictor=look(found.predictor).label)
