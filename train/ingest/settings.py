"""Settings of an ingest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cellstate.errors import DataError

from .splits import Shares


@dataclass(frozen=True)
class Filters:
    """Which samples are left out, in this order; a value that the source does not have passes."""

    single_cell: float = 0.5
    """ARCHS4's probability that a sample is a single cell must be below: as ARCHS4's own tools decide."""
    library_size: float = 1_000_000
    """Reads over all features of the source, at least; below, weak genes are mostly chance."""
    detected_genes: int = 10_000
    """Genes of the axis above zero, at least. Tissues and cell lines of the Human Protein Atlas have 12,000 and more,
    tumours 15,000; a panel of genes, a degraded or a nearly empty sample has fewer."""
    median_correlation: float = 0.5
    """Pearson correlation of log1p TPM with the cohort's median profile, at least. Human tissues of all kinds lie above
    0.63; small RNA, wrong species and mislabelled assays far below."""

    def __post_init__(self) -> None:
        if not self.single_cell > 0 or not self.library_size >= 0 or self.detected_genes < 1:
            raise DataError(
                "A filter's threshold is out of range.",
                "Single-cell probability is above 0, library size not negative, detected genes 1 or more.",
            )
        if not -1 <= self.median_correlation <= 1:
            raise DataError("A correlation lies between -1 and 1.", "Correct --min-correlation.")

    def measured(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return which samples pass the filters that need no other sample."""
        library_size_S = table["library_size"].to_numpy(np.float64)
        return {
            "library_size": ~(library_size_S < self.library_size),
            "detected_genes": table["detected_genes"].to_numpy() >= self.detected_genes,
        }


@dataclass(frozen=True)
class IngestSettings:
    """How samples become a store."""

    filters: Filters = field(default_factory=Filters)
    duplicate_correlation: float = 0.995
    """Samples whose log1p TPM correlate this much or more are near-duplicates. Two sequencings of one tumour or tissue
    reach 0.995 from about 5 million reads on (0.9985 at 20 million, 0.99 at 2 million); two tumours of one cohort, or
    two tissues, at most 0.984."""
    shares: Shares = field(default_factory=Shares)
    seed: int = 0
    """Decides the splits and the samples that the median profile is learnt from."""

    def __post_init__(self) -> None:
        if not 0.9 <= self.duplicate_correlation <= 1:
            raise DataError(
                "Near-duplicates correlate by 0.9 to 1.", "Correct --duplicates; different samples reach 0.98."
            )
