"""Arrays of a model folder on disk: the weights, and what lies beside them, all of it safetensors.

A weights file has the config, the gene list's hash and a schema version as metadata. Of an embedding it has the first
layer's matrix, and one factor a component: the last layer's is the same, transposed, times the factors.

Loading is strict, maps a file of gigabytes into memory rather than to copy it, and names what is wrong with a file
that does not fit. Nothing in a checkpoint is ever executed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from cellstate.errors import ModelError, summarise_list
from cellstate.files import atomic_write
from cellstate.model.config import ModelConfig

if TYPE_CHECKING:  # torch takes seconds to import, and `numpy_network` reads checkpoints without it
    import numpy as np
    import torch
    from torch import Tensor

    from cellstate.model.network import AutoEncoder

SCHEMA_VERSION = 1
#: Larger files stay mapped to the disk; smaller ones are copied, and safe from what happens to the file.
MAPPED_ABOVE_BYTES = 2**30
#: Largest difference of the two matrices of an embedding, as a share of the largest weight: rounding to bfloat16.
TIED_WITHIN = 0.01
#: What weights may be stored as, in the names of safetensors.
STORED = ("F16", "BF16", "F32", "F64")
MOST_LAYERS = 1000
#: The metadata entry, JSON: schema version, config, gene list hash.
HEADER = "cellstate"
#: Letters of a file or of a library's message that a sentence quotes.
_SHOWN = 100
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
#: Standardisation tensors that a checkpoint carries beside the layers, always float32.
STANDARDISE = ("genes.mean", "genes.scale", "genes.share_tpm")


def save_checkpoint(
    path: Path,
    network: AutoEncoder,
    standardise: dict[str, Tensor],
    gene_hash: str,
    dtype: torch.dtype,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint; it appears whole or not at all.

    Parameters
    ----------
    standardise : dict
        The tensors named by `STANDARDISE`, each of shape (G,).
    dtype : torch.dtype
        Precision of the stored weights.
    weights : mapping, optional
        The network's state where it is not to be asked for it: one that is spread over processes holds only a share.
    """
    import torch
    from safetensors.torch import save_file

    state = network.state_dict() if weights is None else weights
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in state.items()}
    if network.config.embedding:
        last = _last(network.config)
        tensors[f"{last}.factor"] = _factor(tensors["layers.0.weight"], tensors.pop(f"{last}.weight"))
    tensors |= {k: standardise[k].to(torch.float32).contiguous() for k in STANDARDISE}
    header = {
        "schema_version": SCHEMA_VERSION,
        "config": json.loads(network.config.to_json()),
        "gene_hash": gene_hash,
    }
    # One entry: safetensors writes several in random order, and equal models would differ in their checksum.
    metadata = {HEADER: json.dumps(header, sort_keys=True)}
    _write_tensors(path, save_file, tensors, metadata)


def read_header(path: Path) -> tuple[ModelConfig, str]:
    """Return (config, gene list hash) of a checkpoint without reading its weights."""
    if not path.is_file():
        raise ModelError(f"There is no file {path.name} in {path.parent}.", "Name a model folder.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path.name} is truncated or not a safetensors file ({quoted(error)}).", "Copy the model folder again."
        ) from error
    if HEADER not in metadata:
        raise ModelError(f"{path.name} is a safetensors file of another program.", "Name a CellState model folder.")
    try:
        header = json.loads(metadata[HEADER])
        version = header["schema_version"]
        if version != SCHEMA_VERSION:
            raise ModelError(
                f"{path.name} has schema version {quoted(version)}, this CellState reads {SCHEMA_VERSION}.",
                "Update CellState.",
            )
        return ModelConfig.from_dict(dict(header["config"])), header["gene_hash"]
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path.name} has a damaged header.", "Copy the model folder again.") from error


def load_checkpoint(path: Path) -> tuple[AutoEncoder, dict[str, Tensor], str]:
    """Return (network, standardisation tensors, gene list hash); large weights stay mapped to the file.

    Raises
    ------
    ModelError
        When the file is missing, truncated, not from CellState, of another schema, its tensors do not fit its config,
        or its standardisation is not finite. `not_finite` tells whether the weights are.
    """
    import torch

    from cellstate.model.network import AutoEncoder

    config, gene_hash, _ = read_layout(path)
    tensors: dict[str, Tensor] = read_tensors(path, config, "pt")
    # What is mapped changes with the file, and ends the process where that is cut: only weights of gigabytes stay so.
    kept = set(tensors) - set(STANDARDISE) if is_mapped(path) else set()
    tensors = {name: tensor if name in kept else tensor.clone() for name, tensor in tensors.items()}
    standardise = {name: tensors.pop(name) for name in STANDARDISE}
    check_standardise(path, not_finite(standardise.items()), bool((standardise["genes.scale"] <= 0).any()))
    with torch.device("meta"):
        network = AutoEncoder(config)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.requires_grad_(False).eval(), standardise, gene_hash


def read_layout(path: Path) -> tuple[ModelConfig, str, set[str]]:
    """Return (config, gene list hash, types of the weights) of a checkpoint whose tensors are those of its config.

    Raises
    ------
    ModelError
        A tensor that is missing, foreign, of another shape, or of a type that CellState does not compute with.
    """
    config, gene_hash = read_header(path)
    # Half a byte a parameter is less than any precision takes: a config that claims more is not the file's.
    if len(config.widths) > MOST_LAYERS or config.n_parameters > 2 * path.stat().st_size:
        raise ModelError(f"{path.name} is smaller than its config says.", "Copy the model folder again.")
    expected = _shapes(config)
    with safe_open(path, framework="np") as file:
        names = set(file.keys())
        if missing := sorted(set(expected) - names):
            raise ModelError(f"{path.name} lacks {summarise_list(missing)}.", "Copy the model folder again.")
        if foreign := sorted(names - set(expected)):
            listed = summarise_list([quoted(name) for name in foreign])
            raise ModelError(f"{path.name} holds tensors that its config does not name: {listed}.")
        slices = {name: file.get_slice(name) for name in expected}
        for name, shape in expected.items():
            stored = tuple(slices[name].get_shape())
            if stored != shape:
                raise ModelError(f"{path.name}: {name} has shape {quoted(stored)}, its config says {shape}.")
        kinds = {name: one.get_dtype() for name, one in slices.items()}
    if bad := [name for name, kind in kinds.items() if kind not in STORED]:
        listed = summarise_list(bad)
        raise ModelError(f"{path.name}: {listed} is not of a floating-point type that CellState computes with.")
    return config, gene_hash, set(kinds.values())


def read_tensors(path: Path, config: ModelConfig, framework: str) -> dict[str, Any]:
    """Return the tensors of a checkpoint by name, of torch (``pt``) or of numpy (``np``)."""
    with safe_open(path, framework=framework) as file:
        tensors = {name: file.get_tensor(name) for name in _shapes(config)}
    if config.embedding:
        last, first_QG = _last(config), tensors["layers.0.weight"]
        factor_Q1 = tensors.pop(f"{last}.factor")[:, None]
        whole = first_QG.astype("float32") * factor_Q1 if framework == "np" else (first_QG.float() * factor_Q1)
        tensors[f"{last}.weight"] = whole.T if framework == "np" else whole.T.contiguous().to(first_QG.dtype)
    return tensors


def check_standardise(path: Path, not_finite: list[str], not_positive: bool) -> None:
    """Raise ``ModelError`` for a standardisation that is not finite and positive."""
    if not_finite or not_positive:
        raise ModelError(f"{path.name} has a standardisation that is not finite and positive.", "Train it again.")


def _last(config: ModelConfig) -> str:
    return f"layers.{len(config.widths) - 2}"


def _factor(first_QG: Tensor, last_GQ: Tensor) -> Tensor:
    """Return the factors, shape (Q,), with which the last layer of an embedding is the first one transposed."""
    import torch

    first_QG, last_QG = first_QG.float(), last_GQ.float().T
    factor_Q = (first_QG * last_QG).sum(dim=1) / first_QG.square().sum(dim=1).clamp_min(1e-12)
    apart = (first_QG * factor_Q[:, None] - last_QG).abs().max()
    if apart > TIED_WITHIN * last_QG.abs().max():
        raise ModelError("The last layer of an embedding is not the first one transposed.", "Train it with both fixed.")
    return factor_Q.to(torch.float32).contiguous()


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a checkpoint."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (inputs, outputs) in enumerate(zip(config.widths, config.widths[1:], strict=False)):
        shapes |= {f"layers.{layer}.weight": (outputs, inputs), f"layers.{layer}.bias": (outputs,)}
    if config.residual:
        shapes |= {"skip_in.weight": (config.n_latent, config.n_skip)}
        shapes |= {"skip_out.weight": (config.n_skip, config.n_latent)}
    if config.embedding:
        del shapes[f"{_last(config)}.weight"]
        shapes[f"{_last(config)}.factor"] = (config.widths[1],)
    return shapes | dict.fromkeys(STANDARDISE, (config.n_genes,))


def is_mapped(path: Path) -> bool:
    """Return whether weights stay mapped to their file, and are read only where they are used."""
    return path.stat().st_size > MAPPED_ABOVE_BYTES


def not_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Return the names of tensors that hold NaN or an infinite number; one pass over each, and no copy."""
    import torch

    return [name for name, tensor in tensors if not torch.isfinite(torch.stack(tensor.aminmax())).all()]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return every array of a safetensors file by name.

    Raises
    ------
    ModelError
        A damaged file, or one with a type that numpy lacks, such as float8.
    """
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(path.name, error) from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write arrays as a safetensors file, all or nothing.

    Parameters
    ----------
    about : mapping
        One entry of metadata, as in a checkpoint: several are written in random order.
    """
    from safetensors.numpy import save_file

    _write_tensors(path, save_file, dict(arrays), dict(about))


def _write_tensors(path: Path, save_file: Callable[..., None], tensors: dict, metadata: dict[str, str]) -> None:
    """Write a safetensors file, all or nothing; raises ``OSError`` as any other writing does."""
    with atomic_write(path) as partial:
        try:
            save_file(tensors, partial, metadata=metadata)
        except SafetensorError as error:
            # The library hands over the system's error as text.
            if number := _OS_ERROR.search(str(error)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
            raise
        partial.chmod(0o644)


def damaged(name: str, error: object) -> ModelError:
    """Return the sentence about a file of a model folder that does not hold what it should."""
    return ModelError(f"{name} is damaged ({quoted(error)}).", "Copy the model folder again.")


def quoted(found: object) -> str:
    """Return the beginning of what a file holds, or a library says of it, as one line of a sentence."""
    return " ".join(str(found)[:_SHOWN].split())
