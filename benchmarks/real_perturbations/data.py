"""What laboratories measured: experiments with a fold change of every gene, and signatures with lists of genes.

Shape suffixes: A genes of the benchmark's axis.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellstate.errors import DataError
from cellstate.files import resource_path
from cellstate.genes import gene_axis, transcription_factors

#: Environment variable that names the folder of shared data.
FOLDER_VARIABLE = "CELLSTATE_SHARED_DATA"
EXPERIMENTS, SIGNATURES, POOLED = "experiments", "signatures", "pooled"
#: TPM above which a gene counts as expressed: a candidate regulator, and a gene whose change is compared.
CANDIDATE_TPM, COMPARED_TPM = 0.5, 1.0
#: Control TPM of an experiment that does not say it.
_UNKNOWN_TPM = 2.0
#: Genes of a signature that must be left for it to count.
LEAST_GENES = 50


@dataclass(frozen=True, eq=False)
class Experiment:
    """One measured perturbation.

    Attributes
    ----------
    name, target : str
    rise : float
        1 where the target was over-expressed, -1 where it was lost.
    controls : str
        Experiments with the same value share their control samples.
    system : str
        Cell system, without the day of sampling.
    is_recommended : bool
        Whether the experiment is evidence; the others only serve as replicates and as means of a cell system.
    change_A : ndarray of float32, shape (A,)
        Measured log2 fold change; NaN where a gene was not measured.
    tpm_A : ndarray of float32, shape (A,)
        Expression in the control.
    has_tpm : bool
        Whether the control's expression is known.
    """

    name: str
    target: str
    rise: float
    controls: str
    system: str
    is_recommended: bool
    change_A: np.ndarray
    tpm_A: np.ndarray
    has_tpm: bool

    @cached_property
    def compared_A(self) -> np.ndarray:
        """Genes that are measured and expressed, bool, shape (A,)."""
        return ~np.isnan(self.change_A) & (np.nan_to_num(self.tpm_A) > COMPARED_TPM)


@dataclass(frozen=True, eq=False)
class Signature:
    """A perturbation of which only the most changed genes are known, as positions on the axis, the first ones first."""

    name: str
    target: str
    rise: float
    controls: str
    up: np.ndarray
    down: np.ndarray


Item = Experiment | Signature


@dataclass(frozen=True, eq=False)
class Perturbations:
    """Everything that the judge knows.

    Attributes
    ----------
    symbols : tuple of str, length A
    candidates : tuple of str
        Transcription factors and the targets, in the order of the axis.
    experiments : tuple of Experiment
    signatures : tuple of Signature
    spread : mapping of str to float
        Standard deviation of genes over samples: experimenters choose regulators that vary, so a ranking is compared
        with candidates that vary as much. A gene that is not in it is compared with nothing.
    """

    symbols: tuple[str, ...]
    candidates: tuple[str, ...]
    experiments: tuple[Experiment, ...]
    signatures: tuple[Signature, ...]
    spread: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def position(self) -> dict[str, int]:
        """Position of each gene on the axis."""
        return {symbol: a for a, symbol in enumerate(self.symbols)}

    @cached_property
    def recommended(self) -> tuple[Experiment, ...]:
        """Experiments that are evidence."""
        return tuple(e for e in self.experiments if e.is_recommended)

    @cached_property
    def unit_of(self) -> dict[str, int]:
        """Independent unit of each target: targets that share a control, directly or through others, are one unit."""
        items: tuple[Item, ...] = (*self.experiments, *self.signatures)
        return independent_units((item.target, item.controls) for item in items)


def independent_units(items: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Number the sets of targets that hang together by shared controls.

    Parameters
    ----------
    items : iterable of (target, controls)
    """
    items = list(items)
    targets = {name: i for i, name in enumerate(dict.fromkeys(target for target, _ in items))}
    controls = {name: len(targets) + i for i, name in enumerate(dict.fromkeys(controls for _, controls in items))}
    ends = np.array([(targets[t], controls[c]) for t, c in items]).reshape(-1, 2)
    size = len(targets) + len(controls)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    return {target: int(labels[i]) for target, i in targets.items()}


def shared_folder(given: Path | None = None) -> Path:
    """Return the folder of shared data: the given one, the environment's, or the one beside the checkout."""
    if given is not None:
        return given
    return Path(os.environ.get(FOLDER_VARIABLE) or resource_path("..", "shared", "data"))


def needed(path: Path) -> Path:
    """Return a path that is there, or raise ``DataError``."""
    if not path.exists():
        raise DataError(
            f"There is no {path}.", f"Give --data DIR, or set {FOLDER_VARIABLE} to the shared data's folder."
        )
    return path


def read_perturbations(folder: Path) -> Perturbations:
    """Read the benchmark's tables.

    Raises
    ------
    DataError
        When a file is not there.
    """
    changes = pd.read_csv(needed(folder / "log2fc.tsv.gz"), sep="\t", index_col=0)
    tpm = pd.read_csv(needed(folder / "control_tpm.tsv.gz"), sep="\t", index_col=0).reindex(changes.index)
    manifest = pd.read_csv(needed(folder / "manifest.tsv"), sep="\t")
    lists = pd.read_csv(needed(folder / "sets" / "geo_rnaseq_tf_perturbations_human.tsv.gz"), sep="\t")
    symbols = tuple(str(symbol) for symbol in changes.index)
    experiments = tuple(_experiments(manifest, changes, tpm))
    signatures = tuple(_signatures(lists, {symbol: a for a, symbol in enumerate(symbols)}))
    items: tuple[Item, ...] = (*experiments, *signatures)
    targets = {item.target for item in items}
    factors = {gene_axis().symbol[a] for a in transcription_factors()}
    candidates = tuple(symbol for symbol in symbols if symbol in targets | factors)
    return Perturbations(symbols, candidates, experiments, signatures)


def _experiments(manifest: pd.DataFrame, changes: pd.DataFrame, tpm: pd.DataFrame) -> Iterable[Experiment]:
    """Yield single perturbations that have a profile; two genes at once have no one regulator, reverted ones none."""
    for row in manifest.itertuples():
        kind = str(row.kind)
        if row.experiment not in changes or "+" in str(row.genes) or "reverted" in kind:
            continue
        has_tpm = row.experiment in tpm
        level_A = tpm[row.experiment] if has_tpm else pd.Series(_UNKNOWN_TPM, changes.index)
        yield Experiment(
            name=str(row.experiment),
            target=str(row.genes),
            rise=1.0 if "OE" in kind else -1.0,
            controls=str(row.control_group),
            system=str(row.context).partition(", day")[0],
            is_recommended=isinstance(row.recommended, str),
            change_A=changes[row.experiment].to_numpy(np.float32),
            tpm_A=level_A.to_numpy(np.float32),
            has_tpm=has_tpm,
        )


def _signatures(lists: pd.DataFrame, position: dict[str, int]) -> Iterable[Signature]:
    for name, rows in lists.groupby("signature"):
        target, kind = str(rows["target"].iloc[0]), str(rows["kind"].iloc[0]).upper()
        series = next((part for part in str(name).split("_") if part.startswith("GSE")), str(name))
        up, down = (_positions(rows[rows["direction"] == end], position, target) for end in ("up", "down"))
        rise = 1.0 if "OE" in kind or "OVER" in kind else -1.0
        yield Signature(str(name), target, rise, series, up, down)


def _positions(rows: pd.DataFrame, position: dict[str, int], target: str) -> np.ndarray:
    genes: Sequence[str] = rows.sort_values("rank")["gene"].tolist()
    return np.array([position[gene] for gene in genes if gene in position and gene != target], int)
