"""h5ad (AnnData): one matrix of expression values, the observations' names and whatever names the genes best."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellstate.errors import ReadError
from cellstate.io.columns import best_names, names_of, unit_in
from cellstate.io.content import Content
from cellstate.io.table import COLUMNS, MAX_VALUES, Overrides, RawTable, check_size

#: Layers that hold unaltered values, by lower-case name, the most telling first.
_LAYERS = {"tpm": "TPM", "counts": "counts", "raw_counts": "counts", "count": "counts", "raw": "counts"}
_LENGTHS = ("effective_length", "length", "gene_length", "feature_length")
_LOOKED_AT = 100_000


@dataclass(frozen=True)
class Matrix:
    """Where a matrix lies in the file, and the table of its genes."""

    path: str
    var: str = "var"
    hint: str | None = None


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read the counts if the file keeps them, otherwise its main matrix."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content.data), "r") as file:
            return _read(file, content, overrides)
    except ReadError:
        raise
    # A damaged file fails anywhere in h5py, with errors of any kind.
    except Exception as error:
        raise ReadError("The h5ad file is damaged or cut short.", "Write or download it again.") from error


def _read(file: Any, content: Content, overrides: Overrides) -> RawTable:
    from anndata.io import read_elem

    if "obs" not in file or "var" not in file or not ("X" in file or "layers" in file):
        raise ReadError("This HDF5 file is not an h5ad file.", "Write it with AnnData's write_h5ad.")
    for part in ("obs", "var", "X", "layers", "raw"):
        _refuse_traps(file, part)
    matrix = _choose(file)
    check_size(*_shape(file[matrix.path]))
    values_SF = read_elem(file[matrix.path])
    values_SF = np.asarray(values_SF.toarray() if hasattr(values_SF, "toarray") else values_SF, dtype=np.float64)
    obs, var = read_elem(file["obs"]), read_elem(file[matrix.var])
    if values_SF.shape != (len(obs), len(var)):
        raise ReadError("The h5ad file's matrix does not fit its names.", "Write or download it again.")
    candidates = [names_of("var_names", [str(name) for name in var.index])]
    for column in var.columns:
        if not pd.api.types.is_numeric_dtype(var[column]) or "entrez" in str(column).lower():
            candidates.append(names_of(str(column), [str(name) for name in var[column]]))
    names = best_names(candidates, overrides.id_type)
    assert names is not None
    length = next((name for name in _LENGTHS if name in var.columns), None)
    return RawTable(
        values_SF,
        names.ids,
        [str(name) for name in obs.index],
        "h5ad",
        COLUMNS,
        unit_hint=matrix.hint or unit_in(content.stem),
        length_bp=pd.to_numeric(var[length], errors="coerce").to_numpy(np.float64) if length else None,
        warnings=() if matrix.path == "X" else (f"The values are those of {matrix.path!r} in the h5ad file.",),
    )


def _choose(file: Any) -> Matrix:
    layers = {name.lower(): name for name in file["layers"]} if "layers" in file else {}
    for wanted, hint in _LAYERS.items():
        if wanted in layers:
            return Matrix(f"layers/{layers[wanted]}", hint=hint)
    has_x = "X" in file and _shape(file["X"])[1] > 0
    if "raw/X" in file and "raw/var" in file and not (has_x and _is_whole(file["X"])) and _is_whole(file["raw/X"]):
        return Matrix("raw/X", "raw/var")
    return Matrix("X" if "X" in file else f"layers/{next(iter(file['layers']))}")


def _shape(node: Any) -> tuple[int, int]:
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape")) if not hasattr(node, "shape") else node.shape
    if shape is None or len(shape) != 2:
        raise ReadError("The h5ad file has no matrix of expression values.", "Write it with the counts in X.")
    return int(shape[0]), int(shape[1])


def _is_whole(node: Any) -> bool:
    """Whether the first values are whole numbers, as counts are."""
    if hasattr(node, "shape"):
        n_rows = max(1, _LOOKED_AT // max(1, node.shape[1]))
        first = np.asarray(node[:n_rows])
    else:
        first = np.asarray(node["data"][:_LOOKED_AT])
    return bool((first == np.floor(first)).all())


def _refuse_traps(group: Any, name: str) -> None:
    """Refuse what would read other files of this computer, or unfold to more than fits in memory."""
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        return
    node = None if isinstance(link, h5py.ExternalLink) else group[name]
    if node is None or (isinstance(node, h5py.Dataset) and (node.external or node.is_virtual)):
        raise ReadError("The h5ad file refers to other files.", "Write it with AnnData's write_h5ad.")
    if isinstance(node, h5py.Group):
        for child in node:
            _refuse_traps(node, child)
    elif (node.size or 0) > MAX_VALUES:
        raise ReadError("The h5ad file is too large.", "Split it by samples.")
