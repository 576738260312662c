"""Where an answer comes from: which file, which weights, which versions, on what they ran."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cellstate import __version__
from cellstate.files import sha256
from cellstate.io import ReadOptions
from cellstate.model.cache import cached_per_model

if TYPE_CHECKING:
    from cellstate.model import Model

#: Packages whose version may show in the last digits.
_PACKAGES = ("numpy", "pandas", "torch", "scipy", "safetensors")
#: Files of a model folder that numbers depend on; `metrics.json` holds how a sample's distance is judged.
_NUMBERS = (".safetensors", ".tsv.gz", "config.json", "metrics.json")
_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".gct", ".h5ad", ".sf", ".results", ".tab", ".gz"})


@dataclass(frozen=True)
class Source:
    """One sample of a file.

    Attributes
    ----------
    data : Path or bytes
        The file, or its contents.
    name : str
        Of the file.
    overrides : ReadOptions
        What was decided in the reader's place.
    sample : str
    position, n_samples : int
        Which of how many samples, from 0.
    """

    data: Path | bytes
    name: str
    overrides: ReadOptions
    sample: str
    position: int
    n_samples: int

    @property
    def sha256(self) -> str:
        """Checksum of the file as it was brought, packed or not."""
        return sha256(self.data) if isinstance(self.data, Path) else hashlib.sha256(self.data).hexdigest()

    def contents(self) -> bytes:
        """Return the whole file."""
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data

    @property
    def endings(self) -> str:
        """Endings of the file's name, such as ``.tsv.gz``, and nothing else of the name."""
        kept: list[str] = []
        for ending in reversed(Path(self.name).suffixes):
            if ending.lower() not in _ENDINGS:
                break
            kept.insert(0, ending.lower())
        return "".join(kept)


@dataclass(frozen=True)
class Provenance:
    """What made the numbers.

    Attributes
    ----------
    model : str
        Name of the network, and of its folder.
    folder : str
    trained_on : str
        Empty for random weights.
    n_genes : int
    files : mapping of str to str
        sha256 of each file of the model folder that numbers depend on.
    device, dtype : str
    threads : int
        Of the processor; another number may change the last digits.
    versions : mapping of str to str
    """

    model: str
    folder: str
    trained_on: str
    n_genes: int
    files: Mapping[str, str]
    device: str
    dtype: str
    threads: int
    versions: Mapping[str, str]


@cached_per_model
def provenance(model: Model) -> Provenance:
    """Return what made every number of an opened model."""
    files = sorted(path for path in model.folder.iterdir() if path.name.endswith(_NUMBERS))
    return Provenance(
        model=model.config.name,
        folder=model.folder.name,
        trained_on=model.record.sources[0].name if model.record.sources else "",
        n_genes=len(model.space),
        files={path.name: sha256(path) for path in files},
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        versions={"cellstate": __version__, "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
    )
