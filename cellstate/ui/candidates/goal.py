"""Choosing the goal: a preset, genes up or down, a gene set, reference samples, or one end of the model's cohort."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError, summarise_list
from cellstate.formatting import escape_markdown, plural
from cellstate.goals import read_goal
from cellstate.io import HALLMARK
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import PRESETS, Goal, cohort_end_goal, gene_set_goal, known_genes, toward_goal
from cellstate.report.narrative.search import goal_scale
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.gene_sets import choose_gene_set
from cellstate.ui.components.layout import READABLE
from cellstate.ui.components.load_samples import load_reference
from cellstate.ui.state.session import GENE_SETS, GOAL, REFERENCE, Session
from cellstate.ui.validate.groups import MOST_SAMPLES

KIND = "goal-kind"
#: What completes the sentence "find knock-outs that make it ...".
_OWN = {
    "genes": "change as my gene list says",
    "set": "higher or lower in a gene set",
    "sample": "more like reference samples",
    "cohort": "more like a part of the cohort",
}
KINDS = {spec: phrase for phrase, spec in PRESETS.items()} | _OWN
_ENDS = {"high": "Highest quarter", "low": "Lowest quarter", "median": "Median patient"}
_EXAMPLE = "+CDH1 +EPCAM +CDX2 +KRT20\n-VIM -ZEB1 -SNAI2 -FN1"
_MINUS = "-−–"
#: A sign that stands apart from its gene.
_SIGN_APART = re.compile(rf"(^|[\s,;])([+{_MINUS}])\s+")
_MAX_NAMED = 6
#: What a goal depends on beside sample and model, and how it is made; None while the choice is incomplete.
Choice: TypeAlias = tuple[tuple, Callable[[], Goal]] | None


def choose_kind() -> str:
    """Let the user choose what the sample should become: the end of the sentence."""
    return st.selectbox(
        "Goal",
        list(KINDS),
        format_func=KINDS.__getitem__,
        key=KIND,
        persist_state="session",
        label_visibility="collapsed",
        width=290,
    )


def choose_goal(state: Session, opened: Model, kind: str) -> Goal | None:
    """Let the user complete a kind of goal, and show what it means; None while it is incomplete."""
    own = {"genes": _gene_list, "set": _gene_set, "sample": _reference, "cohort": _cohort}
    state.goal = None
    try:
        sample = state.prepared(opened)
        choice = own[kind](state, sample) if kind in own else ((), lambda: read_goal(kind, sample))
        if choice is None:
            return None
        goal = state.goal = state.cached(GOAL, (state.selected, opened.stamp, kind, *choice[0]), choice[1])
    except CellStateError as error:
        show_error(error)
        return None
    _show(goal)
    return goal


def _show(goal: Goal) -> None:
    st.markdown(f":material/flag: **Goal:** {escape_markdown(goal.label, 200)} ({plural(goal.n_genes, 'gene')}).")
    if goal.missing:
        names = summarise_list([escape_markdown(name, 30) for name in goal.missing], _MAX_NAMED)
        st.markdown(f":material/info: Not in this model, and left out: {names}.")
    st.caption(goal_scale(goal), width=READABLE)


def _gene_list(state: Session, sample: PreparedSample) -> Choice:
    key = f"goal-genes-{state.turns[GOAL]}"
    text = st.text_area(
        "Genes",
        placeholder="+CDH1 +EPCAM -VIM -ZEB1",
        key=key,
        persist_state="session",
        height=96,
        help="+ or no sign: the gene should go up; -: down. Symbols, aliases, Ensembl or Entrez ids, separated by "
        "spaces, commas or lines.",
    )
    if not (text or "").strip():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(r"\+ or no sign: up. \-: down.", width="content")
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
    return (spec,), lambda: read_goal(spec, sample)


def signed(text: str) -> str:
    """Return genes as a person types them in the form ``genes:+A,-B``."""
    names = re.split(r"[\s,;]+", _SIGN_APART.sub(r"\1\2", text).strip(" \t\r\n,;"))
    return "genes:" + ",".join(("-" if name[0] in _MINUS else "+") + name.lstrip("+" + _MINUS) for name in names)


def _gene_set(state: Session, sample: PreparedSample) -> Choice | None:
    chosen = choose_gene_set(state, "goal")
    if chosen is None:
        return None
    title, genes = chosen
    way = choose_one("Direction of the set", {"up": "up", "down": "down"}, "goal-way", is_labelled=True)

    def make() -> Goal:
        signs = dict.fromkeys(genes, 1 if way == "up" else -1)
        spec = f"{way}:{state.gene_sets.name if state.gene_sets else HALLMARK}#{title}"
        return gene_set_goal(sample.model.space, signs, spec=spec, label=f"{title} {way}")

    return (state.turns[GENE_SETS], title, way), make


def _reference(state: Session, sample: PreparedSample) -> Choice:
    if state.reference is None:
        file_input(state, REFERENCE, "Reference samples", load_reference)
        st.caption(
            "For example normal tissue, or a cell state that you want to reach, in any file that the workbench reads."
        )
        return None
    samples, name = state.reference.samples, state.reference.name
    loaded_file(
        f"**{escape_markdown(name)}**: {plural(len(samples), 'sample')}", REFERENCE, lambda: state.load_reference(None)
    )
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
    reference = samples.names[rows[0]] if len(rows) == 1 else f"the mean of {len(rows)} samples"
    spec, label = f"toward:{name}#{','.join(samples.names[row] for row in rows)}", f"toward {reference} of {name}"
    return (
        (state.turns[REFERENCE], *rows),
        lambda: toward_goal(sample, samples.take(rows), spec=spec, label=label),
    )


def _cohort(state: Session, sample: PreparedSample) -> Choice:
    profiles, space = load_profiles(sample.model), sample.model.space
    if profiles is None:
        st.info("This model contains no cohort. Choose another goal.", icon=":material/info:")
        return None
    end = choose_one(f"Which of the {len(profiles):,} patients", _ENDS, "goal-end", is_labelled=True)
    if end == "median":
        return (end,), lambda: read_goal("cohort:median", sample)
    by = choose_one(
        "By the expression of", {"a gene": "a gene", "a gene set": "a gene set"}, "goal-by", is_labelled=True
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
        genes = np.array([space.find(text or "")])
        title = space.symbols[genes[0]]
    else:
        chosen = choose_gene_set(state, "cohort")
        if chosen is None:
            return None
        title, names = chosen
        genes = known_genes(space, names)
    return (
        (end, title, *genes.tolist()),
        lambda: cohort_end_goal(sample, profiles, genes, title, end, spec=f"cohort:{end}:{title}"),
    )
