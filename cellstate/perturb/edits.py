"""Edits: what a user does to genes of a profile, as data.

Shape suffixes: S samples, G genes, K edited genes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import EditError
from cellstate.gene_space import GeneSpace

if TYPE_CHECKING:
    from cellstate.model.profiles import Profiles

KINDS = ("knock-out", "knock-down", "multiply", "set", "quantile")
#: Stands for the gene of an edit that is a pattern, to be applied to one gene after the other.
ANY_GENE = "*"
_SPEC = re.compile(r"(?P<gene>[^=]+)=(?P<rest>.+)$", re.DOTALL)
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PREFIXES = (("kd", "knock-down"), ("x", "multiply"), ("=q", "quantile"), ("=", "set"))
_ACTIONS = {
    "knock-out": "ko",
    "knock-down": "kd{:g}",
    "multiply": "x{:g}",
    "set": "={:g}",
    "quantile": "=q{:g}",
}
_HINT = (
    "Write GENE=ko, GENE=kd50 (down by 50 %), GENE=x3 (times 3), GENE==12.5 (set to 12.5 TPM) or GENE==q90 (set to "
    "the cohort's 90th percentile)."
)


@dataclass(frozen=True)
class Edit:
    """One change of one gene.

    Attributes
    ----------
    gene : str
        Any name of the gene; ``*`` in a pattern.
    kind : str
        ``knock-out``, ``knock-down`` (amount in percent), ``multiply`` (amount is the factor), ``set`` (amount is
        the new level in TPM) or ``quantile`` (amount is the percentile of the model's cohort, 0 to 100, to whose level
        the gene is set).
    amount : float
    """

    gene: str
    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EditError(f"There is no edit {self.kind!r}.", _HINT)
        if not math.isfinite(self.amount) or self.amount < 0:
            raise EditError(f"{self.gene}: the amount of an edit is a number that is not negative.", _HINT)
        if self.kind == "knock-down" and self.amount > 100:
            raise EditError(f"{self.gene}: a knock-down is by 0 to 100 percent.", "Give kd100 at most.")
        if self.kind == "quantile" and self.amount > 100:
            raise EditError(f"{self.gene}: a percentile is 0 to 100.", "Give =q100 at most.")

    @classmethod
    def parse(cls, text: str) -> Edit:
        """Read ``TP53=ko``, ``MYC=x3``, ``KRAS=kd50``, ``EGFR==12.5`` or ``EGFR==q90``."""
        match = _SPEC.match(text.strip())
        if not match:
            raise EditError(f"{text!r} is not an edit.", _HINT)
        gene, rest = match["gene"].strip(), match["rest"].strip().lower()
        if rest == "ko":
            return cls(gene, "knock-out")
        for prefix, kind in _PREFIXES:
            amount = rest.removeprefix(prefix).removesuffix("%") if kind == "knock-down" else rest.removeprefix(prefix)
            if rest.startswith(prefix) and re.fullmatch(_NUMBER, amount):
                return cls(gene, kind, float(amount))
        raise EditError(f"{text!r} is not an edit.", _HINT)

    @classmethod
    def pattern(cls, text: str) -> Edit:
        """Read an edit of no gene yet: ``ko``, ``kd50``, ``x3``, ``=12.5`` or ``=q90``; `on` gives it a gene."""
        try:
            return cls.parse(f"{ANY_GENE}={text.strip()}")
        except EditError as error:
            raise EditError(f"{text!r} is not an edit.", "Write ko, kd50, x3, =12.5 or =q90.") from error

    def on(self, gene: str) -> Edit:
        """Return the same edit of another gene."""
        return replace(self, gene=gene)

    @property
    def action(self) -> str:
        """The edit without its gene, as `pattern` reads it."""
        return _ACTIONS[self.kind].format(self.amount)

    @property
    def spec(self) -> str:
        """The edit as the command line writes it."""
        return f"{self.gene}={self.action}"

    @property
    def label(self) -> str:
        """The edit in words."""
        forms = {
            "knock-out": "knocked out",
            "knock-down": "down by {:g} %",
            "multiply": "times {:g}",
            "set": "set to {:g} TPM",
            "quantile": f"set to the cohort's {ordinal(self.amount)} percentile",
        }
        return f"{self.gene} {forms[self.kind].format(self.amount)}"


def ordinal(number: float) -> str:
    """Return 90 as ``90th``, 1 as ``1st``, 2.5 as ``2.5th``."""
    text = f"{number:g}"
    ending = "th" if "." in text or text[-2:] in ("11", "12", "13") else {"1": "st", "2": "nd", "3": "rd"}.get(text[-1])
    return text + (ending or "th")


def edited_tpm(edit: Edit, tpm: np.ndarray, genes: np.ndarray, profiles: Profiles | None = None) -> np.ndarray:
    """Return the level of genes after the same edit of each.

    Parameters
    ----------
    edit : Edit
        Its gene is not looked at.
    tpm : ndarray, shape (..., K)
        Level before, in TPM.
    genes : ndarray of int, shape (K,)
        Positions in the model.
    profiles : Profiles, optional
        The model's cohort; only an edit to a quantile needs it.

    Returns
    -------
    ndarray, shape (..., K), of the type of ``tpm``

    Raises
    ------
    EditError
        An edit to a quantile where there is no cohort.
    """
    if edit.kind == "set":
        return np.full_like(tpm, edit.amount)
    if edit.kind == "quantile":
        if profiles is None:
            raise EditError(
                f"This model carries no cohort to take the {ordinal(edit.amount)} percentile from.",
                "Set a level in TPM, or use a trained model.",
            )
        level_K = profiles.quantile_tpm(edit.amount)[genes]
        return np.broadcast_to(level_K, tpm.shape).astype(tpm.dtype)
    factor = {"knock-out": 0.0, "knock-down": 1 - edit.amount / 100, "multiply": edit.amount}[edit.kind]
    return tpm * factor


@dataclass(frozen=True)
class InputChange:
    """What edits do to the network's input.

    Attributes
    ----------
    genes_K : ndarray of int, shape (K,)
        Positions of the edited genes in the model.
    delta_z_SK : ndarray of float32, shape (S, K)
        Change of standardised log1p TPM.
    tpm_after_SK : ndarray of float32, shape (S, K)
    """

    genes_K: np.ndarray
    delta_z_SK: np.ndarray
    tpm_after_SK: np.ndarray


def resolve_edits(edits: Sequence[Edit], space: GeneSpace) -> np.ndarray:
    """Return the model positions of the edited genes; each gene may be edited once.

    Raises
    ------
    EditError, GeneError
        No edit at all, a gene edited twice, an unknown gene, or one that the model does not cover.
    """
    if not edits:
        raise EditError("There is no edit.", _HINT)
    genes = [space.find(edit.gene) for edit in edits]
    for position, gene in enumerate(genes):
        if gene in genes[:position]:
            raise EditError(f"{space.symbols[gene]} is edited twice.", "Keep one edit of a gene.")
    return np.array(genes)


def input_change(
    edits: Sequence[Edit], tpm_SG: np.ndarray, space: GeneSpace, profiles: Profiles | None = None
) -> InputChange:
    """Translate edits to changes of the network's input.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        TPM before the edit, finite for every gene (the model's own prediction where one was not measured).
    profiles : Profiles, optional
        The model's cohort; only edits to a quantile need it.
    """
    genes_K = resolve_edits(edits, space)
    before_SK = tpm_SG[:, genes_K]
    columns = [edited_tpm(edit, before_SK[:, [k]], genes_K[[k]], profiles) for k, edit in enumerate(edits)]
    after_SK = np.concatenate(columns, axis=1)
    delta_SK = (np.log1p(after_SK) - np.log1p(before_SK)) / space.scale_G[genes_K]
    return InputChange(genes_K, delta_SK.astype(np.float32), after_SK.astype(np.float32))


def parse_edits(texts: Iterable[str]) -> list[Edit]:
    """Parse several edits; a comma separates edits inside one text."""
    return [Edit.parse(part) for text in texts for part in text.split(",") if part.strip()]
