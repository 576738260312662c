"""The level of one gene in one sample, beside the model's cohort: as text, and as steps of a slider. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.model.cohort import Profiles
from cellstate.perturb.perturbations import Perturbation, ordinal, perturbed_tpm
from cellstate.perturb.sample import PreparedSample
from cellstate.report.narrative.prediction import tpm_text

#: Steps of a slider, equal in log1p TPM.
N_STEPS = 60
#: A slider ends at this multiple of the highest level of cohort and sample, and at no less than this level in TPM.
REACH, MIN_TOP_TPM = 2.0, 10.0
#: Digits that a perturbation's amount keeps as text.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class GeneLevel:
    """One gene in one sample.

    Attributes
    ----------
    gene : int
        Position in the model.
    symbol : str
    tpm : float
        Level in the sample, on the cohort's scale; imputed where it was not measured.
    is_measured : bool
    profiles : Profiles or None
        The model's cohort.
    """

    gene: int
    symbol: str
    tpm: float
    is_measured: bool
    profiles: Profiles | None

    @classmethod
    def of(cls, sample: PreparedSample, gene: int, profiles: Profiles | None) -> GeneLevel:
        """Return a gene of a sample."""
        symbol = sample.model.space.symbols[gene]
        return cls(gene, symbol, rounded(float(sample.tpm_G[gene])), bool(sample.measured_G[gene]), profiles)

    def after(self, perturbation: Perturbation) -> float:
        """Return the level after a perturbation, in TPM."""
        return float(perturbed_tpm(perturbation, np.array([self.tpm]), np.array([self.gene]), self.profiles)[0])

    def cohort_tpm(self) -> np.ndarray:
        """Return the gene's levels in the cohort, shape (S,), float64; empty where there is none."""
        return np.zeros(0) if self.profiles is None else np.expm1(self.profiles.log1p_S(self.gene))

    def rank_text(self, tpm: float) -> str:
        """Return the rank of a level in the cohort, as text; empty where there is none."""
        if self.profiles is None:
            return ""
        cohort = self.cohort_tpm()
        # Half a per mille, so that rounding takes no level of the cohort out of it.
        if tpm < 0.9995 * cohort.min():
            return "below the cohort"
        if tpm > 1.0005 * cohort.max():
            return "above the cohort"
        return f"{ordinal(round(self.profiles.percentile(self.gene, tpm)))} percentile"

    def text(self, tpm: float) -> str:
        """Return a level as text: ``17.2 TPM (46th percentile)``."""
        rank = self.rank_text(tpm)
        return f"{tpm_text(tpm)} TPM" + (f" ({rank})" if rank else "")

    def text_after(self, perturbation: Perturbation) -> str:
        """Return the level after a perturbation as text; a percentile is repeated as it was set."""
        after = self.after(perturbation)
        if perturbation.kind == "quantile":
            return f"{tpm_text(after)} TPM ({ordinal(perturbation.amount)} percentile)"
        return self.text(after)

    def step_text(self, tpm: float) -> str:
        """Return a level as a slider shows it."""
        parts = [f"{tpm_text(tpm)} TPM", self.rank_text(tpm), "now" if tpm == self.tpm else ""]
        return " · ".join(filter(None, parts))

    def steps(self, chosen: float) -> list[float]:
        """Return the rising levels of a slider: equal steps of log1p TPM, the present level and the chosen one."""
        top = max(MIN_TOP_TPM, REACH * max(self.tpm, float(self.cohort_tpm().max(initial=0.0))))
        even = np.expm1(np.linspace(0, np.log1p(top), N_STEPS + 1))
        return sorted({*(rounded(tpm, 3) for tpm in even), self.tpm, chosen})


def rounded(tpm: float, n: int = _DIGITS) -> float:
    """Return a level with `n` significant digits: by default those that a perturbation keeps as text."""
    return float(f"{tpm:.{n}g}")
