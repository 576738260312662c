"""The level of one gene in one sample, beside the model's cohort: words and steps of a slider. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.formatting import digits
from cellstate.model.profiles import Profiles
from cellstate.perturb.perturbations import ordinal
from cellstate.perturb.sample import PreparedSample

#: Steps of a slider over levels, equal on the log1p scale.
STEPS = 60
#: A slider reaches so many times the highest level of the cohort and of this sample, and at least so many TPM.
REACH, LEAST_TOP = 2.0, 10.0
#: Digits that an edit's amount keeps when it is written out.
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
        Level in the sample, on the cohort's scale; the model's own prediction where it was not measured.
    measured : bool
    profiles : Profiles or None
        The model's cohort.
    """

    gene: int
    symbol: str
    tpm: float
    measured: bool
    profiles: Profiles | None

    @classmethod
    def of(cls, patient: PreparedSample, gene: int, profiles: Profiles | None) -> GeneLevel:
        """Return a gene of a patient."""
        symbol = patient.model.space.symbols[gene]
        return cls(gene, symbol, rounded(float(patient.tpm_G[gene])), bool(patient.measured_G[gene]), profiles)

    def cohort_tpm(self) -> np.ndarray:
        """Return the gene's levels in the cohort, shape (S,), float64; empty where there is none."""
        return np.zeros(0) if self.profiles is None else np.expm1(self.profiles.log1p_S(self.gene))

    def place(self, tpm: float) -> str:
        """Say where a level stands in the cohort; empty where there is none."""
        if self.profiles is None:
            return ""
        cohort = self.cohort_tpm()
        # Half a per mille, so that rounding takes no level of the cohort out of it.
        if tpm < 0.9995 * cohort.min():
            return "below the cohort"
        if tpm > 1.0005 * cohort.max():
            return "above the cohort"
        return f"{ordinal(round(self.profiles.percentile(self.gene, tpm)))} percentile"

    def told(self, tpm: float) -> str:
        """Return a level in words: ``17.2 TPM (46th percentile)``."""
        place = self.place(tpm)
        return f"{tpm_text(tpm)} TPM" + (f" ({place})" if place else "")

    def mark(self, tpm: float) -> str:
        """Return a level as a slider shows it."""
        parts = [f"{tpm_text(tpm)} TPM", self.place(tpm), "now" if tpm == self.tpm else ""]
        return " · ".join(filter(None, parts))

    def steps(self, chosen: float) -> list[float]:
        """Return the levels of a slider, rising: equal steps of log1p TPM, the present level and the chosen one."""
        top = max(LEAST_TOP, REACH * max(self.tpm, float(self.cohort_tpm().max(initial=0.0))))
        even = np.expm1(np.linspace(0, np.log1p(top), STEPS + 1))
        return sorted({*(rounded(tpm, 3) for tpm in even), self.tpm, chosen})


def rounded(tpm: float, n: int = _DIGITS) -> float:
    """Return a level with so many digits: by default those that an edit keeps when it is written out."""
    return float(f"{tpm:.{n}g}")


def tpm_text(tpm: float) -> str:
    """Return a level as it would be said: ``0``, ``0.00123``, ``17.24``, ``12,345``."""
    return f"{tpm:,.0f}" if tpm >= 1000 or not tpm else digits(tpm, 4)
