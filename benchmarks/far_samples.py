"""Out-of-distribution samples: another tissue, another species, and common mistakes in a table.

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
from cellstate.expression.units import TPM_TOTAL
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
#: A simulated mouse: share of human genes without a mouse gene of the same symbol, SD of log expression between the
#: species (the same in every sample) and beside it. Over the genes that remain, a sample then correlates 0.83 with
#: itself in log1p TPM, about as one organ does between the species.
NO_ORTHOLOG, SPECIES_SD, SAMPLE_SD = 0.18, 1.2, 0.54


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
    missing = without_genes(samples, MISSING, rng)
    return {Stratum.HPA_BRAIN: read_brain(atlas)} | spoilt_samples(samples, rng) | {Stratum.GENES_MISSING: missing}


def spoilt_samples(samples: Samples, rng: np.random.Generator) -> dict[Stratum, Samples]:
    """Return samples with shuffled genes, with counts for TPM, and with a logarithm of a logarithm for TPM."""
    shuffled_SA = samples.tpm_SA.copy()
    for row_A in shuffled_SA:
        measured = np.flatnonzero(~np.isnan(row_A))
        row_A[measured] = row_A[rng.permutation(measured)]
    mass_SA = samples.tpm_SA * gene_axis().length_bp
    counts_SA = rng.poisson(np.nan_to_num(mass_SA / np.nansum(mass_SA, axis=1, keepdims=True) * READS))
    made = {
        Stratum.SHUFFLED_GENES: shuffled_SA,
        Stratum.COUNTS_AS_TPM: np.where(np.isnan(mass_SA), np.nan, counts_SA),
        Stratum.LOG_OF_LOG: np.log1p(np.log2(samples.tpm_SA + 1)),
    }
    return {name: replace(samples, tpm_SA=tpm_SA.astype(np.float32)) for name, tpm_SA in made.items()}


def without_genes(samples: Samples, share: float, rng: np.random.Generator) -> Samples:
    """Return samples of which this share of the genes is missing, others in each sample."""
    hidden_SA = rng.random(samples.tpm_SA.shape) < share
    return replace(samples, tpm_SA=np.where(hidden_SA, np.nan, samples.tpm_SA).astype(np.float32))


def as_mouse(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return what mouse samples look like whose symbols were written in capitals: simulated divergence."""
    is_there_A = rng.random(N_AXIS) >= NO_ORTHOLOG
    species_A = SPECIES_SD * rng.standard_normal(N_AXIS)
    own_SA = SAMPLE_SD * rng.standard_normal(samples.tpm_SA.shape)
    tpm_SA = np.where(is_there_A, samples.tpm_SA * np.exp(species_A + own_SA), np.nan)
    tpm_SA *= TPM_TOTAL / np.nansum(tpm_SA, axis=1, keepdims=True)
    return replace(samples, tpm_SA=tpm_SA.astype(np.float32))


def read_brain(atlas: Path) -> Samples:
    """Read the brain regions of the Human Protein Atlas table."""
    try:
        table = pd.read_csv(atlas, sep="\t", index_col=0, usecols=["GeneID", *BRAIN])
    except (OSError, ValueError) as error:
        raise DataError(f"{atlas} is not the Human Protein Atlas table.", "Give --atlas FILE.") from error
    tpm_SA = sum_genes(table[list(BRAIN)].to_numpy(np.float32).T, gene_axis().resolve(table.index).index)
    return Samples(BRAIN, tpm_SA, np.full(len(BRAIN), np.nan))
