"""What drives this sample, without a goal: regulators whose activity differs from the sample's closest normal state."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.evaluation.admixture import Admixture, admixture, without_admixture
from cellstate.evaluation.tissue_profiles import high_tissues
from cellstate.formatting import escape_markdown, file_stem
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.regulators.search import Regulators, regulators
from cellstate.report.dossier import with_dossiers
from cellstate.report.narrative.regulators import admixture_sentence, regulators_sentence, set_sentence
from cellstate.ui.components.dossier import dossier_columns, dossier_line
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import HYPOTHESIS_BADGE, READABLE, chart, download_table, gene_table, number_column
from cellstate.ui.components.layout import result_csv as to_csv
from cellstate.ui.runtime.resources import model_of_normal_tissue
from cellstate.ui.state.session import Session
from cellstate.viz import activity_bars

_SHOWN = "drivers-shown"
WITHOUT = "Without admixed tissue"
#: Dossiers of ticked regulators that are drawn at once.
_DOSSIERS = 3


def drivers(state: Session, opened: Model) -> None:
    """Draw the question, and the answer once it was asked for this sample."""
    with error_boundary("finding what drives the sample"):
        model = model_of_normal_tissue(opened)
        if model is None:
            st.caption("No model here knows normal tissue, which a sample is compared with.")
            return
        asked = (state.round, state.selected)
        if st.session_state.get(_SHOWN) != asked:
            with st.container(border=True):
                st.markdown(
                    "Compares the sample with its own closest normal state, and ranks the transcription factors whose "
                    "activity differs. It needs no goal and no control sample.",
                    width=READABLE,
                )
                st.button(
                    "Find regulators",
                    type="primary",
                    icon=":material/play_arrow:",
                    key="find-drivers",
                    on_click=_ask,
                    args=(asked,),
                )
            return
        mixed = state.cached("admixture", (state.selected, model.stamp), lambda: admixture(state.prepared(model)))
        taken_out = mixed is not None and _taken_out(mixed)
        with st.spinner("Ranking regulators …"):
            key = (state.selected, model.stamp, taken_out)
            found = state.cached("drivers", key, lambda: _found(state, model, mixed if taken_out else None))
        _answer(state, found)


def _ask(asked: tuple[int, int]) -> None:
    st.session_state[_SHOWN] = asked


def _taken_out(mixed: Admixture) -> bool:
    """Draw which tissue is admixed, and the switch that takes it out; returns whether it is on."""
    sentence = st.empty()
    taken_out = st.toggle(WITHOUT, key="without-admixture")
    sentence.caption(admixture_sentence(mixed.tissue, mixed.share, taken_out, f"“{WITHOUT}”"), width=READABLE)
    return taken_out


def _found(state: Session, model: Model, mixed: Admixture | None) -> Regulators:
    sample = state.prepared(model)
    return regulators([sample if mixed is None else without_admixture(sample, mixed)], with_sets=True)


def _answer(state: Session, found: Regulators) -> None:
    table = found.table()
    # What is more active than in the reference is lowered, and the other way round.
    table = with_dossiers(table, -table["z"], high_tissues(found.model))
    st.markdown(f"{regulators_sentence(table, found.reference)} {HYPOTHESIS_BADGE}", width=READABLE)
    method = in_sentence(predictor_label(found.predictor))
    st.caption(f"Normal tissue as the model {escape_markdown(found.model.config.name)} knows it; effects by {method}.")
    chart(activity_bars(table, found.reference), key="driver-bars")
    for one in filter(None, found.sets):
        genes = [found.model.space.symbols[found.candidates_T[t]] for t in one.members_N]
        st.markdown(set_sentence(genes, one.explained, one.best_member, one.p), width=READABLE)
    # Ticks are positions, so another sample needs another key.
    key = f"drivers-table-{state.round}-{state.selected}"
    for row in _chosen(table, key):
        dossier_line(table["gene"].iloc[row], -table["z"].iloc[row])
    best = table["gene"].iloc[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Knock out {escape_markdown(best)} in Workbench",
            icon=":material/edit:",
            key="try-driver",
            help="Replaces the present perturbations; Undo restores them.",
        ):
            state.put([Perturbation(best, "knock-out")])
            st.switch_page("pages/workbench.py")
        name = f"cellstate-hypothesis-regulators-{file_stem(found.samples[0])}.csv"
        download_table(
            lambda: to_csv(table, found.samples[0], reference=found.reference, model=found.model.config.name),
            name,
            key="download-drivers",
            label="Download CSV",
        )
    with st.expander(f"All {len(table):,} regulators", icon=":material/table:"):
        alt = "Regulators of this sample, most active first."
        # A tick draws the page again, and with it the dossiers above the table.
        gene_table(table, _columns(), key, alt, on_select=lambda: None)


def _chosen(table: pd.DataFrame, key: str) -> list[int]:
    """Return the positions of the first regulators that are ticked, or of the top one."""
    ticked = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    return [row for row in ticked if row < len(table)][:_DOSSIERS] or [0]


def _columns() -> dict:
    z_help = "Activity in SD of normal samples of laboratories that were left out."
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "z": number_column("Activity (z)", 2, z_help),
        "p": st.column_config.NumberColumn("p", format="%.3g", help="Two-sided, against normal samples."),
        "fdr": st.column_config.NumberColumn("FDR", format="%.3g", help="p, corrected for the number of regulators."),
        "own_change": number_column("Own expression (SD)", 2, "Difference of its own expression from the reference."),
        "activity": number_column("Activity (cosine)", 3, "Cosine of its predicted effects and the signature."),
        **dossier_columns(),
        "tpm": number_column("TPM", 1, "As measured."),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }
