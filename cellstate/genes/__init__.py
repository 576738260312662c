"""The gene axis (19,383 human protein-coding genes) and the resolution of gene names."""

from cellstate.genes.axis import (
    AXIS_VERSION,
    FOUND,
    N_AXIS,
    NOT_FOUND,
    GeneAxis,
    Resolution,
    gene_axis,
    gene_list_hash,
    repairable_dates,
    transcript_genes,
    transcription_factors,
)

__all__ = [
    "AXIS_VERSION",
    "FOUND",
    "NOT_FOUND",
    "N_AXIS",
    "GeneAxis",
    "Resolution",
    "gene_axis",
    "gene_list_hash",
    "repairable_dates",
    "transcript_genes",
    "transcription_factors",
]
