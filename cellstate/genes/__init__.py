"""The gene axis (19,383 human protein-coding genes) and the resolution of gene names."""

from cellstate.genes.axis import AXIS_VERSION, N_AXIS, GeneTable, gene_list_hash, transcript_genes
from cellstate.genes.resolver import (
    FOUND,
    NOT_FOUND,
    GeneAxis,
    Resolution,
    gene_axis,
    repairable_dates,
    transcription_factors,
)
from cellstate.genes.spreadsheet_dates import symbols_behind_date

__all__ = [
    "AXIS_VERSION",
    "FOUND",
    "NOT_FOUND",
    "N_AXIS",
    "GeneAxis",
    "GeneTable",
    "Resolution",
    "gene_axis",
    "gene_list_hash",
    "repairable_dates",
    "symbols_behind_date",
    "transcript_genes",
    "transcription_factors",
]
