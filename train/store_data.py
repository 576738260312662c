"""The samples of a store, which need not fit into memory: everything is learnt by reading it block by block.

Shape suffixes: S samples, G genes, A genes of the axis, B samples of a block.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from cellstate.gene_space import GeneSpace, align
from cellstate.samples import Samples
from train.config import DataConfig
from train.data import TrainingData, choose_genes, gene_table, space_of
from train.distributed import World
from train.source import StoreSource, mapped
from train.store import Store, open_store

#: Training samples in memory for the rivals, and samples of each other split for calibration and evaluation.
IN_MEMORY = 2000
_BLOCK = 256


def read_store(config: DataConfig, seed: int, world: World) -> TrainingData:
    """Choose genes and learn the standardisation from all training samples of a store, shared among the processes.

    Two passes: the first counts and sums TPM, the second has the scale of every sample and sums log1p TPM.
    """
    store = open_store(config.store)
    rows = {split: store.rows(split) for split in ("train", "validation")}
    own = rows["train"][world.share(len(rows["train"]))]

    counts = np.zeros((3, store.log1p_SA.shape[1]))
    for _, log1p_BA in _blocks(store, own):
        measured_BA = ~np.isnan(log1p_BA)
        tpm_BA = np.where(measured_BA, np.expm1(log1p_BA), 0)
        counts += [measured_BA.sum(axis=0), (tpm_BA > 0).sum(axis=0), tpm_BA.sum(axis=0, dtype=np.float64)]
    n_measured_A, n_detected_A, sum_A = _total(counts, world)
    index_G = choose_genes(n_measured_A, n_detected_A, len(rows["train"]), config)
    n_G = n_measured_A[index_G]
    share_G = sum_A[index_G] / np.maximum(n_G, 1)

    scales = {split: _scales(store, rows[split], index_G, share_G, world) for split in rows}
    sums = np.zeros((2, len(index_G)))
    factor_S = scales["train"][0][world.share(len(rows["train"]))]
    for at, log1p_BA in _blocks(store, own):
        log1p_BG = np.log1p(np.expm1(log1p_BA[:, index_G]) * factor_S[at, None])
        value_BG = np.nan_to_num(log1p_BG, nan=0.0).astype(np.float64)
        sums += [value_BG.sum(axis=0), (value_BG**2).sum(axis=0)]
    sum_G, square_G = _total(sums, world)
    mean_G = sum_G / np.maximum(n_G, 1)
    sd_G = np.sqrt(np.maximum(square_G / np.maximum(n_G, 1) - mean_G**2, 0))
    space = space_of(index_G, share_G, mean_G, sd_G, n_G > 0)

    names = store.table["sample"].astype(str).to_numpy()
    source = {
        split: StoreSource(
            mapped(store.log1p_SA), rows[split], *scales[split][:1], space, scales[split][1], names[rows[split]]
        )
        for split in rows
    }
    samples = {s: store.split(s, IN_MEMORY, seed) for s, n in store.manifest["splits"].items() if n}
    tpm_SG = align(samples["train"], space).tpm_SG
    return TrainingData(
        space,
        source["train"],
        source["validation"],
        space.standardise(tpm_SG),
        _z(samples["validation"], space),
        np.empty((0, len(space)), np.float32),
        gene_table(space, np.median(np.nan_to_num(tpm_SG), axis=0), sd_G),
        n_G == 0,
        samples,
        {"trained_on": _about(store), "also_trained_on": [], "store_sha256": store.manifest["sha256"]},
    )


def _blocks(store: Store, rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (which of the rows, their log1p TPM, shape (B, 19383), float32)."""
    for start in range(0, len(rows), _BLOCK):
        at = slice(start, start + _BLOCK)
        yield at, store.log1p_SA[rows[at]].astype(np.float32)


def _scales(
    store: Store, rows: np.ndarray, index_G: np.ndarray, share_G: np.ndarray, world: World
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each sample's TPM are multiplied by, as `cellstate.gene_space.align` does, and its measured genes."""
    found = np.zeros((2, len(rows)))
    own = world.share(len(rows))
    for at, log1p_BA in _blocks(store, rows[own]):
        log1p_BG = log1p_BA[:, index_G]
        measured_BG = ~np.isnan(log1p_BG)
        total_B = np.nansum(np.expm1(log1p_BG), axis=1, dtype=np.float64)
        # A sample without expression in these genes stays at 0.
        found[0, own][at] = np.divide(measured_BG @ share_G, total_B, out=np.zeros_like(total_B), where=total_B > 0)
        found[1, own][at] = measured_BG.sum(axis=1)
    factor_S, n_measured_S = _total(found, world)
    return factor_S.astype(np.float32), n_measured_S.astype(np.int64)


def _total(values: np.ndarray, world: World) -> np.ndarray:
    return world.total(torch.from_numpy(values).to(world.device)).cpu().numpy()


def _z(samples: Samples, space: GeneSpace) -> np.ndarray:
    return space.standardise(align(samples, space).tpm_SG)


def _about(store: Store) -> dict:
    """What a model must say of a store that it learnt from."""
    keys = ("name", "sources", "licence", "attribution", "filters", "splits")
    return {"name": store.path.name} | {key: store.manifest[key] for key in keys if key in store.manifest}
