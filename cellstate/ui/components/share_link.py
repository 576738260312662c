"""Links that carry settings and never data: ``?v=1&edits=TP53=ko,MYC=x3&goal=genes:+A,-B``.

A link holds edits, a goal that rests on no file, who predicts, the kind of search and the name of a shipped example.
What is read from one is checked as if anyone had written it: what is not understood is left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError, summarise_list
from cellstate.formatting import escape_markdown, plural
from cellstate.gene_space import GeneSpace
from cellstate.goal_spec import read_goal
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, resolve_genes
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import Goal
from cellstate.ui.candidates.goal import GOAL
from cellstate.ui.candidates.options import KINDS
from cellstate.ui.components import predictor_picker as chosen
from cellstate.ui.components.examples import examples
from cellstate.ui.components.load_samples import load_example
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Session, session

#: Version of the form; a link of another one is not read.
VERSION = "1"
#: No value longer, and no more edits or genes, is looked at.
MOST_CHARS, MAX_PERTURBATIONS, MOST_GENES = 4_000, 50, 200
_NAMES = ("v", "edits", "goal", "predictor", "search", "example")
_GENE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")
_KIND = "regulators-kind"


@dataclass(frozen=True)
class Settings:
    """What a link carries; empty where it does not.

    Attributes
    ----------
    edits : tuple of Perturbation
    goal : str
        ``genes:+A,-B``, ``cohort:high:GENE``, ``cohort:low:GENE`` or ``cohort:median``.
    predictor, search, example : str
    """

    edits: tuple[Perturbation, ...] = ()
    goal: str = ""
    predictor: str = ""
    search: str = ""
    example: str = ""


def link_of(state: Session, opened: Model) -> str:
    """Return the settings in force as the query of an address, ``?v=1&...``."""
    goal = ""
    if state.goal is not None and names_no_file(state.goal, state.prepared(opened)):
        goal = _checked_goal(state.goal.spec, opened.space)
    values = {
        "v": VERSION,
        "edits": ",".join(edit.spec for edit in state.perturbations),
        "goal": goal,
        "predictor": str(st.session_state.get(chosen.KEY) or ""),
        "search": str(st.session_state.get(_KIND) or "") if goal else "",
        "example": _example(state),
    }
    return "?" + "&".join(f"{name}={quote(value, safe='=,:')}" for name, value in values.items() if value)


def names_no_file(goal: Goal, sample: PreparedSample) -> bool:
    """Return whether a goal's text alone says what it is: genes, or an end of the model's cohort in one gene.

    The title of a gene set from a file may be that of a gene, so such a goal is made again and compared.
    """
    form, _, rest = goal.spec.partition(":")
    end, _, gene = rest.partition(":")
    if form != "cohort" or not gene:
        return form == "genes" or goal.spec == "cohort:median"
    try:
        space = sample.model.space
        again = read_goal(f"cohort:{end}:{space.symbols[space.find(gene)]}", sample)
    except CellStateError:
        return False
    return bool(np.array_equal(again.direction_G, goal.direction_G))


def read_link(parameters: Mapping[str, str], opened: Model) -> tuple[Settings, list[str]]:
    """Return the settings of an address, and the names of what was not understood."""
    if parameters.get("v") != VERSION:
        return Settings(), ["version"]
    found: dict[str, Any] = {}
    ignored = [name for name in parameters if name not in _NAMES]
    for name, text in parameters.items():
        if name in ignored or name == "v":
            continue
        value = _READ[name](text, opened) if len(text) <= MOST_CHARS else None
        if value:
            found[name] = value
        else:
            ignored.append(name)
    return Settings(**found), ignored


def open_link() -> None:
    """Put the settings of the page's address in force, once, and say so; an address without any is left alone."""
    parameters = st.query_params.to_dict()
    if "v" not in parameters:
        return
    opened = model()
    # Once they are in force, the address must not bring them back after every change.
    st.query_params.clear()
    found, ignored = read_link(parameters, opened)
    if found != Settings():
        st.info(_apply(session(), found, opened), icon=":material/link:")
    if ignored:
        names = summarise_list([escape_markdown(name, 20) for name in ignored], 5)
        st.warning(f"Not understood in this link, and left out: {names}.", icon=":material/link_off:")


def _apply(state: Session, found: Settings, opened: Model) -> str:
    """Put settings in force; returns what was done, as Markdown."""
    said: list[str] = []
    if state.loaded is None and (found.edits or found.goal):
        shown = examples()
        load_example(next((one for one in shown if one.name == found.example), shown[0]))
        said.append("no sample was open, so an example patient is")
    if found.edits:
        state.put(found.edits)
        labels = [escape_markdown(edit.label) for edit in found.edits]
        said.append(f"{plural(len(labels), 'edit is', 'edits are')} in force ({summarise_list(labels)})")
    if found.goal:
        st.session_state.update(_goal_widgets(found.goal, state.turns[GOAL]))
        said.append("its goal stands on the Regulators page")
    if found.search:
        st.session_state[_KIND] = found.search
    if found.predictor in available_predictors(opened):
        st.session_state[chosen.KEY] = found.predictor
        said.append("its predictor stands first")
    return f"This link carried settings, and no data: {'; '.join(said) or 'a choice of search'}."


def _goal_widgets(goal: str, turn: int) -> dict[str, str]:
    """Return the state of the Regulators page's widgets that means a goal."""
    form, _, rest = goal.partition(":")
    if form == "genes":
        return {"goal-kind": "genes", f"goal-genes-{turn}": rest.replace(",", " ")}
    end, _, gene = rest.partition(":")
    found = {"goal-kind": "cohort", "goal-end": end}
    return found | ({"goal-by": "a gene", f"goal-gene-{turn}": gene} if gene else {})


def _example(state: Session) -> str:
    if state.loaded is None or not state.loaded.is_example:
        return ""
    return next((one.name for one in examples() if one.path.name == state.loaded.name), "")


def _edits(text: str, opened: Model) -> tuple[Perturbation, ...]:
    """Return edits under the model's own symbols, none if one of them is not understood."""
    try:
        edits = [Perturbation.parse(part) for part in text.split(",")[: MAX_PERTURBATIONS + 1]]
        if len(edits) > MAX_PERTURBATIONS:
            return ()
        genes = resolve_genes(edits, opened.space)
    except CellStateError:
        return ()
    return tuple(replace(edit, gene=opened.space.symbols[gene]) for edit, gene in zip(edits, genes, strict=True))


def _checked_goal(text: str, space: GeneSpace) -> str:
    """Return a goal that names known genes alone and no file; empty for any other."""
    form, _, rest = text.partition(":")
    if form == "genes":
        names = rest.split(",")
        if len(names) > MOST_GENES or not all(_known(name.lstrip("+-"), space) for name in names):
            return ""
        return "genes:" + ",".join(("-" if name[0] == "-" else "+") + name.lstrip("+-") for name in names)
    end, _, gene = rest.partition(":")
    if form == "cohort" and ((end in ("high", "low") and _known(gene, space)) or rest == "median"):
        return text
    return ""


def _predictor(text: str, opened: Model) -> str:
    """Return the id of a method that the model supports, empty for any other; older links say ``network``."""
    try:
        found = PredictorId(text)
    except ValueError:
        return ""
    return found.value if found in available_predictors(opened) else ""


def _known(name: str, space: GeneSpace) -> bool:
    try:
        return bool(_GENE.fullmatch(name)) and space.find(name) >= 0
    except CellStateError:
        return False


_READ = {
    "edits": _edits,
    "goal": lambda text, opened: _checked_goal(text, opened.space),
    "predictor": lambda text, opened: _predictor(text, opened),
    "search": lambda text, _: text if text in KINDS else "",
    "example": lambda text, _: text if any(text == one.name for one in examples()) else "",
}
