"""What names mean: which gene of the model, why, and if none, why not. Pure functions of the gene axis."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cellstate.errors import GeneError
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis

#: How a name was matched, in words: by the status of `cellstate.genes.Resolution` that carries a gene.
HOW = {
    "symbol": "symbol",
    "previous": "former symbol",
    "alias": "alias",
    "ensembl": "Ensembl id",
    "transcript": "transcript id",
    "entrez": "Entrez id",
}
_WHY = {
    "previous": "{name} is a former symbol of {symbol}",
    "alias": "{name} is an alias of {symbol}",
    "ensembl": "{name} is the Ensembl id of {symbol}",
    "transcript": "{name} is a transcript of {symbol}",
    "entrez": "{name} is the Entrez id of {symbol}",
}
_BETWEEN = re.compile(r"[\s,;|]+")
#: Not part of a name where it stands before or after one: quotes, brackets, bullets, signs.
_AROUND = "\"'`“”‘’()[]{}<>•·*+-−–.:"


@dataclass(frozen=True)
class Meaning:
    """What one name of a list means.

    Attributes
    ----------
    name : str
        As it was given.
    gene : int or None
        Position in the model; None where there is nothing to perturb.
    symbol : str
        Approved symbol; empty where the name means no one gene of the axis.
    how : str
        A value of `HOW`; empty as well.
    problem : str
        Why there is nothing to perturb, in a sentence; empty where there is.
    """

    name: str
    gene: int | None
    symbol: str = ""
    how: str = ""
    problem: str = ""


def why(query: str, symbol: str, match: str) -> str:
    """Say why a search found a gene; empty where the query is its symbol.

    Parameters
    ----------
    match : str
        As `cellstate.genes.GeneAxis.search` gives it, for example ``"alias p53"``; empty for a symbol.
    """
    status, _, name = match.partition(" ")
    if status:
        return _WHY[status].format(name=name, symbol=symbol)
    if query.upper() == symbol.upper():
        return ""
    return f"{symbol} {'begins with' if symbol.upper().startswith(query.upper()) else 'holds'} {query}"


def split_names(text: str) -> list[str]:
    """Return the names of a pasted list, each once: blanks, commas, semicolons, bars, lines or slashes between them."""
    axis = gene_axis()
    found: list[str] = []
    for word in (word.strip("\"'") for word in _BETWEEN.split(text)):
        # Some names carry such signs themselves: CFTR/MRP, C(27)-3BETA-HSD.
        known = axis.resolve([word]).index[0] >= 0
        found += [word] if known else [part.strip(_AROUND) for part in re.split("[/&]", word)]
    return list(dict.fromkeys(filter(None, found)))


def meanings(names: Iterable[str], space: GeneSpace) -> list[Meaning]:
    """Return what each name means to a model, in order and once; a gene is given to the first of its names."""
    found: list[Meaning] = []
    first: dict[int, str] = {}
    for name in dict.fromkeys(names):
        meaning = _meaning(name, space)
        if meaning.gene is not None:
            taken = first.setdefault(meaning.gene, name)
            if taken != name:
                meaning = Meaning(name, None, meaning.symbol, meaning.how, f"The same gene as {taken}.")
        found.append(meaning)
    return found


def _meaning(name: str, space: GeneSpace) -> Meaning:
    axis = gene_axis()
    # The letter case of what a person typed is forgiven, as `find` does.
    status = next((s for s in axis.resolve([name, name.upper()]).status if s != "unknown"), "unknown")
    try:
        position = axis.find(name)
    except GeneError as error:
        # Only of a date the hint says more: what it was before.
        return Meaning(name, None, problem=str(error) if status == "date" else error.message)
    symbol = axis.symbol[position]
    if not space.covers(position):
        return Meaning(name, None, symbol, HOW[status], "Not covered by this model.")
    return Meaning(name, space.find(axis.ensembl[position]), symbol, HOW[status])
