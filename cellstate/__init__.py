"""CellState: virtual gene manipulation on one patient's transcriptome."""

__version__ = "0.1.0"
