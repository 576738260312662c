"""Many genes at once: a pasted list or a gene set, what each name means, and one kind of edit for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cellstate.formatting import plural
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.gene_names import Meaning, meanings, split_names
from cellstate.ui.components.gene_sets import choose_gene_set
from cellstate.ui.components.layout import number_column
from cellstate.ui.components.share_link import MAX_PERTURBATIONS
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel
from cellstate.ui.workbench.perturbation_form import action

#: Names of a list that are looked at, and characters of a pasted one.
MOST_NAMES, MOST_CHARS = 1_000, 20_000
_TEXT = "gene-list"
_SILENT_TPM = 0.005


def pasted_list(state: Session, opened: Model) -> None:
    """Let the user paste names, and edit the genes that they mean."""
    text = st.text_area(
        "Gene names",
        placeholder="p53, MYC; ENSG00000133703\nHER2 7157 …",
        key=_TEXT,
        persist_state="session",
        max_chars=MOST_CHARS,
        height=110,
        help="Any names, with blanks, commas, semicolons, bars or lines between them.",
    )
    names = split_names(text or "")
    if not names:
        st.caption(f"Paste names to begin; up to {MAX_PERTURBATIONS} genes can be edited at once.")
        return
    _edit_all(names, "list-", state, opened)


def gene_set(state: Session, opened: Model) -> None:
    """Let the user choose a set of a GMT file, and edit its genes."""
    chosen = choose_gene_set(state, "edit")
    if chosen is not None:
        _edit_all(chosen[1], "set-", state, opened)


def _edit_all(names: Sequence[str], place: str, state: Session, opened: Model) -> None:
    """Show what names mean, and let the user edit the genes in one way and in one step."""
    found = meanings(names[:MOST_NAMES], opened.space)
    heres = _heres(found, state, opened)
    st.markdown(summary(found, n_names=len(names)))
    _table(meaning_table(found, heres))
    if not heres:
        return
    genes = list(heres)
    chosen = st.multiselect(
        f"Genes to edit, at most {MAX_PERTURBATIONS}",
        genes,
        default=genes[:MAX_PERTURBATIONS],
        format_func=lambda gene: opened.space.symbols[gene],
        max_selections=MAX_PERTURBATIONS,
        # Another list begins with a choice of its own.
        key=f"{place}genes-{hash(tuple(genes))}",
        placeholder="Choose genes",
    )
    if len(genes) > MAX_PERTURBATIONS:
        st.caption(
            f"{len(genes):,} genes are in the list; the first {MAX_PERTURBATIONS} are chosen until you choose others."
        )
    edit = action(place, load_profiles(opened))
    edits = [edit.on(opened.space.symbols[gene]) for gene in chosen]
    others = {entry.perturbation.gene for entry in state.entries} - {one.gene for one in edits}
    full = len(others) + len(edits) > MAX_PERTURBATIONS
    st.button(
        f"Add {plural(len(edits), 'edit')}",
        type="primary",
        icon=":material/playlist_add:",
        key=f"{place}add",
        disabled=not edits or full,
        on_click=_add,
        args=(state, edits),
        help="All in one step: one undo takes them back.",
    )
    if full:
        st.caption(
            f"With the {len(others)} of other genes that would be {len(others) + len(edits)} edits, and the list holds "
            f"at most {MAX_PERTURBATIONS}: choose fewer genes, or remove edits."
        )


def _heres(found: Sequence[Meaning], state: Session, opened: Model) -> dict[int, GeneLevel]:
    """Return the genes to edit with their levels in the sample, by position, in order."""
    patient, profiles = state.prepared(opened), load_profiles(opened)
    return {m.gene: GeneLevel.of(patient, m.gene, profiles) for m in found if m.gene is not None}


def summary(found: Sequence[Meaning], n_names: int) -> str:
    """Say how many names mean a gene, and how many do not."""
    good = sum(meaning.gene is not None for meaning in found)
    text = f"**{plural(len(found), 'name')}: {plural(good, 'gene')} of this model**"
    if good < len(found):
        text += f"; {len(found) - good:,} left out, as the table says"
    if n_names > len(found):
        text += f". Only the first {len(found):,} of {n_names:,} names are looked at"
    return text + "."


def meaning_table(found: Sequence[Meaning], heres: dict[int, GeneLevel]) -> pd.DataFrame:
    """Return one row a name: name, gene, remark, matched_by, tpm and percentile; what is left out comes first."""
    rows = []
    for meaning in sorted(found, key=lambda m: m.gene is not None):
        here = heres.get(meaning.gene) if meaning.gene is not None else None
        rows.append(
            {
                "name": meaning.name,
                "gene": meaning.symbol,
                "remark": meaning.problem or _remark(here),
                "matched_by": meaning.how,
                "tpm": here.tpm if here else None,
                "percentile": here.profiles.percentile(here.gene, here.tpm) if here and here.profiles else None,
            }
        )
    return pd.DataFrame(rows).astype({"tpm": float, "percentile": float})


def _remark(here: GeneLevel | None) -> str:
    if here is None or here.measured:
        return "Silent in this sample." if here and here.tpm < _SILENT_TPM else ""
    return "Not measured: the model's own prediction stands in."


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
            "tpm": number_column("TPM here", 2, "On the training cohort's scale."),
            "percentile": number_column("Percentile", 0, tip("Percentile")),
        },
        placeholder="–",
        key="meanings",
        alt="What each name means, those that are left out first",
    )


def _add(state: Session, edits: Sequence[Perturbation]) -> None:
    """Add the edits in one step, empty the list for the next one, and draw the whole page anew."""
    state.add(*edits)
    st.session_state[_TEXT] = ""
    st.rerun()
