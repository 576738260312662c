"""Weights on disk: safetensors with the config, the gene list's hash and a schema version as metadata.

Loading is strict, maps a file of gigabytes into memory rather than to copy it, and names what is wrong with a file
that does not fit. Nothing in a checkpoint is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cellstate.errors import ModelError, summarise_list
from cellstate.files import atomic_write
from cellstate.model.arrays import quoted
from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder

SCHEMA_VERSION = 1
#: Larger files stay mapped to the disk; smaller ones are copied, and safe from what happens to the file.
MAPPED_ABOVE_BYTES = 2**30
#: What weights may be stored as.
STORED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
MOST_LAYERS = 1000
#: The metadata entry, JSON: schema version, config, gene list hash.
HEADER = "cellstate"
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
    state = network.state_dict() if weights is None else weights
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in state.items()}
    tensors |= {k: standardise[k].to(torch.float32).contiguous() for k in STANDARDISE}
    header = {
        "schema_version": SCHEMA_VERSION,
        "config": json.loads(network.config.to_json()),
        "gene_hash": gene_hash,
    }
    # One entry: safetensors writes several in random order, and equal models would differ in their checksum.
    metadata = {HEADER: json.dumps(header, sort_keys=True)}
    with atomic_write(path) as partial:
        save_file(tensors, partial, metadata=metadata)
        partial.chmod(0o644)


def read_header(path: Path) -> tuple[ModelConfig, str]:
    """Return (config, gene list hash) of a checkpoint without reading its weights."""
    if not path.is_file():
        raise ModelError(f"There is no file {path.name} in {path.parent}.", "Name a model folder.")
    try:
        with safe_open(path, framework="pt") as file:
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
        or its standardisation is not finite. Whether the weights are is `not_finite`'s to say.
    """
    config, gene_hash = read_header(path)
    # Half a byte a parameter is less than any precision takes: a config that claims more is not the file's.
    if len(config.widths) > MOST_LAYERS or config.n_parameters > 2 * path.stat().st_size:
        raise ModelError(f"{path.name} is smaller than its config says.", "Copy the model folder again.")
    with torch.device("meta"):
        network = AutoEncoder(config)
    expected = {name: tuple(p.shape) for name, p in network.state_dict().items()}
    expected |= dict.fromkeys(STANDARDISE, (config.n_genes,))
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
        if missing := sorted(set(expected) - names):
            raise ModelError(f"{path.name} lacks {summarise_list(missing)}.", "Copy the model folder again.")
        if foreign := sorted(names - set(expected)):
            told = summarise_list([quoted(name) for name in foreign])
            raise ModelError(f"{path.name} holds tensors that its config does not name: {told}.")
        for name, shape in expected.items():
            stored = tuple(file.get_slice(name).get_shape())
            if stored != shape:
                raise ModelError(f"{path.name}: {name} has shape {quoted(stored)}, its config says {shape}.")
        tensors = {name: file.get_tensor(name) for name in expected}
    # What is mapped changes with the file, and ends the process where that is cut: only weights of gigabytes stay so.
    kept = set(tensors) - set(STANDARDISE) if is_mapped(path) else set()
    tensors = {name: tensor if name in kept else tensor.clone() for name, tensor in tensors.items()}
    if bad := [n for n, t in tensors.items() if t.dtype not in STORED]:
        listed = summarise_list(bad)
        raise ModelError(f"{path.name}: {listed} is not of a floating-point type that CellState computes with.")
    standardise = {name: tensors.pop(name) for name in STANDARDISE}
    if not_finite(standardise.items()) or (standardise["genes.scale"] <= 0).any():
        raise ModelError(f"{path.name} has a standardisation that is not finite and positive.", "Train it again.")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.requires_grad_(False).eval(), standardise, gene_hash


def is_mapped(path: Path) -> bool:
    """Return whether weights stay mapped to their file, and are read only where they are used."""
    return path.stat().st_size > MAPPED_ABOVE_BYTES


def not_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Return the names of tensors that hold NaN or an infinite number; one pass over each, and no copy."""
    return [name for name, tensor in tensors if not torch.isfinite(torch.stack(tensor.aminmax())).all()]
