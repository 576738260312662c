"""Warnings about samples that measure too little: few genes, or few reads."""

from __future__ import annotations

import numpy as np

from cellstate.errors import summarise_list
from cellstate.genes import N_AXIS
from cellstate.samples import Samples

#: Below this a file's coverage of the gene axis is called partial.
FEW_GENES = 15_000
FEW_READS = 1_000_000
FEW_DETECTED = 5_000
#: In a deep sample about a fifth of the detected genes lie below 1 TPM; reads must be many to see them.
_WEAK_TPM, _FEW_WEAK, _MANY_SILENT = 1.0, 0.08, 0.25


def coverage_warnings(samples: Samples) -> list[str]:
    """Say how many genes of the axis the file lacks, if they are many."""
    measured_S = samples.measured_SA.sum(axis=1)
    n_genes = samples.n_measured
    warnings = []
    if n_genes < FEW_GENES:
        warnings.append(
            f"The file measures {n_genes:,} of {N_AXIS:,} genes; the others are treated as missing, not as zero."
        )
    fewer = [name for name, n in zip(samples.names, measured_S, strict=True) if n < 0.95 * n_genes]
    if fewer:
        warnings.append(f"{_these(fewer)} no value for more than one gene in twenty: {summarise_list(fewer)}.")
    return warnings


def _these(names: list[str]) -> str:
    return "1 sample has" if len(names) == 1 else f"{len(names):,} samples have"


def depth_warnings(samples: Samples, from_tpm: bool) -> list[str]:
    """Name the very shallow samples: few reads or, where a file of TPM does not say, few weakly expressed genes seen.

    Parameters
    ----------
    samples : Samples
    from_tpm : bool
        Whether the file holds TPM, so that its weak values are as they were measured.
    """
    measured_S = samples.measured_SA.sum(axis=1)
    few_reads_S = samples.library_size_S < FEW_READS
    # A file of few genes cannot have many detected ones.
    few_detected_S = (samples.detected_genes_S < FEW_DETECTED) & (measured_S > 2 * FEW_DETECTED)
    unsaid_S = from_tpm & np.isnan(samples.library_size_S) & (measured_S > 2 * FEW_DETECTED)
    shallow_S = few_reads_S | few_detected_S | (unsaid_S & _misses_weak_genes(samples))
    names = [name for name, shallow in zip(samples.names, shallow_S, strict=True) if shallow]
    if not names:
        return []
    which = f"Sample {names[0]} is" if len(names) == 1 else f"{len(names):,} samples are"
    listed = "" if len(names) == 1 else f": {summarise_list(names)}"
    return [
        f"{which} very shallow (fewer than {FEW_READS:,} reads or too few weakly expressed genes), "
        f"so weaker genes are mostly chance{listed}."
    ]


def _misses_weak_genes(samples: Samples) -> np.ndarray:
    """Whether many genes are silent and hardly any of the others is weak, as in a sample of few reads."""
    measured_S = np.maximum(samples.measured_SA.sum(axis=1), 1)
    detected_S = np.maximum(samples.detected_genes_S, 1)
    weak_S = np.array([np.count_nonzero((row_A > 0) & (row_A < _WEAK_TPM)) for row_A in samples.tpm_SA])
    return (detected_S < (1 - _MANY_SILENT) * measured_S) & (weak_S < _FEW_WEAK * detected_S)
