"""The glossary, for the help page and for tooltips: the terms of content/glossary.md and the baselines."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate.evaluation.intervals import COVERAGE
from cellstate.evaluation.metrics import Tolerance
from cellstate.evaluation.ood import OOD_LIMIT
from cellstate.evaluation.reliability import MIN_R2
from cellstate.evidence import PredictorId
from cellstate.formatting import percent
from cellstate.genes import N_AXIS
from cellstate.perturb.predictors.registry import REGISTRY
from cellstate.ui.help.content import sections

_TOLERANCE = Tolerance()
_VALUES = {
    "relative_tolerance": percent(_TOLERANCE.relative),
    "absolute_tolerance": f"{_TOLERANCE.absolute:g}",
    "ood_threshold": f"{OOD_LIMIT:g}",
    "coverage": percent(COVERAGE),
    "n_axis": f"{N_AXIS:,}",
    "min_r2": f"{MIN_R2:g}",
}


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Attributes
    ----------
    name : str
    text : str
        Definition, as Markdown.
    also : tuple of str
        Synonyms that the search finds.
    """

    name: str
    text: str
    also: tuple[str, ...] = ()


GLOSSARY: tuple[Term, ...] = (
    *(Term(one.title, one.text, one.items("Also")) for one in sections("glossary", **_VALUES)),
    *(
        Term(one.label, one.description, (one.id.value, "baseline"))
        for one in REGISTRY
        if one.is_linear and one.id is not PredictorId.NO_CHANGE
    ),
)
_BY_NAME = {term.name: term for term in GLOSSARY}
_NOT_FOUND = 6


def tip(name: str) -> str:
    """Return the definition of a term, for a tooltip; ``KeyError`` for a term that is not in the glossary."""
    return _BY_NAME[name].text


def search(query: str) -> list[Term]:
    """Return the terms that match a text: by name first, by their definition last; all terms for an empty text."""
    wanted = _normalised(query)
    ranked = [(_rank(term, wanted), _normalised(term.name), term.name) for term in GLOSSARY]
    return [_BY_NAME[name] for rank, _, name in sorted(ranked) if rank < _NOT_FOUND]


def _rank(term: Term, wanted: str) -> int:
    name, *others = _NORMALISED[term.name]
    tests = (
        wanted in ("", name),
        wanted in others,
        any(one.startswith(wanted) for one in (name, *others)),
        any(f" {wanted}" in one for one in (name, *others)),
        any(wanted in one for one in (name, *others)) and len(wanted) > 1,
        wanted in _normalised(term.text) and len(wanted) > 2,
    )
    return tests.index(True) if True in tests else _NOT_FOUND


def _normalised(text: str) -> str:
    """Return a text as people type it: r2 for R², spaces for hyphens, lower case."""
    return " ".join(text.casefold().replace("²", "2").replace("-", " ").split())


_NORMALISED = {term.name: [_normalised(name) for name in (term.name, *term.also)] for term in GLOSSARY}
