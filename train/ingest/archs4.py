"""Gene counts as ARCHS4 publishes them (Lachmann et al., Nature Communications 2018): one HDF5 file of all samples.

New files hold ``data/expression`` (genes x samples) with ``meta/genes`` and ``meta/samples``, older ones the genes'
names as ``meta/genes/gene_symbol``, the oldest ``meta/Sample_geo_accession`` and the like; some are samples x genes.

Shape suffixes: S samples of a block, F features of the file, U genes of the axis that the file measures, A all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from cellstate.errors import ReadError
from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import N_AXIS, Resolution, gene_axis

from .matrix import Matrix
from .source import FEWEST_GENES, Block, labels

_GENES = ("ensembl_gene", "ensembl_gene_id", "symbol", "gene_symbol", "genes")
_SAMPLE, _SERIES, _SINGLE_CELL = "geo_accession", "series_id", "singlecellprobability"
#: Descriptive columns of the store, and their names in the file.
_DESCRIPTIONS = {
    "batch": "platform_id",
    "title": "title",
    "source_name": "source_name_ch1",
    "characteristics": "characteristics_ch1",
}
#: Samples that are converted at once, and descriptions read at once: they fit into the processor's cache.
_AT_ONCE, _TEXTS = 32, 50_000
_AGAIN = "Download the human gene-level file of ARCHS4 again."


@dataclass(frozen=True, eq=False)
class Archs4:
    """Samples of one or several ARCHS4 files; see `open_archs4`."""

    files: Sequence[Path]
    opened: Sequence[_File]

    @cached_property
    def _parts(self) -> list[tuple[_File, int, int]]:
        return [(file, *block) for file in self.opened for block in file.matrix.blocks()]

    @property
    def n_parts(self) -> int:
        """Blocks of samples."""
        return len(self._parts)

    @property
    def n_samples(self) -> int:
        """Samples of all files."""
        return sum(file.matrix.n_samples for file in self.opened)

    def read(self, part: int) -> Block:
        """Read one block of samples; raises ``ReadError`` where it is damaged or holds no counts."""
        file, first, end = self._parts[part]
        return file.read(first, end)

    def describe(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add title, source and characteristics, and the platform as batch, where the files have them."""
        described = [file.describe(table.loc[table["source"] == file.label, "position"]) for file in self.opened]
        return table.join(pd.concat(described))


def open_archs4(files: Sequence[Path], single_cell: float) -> Archs4:
    """Open ARCHS4 files; of their samples only the names are read.

    Parameters
    ----------
    single_cell : float
        Samples whose probability of being a single cell is this or more are left out, as are those that an earlier
        file holds too.

    Raises
    ------
    ReadError
        A file that is missing, damaged, of another layout, without series, or without genes of the axis.
    """
    opened: list[_File] = []
    taken = pd.Index([], dtype=object)
    for path, label in zip(files, labels(files), strict=True):
        opened.append(_open(path, label, single_cell, taken))
        taken = taken.append(pd.Index(opened[-1].sample_S))
    return Archs4(tuple(files), tuple(opened))


@dataclass(frozen=True, eq=False)
class _File:
    """One open file.

    Attributes
    ----------
    passes : dict
        For each filter, which samples of the file pass it.
    index_F : ndarray of int
        Position of each feature's gene on the axis, -1 where it has none.
    """

    label: str
    file: Any
    matrix: Matrix
    index_F: np.ndarray
    sample_S: np.ndarray
    series_S: np.ndarray
    single_cell_S: np.ndarray
    passes: dict[str, np.ndarray]

    @cached_property
    def _gene_U(self) -> np.ndarray:
        return np.unique(self.index_F[self.index_F >= 0])

    @cached_property
    def _place_F(self) -> np.ndarray:
        """Position of each feature among the measured genes, -1 where it has none."""
        return np.where(self.index_F >= 0, np.searchsorted(self._gene_U, self.index_F), -1)

    @cached_property
    def _is_repeat_F(self) -> np.ndarray:
        """Whether an earlier feature has the same gene."""
        return pd.Series(self._place_F).duplicated().to_numpy() & (self._place_F >= 0)

    def read(self, first: int, end: int) -> Block:
        """Read the samples from first to end, without those that do not pass the filters."""
        wanted_S, removed = np.ones(end - first, bool), Counter[str]()
        for name, passes_S in self.passes.items():
            removed[name] += int((wanted_S & ~passes_S[first:end]).sum())
            wanted_S &= passes_S[first:end]
        rows = first + np.flatnonzero(wanted_S)
        try:
            counts_US, reads_S = self._counts(first, end, wanted_S)
        except (OSError, RuntimeError) as error:
            raise ReadError(f"{self.label} is damaged or cut short.", _AGAIN) from error
        log1p_SA, detected_S = self._log1p(counts_US)
        table = pd.DataFrame(
            {
                "sample": self.sample_S[rows],
                "series": self.series_S[rows],
                "library_size": reads_S,
                "detected_genes": detected_S,
                "single_cell_probability": self.single_cell_S[rows],
                "source": self.label,
                "position": rows,
            }
        )
        return Block(log1p_SA, table, removed)

    def _counts(self, first: int, end: int, wanted_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return reads by gene, those of several features of a gene summed, and by sample over all features."""
        counts_US = np.zeros((len(self._gene_U), int(wanted_S.sum())), np.float32)
        reads_S = np.zeros(counts_US.shape[1])
        if not wanted_S.any():
            return counts_US, reads_S
        for feature, values_FS in self.matrix.pieces(first, end):
            self._refuse_no_counts(values_FS)
            if not wanted_S.all():
                values_FS = values_FS[:, wanted_S]
            reads_S += values_FS.sum(axis=0, dtype=np.float64)
            here = slice(feature, feature + len(values_FS))
            place_F, again_F = self._place_F[here], self._is_repeat_F[here]
            once = np.flatnonzero((place_F >= 0) & ~again_F)
            counts_US[place_F[once]] = values_FS[once]
            for f in np.flatnonzero(again_F):
                counts_US[place_F[f]] += values_FS[f]
        return counts_US, reads_S

    def _refuse_no_counts(self, values_FS: np.ndarray) -> None:
        kind = values_FS.dtype.kind
        if kind != "u" and not values_FS.min(initial=0) >= 0:
            raise ReadError(f"{self.label} holds negative or missing values, so these are no counts.", _AGAIN)
        if kind == "f" and not (np.isfinite(values_FS) & (values_FS == np.floor(values_FS))).all():
            raise ReadError(f"{self.label} holds values that are no whole numbers, so these are no counts.", _AGAIN)

    def _log1p(self, counts_US: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log1p TPM on the axis and the number of genes above zero, a few samples at a time."""
        n_samples = counts_US.shape[1]
        log1p_SA = np.full((n_samples, N_AXIS), np.nan, np.float16)
        detected_S = np.empty(n_samples, int)
        column_U = slice(None) if len(self._gene_U) == N_AXIS else self._gene_U
        per_base_U = (1 / gene_axis().length_bp[self._gene_U]).astype(np.float32)
        for start in range(0, n_samples, _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            # As `cellstate.samples.counts_to_tpm`, but in place: no count is missing, and no copy is needed.
            tpm_SU = np.ascontiguousarray(counts_US[:, some].T)
            detected_S[some] = np.count_nonzero(tpm_SU, axis=1)
            tpm_SU *= per_base_U
            total_S = tpm_SU.sum(axis=1, dtype=np.float64)
            # A sample without reads stays at 0.
            factor_S = np.divide(TPM_TOTAL, total_S, out=np.zeros_like(total_S), where=total_S > 0)
            tpm_SU *= factor_S.astype(np.float32)[:, None]
            # Beside float16 the plain logarithm is as good as log1p, and several times faster.
            tpm_SU += 1
            log1p_SA[some, column_U] = np.log(tpm_SU, out=tpm_SU)
        return log1p_SA, detected_S

    def describe(self, position: pd.Series) -> pd.DataFrame:
        """Return the descriptions of some samples, with the index of their positions."""
        columns = {name: _find(self.file, f"samples/{key}", f"Sample_{key}") for name, key in _DESCRIPTIONS.items()}
        texts = {
            name: _texts(dataset, position.to_numpy())
            for name, dataset in columns.items()
            if dataset is not None and dataset.shape == self.sample_S.shape
        }
        return pd.DataFrame(texts, index=position.index)


def _open(path: Path, label: str, single_cell: float, taken: pd.Index) -> _File:
    if not path.is_file():
        raise ReadError(f"There is no file {path}.", "Check the name.")
    if not h5py.is_hdf5(path):
        raise ReadError(f"{label} is no HDF5 file.", "For other files: python -m train ingest table FILE...")
    try:
        file = h5py.File(path, "r")
        expression = file.get("data/expression")
        if not isinstance(expression, h5py.Dataset) or expression.ndim != 2 or expression.dtype.kind not in "uif":
            raise ReadError(f"{label} is no ARCHS4 file: it has no matrix data/expression.", _AGAIN)
        genes = _genes(file, label)
        sample_S, series_S, single_cell_S = (_column(file, key) for key in (_SAMPLE, _SERIES, _SINGLE_CELL))
    except (OSError, RuntimeError, KeyError) as error:
        raise ReadError(f"{label} is damaged or cut short.", _AGAIN) from error
    if sample_S is None or not len(sample_S):
        raise ReadError(f"{label} names no samples (meta/samples/geo_accession).", _AGAIN)
    if series_S is None or not any(series_S):
        raise ReadError(
            f"{label} does not state the series of its samples (meta/samples/series_id).",
            "Without series, samples of one experiment could be in training and in test. " + _AGAIN,
        )
    shape = (len(genes.names), len(sample_S))
    if sorted(expression.shape) != sorted(shape) or len(series_S) != len(sample_S):
        n_rows, n_columns = expression.shape
        raise ReadError(
            f"{label} names {shape[0]:,} genes, {shape[1]:,} samples and {len(series_S):,} series for "
            f"{n_rows:,} x {n_columns:,} values.",
            _AGAIN,
        )
    unknown_S = single_cell_S is None or len(single_cell_S) != len(sample_S)
    probability_S = pd.to_numeric(
        pd.Series(np.full(len(sample_S), np.nan) if unknown_S else single_cell_S), errors="coerce"
    ).to_numpy(np.float64)
    name = pd.Index(sample_S)
    return _File(
        label=label,
        file=file,
        matrix=Matrix(expression, samples_first=expression.shape != shape),
        index_F=genes.index,
        sample_S=sample_S,
        series_S=series_S,
        single_cell_S=probability_S,
        passes={"repeated": ~(name.duplicated() | name.isin(taken)), "single_cell": ~(probability_S >= single_cell)},
    )


def _genes(file: Any, label: str) -> Resolution:
    """Resolve the genes by whichever of their names are known best."""
    candidates = [_find(file, f"genes/{name}") for name in _GENES] + [_find(file, "genes")]
    resolved = [gene_axis().resolve(_texts(dataset)) for dataset in candidates if dataset is not None]
    if not resolved:
        raise ReadError(f"{label} does not name its genes (meta/genes).", _AGAIN)
    best = max(resolved, key=lambda genes: int((genes.index >= 0).sum()))
    n_found = len(np.unique(best.index[best.index >= 0]))
    if n_found < FEWEST_GENES:
        raise ReadError(
            f"{label} names {n_found:,} known human protein-coding genes, too few among {len(best.names):,} names"
            + (f" such as {best.names[0][:30]!r}." if best.names else "."),
            f"At least {FEWEST_GENES:,} are needed. " + _AGAIN,
        )
    return best


def _find(file: Any, *paths: str) -> Any:
    """Return the first dataset that is there, of one dimension, below ``meta``."""
    found = (file.get(f"meta/{path}") for path in paths)
    return next((node for node in found if isinstance(node, h5py.Dataset) and node.ndim == 1), None)


def _column(file: Any, key: str) -> np.ndarray | None:
    dataset = _find(file, f"samples/{key}", f"Sample_{key}")
    return None if dataset is None else _texts(dataset)


def _texts(dataset: Any, rows: np.ndarray | None = None) -> np.ndarray:
    """Read texts (or numbers as texts), all or those of some rows, a part at a time."""
    parts = []
    for start in range(0, len(dataset), _TEXTS):
        values = dataset[start : start + _TEXTS]
        if rows is not None:
            values = values[rows[(rows >= start) & (rows < start + _TEXTS)] - start]
        parts.append([v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values])
    return np.array([text.strip() for part in parts for text in part], dtype=object)
