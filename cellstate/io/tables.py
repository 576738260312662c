"""One answer as a table to take along: CSV for a spreadsheet, Parquet and h5ad for code, each saying what it is about.

All three are made in memory: nothing of a sample is written to disk.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from cellstate.io.writers import to_csv

#: Where h5ad's ``uns`` keeps what a table is about.
ABOUT = "cellstate"


@dataclass(frozen=True, eq=False)
class Table:
    """A table and what it is about.

    Attributes
    ----------
    frame : DataFrame
        One row a gene, an edit, a pair or a figure.
    key : tuple of str
        Columns that together name a row.
    value : str
        The column of numbers that matters most: ``X`` of the h5ad.
    about : mapping of str to str
        Sample, edits, goal, model ...: the same in every row. Without ``sample`` the table names none.
    """

    frame: pd.DataFrame
    key: tuple[str, ...]
    value: str
    about: Mapping[str, str] = field(default_factory=dict)

    def csv(self) -> bytes:
        """Return UTF-8 text with what the table is about in columns of its own, and nothing a spreadsheet would run."""
        return to_csv(self._whole()).encode()

    def parquet(self) -> bytes:
        """Return Parquet with what the table is about in columns of its own, and in pandas' ``attrs``."""
        whole = self._whole()
        whole.attrs = dict(self.about)
        return whole.to_parquet(index=False, compression="zstd")

    def h5ad(self) -> bytes:
        """Return AnnData: one observation, one variable a row. Decimals are layers, other columns are in var."""
        import anndata
        import h5py

        frame = self.frame.reset_index(drop=True)
        decimals = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
        var = frame.drop(columns=decimals)
        var.columns = var.columns.astype(str)
        for name in var:
            if not pd.api.types.is_numeric_dtype(var[name]):
                var[name] = var[name].fillna("").astype(str).astype(object)
        var.index = pd.Index(_unique(frame[list(self.key)].astype(str).agg(" ".join, axis=1)), dtype=object)
        obs = pd.DataFrame(index=pd.Index([self.about.get("sample") or "sample"], dtype=object))
        held = anndata.AnnData(
            X=frame[self.value].to_numpy()[None],
            obs=obs,
            var=var,
            layers={name: frame[name].to_numpy()[None] for name in decimals if name != self.value},
            uns={ABOUT: {**self.about, "X": self.value}},
        )
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            anndata.io.write_elem(file, "/", held, dataset_kwargs={"compression": "gzip"})
        return buffer.getvalue()

    def _whole(self) -> pd.DataFrame:
        return self.frame.assign(**{name: text for name, text in self.about.items() if name not in self.frame})


#: File ending, media type and maker of each form, the most common first.
FORMS = {
    "CSV": ("csv", "text/csv", Table.csv),
    "Parquet": ("parquet", "application/vnd.apache.parquet", Table.parquet),
    "h5ad": ("h5ad", "application/x-hdf5", Table.h5ad),
}


def _unique(names: pd.Series) -> list[str]:
    """Number the repeats of a name, as AnnData wants each once."""
    again = names.groupby(names).cumcount()
    return [f"{name}-{n}" if n else name for name, n in zip(names, again, strict=True)]
