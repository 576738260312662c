"""Sentences about what is known of a gene as a target. All are Markdown."""

from __future__ import annotations

from cellstate.formatting import escape_markdown, join_with_and
from cellstate.genes.dossier import Dossier

#: Compounds that a sentence names.
NAMED = 3


def dossier_sentence(known: Dossier, change: float) -> str:
    """Return what a gene is as a target, and which compounds act in the direction of a change of it.

    Parameters
    ----------
    known : Dossier
    change : float
        Negative where the gene is lowered, positive where it is raised; else no compound is named.
    """
    name = escape_markdown(known.symbol)
    kind = "transcription factor" if known.is_tf else "no transcription factor"
    classes = {None: "not tested", "neither": "neither common essential nor selective"}
    essential = classes.get(known.essentiality, known.essentiality)
    first = f"**{name}:** {kind}; {essential} in cancer cell lines (DepMap)."
    return " ".join(filter(None, [first, _compounds(known, change)]))


def dossier_links(known: Dossier) -> str:
    """Return links to pages about the gene."""
    return " · ".join(f"[{site}]({address})" for site, address in known.links.items())


def _compounds(known: Dossier, change: float) -> str:
    if not (change < 0 or change > 0):
        return ""
    verb = "lowers" if change < 0 else "raises"
    fitting = [escape_markdown(one.name) for one in known.fitting(change)]
    if not fitting:
        return f"DrugCentral, in a release of 2020 or before, lists no compound that {verb} its activity."
    more = [f"{len(fitting) - NAMED:,} more"] if len(fitting) > NAMED else []
    return (
        f"Compounds known to act on it in a way that {verb} its activity (DrugCentral): "
        f"{join_with_and(fitting[:NAMED] + more)}; hypotheses for the laboratory."
    )
