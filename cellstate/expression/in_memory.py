"""AnnData objects in memory: samples in ``obs``, genes in ``var``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.gene_names import MAX_NAME_COLUMNS, GeneNames, best_names, resolve_names
from cellstate.expression.reading import COLUMNS, RawTable, check_size

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Column of an AnnData's ``obs``: total reads.
LIBRARY_SIZE = "library_size"


def annotated_table(adata: AnnData, layer: str | None = None, unit: str | None = "TPM") -> RawTable:
    """Return the values and names of an AnnData; see `cellstate.samples.Samples.from_anndata`."""
    if getattr(adata, "isbacked", False):
        adata = adata.to_memory()
    check_size(len(adata.obs_names), len(adata.var_names))
    names = _gene_names(adata)
    return RawTable(
        _values(adata, layer),
        names.ids,
        [str(name) for name in adata.obs_names],
        "AnnData",
        COLUMNS,
        reads_S=_library_size(adata.obs) if unit == "TPM" else None,
    )


def _values(adata: AnnData, layer: str | None) -> np.ndarray:
    """Return the values, shape (S, F) of floats; NaN where a value is missing."""
    if layer is not None and layer not in adata.layers:
        there = f"The layers are {summarise_list(list(adata.layers))}." if len(adata.layers) else "It has no layer."
        raise ReadError(f"The AnnData has no layer {layer!r}.", there, code="no_matrix")
    matrix: Any = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        raise ReadError("The AnnData has no X.", "Name one of its layers.", code="no_matrix")
    dense = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    if dense.dtype.kind not in "biuf":
        raise ReadError("The values of the AnnData are no numbers.", "Give counts or TPM.", code="no_values")
    return dense if dense.dtype in (np.float32, np.float64) else dense.astype(np.float64)


def _gene_names(adata: AnnData) -> GeneNames:
    """Return the names of the genes: ``var_names``, or a column of ``var`` that names more genes."""
    columns = [name for name in adata.var.columns if _may_name(str(name), adata.var[name])][:MAX_NAME_COLUMNS]
    candidates = [resolve_names("var_names", [str(name) for name in adata.var_names])]
    candidates += [resolve_names(str(name), adata.var[name].astype(str).tolist()) for name in columns]
    names = best_names(candidates)
    assert names is not None
    return names


def _may_name(name: str, column: pd.Series) -> bool:
    """Return whether a column of ``var`` may hold gene names: text, and numeric Entrez ids."""
    return column.dtype.kind not in "biufc" or "entrez" in name.lower()


def _library_size(obs: pd.DataFrame) -> np.ndarray | None:
    """Return the total reads that `Samples.to_anndata` wrote, shape (S,); None where there are none."""
    if LIBRARY_SIZE not in obs or obs[LIBRARY_SIZE].dtype.kind not in "iuf":
        return None
    return obs[LIBRARY_SIZE].to_numpy(np.float64)
