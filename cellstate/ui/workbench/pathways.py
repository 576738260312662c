"""Pathways on the perturb page: the user's gene sets in the order of the predicted shifts."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluate.enrichment import LEAST_GENES, LEAST_P, MOST_GENES, MOST_SETS, Enrichment, enrichment
from cellstate.formatting import escape_markdown, file_stem, percent, plural
from cellstate.model import Model
from cellstate.perturb.predictors.base import PredictorId
from cellstate.report.agreement import ALIKE, SAME
from cellstate.ui.components.gene_sets import own_gene_sets
from cellstate.ui.components.layout import READABLE, chart, download_table, number_column, result_csv
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import GENE_SETS, Session
from cellstate.ui.workbench.prediction import PredictionResult, prediction_key
from cellstate.viz import pathway_bars
from cellstate.viz.enrichment import CLEAR_FDR
from cellstate.viz.style import look

_CAUTION = (
    "**p and FDR are about the order of genes in this one prediction**, against random sets of the same size. They say "
    "nothing about patients, and genes of a set go together in any tissue, which makes them far too small. Read the "
    "NES as a ranking."
)
_READING = f"""
- All genes that were not edited are put in the order of their predicted shift, those that go up most first.
- **ES** (enrichment score): a running sum down that order rises at each gene of the set, by its share of the set's
  shifts, and falls at every other gene; ES is its largest deviation from 0. Positive: the set goes up, negative: down.
- **NES** is ES over what random sets of the same size reach, so that small and large sets can be compared.
- **p** is never given below {LEAST_P:g}; **FDR** corrects it for the number of sets tested (Benjamini and Hochberg).
- **Leading edge**: the genes of the set up to where the running sum is largest; they make the score.
- Sets with fewer than {LEAST_GENES} or more than {MOST_GENES} genes in the ranking are left out. Computed by gseapy on
  this machine, with a fixed seed: the same file and edits give the same numbers.
"""


def pathway_section(state: Session, opened: Model, found: PredictionResult) -> None:
    """Draw which gene sets move together, once there are gene sets."""
    sets = own_gene_sets(state, "pathways")
    if sets is None:
        st.caption(
            "Bring gene sets, for example the hallmark sets of MSigDB, and this section shows which of them go up or "
            "down together, as each predictor says. The file stays in this session's memory.",
            width=READABLE,
        )
        return

    def test() -> Enrichment:
        with queue().turn(), st.spinner("Testing the gene sets …"):
            return enrichment(opened.space, found.table, sets.sets)

    key = (prediction_key(state, opened, found.predictor), state.turns[GENE_SETS])
    done: Enrichment = state.once("pathways", key, test)
    st.markdown(f"{pathway_sentence(done, found.predictor)}", width=READABLE)
    st.markdown(_CAUTION, width=READABLE)
    left, right = st.columns(2, gap="medium")
    with left:
        chart(pathway_bars(done.table, predictor=found.predictor, sample=found.sample), key="pathway-bars")
    with right:
        _table(done, found)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def pathway_sentence(done: Enrichment, predictor: str) -> str:
    """Say which set moves most, how many stand out, and whether the other predictors say the same."""
    table, first = done.table, done.table.iloc[0]
    clear = int((table["fdr"] <= CLEAR_FDR).sum())
    way = "up" if first["nes"] > 0 else "down"
    how_many = plural(clear, "has", "have") if clear else "none has"
    text = (
        f"**{escape_markdown(first['set'])}** goes {way} most (NES {first['nes']:+.2f}). Of "
        f"{plural(len(table), 'gene set')} "
        f"over {done.n_ranked:,} genes, {how_many} an FDR of {percent(CLEAR_FDR)} or less."
    )
    for rival, r in done.agreement().items():
        name = look(rival).label
        if r >= SAME:
            nothing = ": here the network adds nothing to it" if PredictorId.AUTOENCODER in (rival, predictor) else ""
            text += f" **{name} says the same of the sets** (r = {r:.2f}){nothing}."
        elif r >= ALIKE:
            text += f" **{name}** says much the same (r = {r:.2f})."
        else:
            text += f" **{name} ranks the sets differently** (r = {r:.2f})."
    if done.n_other_size:
        text += f" {plural(done.n_other_size, 'set has', 'sets have')} too few or too many genes here for a test."
    if done.n_beyond:
        text += f" Only the first {MOST_SETS} sets of the file were tested; {done.n_beyond:,} more were not."
    return text


def _table(done: Enrichment, found: PredictionResult) -> None:
    first = look(found.predictor).label
    rivals = [column for column in done.table if column.startswith("nes_")]
    columns = {
        "set": st.column_config.TextColumn("Gene set", pinned=True, width="medium"),
        "nes": number_column(f"{first} NES", 2, tip("NES")),
        "p": st.column_config.NumberColumn("p", format="%.1e", help="Against random sets; never below 1e-6."),
        "fdr": number_column("FDR", 3, "p corrected for the number of sets tested."),
        **{c: number_column(f"{look(c.removeprefix('nes_')).label} NES", 2, "The same, by this one.") for c in rivals},
        "n_genes": st.column_config.NumberColumn("Genes", help="Of the set, in the ranking."),
        "leading": st.column_config.TextColumn("Leading edge", width="large", help=tip("Leading edge")),
    }
    st.dataframe(
        done.table,
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        height=480,
        placeholder="–",
        key="pathway-table",
        alt="Enrichment of every gene set, largest first, beside what the other predictors say",
    )
    download_table(
        lambda: csv(done, found),
        f"cellstate-hypothesis-pathways-{file_stem(found.sample)}.csv",
        key="download-pathways",
        label="Download all gene sets as CSV",
    )


def csv(done: Enrichment, found: PredictionResult) -> bytes:
    """Return every set, with what it is about in each row."""
    return result_csv(done.table, found.sample, perturbations=found.perturbations, predictor=found.predictor)
