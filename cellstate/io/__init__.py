"""Readers of expression files and gene sets, and writers of tables.

`read_samples` detects the format of a file by its content and returns `cellstate.samples.Samples`; a file that cannot
be read raises ``ReadError`` with a message and a hint.
"""

from cellstate.expression.reading import ProgressCallback, ReadOptions
from cellstate.io.containers import pack_files
from cellstate.io.gene_table import GeneTable, read_gene_table
from cellstate.io.gmt import HALLMARK, hallmark_sets, read_gmt
from cellstate.io.preview import Preview, preview_file
from cellstate.io.read import READERS, read_samples, read_selection, split_selection
from cellstate.io.source import load_file
from cellstate.io.write import EXPORT_FORMATS, ExportTable, check_writable, to_csv, write_file, write_table

__all__ = [
    "EXPORT_FORMATS",
    "HALLMARK",
    "READERS",
    "ExportTable",
    "GeneTable",
    "Preview",
    "ProgressCallback",
    "ReadOptions",
    "check_writable",
    "hallmark_sets",
    "load_file",
    "pack_files",
    "preview_file",
    "read_gene_table",
    "read_gmt",
    "read_samples",
    "read_selection",
    "split_selection",
    "to_csv",
    "write_file",
    "write_table",
]
