"""Links that carry settings and never data: ``?v=1&perturb=TP53=ko,MYC=x3&goal=genes:+A,-B``.

A link holds perturbations, a goal that needs no file, the prediction method, the kind of search and the name of a
shipped example. Every part is checked as untrusted input; a part that is not understood is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError, summarise_list
from cellstate.formatting import escape_markdown
from cellstate.gene_space import GeneSpace
from cellstate.goals import read_goal
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, resolve_genes
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import PRESETS, Goal
from cellstate.report.narrative.session import link_applied
from cellstate.ui.components import predictor_picker as chosen
from cellstate.ui.components.load_samples import examples, load_example
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.history import MAX_PERTURBATIONS
from cellstate.ui.state.session import COMBINATION, GOAL, PAIRS, SCREEN, Session, session

#: Version of the format; a link of another one is not read.
VERSION = "1"
#: Larger values are not read.
MAX_CHARS, MAX_GENES = 4_000, 200
#: Parameters of older links, under their present names.
_RENAMED = {"edits": "perturb"}
_GENE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")
_KIND = "regulators-kind"
_SEARCHES = (SCREEN, PAIRS, COMBINATION)


@dataclass(frozen=True)
class Settings:
    """The settings of a link; empty where it has none.

    Attributes
    ----------
    perturb : tuple of Perturbation
    goal : str
        ``genes:+A,-B``, ``cohort:high:GENE``, ``cohort:low:GENE``, ``cohort:median`` or a preset.
    predictor, search, example : str
    """

    perturb: tuple[Perturbation, ...] = ()
    goal: str = ""
    predictor: str = ""
    search: str = ""
    example: str = ""


def link_of(state: Session, opened: Model) -> str:
    """Return the present settings as the query of an address, ``?v=1&...``."""
    goal = ""
    if state.goal is not None and names_no_file(state.goal, state.prepared(opened)):
        goal = _checked_goal(state.goal.spec, opened.space)
    values = {
        "v": VERSION,
        "perturb": ",".join(item.spec for item in state.perturbations),
        "goal": goal,
        "predictor": str(st.session_state.get(chosen.KEY) or ""),
        "search": _search() if goal else "",
        "example": _example(state),
    }
    return "?" + "&".join(f"{name}={quote(value, safe='=,:')}" for name, value in values.items() if value)


def _search() -> str:
    chosen_kind = str(st.session_state.get(_KIND) or "")
    return chosen_kind if chosen_kind in _SEARCHES else ""


def names_no_file(goal: Goal, sample: PreparedSample) -> bool:
    """Return whether a goal's text defines it without a file: genes, a preset, or an end of the cohort in one gene.

    A file may be called like a set that comes with CellState, and the title of a gene set from a file may be that of a
    gene, so such goals are read again and compared.
    """
    form, _, rest = goal.spec.partition(":")
    end, _, gene = rest.partition(":")
    is_preset = goal.spec in PRESETS.values()
    if not is_preset and (form != "cohort" or not gene):
        return form == "genes" or goal.spec == "cohort:median"
    try:
        space = sample.model.space
        spec = goal.spec if is_preset else f"cohort:{end}:{space.symbols[space.find(gene)]}"
        again = read_goal(spec, sample)
    except CellStateError:
        return False
    return bool(np.array_equal(again.direction_G, goal.direction_G))


def read_link(parameters: Mapping[str, str], opened: Model) -> tuple[Settings, list[str]]:
    """Return the settings of an address, and the names of the parameters that were not understood."""
    if parameters.get("v") != VERSION:
        return Settings(), ["version"]
    settings: dict[str, Any] = {}
    ignored = []
    for name, text in parameters.items():
        field = _RENAMED.get(name, name)
        value = _READERS[field](text, opened) if field in _READERS and len(text) <= MAX_CHARS else None
        if value:
            settings[field] = value
        elif name != "v":
            ignored.append(name)
    return Settings(**settings), ignored


def open_link() -> None:
    """Apply the settings of the page's address once, and show what they are; other addresses are left alone."""
    parameters = st.query_params.to_dict()
    if "v" not in parameters:
        return
    opened = model()
    # Otherwise the address would apply them again after every change.
    st.query_params.clear()
    settings, ignored = read_link(parameters, opened)
    if settings != Settings():
        st.info(_apply(session(), settings, opened), icon=":material/link:")
    if ignored:
        names = summarise_list([escape_markdown(name, 20) for name in ignored], 5)
        st.warning(f"Parts of this link were not understood and left out: {names}.", icon=":material/link_off:")


def _apply(state: Session, settings: Settings, opened: Model) -> str:
    """Apply settings; returns what was changed, as Markdown."""
    needs_example = state.loaded is None and bool(settings.perturb or settings.goal)
    if needs_example:
        shown = examples()
        load_example(next((item for item in shown if item.name == settings.example), shown[0]))
    if settings.perturb:
        state.put(settings.perturb)
    if settings.goal:
        st.session_state.update(_goal_widgets(settings.goal, state.turns[GOAL]))
    if settings.search:
        st.session_state[_KIND] = settings.search
    if settings.predictor:
        st.session_state[chosen.KEY] = settings.predictor
    return link_applied(
        needs_example,
        [item.label for item in settings.perturb],
        goal=bool(settings.goal),
        predictor=settings.predictor,
        search=bool(settings.search),
    )


def _goal_widgets(goal: str, turn: int) -> dict[str, str]:
    """Return the state of the candidates page's widgets for a goal."""
    form, _, rest = goal.partition(":")
    if goal in PRESETS.values():
        return {"goal-kind": goal}
    if form == "genes":
        return {"goal-kind": "genes", f"goal-genes-{turn}": rest.replace(",", " ")}
    end, _, gene = rest.partition(":")
    widgets = {"goal-kind": "cohort", "goal-end": end}
    return widgets | ({"goal-by": "a gene", f"goal-gene-{turn}": gene} if gene else {})


def _example(state: Session) -> str:
    if state.loaded is None or not state.loaded.is_example:
        return ""
    return next((item.name for item in examples() if item.path.name == state.loaded.name), "")


def _perturbations(text: str, opened: Model) -> tuple[Perturbation, ...]:
    """Return perturbations under the model's own symbols, none if one of them is not understood."""
    try:
        items = [Perturbation.parse(part) for part in text.split(",")[: MAX_PERTURBATIONS + 1]]
        if len(items) > MAX_PERTURBATIONS:
            return ()
        genes = resolve_genes(items, opened.space)
    except CellStateError:
        return ()
    return tuple(replace(item, gene=opened.space.symbols[gene]) for item, gene in zip(items, genes, strict=True))


def _checked_goal(text: str, space: GeneSpace) -> str:
    """Return a goal that names only known genes and no file; empty for any other."""
    form, _, rest = text.partition(":")
    if text in PRESETS.values():
        return text
    if form == "genes":
        names = rest.split(",")
        if len(names) > MAX_GENES or not all(_known(name.lstrip("+-"), space) for name in names):
            return ""
        return "genes:" + ",".join(("-" if name[0] == "-" else "+") + name.lstrip("+-") for name in names)
    end, _, gene = rest.partition(":")
    if form == "cohort" and ((end in ("high", "low") and _known(gene, space)) or rest == "median"):
        return text
    return ""


def _predictor(text: str, opened: Model) -> str:
    """Return the id of a method that the model supports, empty for any other."""
    try:
        predictor = PredictorId(text)
    except ValueError:
        return ""
    return predictor.value if predictor in available_predictors(opened) else ""


def _known(name: str, space: GeneSpace) -> bool:
    try:
        return bool(_GENE.fullmatch(name)) and space.find(name) >= 0
    except CellStateError:
        return False


_READERS: dict[str, Callable[[str, Model], Any]] = {
    "perturb": _perturbations,
    "goal": lambda text, opened: _checked_goal(text, opened.space),
    "predictor": _predictor,
    "search": lambda text, _: text if text in _SEARCHES else "",
    "example": lambda text, _: text if any(text == item.name for item in examples()) else "",
}
