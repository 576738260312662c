"""What a search for regulators tries: edits, genes, pairs of them, and how far a combination should reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown, percent, plural
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.base import ProgressReporter
from cellstate.perturb.search.cohort_interaction import has_cohort
from cellstate.perturb.search.combination import combine
from cellstate.perturb.search.goal import Goal, find_genes
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.ui.candidates.goal import GOAL
from cellstate.ui.components.predictor_picker import choose_predictor
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.viz.style import look

SCREEN, PAIRS, COMBINATION = "screen", "pairs", "combination"
KINDS = {SCREEN: "Single genes", PAIRS: "Pairs", COMBINATION: "Combination"}
_EDITS = {"ko": "Knock out", "kd": "Knock down", "x": "Raise", "=q": "Set to a percentile"}
_ALL, _TF, _LIST, _ONE = "all", "tf", "list", "one"
#: Pairs from which on a run takes minutes on a laptop.
MANY_PAIRS = 50_000_000


@dataclass(frozen=True, eq=False)
class Plan:
    """A run that could begin.

    Attributes
    ----------
    said : str
        In words.
    work : callable
        (goal, progress) -> result.
    resumes : bool
        Whether a stopped run can go on.
    """

    said: str
    work: Callable[[Goal, ProgressReporter], Any]
    resumes: bool = False


@dataclass(frozen=True, eq=False)
class Universe:
    """Genes to try: positions in the model, None for all; how many of them the sample measures; in words."""

    genes: np.ndarray | None
    n: int
    said: str


def options(kind: str, state: Session, opened: Model) -> Plan | None:
    """Draw the options of a kind of run; None while they are not clear yet."""
    return {SCREEN: _screen, PAIRS: _pairs, COMBINATION: _combination}[kind](state, opened)


def _screen(state: Session, opened: Model) -> Plan | None:
    with st.grid(2, min_column_width=300):
        with st.container():
            edits = _edits(opened, SCREEN)
        with st.container():
            genes = _universe(state, opened, "Genes to try", SCREEN)
    first = choose_predictor(opened)
    if genes is None or not edits:
        return None
    sample = state.prepared(opened)

    def work(goal: Goal, progress: ProgressReporter) -> Any:
        return screen(sample, goal, perturbations=edits, genes=genes.genes, predictor=first, progress=progress)

    return Plan(f"{_in_words(edits)}: {genes.said}, one at a time, by {look(first).label}", work)


def _pairs(state: Session, opened: Model) -> Plan | None:
    with st.grid(2, min_column_width=300):
        with st.container():
            first = _universe(state, opened, "First gene", PAIRS, (_TF, _LIST, _ONE, _ALL))
        with st.container():
            second = _universe(state, opened, "Second gene", "partners")
        with st.container():
            edits = _edits(opened, PAIRS, many=False)
        with st.container():
            ranks = {"interaction": "The network's interaction", "score": "Both together, by the network"}
            if has_cohort(opened):
                ranks = {"cohort": "What patients show"} | ranks
            by = st.segmented_control(
                "Rank by",
                list(ranks),
                format_func=ranks.__getitem__,
                default=next(iter(ranks)),
                required=True,
                key="pairs-by",
                persist_state="session",
                help=f"{tip('Cohort interaction')}\n\n{tip('Interaction')}",
            )
    if first is None or second is None:
        return None
    one = first.genes is not None and len(first.genes) == 1
    anchor = int(first.genes[0]) if one and first.genes is not None else None
    n_pairs = _count_pairs(first, second)
    st.caption(
        f"{_rounded(n_pairs)} pairs of {first.said} with {second.said}. All are looked at roughly, the best exactly."
        + (" This can take many minutes; you can stop it and go on later." if n_pairs > MANY_PAIRS else "")
    )
    sample = state.prepared(opened)
    # The finished rows of this run: a run that was stopped goes on with them.
    blocks: dict = {}

    def work(goal: Goal, progress: ProgressReporter) -> Any:
        return pairs(
            sample,
            goal,
            perturbation=edits[0],
            genes=None if one else first.genes,
            partners=second.genes,
            anchor=anchor,
            by=by or "interaction",
            progress=progress,
            blocks=blocks,
        )

    said = f"{_in_words(edits)}: {first.said} with {second.said}, by {ranks[by or 'interaction'].lower()}"
    return Plan(said, work, resumes=True)


def _combination(state: Session, opened: Model) -> Plan | None:
    with st.grid(2, min_column_width=300):
        with st.container():
            edits = _edits(opened, COMBINATION)
        with st.container():
            genes = _universe(state, opened, "Genes to try", COMBINATION)
        with st.container():
            most = st.number_input("Edits at most", 1, 10, 5, key="combination-most", persist_state="session")
        with st.container():
            wanted = st.slider(
                "Share of the way to reach (%)",
                1,
                100,
                100,
                format="%d %%",
                key="combination-share",
                persist_state="session",
                help="The search stops as soon as so much of the goal's distance is covered.",
            )
    first = choose_predictor(opened)
    if genes is None or not edits:
        return None
    sample, reach = state.prepared(opened), float(wanted) / 100

    def work(goal: Goal, progress: ProgressReporter) -> Any:
        return combine(
            sample,
            goal,
            max_perturbations=int(most),
            fraction=reach,
            perturbations=edits,
            genes=genes.genes,
            predictor=first,
            progress=progress,
        )

    by = look(first).label
    return Plan(f"{_in_words(edits)}: at most {most} of {genes.said}, {percent(reach)} of the way, by {by}", work)


def _edits(opened: Model, place: str, *, many: bool = True) -> tuple[str, ...]:
    """Let the user choose what is tried on each gene, as the command line writes it."""
    kinds = [kind for kind in _EDITS if kind != "=q" or load_profiles(opened) is not None]
    key = f"{place}-edits"
    if many:
        picked = st.pills(
            "What is tried on each gene",
            kinds,
            selection_mode="multi",
            format_func=_EDITS.__getitem__,
            default=["ko"],
            key=key,
            persist_state="session",
        )
        if not picked:
            st.caption("Choose at least one.")
    else:
        picked = [
            st.pills(
                "What is done to both genes",
                kinds,
                format_func=_EDITS.__getitem__,
                default="ko",
                required=True,
                key=key,
                persist_state="session",
            )
        ]
    edits: list[str] = []
    with st.container(horizontal=True):
        for kind in (kind for kind in kinds if kind in picked):
            edits.append(kind if kind == "ko" else f"{kind}{_amount(kind, place):g}")
    return tuple(edits)


def _amount(kind: str, place: str) -> float:
    label, low, high, usual = {
        "kd": ("Down by (%)", 1.0, 100.0, 50.0),
        "x": ("Times", 1.0, 1000.0, 3.0),
        "=q": ("Percentile of the cohort", 0.0, 100.0, 90.0),
    }[kind]
    return float(
        st.number_input(label, low, high, usual, key=f"{place}-{kind}", format="%g", persist_state="session", width=190)
    )


def _universe(
    state: Session, opened: Model, label: str, place: str, kinds: tuple[str, ...] = (_ALL, _TF, _LIST)
) -> Universe | None:
    """Let the user choose genes to try; None while there are none."""
    space, measured_G = opened.space, state.prepared(opened).measured_G
    tf = np.flatnonzero(space.is_tf_G & measured_G)
    n_all = int(measured_G.sum())
    said = {
        _ALL: f"All measured genes ({n_all:,})",
        _TF: f"Transcription factors ({len(tf):,})",
        _LIST: "A list of mine",
        _ONE: "One gene",
    }
    shown = [kind for kind in kinds if kind != _TF or len(tf)]
    kind = st.selectbox(label, shown, format_func=said.__getitem__, key=f"{place}-genes", persist_state="session")
    if kind == _ALL:
        return Universe(None, n_all, f"all {n_all:,} measured genes")
    if kind == _TF:
        return Universe(tf, len(tf), f"{len(tf):,} transcription factors")
    key = f"{place}-{kind}-{state.turns[GOAL]}"
    if kind == _ONE:
        text = st.text_input("Gene", placeholder="PLAGL2", key=key, persist_state="session")
        if not (text or "").strip():
            st.caption("Its partners among all second genes are ranked.")
            return None
        gene = space.find(text or "")
        if not measured_G[gene]:
            raise CellStateError(f"The sample does not measure {space.symbols[gene]}.", "Choose another gene.")
        return Universe(np.array([gene]), 1, space.symbols[gene])
    text = st.text_area("Genes", placeholder="MYC, TP53, p53, ENSG00000141510 …", key=key, persist_state="session")
    names = (text or "").replace(",", " ").replace(";", " ").split()
    if not names:
        return None
    genes, missing = find_genes(space, names, typed=True)
    known = np.unique(genes[genes >= 0])
    usable = known[measured_G[known]]
    if missing:
        st.caption(f":material/info: Not known to this model: {escape_markdown(', '.join(missing), 200)}.")
    if len(usable) < len(known):
        st.caption(f":material/info: {plural(len(known) - len(usable), 'gene')} of the list not measured here.")
    if not len(usable):
        raise CellStateError("The list has no gene that the model knows and the sample measures.", "Give other genes.")
    return Universe(usable, len(usable), f"a list of {plural(len(usable), 'gene')}")


def action_in_words(action: str) -> str:
    """Return ``knocked out`` for ``ko``."""
    return Perturbation.pattern(action).label.removeprefix("*").strip()


def _in_words(edits: tuple[str, ...]) -> str:
    return " or ".join(action_in_words(edit) for edit in edits).capitalize()


def _count_pairs(first: Universe, second: Universe) -> int:
    """Count pairs of two different genes, each once."""
    if first.genes is None or second.genes is None:
        both = min(first.n, second.n)
    else:
        both = len(np.intersect1d(first.genes, second.genes))
    return first.n * second.n - both * (both + 1) // 2


def _rounded(n: int) -> str:
    return f"{n / 1e6:,.1f} million" if n >= 1e6 else f"{n:,}"
