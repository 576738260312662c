"""Readers of expression files and gene sets, and writers of tables.

`read_samples` detects the format of a file by its content and returns `cellstate.samples.Samples`; a file that cannot
be read raises ``ReadError`` with a message and a hint. Names are imported on first use, because the readers need large
libraries and the writers do not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellstate.io.detect import READERS
    from cellstate.io.gmt import read_gmt
    from cellstate.io.preview import Preview, preview_file
    from cellstate.io.raw_table import ReadOptions
    from cellstate.io.read import read_samples, read_selection, split_selection
    from cellstate.io.source import ProgressCallback
    from cellstate.io.write import EXPORT_FORMATS, ExportTable, check_writable, to_csv, write_file, write_table

__all__ = [
    "EXPORT_FORMATS",
    "READERS",
    "ExportTable",
    "Preview",
    "ProgressCallback",
    "ReadOptions",
    "check_writable",
    "preview_file",
    "read_gmt",
    "read_samples",
    "read_selection",
    "split_selection",
    "to_csv",
    "write_file",
    "write_table",
]

_MODULES = {
    "detect": ("READERS",),
    "gmt": ("read_gmt",),
    "preview": ("Preview", "preview_file"),
    "raw_table": ("ReadOptions",),
    "read": ("read_samples", "read_selection", "split_selection"),
    "source": ("ProgressCallback",),
    "write": ("EXPORT_FORMATS", "ExportTable", "check_writable", "to_csv", "write_file", "write_table"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
