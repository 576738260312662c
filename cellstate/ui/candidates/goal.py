"""Choosing a goal: genes to move, a set of them, a reference sample, or one end of the model's cohort."""

from __future__ import annotations

import re

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError, summarise_list
from cellstate.formatting import escape_markdown, plural
from cellstate.goals import read_goal
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import Goal, cohort_end_goal, gene_set_goal, known_genes, toward_goal
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.gene_sets import choose_gene_set
from cellstate.ui.components.layout import READABLE
from cellstate.ui.components.load_samples import load_reference
from cellstate.ui.state.session import GENE_SETS, REFERENCE, Session
from cellstate.ui.validate.groups import MOST_SAMPLES

GOAL = "goal"
_KINDS = {"genes": "Genes I name", "set": "A gene set", "sample": "A reference sample", "cohort": "The model's cohort"}
_EXAMPLE = "+CDH1 +EPCAM +CDX2 +KRT20\n-VIM -ZEB1 -SNAI2 -FN1"
_MINUS = "-−–"
#: A sign that stands apart from its gene.
_APART = re.compile(rf"(^|[\s,;])([+{_MINUS}])\s+")
_SHOWN = 6


def choose_goal(state: Session, opened: Model) -> Goal | None:
    """Let the user choose a goal, and say what it means; None while it is not clear yet."""
    with st.container(border=True):
        st.subheader("Where should the sample move?", anchor=False)
        kind = st.segmented_control(
            "Goal",
            list(_KINDS),
            format_func=_KINDS.__getitem__,
            default="genes",
            required=True,
            key="goal-kind",
            persist_state="session",
            label_visibility="collapsed",
        )
        choose = {"genes": _genes, "set": _set, "sample": _sample, "cohort": _cohort}[kind or "genes"]
        state.goal = None
        try:
            goal = state.goal = choose(state, opened, state.prepared(opened))
        except CellStateError as error:
            show_error(error)
            return None
        if goal is not None:
            _told(goal)
        return goal


def _told(goal: Goal) -> None:
    """Say what the goal is, what is missing from it, and what 100 % means."""
    st.markdown(f":material/flag: **Goal:** {escape_markdown(goal.label, 200)} ({plural(goal.n_genes, 'gene')}).")
    if goal.missing:
        names = summarise_list([escape_markdown(name, 30) for name in goal.missing], _SHOWN)
        st.markdown(f":material/info: Not known to this model, and left out: {names}.")
    st.caption(whole_way(goal), width=READABLE)


def whole_way(goal: Goal) -> str:
    """Say what 100 % of the way means."""
    if goal.spec.startswith(("toward:", "cohort:")):
        return (
            f"100 % is the whole way from this sample to there: {goal.distance:,.3g} S over all genes that both "
            "measure. S is a gene's standard deviation over the training samples."
        )
    moved = "the gene has" if goal.n_genes == 1 else f"each of the {goal.n_genes:,} genes has"
    return (
        f"100 % means that {moved} moved by one S as wished: {goal.distance:,.3g} S along the goal. S is a gene's "
        "standard deviation over the training samples."
    )


def _genes(state: Session, opened: Model, sample: PreparedSample) -> Goal | None:
    key = f"goal-genes-{state.turns[GOAL]}"
    text = st.text_area(
        "Genes to move",
        placeholder="+CDH1 +EPCAM -VIM -ZEB1",
        key=key,
        persist_state="session",
        height=96,
        help="+ before a gene: it should go up; - before it: down; no sign: up. Any name of a gene: symbol, alias, "
        "Ensembl or Entrez id. Blanks, commas or lines between them.",
    )
    if not (text or "").strip():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("A plus or no sign: up. A minus: down.", width="content")
            st.button(
                "Try an example: more epithelial, less mesenchymal",
                icon=":material/lightbulb:",
                type="tertiary",
                key="goal-example",
                on_click=st.session_state.update,
                args=({key: _EXAMPLE},),
            )
        return None
    spec = signed(text or "")
    return state.cached(GOAL, (state.selected, spec, opened.stamp), lambda: read_goal(spec, sample))


def signed(text: str) -> str:
    """Return genes as a person types them in the form ``genes:+A,-B``."""
    names = re.split(r"[\s,;]+", _APART.sub(r"\1\2", text).strip(" \t\r\n,;"))
    return "genes:" + ",".join(("-" if name[0] in _MINUS else "+") + name.lstrip("+" + _MINUS) for name in names)


def _set(state: Session, opened: Model, sample: PreparedSample) -> Goal | None:
    chosen = choose_gene_set(state, "goal")
    if chosen is None:
        return None
    title, genes = chosen
    way = st.segmented_control(
        "Move the set", ["up", "down"], default="up", required=True, key="goal-way", persist_state="session"
    )

    def make() -> Goal:
        signs = dict.fromkeys(genes, 1 if way == "up" else -1)
        spec = f"{way}:{state.gene_sets.name if state.gene_sets else ''}#{title}"
        return gene_set_goal(opened.space, signs, spec=spec, label=f"{title} {way}")

    return state.cached(GOAL, (state.selected, state.turns[GENE_SETS], title, way, opened.stamp), make)


def _sample(state: Session, opened: Model, sample: PreparedSample) -> Goal | None:
    if state.reference is None:
        file_input(state, REFERENCE, "Reference samples", load_reference)
        st.caption(
            "For example normal tissue, or a cell state that you want to reach, in any file that the workbench reads."
        )
        return None
    samples, name = state.reference.samples, state.reference.name
    what = f"**{escape_markdown(name)}**: {plural(len(samples), 'sample')}"
    loaded_file(what, REFERENCE, lambda: state.load_reference(None))
    for warning in samples.report.warnings:
        st.caption(f":material/info: {escape_markdown(warning, 400)}")
    rows = [0]
    if len(samples) > 1:
        key = f"goal-rows-{state.turns[REFERENCE]}"
        rows = st.multiselect(
            f"Toward the mean of which of {len(samples):,} samples",
            range(len(samples)),
            format_func=lambda row: samples.names[row],
            placeholder="Choose samples",
            key=key,
            persist_state="session",
            default=None if key in st.session_state else list(range(min(len(samples), MOST_SAMPLES))),
            max_selections=MOST_SAMPLES,
        )
    if not rows:
        return None
    who = samples.names[rows[0]] if len(rows) == 1 else f"the mean of {len(rows)} samples"
    spec = f"toward:{name}#{','.join(samples.names[row] for row in rows)}"
    return state.cached(
        GOAL,
        (state.selected, state.turns[REFERENCE], tuple(rows), opened.stamp),
        lambda: toward_goal(sample, samples.take(rows), spec=spec, label=f"toward {who} of {name}"),
    )


def _cohort(state: Session, opened: Model, sample: PreparedSample) -> Goal | None:
    profiles = load_profiles(opened)
    if profiles is None:
        st.info("This model carries no cohort to move toward. Choose another goal.", icon=":material/info:")
        return None
    ends = {"high": "Highest quarter", "low": "Lowest quarter", "median": "Median patient"}
    end = st.segmented_control(
        f"Which of the {len(profiles):,} patients",
        list(ends),
        format_func=ends.__getitem__,
        default="high",
        required=True,
        key="goal-end",
        persist_state="session",
    )
    if end == "median":
        key = (state.selected, "median", opened.stamp)
        return state.cached(GOAL, key, lambda: read_goal("cohort:median", sample))
    by = st.segmented_control(
        "in the level of",
        ["a gene", "a gene set"],
        default="a gene",
        required=True,
        key="goal-by",
        persist_state="session",
    )
    if by == "a gene":
        text = st.text_input(
            "Gene",
            placeholder="CDX2, p53, ENSG00000141510 …",
            icon=":material/search:",
            key=f"goal-gene-{state.turns[GOAL]}",
            persist_state="session",
            width=360,
        )
        if not (text or "").strip():
            return None
        genes = np.array([opened.space.find(text or "")])
        title = opened.space.symbols[genes[0]]
    else:
        chosen = choose_gene_set(state, "cohort")
        if chosen is None:
            return None
        title, names = chosen
        genes = known_genes(opened.space, names)
    return state.cached(
        GOAL,
        (state.selected, end, tuple(genes.tolist()), opened.stamp),
        lambda: cohort_end_goal(sample, profiles, genes, title, str(end), spec=f"cohort:{end}:{title}"),
    )
