"""A synthetic profile that is written in every format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import gene_axis
from cellstate.samples import Samples


@dataclass(frozen=True)
class Profile:
    """Three samples over 3,000 genes of the axis: names of each kind, TPM, counts and lengths."""

    positions: np.ndarray
    tpm_SF: np.ndarray
    counts_SF: np.ndarray
    length_bp: np.ndarray
    samples: tuple[str, ...] = ("tumour A", "tumour B", "normal")

    def names(self, kind: str) -> list[str]:
        """Gene names as ``ensembl``, ``symbol`` or ``entrez``."""
        listed = getattr(gene_axis(), kind)
        return [listed[i] for i in self.positions]

    def frame(self, values_SF: np.ndarray, kind: str = "ensembl") -> pd.DataFrame:
        """Genes in rows, samples in columns."""
        return pd.DataFrame(
            values_SF.T.copy(), index=pd.Index(self.names(kind), name="gene"), columns=list(self.samples)
        )

    def assert_same(self, samples: Samples, rtol: float = 1e-3, names: tuple[str, ...] | None = None) -> None:
        """Compare samples that were read with this profile; no other gene is measured."""
        assert samples.names == (self.samples if names is None else names)
        np.testing.assert_allclose(samples.tpm_SA[:, self.positions], self.tpm_SF[: len(samples)], rtol, atol=0.02)
        assert samples.measured_SA.sum() == len(samples) * len(self.positions)


@pytest.fixture(scope="session")
def profile() -> Profile:
    """A profile whose counts are exact, so that TPM follow from them."""
    axis, rng = gene_axis(), np.random.default_rng(7)
    usable = np.flatnonzero([bool(entrez) for entrez in axis.entrez])
    positions = np.sort(rng.choice(usable, 3000, replace=False))
    length_bp = axis.length_bp[positions]
    share_F = rng.lognormal(0.0, 2.0, 3000) * (rng.random(3000) > 0.2)
    rate_SF = share_F * rng.lognormal(0.0, 0.3, (3, 3000))
    reads_SF = rate_SF * length_bp
    counts_SF = rng.poisson(reads_SF * 3e6 / reads_SF.sum(axis=1, keepdims=True)).astype(float)
    per_base_SF = counts_SF / length_bp
    tpm_SF = per_base_SF * TPM_TOTAL / per_base_SF.sum(axis=1, keepdims=True)
    return Profile(positions, tpm_SF, counts_SF, length_bp)
