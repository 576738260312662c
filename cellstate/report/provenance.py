"""Provenance of a result: file, weights, versions and device, and the request that produced it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cellstate import __version__
from cellstate.files import sha256
from cellstate.io import ReadOptions
from cellstate.io.write import ExportTable
from cellstate.model.folder import cached_per_model
from cellstate.perturb.perturbations import Perturbation

if TYPE_CHECKING:
    from cellstate.model import Model

#: Packages whose version can change the last digits.
_PACKAGES = ("numpy", "pandas", "torch", "scipy", "safetensors")
#: Files of a model folder that numbers depend on; `metrics.json` holds the calibration.
_NUMBERS = (".safetensors", ".tsv.gz", "config.json", "metrics.json")
_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".gct", ".h5ad", ".sf", ".results", ".tab", ".gz"})


@dataclass(frozen=True)
class SampleFile:
    """One sample of a file.

    Attributes
    ----------
    data : Path or bytes
        The file, or its contents.
    name : str
        Of the file.
    overrides : ReadOptions
        Settings that the user has overridden.
    sample : str
    position, n_samples : int
        Position of the sample in the file, from 0.
    """

    data: Path | bytes
    name: str
    overrides: ReadOptions
    sample: str
    position: int
    n_samples: int

    @property
    def sha256(self) -> str:
        """Checksum of the file as uploaded, compressed or not."""
        return sha256(self.data) if isinstance(self.data, Path) else hashlib.sha256(self.data).hexdigest()

    def contents(self) -> bytes:
        """Return the whole file."""
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data

    @property
    def endings(self) -> str:
        """Endings of the file's name, such as ``.tsv.gz``."""
        kept: list[str] = []
        for ending in reversed(Path(self.name).suffixes):
            if ending.lower() not in _ENDINGS:
                break
            kept.insert(0, ending.lower())
        return "".join(kept)


@dataclass(frozen=True)
class Provenance:
    """Model, device and versions that produced the numbers.

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
        Another number may change the last digits.
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
    """Return the provenance of every number of an opened model."""
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


@dataclass(frozen=True, eq=False)
class Run:
    """A result with the request that produced it: enough to compute it again.

    Attributes
    ----------
    command : str
        ``perturb``, ``screen``, ``pairs`` or ``combine``.
    source : SampleFile
    made : Provenance
    table : ExportTable
        As ``cellstate COMMAND --out`` writes it: whole, unrounded.
    perturbations : sequence of Perturbation
        Of a search: patterns that are tried on each gene.
    predictor : str
    goal : str
        As the command line writes it, without a file; empty for ``perturb``.
    genes : sequence of str, optional
        Ensembl ids of the candidates of a search, of pairs of the first genes; without them, all genes are.
    partners : sequence of str, optional
        The same for the second genes of pairs.
    options : mapping of str to str or number
        Further arguments by name: ``by`` and ``anchor`` (an Ensembl id or None) of pairs, ``max_perturbations`` and
        ``fraction`` of a combination.
    """

    command: str
    source: SampleFile
    made: Provenance
    table: ExportTable
    perturbations: Sequence[Perturbation]
    predictor: str
    goal: str = ""
    genes: Sequence[str] | None = None
    partners: Sequence[str] | None = None
    options: Mapping[str, str | float | None] = field(default_factory=dict)

    @property
    def lists(self) -> dict[str, Sequence[str]]:
        """Gene lists by the name of their option."""
        lists = {"genes": self.genes, "partners": self.partners}
        return {name: genes for name, genes in lists.items() if genes is not None}

    @property
    def name(self) -> str:
        """Name of its table."""
        return {"perturb": "prediction", "combine": "combination"}.get(self.command, self.command)
