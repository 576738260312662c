"""Tables for download (CSV, Parquet, h5ad), safe to open in a spreadsheet and written atomically."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellstate.errors import CellStateError
from cellstate.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

#: Text that begins with one of these, some in full-width form, is run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
#: Spreadsheets may split text before one of these.
_BREAKS = ("\t", "\r", "\n")
#: Key of `ExportTable.about` in ``uns`` of an h5ad file.
ABOUT = "cellstate"


def escape_formula(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula; return other values unchanged."""
    if not isinstance(value, str) or not (value.startswith(_BREAKS) or value.lstrip().startswith(_FORMULA_STARTS)):
        return value
    return f"'{value}"


def to_csv(frame: pd.DataFrame, *, index: bool = False, sep: str = ",") -> str:
    """Return a table as CSV text, or with another separator, without formulas in cells and headings."""
    import pandas as pd

    safe = frame.copy()
    for position in range(safe.shape[1]):
        if not pd.api.types.is_numeric_dtype(safe.iloc[:, position]):
            safe.isetitem(position, safe.iloc[:, position].astype(object).map(escape_formula))
    safe.columns = pd.Index([escape_formula(name) for name in safe.columns], name=escape_formula(safe.columns.name))
    if index:
        safe.index = pd.Index([escape_formula(name) for name in safe.index], name=escape_formula(safe.index.name))
    return safe.to_csv(index=index, sep=sep, lineterminator="\n")


def write_table(frame: pd.DataFrame, path: Path | str, *, index: bool = False) -> Path:
    """Write a table as CSV (UTF-8) like `write_file`, and return its path."""
    return write_file(to_csv(frame, index=index).encode(), path)


def write_file(data: bytes, path: Path | str) -> Path:
    """Write a file atomically and return its path.

    Raises
    ------
    CellStateError
        When the file cannot be written.
    """
    path = Path(path)
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a pipe or /dev/stdout cannot be replaced
            path.write_bytes(data)
        else:
            with atomic_write(path.resolve(), unique=True) as partial:  # resolved, so that a link stays a link
                partial.write_bytes(data)
    except OSError as error:
        raise CellStateError(f"{path} cannot be written: {error.strerror}.", "Give another path.") from error
    return path


def check_writable(path: Path | str) -> None:
    """Raise ``CellStateError`` if a file cannot be written, to be called before a long computation."""
    path = Path(path)
    if not path.resolve().parent.is_dir():
        raise CellStateError(f"There is no folder {path.parent}.", f"Make it, or write {path.name} to another one.")
    if path.is_dir():
        raise CellStateError(f"{path} is a folder.", "Name a file in it.")
    if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
        raise CellStateError(f"{path} cannot be written: permission denied.", "Give another path.")


@dataclass(frozen=True, eq=False)
class ExportTable:
    """A result table with its context. All formats are made in memory: nothing of a sample is written to disk.

    Attributes
    ----------
    frame : DataFrame
        One row per gene, perturbation, pair or figure.
    key : tuple of str
        Columns that together identify a row.
    value : str
        The most important numeric column; ``X`` of the h5ad.
    about : mapping of str to str
        Context, the same for every row: sample, perturbations, goal, model. Without ``sample``, no sample is named.
    """

    frame: pd.DataFrame
    key: tuple[str, ...]
    value: str
    about: Mapping[str, str] = field(default_factory=dict)

    def csv(self) -> bytes:
        """Return UTF-8 CSV without formulas, with the context in further columns."""
        return to_csv(self._with_context()).encode()

    def parquet(self) -> bytes:
        """Return Parquet with the context in further columns and in pandas' ``attrs``."""
        whole = self._with_context()
        whole.attrs = dict(self.about)
        return whole.to_parquet(index=False, compression="zstd")

    def h5ad(self) -> bytes:
        """Return AnnData with one observation and one variable per row: decimals are layers, other columns ``var``."""
        import anndata
        import h5py
        import pandas as pd

        frame = self.frame.reset_index(drop=True)
        decimals = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
        var = frame.drop(columns=decimals)
        var.columns = var.columns.astype(str)
        for name in var:
            if not pd.api.types.is_numeric_dtype(var[name]):
                var[name] = var[name].fillna("").astype(str).astype(object)
        keys = frame[list(self.key)].astype(str).agg(" ".join, axis=1)
        var.index = pd.Index(_number_repeats(keys), dtype=object)
        annotated = anndata.AnnData(
            X=frame[self.value].to_numpy()[None],
            obs=pd.DataFrame(index=pd.Index([self.about.get("sample") or "sample"], dtype=object)),
            var=var,
            layers={name: frame[name].to_numpy()[None] for name in decimals if name != self.value},
            uns={ABOUT: {**self.about, "X": self.value}},
        )
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            anndata.io.write_elem(file, "/", annotated, dataset_kwargs={"compression": "gzip"})
        return buffer.getvalue()

    def _with_context(self) -> pd.DataFrame:
        return self.frame.assign(**{name: text for name, text in self.about.items() if name not in self.frame})


#: File ending, media type and writer of each format, the most common first.
EXPORT_FORMATS = {
    "CSV": ("csv", "text/csv", ExportTable.csv),
    "Parquet": ("parquet", "application/vnd.apache.parquet", ExportTable.parquet),
    "h5ad": ("h5ad", "application/x-hdf5", ExportTable.h5ad),
}


def _number_repeats(names: pd.Series) -> list[str]:
    """Make names unique by a number after each repeat, as AnnData requires."""
    repeat = names.groupby(names).cumcount()
    return [f"{name}-{n}" if n else name for name, n in zip(names, repeat, strict=True)]
