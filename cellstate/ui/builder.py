"""Building edits: find a gene by any name, choose what happens to it, see what is in force."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cellstate.errors import GeneError
from cellstate.evaluate.trust import MIN_R2
from cellstate.genes import gene_axis
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb import Edit
from cellstate.perturb.edits import edited_tpm
from cellstate.ui.guard import guard, show_error
from cellstate.ui.regulators_goal import patient_of
from cellstate.ui.session import Session
from cellstate.ui.text import literal

_KINDS = {
    "knock-out": "Knock out",
    "knock-down": "Knock down",
    "multiply": "Multiply",
    "set": "Set to",
    "quantile": "Set to percentile",
}
_MATCHES = 6
_QUERY = "gene-query"
#: Highest level that can be set: all transcripts of a cell.
_MOST_TPM, _MOST_TIMES = 1e6, 1000.0


@st.fragment
def builder(state: Session, opened: Model) -> None:
    """Draw the search and the form of one edit; adding one redraws the page."""
    with st.container(border=True, height="stretch"), guard("preparing an edit"):
        st.subheader("Add an edit", anchor=False)
        query = st.text_input(
            "Find a gene",
            placeholder="TP53, p53, HER2, ENSG00000141510 …",
            icon=":material/search:",
            live=True,
            key=_QUERY,
            help="Any name: approved or former symbol, alias, Ensembl or Entrez id.",
        )
        gene = _choose(query or "", opened)
        edit = None if gene is None else _edit(gene, state, opened)
        replaces = edit is not None and any(e.gene == edit.gene for e in state.edits)
        # Always drawn, so that the button of the gene before is gone at once and not only when the page is ready.
        st.button(
            "Replace the edit" if replaces else "Add the edit",
            type="primary",
            icon=":material/add:",
            key="add",
            disabled=edit is None,
            on_click=_add,
            args=(state, edit),
        )


def _edit(gene: int, state: Session, opened: Model) -> Edit:
    """Say what is known of the gene, and let the user choose what happens to it."""
    _about(gene, state, opened)
    profiles = load_profiles(opened)
    kinds = [kind for kind in _KINDS if kind != "quantile" or profiles is not None]
    kind = st.segmented_control(
        "Edit", kinds, format_func=_KINDS.__getitem__, default="knock-out", required=True, key="kind"
    )
    edit = Edit(opened.space.symbols[gene], str(kind), _amount(str(kind)))
    before = patient_of(state, opened).tpm_G[[gene]]
    after = edited_tpm(edit, before, np.array([gene]), profiles)
    st.caption(f"{_tpm(before[0])} TPM becomes {_tpm(after[0])} TPM.")
    return edit


def _add(state: Session, edit: Edit) -> None:
    """Add an edit, empty the search for the next gene, and draw the whole page anew."""
    state.add(edit)
    st.session_state[_QUERY] = ""
    st.rerun()


def _choose(query: str, opened: Model) -> int | None:
    """Return the model position of the gene that the user means."""
    if not query.strip():
        st.caption("Type a name to begin.")
        return None
    axis = gene_axis()
    found = axis.search(query, limit=4 * _MATCHES)
    covered = [(opened.space.find(axis.ensembl[i]), why) for i, why in found if opened.space.covers(i)][:_MATCHES]
    others = [axis.symbol[i] for i, _ in found if not opened.space.covers(i)][:3]
    if not found:
        try:
            axis.find(query)
        except GeneError as error:
            show_error(error)
        return None
    if not covered:
        names = ", ".join(literal(name) for name in others)
        st.warning(f"{names}: not covered by this model, because too few of its training samples express it.")
        return None
    whys = dict(covered)
    chosen = st.pills(
        "Matches",
        list(whys),
        format_func=lambda g: literal(opened.space.symbols[g]) + (f" :gray[{literal(whys[g])}]" if whys[g] else ""),
        default=covered[0][0],
        required=True,
        key=f"match-{query.strip()[:60]}",
        label_visibility="collapsed",
    )
    if others:
        st.caption(f"Not covered by this model: {', '.join(literal(name) for name in others)}.")
    return chosen


def _tpm(tpm: float) -> str:
    return f"{tpm:,.4g}"


def _about(gene: int, state: Session, opened: Model) -> None:
    """Say where the gene stands in this sample and how well the model follows it."""
    patient = patient_of(state, opened)
    typical = float(np.expm1(max(opened.space.mean_G[gene], 0)))
    level = (
        f"{_tpm(patient.tpm_G[gene])} TPM in this sample"
        if patient.measured_G[gene]
        else "not measured in this sample, so the model's own prediction stands in"
    )
    told = f"**{literal(opened.space.symbols[gene])}**: {level}; {_tpm(typical)} TPM is typical."
    if "r2_validation" in opened.gene_table:
        r2 = float(opened.gene_table["r2_validation"].iloc[gene])
        if np.isfinite(r2):
            told += f" Held-out R² {r2:.2f}."
        if not r2 >= MIN_R2:
            told += " **The model hardly follows this gene**, so it knows little of what moves with it."
    st.markdown(told)


def _amount(kind: str) -> float:
    if kind == "knock-down":
        return float(st.slider("Down by (%)", 0, 100, 50, 5, format="%d %%", key="percent"))
    if kind == "multiply":
        return float(st.number_input("Times", 0.0, _MOST_TIMES, 2.0, 0.5, key="times"))
    if kind == "set":
        return float(st.number_input("Level (TPM)", 0.0, _MOST_TPM, 10.0, 1.0, key="level"))
    if kind == "quantile":
        return float(
            st.slider(
                "Percentile of the model's cohort",
                0,
                100,
                90,
                5,
                key="percentile",
                help="The level that so many percent of the training patients do not exceed: 90 is high, yet seen.",
            )
        )
    return 0.0


def in_force(state: Session) -> None:
    """List the edits with a way to remove each, take the last change back, or clear all."""
    with st.container(border=True, height="stretch"):
        st.subheader("Edits in force", anchor=False)
        if not state.edits:
            st.caption("None yet. Several genes can be edited at once.")
        for edit in state.edits:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f":material/edit: **{literal(edit.gene)}** {literal(edit.label.removeprefix(edit.gene))}",
                            width="stretch")  # fmt: skip
                st.button(
                    "Remove",
                    icon=":material/close:",
                    type="tertiary",
                    key=f"remove-{edit.gene}",
                    on_click=state.remove,
                    args=(edit.gene,),
                    help=f"Remove the edit of {literal(edit.gene)}",
                )
        with st.container(horizontal=True):
            st.button("Undo", icon=":material/undo:", key="undo", on_click=state.undo, disabled=len(state.history) < 2)
            st.button(
                "Clear all", icon=":material/delete_sweep:", key="clear", on_click=state.clear, disabled=not state.edits
            )
