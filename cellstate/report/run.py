"""An answer with all that it takes to get it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellstate.io.tables import Table
from cellstate.perturb import Edit
from cellstate.report.provenance import Provenance, Source


@dataclass(frozen=True, eq=False)
class Run:
    """One answer and what was asked.

    Attributes
    ----------
    command : str
        ``perturb`` or ``screen``.
    source : Source
    made : Provenance
    table : Table
        As ``cellstate COMMAND --out`` writes it: whole, unrounded.
    edits : sequence of Edit
        Of a screen: what is tried on each gene, as patterns.
    predictor : str
        Who leads; empty for a screen, which is the network's.
    goal : str
        As the command line writes it, with no file in it; empty without a goal.
    genes : sequence of str, optional
        Ensembl ids of the candidates of a screen; without them, all genes are.
    """

    command: str
    source: Source
    made: Provenance
    table: Table
    edits: Sequence[Edit]
    predictor: str = ""
    goal: str = ""
    genes: Sequence[str] | None = None

    @property
    def name(self) -> str:
        """What its table is called."""
        return {"perturb": "shift", "screen": "screen"}[self.command]
