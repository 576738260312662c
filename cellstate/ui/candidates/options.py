"""What a search tries: perturbations, genes or pairs, and how far a combination should reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown, plural
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.perturb.search.cohort_interaction import has_cohort
from cellstate.perturb.search.combination import combine
from cellstate.perturb.search.goal import Goal, find_genes
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.report.narrative.search import RANKINGS, combination_plan, pairs_effort, pairs_plan, screen_plan
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.predictor_picker import choose_predictor
from cellstate.ui.components.searches import SEARCHES
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import COMBINATION, GOAL, PAIRS, SCREEN, Session

KINDS = {kind: SEARCHES[kind] for kind in (SCREEN, PAIRS, COMBINATION)}
#: What is done to each gene: the object of the sentence "find ... that make it", and the choice of several.
_SEVERAL = "several"
_NOUNS = {
    "ko": "knock-outs",
    "kd": "knock-downs",
    "x": "over-expressions",
    "=q": "set expression levels",
    _SEVERAL: "several kinds of perturbations",
}
_ACTIONS = {"ko": "Knock out", "kd": "Knock down", "x": "Raise", "=q": "Set to a percentile"}
_OF = {SCREEN: "", PAIRS: "pairs of ", COMBINATION: "sets of "}
#: Label, lowest, highest and first amount of each action that has one.
_AMOUNTS = {
    "kd": ("Down by (%)", 1.0, 100.0, 50.0),
    "x": ("Times", 1.0, 1000.0, 3.0),
    "=q": ("Percentile of the cohort", 0.0, 100.0, 90.0),
}
_ALL, _TF, _LIST, _ONE = "all", "tf", "list", "one"


@dataclass(frozen=True, eq=False)
class Plan:
    """A search that can be started.

    Attributes
    ----------
    description : str
    work : callable
        (goal, progress) -> result.
    resumes : bool
        Whether a stopped search can be continued.
    """

    description: str
    work: Callable[[Goal, SearchProgress], Any]
    resumes: bool = False


@dataclass(frozen=True, eq=False)
class Candidates:
    """Genes to try: positions in the model (None for all), how many of them the sample measures, and in words."""

    genes: np.ndarray | None
    n: int
    description: str


def choose_action(kind: str, opened: Model) -> str:
    """Let the user choose what is done to genes: the object of the sentence."""
    has_levels = load_profiles(opened) is not None
    offered = [a for a in _NOUNS if (a != "=q" or has_levels) and (a != _SEVERAL or kind != PAIRS)]
    return st.selectbox(
        "Perturbations",
        offered,
        format_func=lambda action: _OF[kind] + _NOUNS[action],
        key=f"{kind}-action",
        persist_state="session",
        label_visibility="collapsed",
        width=250,
    )


def amounts(kind: str, action: str, opened: Model) -> tuple[str, ...]:
    """Let the user choose by how much, and of which kinds; returns them as the command line writes them."""
    kinds = [one for one in _ACTIONS if one != "=q" or load_profiles(opened) is not None]
    picked = [action]
    if action == _SEVERAL:
        picked = st.pills(
            "Kinds of perturbations",
            kinds,
            selection_mode="multi",
            format_func=_ACTIONS.__getitem__,
            default=["ko"],
            key=f"{kind}-perturbations",
            persist_state="session",
        )
        if not picked:
            st.caption("Choose at least one.")
    if picked == ["ko"]:
        return ("ko",)
    with st.container(horizontal=True):
        return tuple(f"{one}{_amount(one, kind):g}" if one in _AMOUNTS else one for one in kinds if one in picked)


def options(kind: str, state: Session, opened: Model, actions: tuple[str, ...]) -> Plan | None:
    """Draw the options of a kind of search; None while they are incomplete.

    Parameters
    ----------
    actions : tuple of str
        What may be done to a gene.
    """
    return {SCREEN: _screen, PAIRS: _pairs, COMBINATION: _combination}[kind](state, opened, actions)


def _screen(state: Session, opened: Model, actions: tuple[str, ...]) -> Plan | None:
    left, right = _cells(2)
    with left:
        candidates = _candidates(state, opened, "Genes to try", SCREEN)
    with right:
        predictor = choose_predictor(opened)
    if candidates is None or not actions:
        return None
    sample = state.prepared(opened)

    def work(goal: Goal, progress: SearchProgress) -> Any:
        return screen(
            sample, goal, perturbations=actions, genes=candidates.genes, predictor=predictor, progress=progress
        )

    return Plan(screen_plan(actions, candidates.description, predictor), work)


def _pairs(state: Session, opened: Model, actions: tuple[str, ...]) -> Plan | None:
    upper_left, upper_right, lower = _cells(3)
    with upper_left:
        first = _candidates(state, opened, "First gene", PAIRS, (_TF, _LIST, _ONE, _ALL))
    with upper_right:
        second = _candidates(state, opened, "Second gene", "partners")
    with lower:
        rankings = {by: text for by, text in RANKINGS.items() if by != "cohort" or has_cohort(opened)}
        about = f"{tip('Cohort interaction')}\n\n{tip('Interaction')}"
        by = choose_one("Rank by", rankings, "pairs-by", is_labelled=True, help_text=about)
    if first is None or second is None or not actions:
        return None
    anchor = int(first.genes[0]) if first.genes is not None and len(first.genes) == 1 else None
    st.caption(pairs_effort(_count_pairs(first, second)))
    sample = state.prepared(opened)
    # The finished rows of this search: a stopped one continues with them.
    blocks: dict = {}

    def work(goal: Goal, progress: SearchProgress) -> Any:
        return pairs(
            sample,
            goal,
            perturbation=actions[0],
            genes=first.genes if anchor is None else None,
            partners=second.genes,
            anchor=anchor,
            by=by,
            progress=progress,
            blocks=blocks,
        )

    return Plan(pairs_plan(actions, first.description, second.description, by), work, resumes=True)


def _combination(state: Session, opened: Model, actions: tuple[str, ...]) -> Plan | None:
    upper_left, upper_right, lower_left, lower_right = _cells(4)
    with upper_left:
        candidates = _candidates(state, opened, "Genes to try", COMBINATION)
    with upper_right:
        predictor = choose_predictor(opened)
    with lower_left:
        most = int(st.number_input("Perturbations at most", 1, 10, 5, key="combination-most", persist_state="session"))
    with lower_right:
        wanted = st.slider(
            "% of the distance to the goal",
            1,
            100,
            100,
            format="%d%%",
            key="combination-share",
            persist_state="session",
            help="The search stops as soon as this much is covered.",
        )
    if candidates is None or not actions:
        return None
    sample, fraction = state.prepared(opened), float(wanted) / 100

    def work(goal: Goal, progress: SearchProgress) -> Any:
        return combine(
            sample,
            goal,
            max_perturbations=most,
            fraction=fraction,
            perturbations=actions,
            genes=candidates.genes,
            predictor=predictor,
            progress=progress,
        )

    return Plan(combination_plan(actions, candidates.description, predictor, most, fraction), work)


def _cells(n: int) -> list[DeltaGenerator]:
    """Return the cells of a grid of two columns."""
    with st.grid(2, min_column_width=300):
        return [st.container() for _ in range(n)]


def _amount(kind: str, place: str) -> float:
    key = f"{place}-{kind}"
    return float(st.number_input(*_AMOUNTS[kind], key=key, format="%g", persist_state="session", width=190))


def _candidates(
    state: Session, opened: Model, label: str, place: str, kinds: tuple[str, ...] = (_ALL, _TF, _LIST)
) -> Candidates | None:
    """Let the user choose genes to try; None while there are none."""
    space, measured_G = opened.space, state.prepared(opened).measured_G
    tf, n_all = np.flatnonzero(space.is_tf_G & measured_G), int(measured_G.sum())
    titles = {
        _ALL: f"All measured genes ({n_all:,})",
        _TF: f"Transcription factors ({len(tf):,})",
        _LIST: "Gene list",
        _ONE: "One gene",
    }
    shown = [kind for kind in kinds if kind != _TF or len(tf)]
    kind = st.selectbox(label, shown, format_func=titles.__getitem__, key=f"{place}-genes", persist_state="session")
    if kind == _ALL:
        return Candidates(None, n_all, f"all {n_all:,} measured genes")
    if kind == _TF:
        return Candidates(tf, len(tf), f"{len(tf):,} transcription factors")
    key = f"{place}-{kind}-{state.turns[GOAL]}"
    return _one_gene(opened, measured_G, key) if kind == _ONE else _gene_list(opened, measured_G, key)


def _one_gene(opened: Model, measured_G: np.ndarray, key: str) -> Candidates | None:
    text = st.text_input("Gene", placeholder="PLAGL2", key=key, persist_state="session") or ""
    if not text.strip():
        st.caption("Ranks its partners among all second genes.")
        return None
    gene = opened.space.find(text)
    symbol = opened.space.symbols[gene]
    if not measured_G[gene]:
        raise CellStateError(f"The sample does not measure {symbol}.", "Choose another gene.")
    return Candidates(np.array([gene]), 1, symbol)


def _gene_list(opened: Model, measured_G: np.ndarray, key: str) -> Candidates | None:
    text = st.text_area("Genes", placeholder="MYC, TP53, p53, ENSG00000141510 …", key=key, persist_state="session")
    names = (text or "").replace(",", " ").replace(";", " ").split()
    if not names:
        return None
    genes, missing = find_genes(opened.space, names, typed=True)
    known = np.unique(genes[genes >= 0])
    usable = known[measured_G[known]]
    if missing:
        st.caption(f":material/info: Not in this model: {escape_markdown(', '.join(missing), 200)}.")
    if len(usable) < len(known):
        st.caption(f":material/info: {plural(len(known) - len(usable), 'gene')} of the list not measured here.")
    if not len(usable):
        raise CellStateError("The list has no gene that the model knows and the sample measures.", "Give other genes.")
    return Candidates(usable, len(usable), f"a list of {plural(len(usable), 'gene')}")


def _count_pairs(first: Candidates, second: Candidates) -> int:
    """Count pairs of two different genes, each once."""
    if first.genes is None or second.genes is None:
        both = min(first.n, second.n)
    else:
        both = len(np.intersect1d(first.genes, second.genes))
    return first.n * second.n - both * (both + 1) // 2
