"""Quality control of a sample: figures of the library, and their grade.

The limits are those of bulk RNA sequencing of tissue, chosen so that libraries known to be sound are good: the six
example tumours, seventeen samples of cell lines (GSE37704, SRP049988, ERR188021) and four of the six deep hearts of
SRP021193. The other two deep hearts are fair: much mitochondrial RNA, and in one of them much RNA of few genes. The
six shallow hearts (57,000 to 246,000 reads) are poor by reads, detected genes and most highly expressed genes.

Shape suffixes: S samples, A genes of the axis, G genes of a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from cellstate.evaluation.ood import LEAST_MEASURED, OOD_LIMIT
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis
from cellstate.samples import Samples

#: Genes whose fraction of all transcripts is a figure.
N_TOP_GENES = 50


class Grade(StrEnum):
    """Grade of a figure, from best to worst; unknown does not count."""

    UNKNOWN = "unknown"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class Check(StrEnum):
    """Figures of quality control, in the order in which pages show them."""

    OOD_SCORE = "ood_score"
    DETECTED = "n_detected"
    MEASURED = "fraction_measured"
    READS = "n_reads"
    TOP = "fraction_top"
    MITO = "fraction_mito"


@dataclass(frozen=True)
class Limits:
    """A value at least as good as ``good`` is good, at least as good as ``fair`` is fair, and any other is poor."""

    good: float
    fair: float
    higher_is_better: bool = True

    def grade(self, value: float) -> Grade:
        """Return the grade of a value; unknown for NaN."""
        if np.isnan(value):
            return Grade.UNKNOWN
        sign = 1 if self.higher_is_better else -1
        good, fair = sign * value >= sign * self.good, sign * value >= sign * self.fair
        return Grade.GOOD if good else Grade.FAIR if fair else Grade.POOR


LIMITS: Mapping[Check, Limits] = {
    # In robust SDs of held-out patients.
    Check.OOD_SCORE: Limits(2.0, OOD_LIMIT, higher_is_better=False),
    # Sound libraries detect 14,072 to 16,489 genes of the axis, the shallow hearts at most 9,869.
    Check.DETECTED: Limits(14_000, 10_000),
    # Three of the tumours (Illumina GA) measure 92% of the model's genes.
    Check.MEASURED: Limits(0.95, LEAST_MEASURED),
    # About ten of ten million reads count a gene at 1 TPM, so its level is known to about a third.
    Check.READS: Limits(10_000_000, 1_000_000),
    # Tumours and cell lines have 14% to 33% of their transcripts in the top genes, deep hearts 39% to 53%, and shallow
    # ones 92% to 94%.
    Check.TOP: Limits(0.5, 0.7, higher_is_better=False),
    # Cell lines have 8% to 18% of their transcripts in mitochondrial genes, deep hearts 22% to 41%. The files of the
    # tumours hold none of these genes.
    Check.MITO: Limits(0.35, 0.6, higher_is_better=False),
}


def qc_figures(samples: Samples, space: GeneSpace) -> list[dict[Check, float]]:
    """Return the figures of each sample, without its OOD score.

    Reads are NaN where the file does not give them. The mitochondrial fraction is left out where the file measures no
    mitochondrial gene.
    """
    found = []
    for tpm_A, reads in zip(samples.tpm_SA, samples.library_size_S, strict=True):
        known_A = ~np.isnan(tpm_A)
        value_A = np.where(known_A, tpm_A, 0.0).astype(np.float64)
        total, mito = float(value_A.sum()) or 1.0, _mitochondrial()
        figures = {
            Check.DETECTED: float(np.count_nonzero(value_A)),
            Check.MEASURED: float(known_A[space.axis_index_G].mean()),
            Check.READS: float(reads),
            Check.TOP: float(np.partition(value_A, -N_TOP_GENES)[-N_TOP_GENES:].sum()) / total,
        }
        if known_A[mito].any():
            figures[Check.MITO] = float(value_A[mito].sum()) / total
        found.append(figures)
    return found


def with_ood_score(figures: Mapping[Check, float], score: float | None) -> dict[Check, float]:
    """Return figures with the OOD score first; NaN stands for a model without calibration."""
    return {Check.OOD_SCORE: float("nan") if score is None else score, **figures}


def grades(figures: Mapping[Check, float]) -> dict[Check, Grade]:
    """Return the grade of each figure."""
    return {check: LIMITS[check].grade(value) for check, value in figures.items()}


def worst(found: Iterable[Grade]) -> Grade:
    """Return the worst of some grades; unknown for none."""
    return max(found, key=list(Grade).index, default=Grade.UNKNOWN)


@lru_cache(maxsize=1)
def _mitochondrial() -> np.ndarray:
    """Axis positions of the 13 protein-coding genes of the mitochondrial genome."""
    return np.flatnonzero([symbol.startswith("MT-") for symbol in gene_axis().symbol])
