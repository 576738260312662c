"""Perturbations: what is done to genes of a sample, as data.

Shape suffixes: R rows, G genes of the model, K perturbed genes, E candidate genes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import PerturbationError
from cellstate.expression.units import TPM_TOTAL
from cellstate.gene_space import GeneSpace

if TYPE_CHECKING:
    from cellstate.model.cohort import Profiles
    from cellstate.perturb.sample import PreparedSample

KINDS = ("knock-out", "knock-down", "multiply", "set", "quantile")
#: Stands for the gene of a perturbation that is a pattern, to be applied to one gene after the other.
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
    "Write GENE=ko, GENE=kd50 (down by 50%), GENE=x3 (times 3), GENE==12.5 (set to 12.5 TPM) or GENE==q90 (set to "
    "the cohort's 90th percentile)."
)


@dataclass(frozen=True)
class Perturbation:
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
        Percent, factor, TPM or percentile, as the kind says; not negative.

    Raises
    ------
    PerturbationError
        A kind that does not exist, or an amount out of its range.
    """

    gene: str
    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PerturbationError(f"There is no perturbation {self.kind!r}.", _HINT)
        if not math.isfinite(self.amount) or self.amount < 0:
            raise PerturbationError(
                f"{self.gene}: the amount of a perturbation is a number that is not negative.", _HINT
            )
        if self.kind in ("set", "multiply") and self.amount > TPM_TOTAL:
            raise PerturbationError(
                f"{self.gene}: the amount of a perturbation is at most one million, which is all of a sample's TPM.",
                "Give a smaller amount.",
            )
        if self.kind == "knock-down" and self.amount > 100:
            raise PerturbationError(f"{self.gene}: a knock-down is by 0 to 100 percent.", "Give kd100 at most.")
        if self.kind == "quantile" and self.amount > 100:
            raise PerturbationError(f"{self.gene}: a percentile is 0 to 100.", "Give =q100 at most.")

    @classmethod
    def parse(cls, text: str) -> Perturbation:
        """Read a perturbation as the command line writes it.

        Parameters
        ----------
        text : str
            Such as ``TP53=ko``, ``MYC=x3``, ``KRAS=kd50`` (percent), ``EGFR==12.5`` (TPM) or ``EGFR==q90``.

        Returns
        -------
        Perturbation
            Of the gene as it is named.

        Raises
        ------
        PerturbationError
            A text of no such form, or an amount out of its range.
        """
        match = _SPEC.match(text.strip())
        if not match:
            raise PerturbationError(f"{text!r} is not a perturbation.", _HINT)
        gene, rest = match["gene"].strip(), match["rest"].strip().lower()
        if rest == "ko":
            return cls(gene, "knock-out")
        for prefix, kind in _PREFIXES:
            amount = rest.removeprefix(prefix).removesuffix("%") if kind == "knock-down" else rest.removeprefix(prefix)
            if rest.startswith(prefix) and re.fullmatch(_NUMBER, amount):
                return cls(gene, kind, float(amount))
        raise PerturbationError(f"{text!r} is not a perturbation.", _HINT)

    @classmethod
    def pattern(cls, text: str) -> Perturbation:
        """Read a perturbation of no gene yet; `on` gives it a gene.

        Parameters
        ----------
        text : str
            Such as ``ko``, ``kd50``, ``x3``, ``=12.5`` or ``=q90``.

        Returns
        -------
        Perturbation
            Of the gene ``*``.

        Raises
        ------
        PerturbationError
            A text of no such form, or an amount out of its range.
        """
        try:
            return cls.parse(f"{ANY_GENE}={text.strip()}")
        except PerturbationError as error:
            raise PerturbationError(f"{text!r} is not a perturbation.", "Write ko, kd50, x3, =12.5 or =q90.") from error

    def on(self, gene: str) -> Perturbation:
        """Return the same perturbation of another gene.

        Parameters
        ----------
        gene : str
            Any name of the gene.

        Returns
        -------
        Perturbation
            Of that gene.
        """
        return replace(self, gene=gene)

    @property
    def action(self) -> str:
        """The perturbation without its gene, as `pattern` reads it."""
        return _ACTIONS[self.kind].format(self.amount)

    @property
    def spec(self) -> str:
        """The perturbation as the command line writes it."""
        return f"{self.gene}={self.action}"

    @property
    def label(self) -> str:
        """The perturbation in words."""
        forms = {
            "knock-out": "knocked out",
            "knock-down": "down by {:g}%",
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


def perturbed_tpm(
    perturbation: Perturbation, tpm: np.ndarray, genes: np.ndarray, profiles: Profiles | None = None
) -> np.ndarray:
    """Return the level of genes after the same perturbation of each.

    Parameters
    ----------
    perturbation : Perturbation
        Its gene is not looked at.
    tpm : ndarray, shape (..., K)
        Level before, in TPM.
    genes : ndarray of int, shape (K,)
        Positions in the model.
    profiles : Profiles, optional
        The model's cohort; only a perturbation to a quantile needs it.

    Returns
    -------
    ndarray, shape (..., K), of the type of ``tpm``

    Raises
    ------
    PerturbationError
        A perturbation to a quantile where there is no cohort.
    """
    if perturbation.kind == "set":
        return np.full_like(tpm, perturbation.amount)
    if perturbation.kind == "quantile":
        if profiles is None:
            raise PerturbationError(
                f"This model carries no cohort to take the {ordinal(perturbation.amount)} percentile from.",
                "Set a level in TPM, or use a trained model.",
            )
        level_K = profiles.quantile_tpm(perturbation.amount)[genes]
        return np.broadcast_to(level_K, tpm.shape).astype(tpm.dtype)
    amount = perturbation.amount
    factor = {"knock-out": 0.0, "knock-down": 1 - amount / 100, "multiply": amount}[perturbation.kind]
    return tpm * factor


@dataclass(frozen=True)
class InputChange:
    """What perturbations do to a model's input: each row is one state of the same sample.

    Attributes
    ----------
    genes_K : ndarray of int, shape (K,)
        Positions of the perturbed genes in the model.
    delta_z_RK : ndarray of float32, shape (R, K)
        Change of standardised log1p TPM; 0 where a row does not perturb a gene.
    tpm_after_RK : ndarray of float32, shape (R, K)
    """

    genes_K: np.ndarray
    delta_z_RK: np.ndarray
    tpm_after_RK: np.ndarray


def resolve_genes(perturbations: Sequence[Perturbation], space: GeneSpace) -> np.ndarray:
    """Return the model positions of the perturbed genes; each gene may be perturbed once.

    Raises
    ------
    PerturbationError, GeneError
        No perturbation at all, a gene perturbed twice, an unknown gene, or one that the model does not cover.
    """
    if not perturbations:
        raise PerturbationError("There is no perturbation.", _HINT)
    genes = [space.find(perturbation.gene) for perturbation in perturbations]
    for position, gene in enumerate(genes):
        if gene in genes[:position]:
            raise PerturbationError(f"{space.symbols[gene]} is perturbed twice.", "Keep one perturbation of a gene.")
    return np.array(genes)


def input_change(perturbations: Sequence[Perturbation], sample: PreparedSample) -> InputChange:
    """Translate perturbations of a sample to the change of the model's input, in one row.

    Raises
    ------
    PerturbationError
        A level above one million TPM, and as `resolve_genes` and `perturbed_tpm`.
    """
    space = sample.model.space
    genes_K = resolve_genes(perturbations, space)
    before_1K = sample.tpm_G[None, genes_K]
    # Only a quantile needs the cohort, which takes a while to read.
    profiles = sample.profiles if any(p.kind == "quantile" for p in perturbations) else None
    columns = [perturbed_tpm(p, before_1K[:, [k]], genes_K[[k]], profiles) for k, p in enumerate(perturbations)]
    after_1K = np.concatenate(columns, axis=1)
    if (too_high := np.flatnonzero(after_1K[0] > TPM_TOTAL)).size:
        symbol, level = space.symbols[genes_K[too_high[0]]], after_1K[0, too_high[0]]
        raise PerturbationError(
            f"{symbol} would reach {level:,.0f} TPM; all genes of a sample together have one million.",
            "Give a smaller amount.",
        )
    delta_1K = (np.log1p(after_1K) - np.log1p(before_1K)) / space.scale_G[genes_K]
    return InputChange(genes_K, delta_1K.astype(np.float32), after_1K.astype(np.float32))


def candidate_changes(pattern: Perturbation, sample: PreparedSample, genes_E: np.ndarray) -> np.ndarray:
    """Return the change of z that a pattern makes to each candidate gene, float32, shape (E,).

    0 where the gene would come above one million TPM, which no sample holds: such a perturbation is not tried.
    """
    tpm_E, space = sample.tpm_G[genes_E], sample.model.space
    profiles = sample.profiles if pattern.kind == "quantile" else None
    after_E = perturbed_tpm(pattern, tpm_E, genes_E, profiles)
    after_E = np.where(after_E > TPM_TOTAL, tpm_E, after_E)
    return ((np.log1p(after_E) - np.log1p(tpm_E)) / space.scale_G[genes_E]).astype(np.float32)


def parse_perturbations(texts: Iterable[str]) -> list[Perturbation]:
    """Parse several perturbations; a comma separates perturbations inside one text."""
    return [Perturbation.parse(part) for text in texts for part in text.split(",") if part.strip()]


def parse_patterns(texts: Iterable[str]) -> list[Perturbation]:
    """Parse what is tried on each gene, each once; raises ``PerturbationError`` for none."""
    patterns = [Perturbation.pattern(text) for text in dict.fromkeys(texts)]
    if not patterns:
        raise PerturbationError("There is no perturbation to try.", "Give ko, kd50, x3, =12.5 or =q90.")
    return patterns
