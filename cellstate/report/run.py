"""An answer with all that it takes to get it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellstate.io.write import ExportTable
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.provenance import Provenance, Source


@dataclass(frozen=True, eq=False)
class Run:
    """One answer and what was asked.

    Attributes
    ----------
    command : str
        ``perturb``, ``screen``, ``pairs`` or ``combine``.
    source : Source
    made : Provenance
    table : ExportTable
        As ``cellstate COMMAND --out`` writes it: whole, unrounded.
    perturbations : sequence of Perturbation
        Of a search: what is tried on each gene, as patterns.
    predictor : str
        Who leads.
    goal : str
        As the command line writes it, with no file in it; empty without a goal.
    genes : sequence of str, optional
        Ensembl ids of the candidates of a search, of pairs of the first genes; without them, all genes are.
    partners : sequence of str, optional
        The same for the second genes of pairs.
    options : mapping of str to str or number
        What else was asked, by its name in Python: ``by`` and ``anchor`` (an Ensembl id or None) of pairs,
        ``max_perturbations`` and ``fraction`` of a combination.
    """

    command: str
    source: Source
    made: Provenance
    table: ExportTable
    perturbations: Sequence[Perturbation]
    predictor: str
    goal: str = ""
    genes: Sequence[str] | None = None
    partners: Sequence[str] | None = None
    options: Mapping[str, str | float | None] = field(default_factory=dict)

    @property
    def lists(self) -> dict[str, Sequence[str]]:
        """The genes that were asked for, by the name of their option; an option that was not given is left out."""
        given = {"genes": self.genes, "partners": self.partners}
        return {name: genes for name, genes in given.items() if genes is not None}

    @property
    def name(self) -> str:
        """What its table is called."""
        return {"perturb": "shift", "combine": "combination"}.get(self.command, self.command)
