"""Add perturbations: of one gene, of a pasted gene list, or of a gene set."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cellstate.formatting import plural
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.prediction import names_sentence
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.gene_names import Meaning, meanings, split_names
from cellstate.ui.components.gene_search import QUERY, find_gene
from cellstate.ui.components.gene_sets import choose_gene_set
from cellstate.ui.components.layout import number_column
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.history import MAX_PERTURBATIONS
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel
from cellstate.ui.workbench.perturbation_form import action, changes_nothing, perturbation_form

#: Names of a list that are read, and characters of a pasted one.
MAX_NAMES, MAX_CHARS = 1_000, 20_000
_TEXT = "gene-list"
_SILENT_TPM = 0.005


@st.fragment
def add_perturbations(state: Session, opened: Model) -> None:
    """Draw the form; adding a perturbation redraws the page."""
    ways = {"one": "One gene", "list": "Gene list", "set": "Gene set"}
    with st.container(border=True, height="stretch"), error_boundary("preparing a perturbation"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Add a perturbation", anchor=False, width="content")
            way = st.segmented_control(
                "Genes to perturb",
                list(ways),
                format_func=ways.__getitem__,
                default="one",
                required=True,
                key="way",
                persist_state="session",
                label_visibility="collapsed",
            )
        {"one": _one_gene, "list": _gene_list, "set": _gene_set}[way or "one"](state, opened)


def _one_gene(state: Session, opened: Model) -> None:
    gene = find_gene(opened)
    new = None if gene is None else perturbation_form(gene, state.prepared(opened), opened)
    genes = [entry.perturbation.gene for entry in state.entries]
    replaces = new is not None and new.gene in genes
    is_full = len(genes) >= MAX_PERTURBATIONS and not replaces
    is_idle = new is not None and changes_nothing(new, state, opened)
    # Always drawn, so that the button of the gene before disappears at once.
    label, is_disabled = "Replace perturbation" if replaces else "Add perturbation", new is None or is_full or is_idle
    action_button(label, "add", "add", _add, state, [new], QUERY, type="primary", disabled=is_disabled)
    if is_idle:
        st.caption("This is the present level, so nothing would change: choose another.")
    if is_full:
        st.caption(f"The list holds {MAX_PERTURBATIONS} perturbations, the maximum: remove one first.")


def _gene_list(state: Session, opened: Model) -> None:
    text = st.text_area(
        "Gene names",
        placeholder="p53, MYC; ENSG00000133703\nHER2 7157 …",
        key=_TEXT,
        persist_state="session",
        max_chars=MAX_CHARS,
        height=110,
        help="Any names, separated by blanks, commas, semicolons, bars or lines.",
    )
    if names := split_names(text or ""):
        _many_genes(names, "list-", state, opened)
    else:
        st.caption(f"Paste the names of up to {MAX_PERTURBATIONS} genes.")


def _gene_set(state: Session, opened: Model) -> None:
    chosen = choose_gene_set(state, "perturb")
    if chosen is not None:
        _many_genes(chosen[1], "set-", state, opened)


def _many_genes(names: Sequence[str], place: str, state: Session, opened: Model) -> None:
    """Show the meaning of each name, and apply one action to the chosen genes in one step."""
    found = meanings(names[:MAX_NAMES], opened.space)
    sample, profiles, symbols = state.prepared(opened), load_profiles(opened), opened.space.symbols
    levels = {m.gene: GeneLevel.of(sample, m.gene, profiles) for m in found if m.gene is not None}
    st.markdown(names_sentence(len(names), len(found), len(levels)))
    _table(meaning_table(found, levels))
    if not levels:
        return
    genes = list(levels)
    chosen = st.multiselect(
        f"Genes to perturb, at most {MAX_PERTURBATIONS}",
        genes,
        default=genes[:MAX_PERTURBATIONS],
        format_func=lambda gene: symbols[gene],
        max_selections=MAX_PERTURBATIONS,
        # Another list begins with a choice of its own.
        key=f"{place}genes-{hash(tuple(genes))}",
        placeholder="Choose genes",
    )
    if len(genes) > MAX_PERTURBATIONS:
        st.caption(f"The list has {len(genes):,} genes; at first, the first {MAX_PERTURBATIONS} are chosen.")
    pattern = action(place, profiles)
    new = [pattern.on(symbols[gene]) for gene in chosen]
    n_total = len({entry.perturbation.gene for entry in state.entries} | {one.gene for one in new})
    is_full = n_total > MAX_PERTURBATIONS
    label, key, is_disabled = f"Add {plural(len(new), 'perturbation')}", f"{place}add", not new or is_full
    action_button(label, "playlist_add", key, _add, state, new, _TEXT, type="primary", disabled=is_disabled)
    if is_full:
        st.caption(
            f"Together that would be {n_total} perturbations, and the list holds at most {MAX_PERTURBATIONS}: choose "
            "fewer genes, or remove perturbations."
        )


def meaning_table(found: Sequence[Meaning], levels: dict[int, GeneLevel]) -> pd.DataFrame:
    """Return one row a name: name, gene, remark, matched_by, tpm and percentile; names that are left out come first."""
    rows = []
    for meaning in sorted(found, key=lambda m: m.gene is not None):
        level = levels.get(meaning.gene) if meaning.gene is not None else None
        rows.append(
            {
                "name": meaning.name,
                "gene": meaning.symbol,
                "remark": meaning.problem or _remark(level),
                "matched_by": meaning.how,
                "tpm": level.tpm if level else None,
                "percentile": level.profiles.percentile(level.gene, level.tpm) if level and level.profiles else None,
            }
        )
    return pd.DataFrame(rows).astype({"tpm": float, "percentile": float})


def _remark(level: GeneLevel | None) -> str:
    if level is not None and not level.is_measured:
        return "Not measured: imputed by the model."
    return "Not expressed in this sample." if level and level.tpm < _SILENT_TPM else ""


def _table(table: pd.DataFrame) -> None:
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * (len(table) + 1), 250),
        column_config={
            "name": st.column_config.TextColumn("Name", pinned=True, width="small"),
            "gene": st.column_config.TextColumn("Gene", width="small"),
            # Before the figures, so that a phone shows why a name is left out.
            "remark": st.column_config.TextColumn("Remark", width=330),
            "matched_by": st.column_config.TextColumn("Matched by", width="small"),
            "tpm": number_column("TPM", 2, "In this sample, on the training cohort's scale."),
            "percentile": number_column("Percentile", 0, tip("Percentile")),
        },
        placeholder="–",
        key="meanings",
        alt="The gene of each name; names that are left out come first",
    )


def _add(state: Session, new: Sequence[Perturbation], text_key: str) -> None:
    """Add perturbations in one step, empty the text box for the next ones, and redraw the whole page."""
    state.add(*new)
    st.session_state[text_key] = ""
    st.rerun()
