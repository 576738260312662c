"""Edits: what a user does to genes of a profile, as data.

Shape suffixes: S samples, G genes, K edited genes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import EditError
from cellstate.expression import GeneSpace

KINDS = ("knock-out", "knock-down", "multiply", "set")
_SPEC = re.compile(r"(?P<gene>[^=]+)=(?P<rest>.+)$", re.DOTALL)
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_HINT = "Write GENE=ko, GENE=kd50 (down by 50 %), GENE=x3 (times 3) or GENE==12.5 (set to 12.5 TPM)."


@dataclass(frozen=True)
class Edit:
    """One change of one gene.

    Attributes
    ----------
    gene : str
        Any name of the gene.
    kind : str
        ``knock-out``, ``knock-down`` (amount in percent), ``multiply`` (amount is the factor) or ``set`` (amount is
        the new level in TPM).
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

    @classmethod
    def parse(cls, text: str) -> Edit:
        """Read ``TP53=ko``, ``MYC=x3``, ``KRAS=kd50`` or ``EGFR==12.5``."""
        match = _SPEC.match(text.strip())
        if not match:
            raise EditError(f"{text!r} is not an edit.", _HINT)
        gene, rest = match["gene"].strip(), match["rest"].strip().lower()
        if rest == "ko":
            return cls(gene, "knock-out")
        for prefix, kind in (("kd", "knock-down"), ("x", "multiply"), ("=", "set")):
            amount = rest.removeprefix(prefix).removesuffix("%") if kind == "knock-down" else rest.removeprefix(prefix)
            if rest.startswith(prefix) and re.fullmatch(_NUMBER, amount):
                return cls(gene, kind, float(amount))
        raise EditError(f"{text!r} is not an edit.", _HINT)

    @property
    def spec(self) -> str:
        """The edit as the command line writes it."""
        forms = {"knock-out": "ko", "knock-down": "kd{:g}", "multiply": "x{:g}", "set": "={:g}"}
        return f"{self.gene}={forms[self.kind].format(self.amount)}"

    @property
    def label(self) -> str:
        """The edit in words."""
        forms = {
            "knock-out": "knocked out",
            "knock-down": "down by {:g} %",
            "multiply": "times {:g}",
            "set": "set to {:g} TPM",
        }
        return f"{self.gene} {forms[self.kind].format(self.amount)}"

    def apply(self, tpm: np.ndarray) -> np.ndarray:
        """Return the edited level of the gene, TPM in, TPM out."""
        if self.kind == "set":
            return np.full_like(tpm, self.amount)
        factor = {"knock-out": 0.0, "knock-down": 1 - self.amount / 100, "multiply": self.amount}[self.kind]
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


def input_change(edits: Sequence[Edit], tpm_SG: np.ndarray, space: GeneSpace) -> InputChange:
    """Translate edits to changes of the network's input.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        TPM before the edit, finite for every gene (the training mean stands in for a gene that was not measured).
    """
    genes_K = resolve_edits(edits, space)
    before_SK = tpm_SG[:, genes_K]
    columns = [edit.apply(before_SK[:, k]) for k, edit in enumerate(edits)]
    after_SK = np.stack(columns, axis=1)
    delta_SK = (np.log1p(after_SK) - np.log1p(before_SK)) / space.scale_G[genes_K]
    return InputChange(genes_K, delta_SK.astype(np.float32), after_SK.astype(np.float32))


def parse_edits(texts: Iterable[str]) -> list[Edit]:
    """Parse several edits; a comma separates edits inside one text."""
    return [Edit.parse(part) for text in texts for part in text.split(",") if part.strip()]
