"""The form of an edit: what is known of a gene, what happens to it, and which level that makes of it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cellstate.evaluate.trust import MIN_R2
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.model.profiles import Profiles, load_profiles
from cellstate.perturb.perturbations import ANY_GENE, Perturbation, ordinal, perturbed_tpm
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel, rounded, tpm_text
from cellstate.viz.expression import level_strip

KINDS = {
    "knock-out": "Knock out",
    "knock-down": "Knock down",
    "multiply": "Multiply",
    "set": "Set to",
    "quantile": "Set to percentile",
}
#: What a form begins with.
AMOUNTS = {"knock-out": 0.0, "knock-down": 50.0, "multiply": 2.0, "set": 10.0, "quantile": 90.0}
#: Highest level that can be set: all transcripts of a cell.
_MOST_TPM, _MOST_TIMES = 1e6, 1000.0


def edit_form(
    gene: int, state: Session, opened: Model, place: str = "", start: Perturbation | None = None
) -> Perturbation:
    """Say what is known of a gene, let the user choose what happens to it, and show what that makes of its level.

    Parameters
    ----------
    gene : int
        Position in the model.
    place : str
        Begins the key of every widget.
    start : Perturbation, optional
        What the form begins with; without it, a knock-out.
    """
    profiles = load_profiles(opened)
    here = GeneLevel.of(state.prepared(opened), gene, profiles)
    _about(here, opened)
    edit = action(place, profiles, start, here).on(here.symbol)
    after = after_edit(edit, here)
    if profiles is not None:
        drawn = level_strip(here.cohort_tpm(), gene=here.symbol, now_tpm=here.tpm, after_tpm=after)
        # It stands for one number that the caption says too, so it has neither toolbar nor hover.
        config = {"staticPlot": True, "responsive": True}
        st.plotly_chart(drawn.figure, width="stretch", config=config, key=f"{place}strip", alt=drawn.alt)
    st.caption(f"{here.told(here.tpm)} becomes {after_told(edit, here)}.")
    return edit


def after_edit(edit: Perturbation, here: GeneLevel) -> float:
    """Return a gene's level after an edit, in TPM."""
    return float(perturbed_tpm(edit, np.array([here.tpm]), np.array([here.gene]), here.profiles)[0])


def after_told(edit: Perturbation, here: GeneLevel) -> str:
    """Return a gene's level after an edit in words; where a percentile was asked for, it is said as it was asked."""
    after = after_edit(edit, here)
    return f"{tpm_text(after)} TPM ({ordinal(edit.amount)} percentile)" if edit.kind == "quantile" else here.told(after)


def changes_nothing(edit: Perturbation, state: Session, opened: Model) -> bool:
    """Return whether an edit sets a gene to the level that it has, as the slider does before it is moved."""
    patient = state.prepared(opened)
    return edit.kind == "set" and edit.amount == GeneLevel.of(patient, opened.space.find(edit.gene), None).tpm


def action(
    place: str, profiles: Profiles | None, start: Perturbation | None = None, here: GeneLevel | None = None
) -> Perturbation:
    """Let the user choose what happens to a gene; returns an edit of no gene yet.

    Parameters
    ----------
    profiles : Profiles or None
        Without a cohort no percentile can be set.
    here : GeneLevel, optional
        The gene, whose level is then set with a slider; without one, several genes are meant.
    """
    kinds = [kind for kind in KINDS if kind != "quantile" or profiles is not None]
    first = start.kind if start is not None and start.kind in kinds else "knock-out"
    kind = str(
        st.segmented_control(
            "Edit", kinds, format_func=KINDS.__getitem__, default=first, required=True, key=f"{place}kind", wrap=True
        )
    )
    begins = start.amount if start is not None and start.kind == kind else None
    return Perturbation(ANY_GENE, kind, _amount(kind, place, begins, here))


def _amount(kind: str, place: str, begins: float | None, here: GeneLevel | None) -> float:
    first = AMOUNTS[kind] if begins is None else begins
    # Whole numbers for a slider; another amount came from a link or a search, and stays until it is moved.
    steps = sorted({*map(float, range(0, 101, 5)), first})
    if kind == "knock-down":
        return float(
            st.select_slider("Down by", steps, value=first, format_func=lambda n: f"{n:g} %", key=f"{place}percent")
        )
    if kind == "multiply":
        return float(st.number_input("Times", 0.0, max(_MOST_TIMES, first), first, 0.5, key=f"{place}times"))
    if kind == "quantile":
        return float(
            st.select_slider(
                "Percentile of the model's cohort",
                steps,
                value=first,
                format_func=lambda n: f"{n:g}",
                key=f"{place}percentile",
                help=tip("Percentile"),
            )
        )
    if kind == "set":
        if here is None:
            return float(st.number_input("Level (TPM)", 0.0, _MOST_TPM, first, 1.0, key=f"{place}level"))
        return _level(place, here, begins)
    return 0.0


def _level(place: str, here: GeneLevel, begins: float | None) -> float:
    """Let the user set a level with a slider or as a number; each follows the other."""
    number, slider = f"{place}level-{here.symbol}", f"{place}slide-{here.symbol}"
    chosen = rounded(st.session_state.setdefault(number, here.tpm if begins is None else begins))
    st.session_state[slider] = chosen
    st.select_slider(
        "Level, from none to beyond the cohort",
        here.steps(chosen),
        format_func=here.mark,
        key=slider,
        on_change=lambda: st.session_state.update({number: st.session_state[slider]}),
    )
    st.number_input(
        "Level (TPM)", 0.0, max(_MOST_TPM, chosen), step=None, format="%.6g", key=number,
        help="The slider in figures. It begins at the level that the gene has in this sample.",
    )  # fmt: skip
    return chosen


def _about(here: GeneLevel, opened: Model) -> None:
    """Say where the gene stands in this sample and how well the model follows it."""
    typical = float(np.expm1(max(opened.space.mean_G[here.gene], 0)))
    level = f"{here.told(here.tpm)} in this sample"
    if not here.measured:
        level = "not measured in this sample, so the model's own prediction stands in"
    told = f"**{escape_markdown(here.symbol)}**: {level}; {tpm_text(typical)} TPM is typical."
    if "r2_validation" in opened.gene_table:
        r2 = float(opened.gene_table["r2_validation"].iloc[here.gene])
        if np.isfinite(r2):
            told += f" Held-out R² {r2:.2f}."
        if not r2 >= MIN_R2:
            told += " **The model hardly follows this gene**, so it knows little of what moves with it."
    st.markdown(told)
