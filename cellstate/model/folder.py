"""A model folder: weights, genes, measured quality and card, opened as one object.

Shape suffixes: S samples, G genes, L latent.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cellstate.errors import ModelError
from cellstate.expression import GeneSpace
from cellstate.files import sha256
from cellstate.genes import gene_axis
from cellstate.model.checkpoint import STANDARDISE, load_checkpoint, save_checkpoint
from cellstate.model.config import ModelConfig, preset
from cellstate.model.device import DTYPES, dtype_name, pick_device, pick_dtype
from cellstate.model.network import AutoEncoder, initialise
from cellstate.paths import shipped

WEIGHTS, GENES, CONFIG = "model.safetensors", "genes.tsv.gz", "config.json"
METRICS, CARD, HISTORY = "metrics.json", "MODEL_CARD.md", "history.jsonl"
#: Samples that go through a network at once: bounds memory whatever the upload's size.
BATCH = 256


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded network with its genes; shared by all users and never changed.

    Attributes
    ----------
    folder : Path
    config : ModelConfig
    network : AutoEncoder
    space : GeneSpace
    device : torch.device
    dtype : torch.dtype
        Precision of the weights in use.
    gene_table : DataFrame
        ``genes.tsv.gz``: one row a gene, with ``r2_validation`` where the model was trained.
    metrics : dict
        ``metrics.json``, empty for random weights.
    """

    folder: Path
    config: ModelConfig
    network: AutoEncoder
    space: GeneSpace
    device: torch.device
    dtype: torch.dtype
    gene_table: pd.DataFrame
    metrics: dict = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        """Whether the folder holds measured quality; random weights have none."""
        return bool(self.metrics)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return an array on the model's device, in its precision."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, self.dtype)

    def reconstruct(self, z_SG: np.ndarray) -> np.ndarray:
        """Predict standardised log1p TPM from itself, shape (S, G), float32."""
        return self._batched(self.network.forward, z_SG)

    def encode(self, z_SG: np.ndarray) -> np.ndarray:
        """Return latent coordinates, shape (S, L), float32."""
        return self._batched(self.network.encode, z_SG)

    def _batched(self, function, z_SG: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [function(self.tensor(z_SG[i : i + BATCH])).float().cpu() for i in range(0, len(z_SG), BATCH)]
        return torch.cat(parts).numpy()


def default_model_folder() -> Path:
    """Return the folder of the shipped demo model."""
    return shipped("models", "coadread")


def load_model(folder: Path | str | None = None, *, device: str = "auto", dtype: str = "auto") -> Model:
    """Open a model folder.

    Parameters
    ----------
    folder : path, optional
        Default: the shipped demo model.
    device : str
        ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    dtype : str
        ``auto`` (as stored), ``float32``, ``bfloat16``, ``float16``.

    Raises
    ------
    ModelError
        With one sentence about what is missing, damaged or does not belong together.
    """
    folder = Path(folder) if folder is not None else default_model_folder()
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}.", "Give --model DIR.")
    network, standardise, gene_hash = load_checkpoint(folder / WEIGHTS)
    gene_table = _read_genes(folder / GENES)
    space = GeneSpace(tuple(gene_table["ensembl_id"]), *(t.numpy() for t in standardise.values()))
    if space.hash != gene_hash:
        raise ModelError(f"{GENES} is not the gene list of {WEIGHTS}.", "Copy the model folder again.")
    chosen = pick_device(device)
    precision = pick_dtype(dtype, next(network.parameters()).dtype, chosen)
    return Model(
        folder=folder,
        config=network.config,
        network=network.to(chosen, precision),
        space=space,
        device=chosen,
        dtype=precision,
        gene_table=gene_table,
        metrics=_read_json(folder / METRICS),
    )


def save_model(
    folder: Path | str, network: AutoEncoder, space: GeneSpace, gene_table: pd.DataFrame, dtype: torch.dtype
) -> None:
    """Write config, weights and genes of a model folder; metrics and card are the trainer's to add."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (space.mean_G, space.scale_G, space.share_tpm_G)
    standardise = {n: torch.from_numpy(np.array(a, dtype=np.float32)) for n, a in zip(STANDARDISE, arrays, strict=True)}
    save_genes(folder, gene_table)
    save_checkpoint(folder / WEIGHTS, network, standardise, space.hash, dtype)
    (folder / CONFIG).write_text(json.dumps(json.loads(network.config.to_json()), indent=2) + "\n")


def save_genes(folder: Path, gene_table: pd.DataFrame) -> None:
    """Write the gene table of a model folder: one row a gene, in the order of the weights."""
    text = gene_table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.4g")
    (folder / GENES).write_bytes(gzip.compress(text.encode(), mtime=0))


def create_model(folder: Path | str, preset_name: str, *, dtype: str = "float32", seed: int = 0) -> ModelConfig:
    """Write a model folder with random weights of a preset on the whole gene axis (benchmarks, starting points).

    Standardisation is neutral: mean 0, scale 1, every gene the same share of the transcripts.
    """
    if (Path(folder) / WEIGHTS).exists():
        raise ModelError(f"{folder} already holds a model.", "Choose another folder.")
    if dtype not in DTYPES:
        raise ModelError(f"There is no precision {dtype!r}.", f"Use {', '.join(DTYPES)}.")
    config, axis = preset(preset_name), gene_axis()
    network = AutoEncoder(config)
    initialise(network, seed)
    n = len(axis)
    space = GeneSpace(axis.ensembl, np.zeros(n, np.float32), np.ones(n, np.float32), np.full(n, 1e6 / n))
    table = pd.DataFrame({"ensembl_id": axis.ensembl, "symbol": axis.symbol})
    save_model(folder, network, space, table, DTYPES[dtype])
    return config


def weights_sha256(folder: Path) -> str:
    """Return the checksum of a model folder's weights."""
    return sha256(folder / WEIGHTS)


def describe_model(folder: Path | str) -> dict:
    """Return what ``cellstate model show`` prints: parameters, layers, genes, precision, checksum."""
    model = load_model(folder, device="cpu")
    stored = next(load_checkpoint(Path(folder) / WEIGHTS)[0].parameters()).dtype
    pairs = zip(model.config.widths, model.config.widths[1:], strict=False)
    layers = [
        {
            "inputs": a,
            "outputs": b,
            "activation": "linear" if model.network.is_linear(i) else model.config.activation,
            "parameters": a * b + b,
        }
        for i, (a, b) in enumerate(pairs)
    ]
    return {
        "name": model.config.name,
        "n_parameters": model.config.n_parameters,
        "n_latent": model.config.n_latent,
        "layers": layers,
        "genes": len(model.space),
        "dtype": dtype_name(stored),
        "sha256": weights_sha256(model.folder),
        "trained": model.is_trained,
    }


def _read_genes(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep="\t", keep_default_na=True)
        if {"ensembl_id", "symbol"} <= set(table.columns):
            return table
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path.name} is missing or damaged.", "Copy the model folder again.") from error
    raise ModelError(f"{path.name} has no columns ensembl_id and symbol.", "Copy the model folder again.")


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ModelError(f"{path.name} is damaged: {error}.", "Copy the model folder again.") from error
