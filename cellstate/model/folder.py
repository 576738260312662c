"""A model folder: weights, genes, measured quality and card, opened as one object.

Shape suffixes: S samples, G genes, L latent.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from cellstate.errors import ModelError, summarise_list
from cellstate.files import atomic_write, resource_path, sha256
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis, gene_list_hash
from cellstate.model.checkpoint import STANDARDISE, is_mapped, load_checkpoint, not_finite, read_header, save_checkpoint
from cellstate.model.checksums import check_file, check_files
from cellstate.model.config import ModelConfig, preset
from cellstate.model.record import ModelRecord, read_record

if TYPE_CHECKING:  # imported where they are used: `numpy_network` opens a model without torch and pandas
    import pandas as pd
    import torch
    from torch import Tensor

    from cellstate.model.network import AutoEncoder

WEIGHTS, GENES, CONFIG = "model.safetensors", "genes.tsv.gz", "config.json"
CARD, HISTORY = "MODEL_CARD.md", "history.jsonl"
#: Samples that go through a network at once: bounds memory whatever the upload's size.
BATCH = 256
Result = TypeVar("Result")
#: A gene table has five columns and about one megabyte.
_MOST_COLUMNS = 100
_MOST_TABLE_BYTES = 50_000_000


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
    record : ModelRecord
        What the folder says about training, calibration, evaluation and benchmarks; empty for random weights.
    stamp : tuple of int
        What tells the weights file that was opened from another.
    """

    folder: Path
    config: ModelConfig
    network: AutoEncoder
    space: GeneSpace
    device: torch.device
    dtype: torch.dtype
    record: ModelRecord
    stamp: tuple[int, ...]

    @cached_property
    def gene_table(self) -> pd.DataFrame:
        """``genes.tsv.gz``: one row a gene, with ``r2_validation`` where the model was trained."""
        self.check_unchanged()
        return read_genes(self.folder / GENES)

    def check_unchanged(self) -> None:
        """Raise ``ModelError`` where the weights file is not the one that was opened.

        Weights of gigabytes stay mapped to their file, and what lies beside them is read when it is first asked for: a
        folder that was changed meanwhile would end the process, or mix two models. The first call also reads mapped
        weights, as their first use would, and refuses those that are not finite.
        """
        if folder_stamp(self.folder) != self.stamp:
            raise ModelError(
                f"The model folder {self.folder.name} was changed on disk while it was in use.",
                "Start CellState again to use the model that is there now.",
            )
        if self._not_finite:
            raise no_numbers(self._not_finite)

    @cached_property
    def _not_finite(self) -> list[str]:
        if is_mapped(self.folder / WEIGHTS):
            check_file(self.folder, WEIGHTS)
        return not_finite(self.network.named_parameters())

    @property
    def is_trained(self) -> bool:
        """Whether the folder holds measured quality; random weights have none."""
        return self.record.training is not None

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return an array on the model's device, in its precision."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, self.dtype)

    def reconstruct(self, z_SG: np.ndarray) -> np.ndarray:
        """Predict standardised log1p TPM from itself, shape (S, G), float32."""
        return self._batched(self.network.forward, z_SG)

    def encode(self, z_SG: np.ndarray) -> np.ndarray:
        """Return latent coordinates, shape (S, L), float32."""
        return self._batched(self.network.encode, z_SG)

    def decode(self, latent_SL: np.ndarray) -> np.ndarray:
        """Return the standardised log1p TPM that latent coordinates stand for, shape (S, G), float32."""
        return self._batched(self.network.decode, latent_SL)

    def _batched(self, function, z_SG: np.ndarray) -> np.ndarray:
        import torch

        self.check_unchanged()
        with torch.inference_mode():
            parts = [function(self.tensor(z_SG[i : i + BATCH])).float().cpu() for i in range(0, len(z_SG), BATCH)]
        return torch.cat(parts).numpy()


def cached_per_model(compute: Callable[[Model], Result]) -> Callable[[Model], Result]:
    """Keep what a function computes from a model for as long as the model exists.

    The result must not refer to the model, or neither would ever be freed. Threads that ask at once wait for the first.
    """
    cache: WeakKeyDictionary[Model, Result] = WeakKeyDictionary()
    lock = threading.RLock()

    @wraps(compute)
    def cached(model: Model) -> Result:
        with lock:
            if model not in cache:
                cache[model] = compute(model)
            return cache[model]

    return cached


def default_model_folder() -> Path:
    """Return the folder of the model that is used where none is named."""
    return resource_path("models", "coadread")


def shipped_models() -> dict[str, Path]:
    """Return the folders of the models that come with CellState, by name."""
    return {path.parent.name: path.parent for path in sorted(resource_path("models").glob(f"*/{WEIGHTS}"))}


def load_model(folder: Path | str | None = None, *, device: str = "auto", dtype: str = "auto") -> Model:
    """Open a model folder.

    Parameters
    ----------
    folder : path, optional
        A folder, or the name of a shipped model: ``human``, ``coadread``. Default: the shipped colorectal model.
    device : str
        ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    dtype : str
        ``auto`` (as stored), ``float32``, ``bfloat16``, ``float16``.

    Returns
    -------
    Model
        The network on its device, its genes and its record; the same for all users, never changed.

    Raises
    ------
    ModelError
        With one sentence about what is missing, damaged or does not belong together. Weights that are NaN or infinite,
        as stored or in the precision asked for, are refused here; of a file of gigabytes, which stays mapped to the
        disk, only the biases: `Model.check_unchanged` reads its matrices when they are first used.
    """
    from cellstate.model.network import pick_device, pick_dtype

    folder, stamp = find_folder(folder)
    network, standardise, gene_hash = load_checkpoint(folder / WEIGHTS)
    space = read_space(folder, gene_hash, [t.numpy() for t in standardise.values()])
    chosen = pick_device(device)
    precision = pick_dtype(dtype, next(network.parameters()).dtype, chosen)
    model = Model(
        folder=folder,
        config=network.config,
        network=network.to(chosen, precision),
        space=space,
        device=chosen,
        dtype=precision,
        record=read_record(folder),
        stamp=stamp,
    )
    if not is_mapped(folder / WEIGHTS):
        model.check_unchanged()
    elif bad := not_finite((name, p) for name, p in model.network.named_parameters() if p.ndim == 1):
        raise no_numbers(bad)
    return model


def find_folder(folder: Path | str | None) -> tuple[Path, tuple[int, ...]]:
    """Return a model folder, the default one for ``None``, and the stamp of its weights.

    Raises
    ------
    ModelError
        There is none, or a file of it is not the one that was packaged.
    """
    shipped = shipped_models()
    if folder is None:
        folder = default_model_folder()
    elif str(folder) in shipped and not Path(folder).is_dir():
        folder = shipped[str(folder)]
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(
            f"There is no model folder {folder}.", f"Give --model DIR, or the name of one: {', '.join(shipped)}."
        )
    weights = folder / WEIGHTS
    check_files(folder, [WEIGHTS] if weights.is_file() and is_mapped(weights) else [])
    return folder, folder_stamp(folder)


def read_space(folder: Path, gene_hash: str, standardise: Sequence[np.ndarray]) -> GeneSpace:
    """Return the genes of a model folder; raise ``ModelError`` where they are not those of its weights."""
    ensembl = _read_ids(folder / GENES)
    if len(ensembl) != len(standardise[0]) or gene_list_hash(ensembl) != gene_hash:
        raise ModelError(f"{GENES} is not the gene list of {WEIGHTS}.", "Copy the model folder again.")
    return GeneSpace(ensembl, *standardise)


def save_model(
    folder: Path | str,
    network: AutoEncoder,
    space: GeneSpace,
    gene_table: pd.DataFrame,
    dtype: torch.dtype,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write config, weights and genes of a model folder; record and card are the trainer's to add.

    ``weights`` are the network's where it holds only a share of them.
    """
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (space.mean_G, space.scale_G, space.share_tpm_G)
    standardise = {n: torch.from_numpy(np.array(a, dtype=np.float32)) for n, a in zip(STANDARDISE, arrays, strict=True)}
    save_genes(folder, gene_table)
    save_checkpoint(folder / WEIGHTS, network, standardise, space.hash, dtype, weights)
    with atomic_write(folder / CONFIG) as partial:
        partial.write_text(json.dumps(json.loads(network.config.to_json()), indent=2) + "\n")


def save_genes(folder: Path, gene_table: pd.DataFrame) -> None:
    """Write the gene table of a model folder: one row a gene, in the order of the weights."""
    text = gene_table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.4g")
    with atomic_write(folder / GENES) as partial:
        partial.write_bytes(gzip.compress(text.encode(), mtime=0))


def create_model(folder: Path | str, preset_name: str, *, dtype: str = "float32", seed: int = 0) -> ModelConfig:
    """Write a model folder with random weights of a preset on the whole gene axis (benchmarks, starting points).

    Standardisation is neutral: mean 0, scale 1, every gene the same share of the transcripts.
    """
    import pandas as pd

    from cellstate.model.network import DTYPES, AutoEncoder, initialise

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


def list_models(folder: Path | str) -> list[dict]:
    """Return what ``cellstate model list`` prints: every model folder in a folder, by name.

    ``problem`` is the error message of a damaged model folder, which has no other entries, and None of the others.
    """
    folder, found = Path(folder), []
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}.", "Name a folder that holds model folders.")
    for path in sorted(path.parent for path in folder.glob(f"*/{WEIGHTS}")):
        entry: dict = {"path": str(path), "problem": None}
        try:
            config, record = read_header(path / WEIGHTS)[0], read_record(path)
            entry |= {"name": config.name, "n_parameters": config.n_parameters, "n_genes": config.n_genes}
            entry["trained_on"] = [source.name for source in record.sources]
        except ModelError as error:
            entry["problem"] = f"{path.name}: {error.message}"
        found.append(entry)
    return found


def weights_sha256(folder: Path) -> str:
    """Return the checksum of a model folder's weights."""
    return sha256(folder / WEIGHTS)


def describe_model(folder: Path | str) -> dict:
    """Return what ``cellstate model show`` prints: parameters, layers, genes, precision, checksum."""
    from cellstate.model.network import dtype_name

    model = load_model(folder, device="cpu")
    stored = next(load_checkpoint(model.folder / WEIGHTS)[0].parameters()).dtype
    pairs = zip(model.config.widths, model.config.widths[1:], strict=False)
    layers = [
        {
            "inputs": a,
            "outputs": b,
            "activation": "linear" if i in model.network.linear else model.config.activation,
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


def no_numbers(names: list[str]) -> ModelError:
    """Return the error about weights that are not finite."""
    return ModelError(
        f"{WEIGHTS} holds numbers that are not finite: {summarise_list(names)}.",
        "Copy the model folder again, or train it again.",
    )


def folder_stamp(folder: Path) -> tuple[int, ...]:
    """Return what tells one weights file from another without reading it, empty where there is none."""
    try:
        found = (folder / WEIGHTS).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_genes(path: Path) -> pd.DataFrame:
    """Return the gene table of a model folder; raise ``ModelError`` for one that is damaged."""
    import pandas as pd

    try:
        # Python's own reading of numbers: pandas' does not survive every exponent.
        text = io.StringIO(_gene_text(path))
        table = pd.read_csv(text, sep="\t", float_precision="round_trip", low_memory=False)
        return table.astype({"ensembl_id": str, "symbol": str})
    except (ValueError, KeyError, OverflowError) as error:
        raise _damaged_genes(path) from error


def _read_ids(path: Path) -> tuple[str, ...]:
    """Return the Ensembl ids of a gene table, without importing a library for tables."""
    header, *rows = _gene_text(path).rstrip("\n").split("\n")
    column = header.split("\t").index("ensembl_id")
    try:
        return tuple(row.split("\t")[column] for row in rows)
    except IndexError as error:
        raise _damaged_genes(path) from error


def _gene_text(path: Path) -> str:
    try:
        if path.stat().st_size <= _MOST_TABLE_BYTES:
            with gzip.open(path) as file:
                text = file.read(_MOST_TABLE_BYTES + 1)
            columns = text.partition(b"\n")[0].decode().split("\t")
            # For single carriage returns pandas takes all memory, and for thousands of columns minutes.
            fits = len(text) <= _MOST_TABLE_BYTES and b"\r" not in text and len(columns) <= _MOST_COLUMNS
            if fits and {"ensembl_id", "symbol"} <= set(columns):
                return text.decode()
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise _damaged_genes(path) from error
    raise ModelError(f"{path.name} is no table with columns ensembl_id and symbol.", "Copy the model folder again.")


def _damaged_genes(path: Path) -> ModelError:
    return ModelError(f"{path.name} is missing or damaged.", "Copy the model folder again.")
