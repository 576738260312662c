"""Goals as text, the way the command line and the pages write them.

=============================  =====================================================================================
``up:GMT#SET``                 every gene of a gene set up by one SD (``down:`` for down), or of several, ``SET,SET``;
                               ``hallmark`` for a file means the sets that come with CellState
``genes:+A,+B,-C``             genes up and down; a name without a sign goes up
``toward:FILE[#NAME,NAME]``    towards the mean of the samples of a file, or of some of them, of another study
``toward-raw:FILE#NAME``       the same with all that differs, for samples of one study
``cohort:high:GENE``           towards the quarter of the model's cohort with the highest level (``low:`` for lowest)
``cohort:high:GMT#SET``        the same for the mean z of a gene set
``cohort:median``              towards the median of the model's cohort
``normal``                     from the tumours of the sample's own tissue towards its normal state, both as the model
                               folder's tissue classifier knows them
=============================  =====================================================================================
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import numpy as np

from cellstate.errors import GoalError, summarise_list
from cellstate.evaluation.tissue import State
from cellstate.evaluation.tissue_profiles import tissue_call, tissue_centre
from cellstate.formatting import join_with_and
from cellstate.io import HALLMARK, hallmark_sets, read_gmt, read_selection, split_selection
from cellstate.model import Model
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import (
    NORMAL,
    Goal,
    between_goal,
    cohort_end_goal,
    cohort_goal,
    gene_set_goal,
    known_genes,
    toward_goal,
)

FORMS = (
    "up:GMT#SET",
    "down:GMT#SET",
    "genes:+A,+B,-C",
    "toward:FILE#NAME",
    "toward-raw:FILE#NAME",
    "cohort:high:GENE",
    "cohort:low:GENE",
    "cohort:high:GMT#SET",
    "cohort:median",
    "normal",
)
_HINT = f"Write one of: {', '.join(FORMS)}."
_MINUS = "-−–"


def read_goal(text: str, sample: PreparedSample) -> Goal:
    """Make the goal that a text stands for; see the module's text for the forms.

    Parameters
    ----------
    text : str
        Such as ``genes:+CDX2,-MYC``, ``up:hallmark#HALLMARK_APOPTOSIS``, ``toward:FILE#NAME`` or ``cohort:high:CDX2``.
    sample : PreparedSample
        The sample whose goal it is.

    Returns
    -------
    Goal
        A direction on the model's genes, shape (G,), in SD of the training cohort, and the distance along it.

    Raises
    ------
    CellStateError
        A text of no form, a file that cannot be read, a set or sample that it lacks, or a goal that gives no
        direction for this sample.
    """
    spec, model = text.strip(), sample.model
    form, colon, rest = spec.partition(":")
    form, rest = form.strip().lower(), rest.strip()
    if form == NORMAL and not colon:
        return _normal(sample, spec)
    if colon and rest and "\0" not in rest:  # no file name holds that character
        if form in ("up", "down"):
            title, genes = _gene_set(rest)
            sign = 1 if form == "up" else -1
            return gene_set_goal(model.space, dict.fromkeys(genes, sign), spec=spec, label=f"{title} {form}")
        if form == "genes":
            return _genes(rest, model, spec)
        if form in ("toward", "toward-raw"):
            return _toward(rest, sample, spec, same_study=form == "toward-raw")
        if form == "cohort":
            return _cohort(rest, sample, spec)
    raise GoalError(f"{_shown(text)} is not a goal.", _HINT)


def _genes(text: str, model: Model, spec: str) -> Goal:
    signs: list[tuple[str, int]] = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;\n]", text))):
        name = part[1:].strip() if part[0] in "+" + _MINUS else part
        if not name:
            raise GoalError(f"{_shown(spec)} has a sign without a gene.", "Write genes:+A,+B,-C.")
        signs.append((name, -1 if part[0] in _MINUS else 1))
    words = []
    for word, sign in (("up", 1), ("down", -1)):
        if names := [name for name, s in signs if s == sign]:
            words.append(f"{summarise_list(names)} {word}")
    return gene_set_goal(model.space, signs, spec=spec, label=", ".join(words), typed=True)


def _toward(text: str, sample: PreparedSample, spec: str, *, same_study: bool) -> Goal:
    reference = read_selection(text)
    file = Path(split_selection(text)[0]).name
    who = reference.names[0] if len(reference) == 1 else f"the mean of {len(reference)} samples"
    return toward_goal(sample, reference, spec=spec, label=f"toward {who} of {file}", same_study=same_study)


def _cohort(text: str, sample: PreparedSample, spec: str) -> Goal:
    end, _, of = (part.strip() for part in text.partition(":"))
    end = end.lower()
    median = end == "median" and not of
    if not median and not (end in ("high", "low") and of):
        raise GoalError(f"{_shown(spec)} is not a goal.", _HINT)
    profiles = sample.profiles
    if profiles is None:
        raise GoalError("This model carries no cohort to go towards.", "Choose another goal, or use a trained model.")
    if median:
        return cohort_goal(sample, profiles, spec=spec, label="toward the median of the model's cohort")
    genes, title = _level_genes(of, sample.model)
    return cohort_end_goal(sample, profiles, genes, title, end, spec=spec)


def _normal(sample: PreparedSample, spec: str) -> Goal:
    call = tissue_call(sample)
    if call is None:
        raise GoalError("This model knows no normal tissue.", "Choose another goal, or use a shipped model.")
    if not call.is_known:
        raise GoalError("The tissue of this sample is not known.", "Choose another goal, or give reference samples.")
    tissue = call.tissues[0][0]
    start, end = (tissue_centre(sample.model, tissue, state) for state in (State.TUMOUR, State.NORMAL))
    if start is None or end is None:
        raise GoalError(
            f"The tissue classifier does not know {tissue} both normal and as a tumour.",
            "Choose another goal, or give reference samples.",
        )
    return between_goal(sample, start, end, spec=spec, label=f"from {tissue} tumours toward normal {tissue}")


def _level_genes(text: str, model: Model) -> tuple[np.ndarray, str]:
    """Return the model positions of a gene or of a gene set, and what to call it."""
    if "#" not in text and not text.lower().endswith((".gmt", ".gmt.gz")):
        gene = model.space.find(text)
        return np.array([gene]), model.space.symbols[gene]
    title, names = _gene_set(text)
    return known_genes(model.space, names), title


def _gene_set(text: str) -> tuple[str, tuple[str, ...]]:
    """Return title and genes of ``GMT#SET``; the set need not be named where there is only one."""
    path, title = split_selection(text)
    sets = hallmark_sets() if path.lower() == HALLMARK else read_gmt(path)
    if not title and len(sets) == 1:
        title = next(iter(sets))
    if title in sets:
        return title, sets[title]
    several = [one.strip() for one in title.split(",")]
    if len(several) > 1 and all(one in sets for one in several):
        return join_with_and(several), tuple(dict.fromkeys(gene for one in several for gene in sets[one]))
    file = Path(path).name
    if not title:
        raise GoalError(
            f"{file} holds {len(sets):,} gene sets.", f"Write which one after a #: {summarise_list(list(sets))}."
        )
    # Compared in capitals: what is typed by hand is most often wrong in its case.
    capitals = {name.upper(): name for name in sets}
    near = [capitals[name] for name in difflib.get_close_matches(title.upper(), capitals, n=3, cutoff=0.6)]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"It holds {summarise_list(list(sets))}."
    raise GoalError(f"{file} has no gene set called {_shown(title)}.", hint)


def _shown(text: str) -> str:
    """Return a text as a message quotes it, however long it was."""
    return repr(text if len(text) <= 80 else text[:79] + "…")
