"""Out-of-distribution samples: another tissue, and common mistakes in a table.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.cohorts.store import sum_genes
from cellstate.errors import DataError
from cellstate.evidence import Stratum
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import Samples

#: Regions of the brain and spinal cord in the Human Protein Atlas table.
BRAIN = (
    "amygdala", "basal ganglia", "cerebellum", "cerebral cortex", "corpus callosum", "hippocampal formation",
    "hypothalamus", "midbrain", "pons and medulla", "spinal cord", "thalamus",
)  # fmt: skip
#: Reads of a library whose counts are taken for TPM.
READS = 20e6
MISSING = 0.3


def far_samples(samples: Samples, atlas: Path, *, seed: int = 0) -> dict[Stratum, Samples]:
    """Return five kinds of out-of-distribution samples, four of them made from real samples.

    Parameters
    ----------
    samples : Samples
        Held-out patients.
    atlas : Path
        ``RNAtableExtended.tsv.gz`` of the Human Protein Atlas.
    """
    rng = np.random.default_rng(seed)
    shuffled_SA, missing_SA = samples.tpm_SA.copy(), samples.tpm_SA.copy()
    for row_A in shuffled_SA:
        measured = np.flatnonzero(~np.isnan(row_A))
        row_A[measured] = row_A[rng.permutation(measured)]
    for row_A in missing_SA:
        row_A[rng.random(N_AXIS) < MISSING] = np.nan
    mass_SA = samples.tpm_SA * gene_axis().length_bp
    counts_SA = rng.poisson(np.nan_to_num(mass_SA / np.nansum(mass_SA, axis=1, keepdims=True) * READS))
    made = {
        Stratum.SHUFFLED_GENES: shuffled_SA,
        Stratum.COUNTS_AS_TPM: np.where(np.isnan(mass_SA), np.nan, counts_SA),
        Stratum.LOG_OF_LOG: np.log1p(np.log2(samples.tpm_SA + 1)),
        Stratum.GENES_MISSING: missing_SA,
    }
    return {Stratum.HPA_BRAIN: read_brain(atlas)} | {
        name: replace(samples, tpm_SA=tpm_SA.astype(np.float32)) for name, tpm_SA in made.items()
    }


def read_brain(atlas: Path) -> Samples:
    """Read the brain regions of the Human Protein Atlas table."""
    try:
        table = pd.read_csv(atlas, sep="\t", index_col=0, usecols=["GeneID", *BRAIN])
    except (OSError, ValueError) as error:
        raise DataError(f"{atlas} is not the Human Protein Atlas table.", "Give --atlas FILE.") from error
    tpm_SA = sum_genes(table[list(BRAIN)].to_numpy(np.float32).T, gene_axis().resolve(table.index).index)
    return Samples(BRAIN, tpm_SA, np.full(len(BRAIN), np.nan))
