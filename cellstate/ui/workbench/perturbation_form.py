"""The form of one perturbation: the gene's level, the action, and the level after it."""

from __future__ import annotations

import streamlit as st

from cellstate.model import Model
from cellstate.model.cohort import Profiles, load_profiles
from cellstate.perturb.perturbations import ANY_GENE, Perturbation
from cellstate.perturb.sample import PreparedSample
from cellstate.report.narrative.prediction import level_sentence
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel, rounded
from cellstate.viz.expression import level_strip

KINDS = {
    "knock-out": "Knock out",
    "knock-down": "Knock down",
    "multiply": "Multiply",
    "set": "Set to",
    "quantile": "Set to percentile",
}
#: Amounts at first.
AMOUNTS = {"knock-out": 0.0, "knock-down": 50.0, "multiply": 2.0, "set": 10.0, "quantile": 90.0}
#: Highest level that can be set: all transcripts of a cell.
_MAX_TPM, _MAX_FACTOR = 1e6, 1000.0


def perturbation_form(
    gene: int, sample: PreparedSample, opened: Model, place: str = "", start: Perturbation | None = None
) -> Perturbation:
    """Draw the form, and return the perturbation that it describes.

    Parameters
    ----------
    gene : int
        Position in the model.
    sample : PreparedSample
        Whose levels are shown.
    place : str
        Begins the key of every widget.
    start : Perturbation, optional
        At first in the form; default: a knock-out.
    """
    profiles = load_profiles(opened)
    level = GeneLevel.of(sample, gene, profiles)
    st.markdown(_gene_text(level, opened))
    perturbation = action(place, profiles, start, level).on(level.symbol)
    if profiles is not None:
        after = level.after(perturbation)
        drawn = level_strip(level.cohort_tpm(), gene=level.symbol, now_tpm=level.tpm, after_tpm=after)
        # It shows one number that the caption has too, so it has neither toolbar nor hover text.
        config = {"staticPlot": True, "responsive": True}
        st.plotly_chart(drawn.figure, width="stretch", config=config, key=f"{place}strip", alt=drawn.alt)
    st.caption(f"{level.text(level.tpm)} becomes {level.text_after(perturbation)}.")
    return perturbation


def changes_nothing(perturbation: Perturbation, state: Session, opened: Model) -> bool:
    """Return whether a perturbation sets a gene to its present level, as the slider does at first."""
    level = GeneLevel.of(state.prepared(opened), opened.space.find(perturbation.gene), None)
    return perturbation.kind == "set" and perturbation.amount == level.tpm


def action(
    place: str, profiles: Profiles | None, start: Perturbation | None = None, level: GeneLevel | None = None
) -> Perturbation:
    """Draw kind and amount, and return a perturbation without a gene.

    Parameters
    ----------
    profiles : Profiles or None
        Without a cohort there is no percentile to set.
    level : GeneLevel, optional
        The gene, for a slider over its levels; without it, the action is for several genes.
    """
    kinds = [kind for kind in KINDS if kind != "quantile" or profiles is not None]
    first = start.kind if start is not None and start.kind in kinds else "knock-out"
    kind = str(
        st.segmented_control(
            "Action", kinds, format_func=KINDS.__getitem__, default=first, required=True, key=f"{place}kind", wrap=True
        )
    )
    at_first = start.amount if start is not None and start.kind == kind else None
    return Perturbation(ANY_GENE, kind, _amount(kind, place, at_first, level))


def _amount(kind: str, place: str, at_first: float | None, level: GeneLevel | None) -> float:
    first = AMOUNTS[kind] if at_first is None else at_first
    # Steps of five; an amount from a link or a search stays until the slider is moved.
    steps = sorted({*map(float, range(0, 101, 5)), first})
    if kind == "knock-down":
        return float(
            st.select_slider("Reduce by", steps, value=first, format_func=lambda n: f"{n:g}%", key=f"{place}percent")
        )
    if kind == "multiply":
        return float(st.number_input("Factor", 0.0, max(_MAX_FACTOR, first), first, 0.5, key=f"{place}times"))
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
        if level is None:
            return float(st.number_input("Level (TPM)", 0.0, _MAX_TPM, first, 1.0, key=f"{place}level"))
        return _level(place, level, at_first)
    return 0.0


def _level(place: str, level: GeneLevel, at_first: float | None) -> float:
    """Draw a slider and a number box for a level; each follows the other."""
    number, slider = f"{place}level-{level.symbol}", f"{place}slide-{level.symbol}"
    chosen = rounded(st.session_state.setdefault(number, level.tpm if at_first is None else at_first))
    st.session_state[slider] = chosen
    st.select_slider(
        "Level, from none to beyond the cohort",
        level.steps(chosen),
        format_func=level.step_text,
        key=slider,
        on_change=lambda: st.session_state.update({number: st.session_state[slider]}),
    )
    st.number_input(
        "Level (TPM)",
        0.0,
        max(_MAX_TPM, chosen),
        step=None,
        format="%.6g",
        key=number,
        help="The slider as a number. It begins at the gene's level in this sample.",
    )
    return chosen


def _gene_text(level: GeneLevel, opened: Model) -> str:
    table = opened.gene_table
    return level_sentence(
        level.symbol,
        level.text(level.tpm),
        is_measured=level.is_measured,
        mean_log1p=float(opened.space.mean_G[level.gene]),
        r2=float(table["r2_validation"].iloc[level.gene]) if "r2_validation" in table else None,
    )
