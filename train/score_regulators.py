"""``python -m train regulators``: what drives every sample of a store, block by block, shared among processes.

    torchrun --nproc-per-node 8 -m train regulators data/stores/archs4 --model human --out regulators

Each block of samples becomes one file that appears whole or not at all, so that an interrupted run continues with the
same command, and memory does not grow with the store. At the end the first process writes how many samples call each
regulator.

Shape suffixes: S samples of a block, T candidate genes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellstate.errors import DataError
from cellstate.files import atomic_write
from cellstate.model import load_model
from cellstate.model.folder import weights_sha256
from cellstate.perturb.regulators.search import FDR, regulators
from cellstate.perturb.sample import prepare_samples
from cellstate.samples import Samples

from .callbacks import ProgressDisplay
from .distributed import DistributedContext, distributed_context
from .store import Store, open_store

#: Samples of one file.
BLOCK = 512
SUMMARY, ABOUT = "recurrence.csv", "about.txt"


def add(commands: Any) -> None:
    """Add the command ``regulators``."""
    words = "what drives every sample of a store; continues an interrupted run, shared by torchrun"
    parser = commands.add_parser("regulators", help=words, description=words)
    parser.add_argument("store", metavar="STORE", help="an ingested store")
    parser.add_argument("--model", default="human", metavar="DIR", help="a model that knows normal tissue")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict:
    """Run the command; the first process answers with the number of samples and the most recurrent regulators."""
    with distributed_context("cpu") as context:
        return score_store(open_store(options.store), options.model, Path(options.out), context)


def score_store(store: Store, model_folder: Path | str, out: Path, context: DistributedContext) -> dict:
    """Rank the regulators of every sample of a store.

    Parameters
    ----------
    out : Path
        Gets ``part-000000.npz`` and so on (``samples``, ``z`` as float16 and ``called``, +1 more and -1 less active at
        FDR 10 %, each of shape (S, T)), ``genes.txt`` with the candidates' Ensembl ids, and ``recurrence.csv``.

    Raises
    ------
    DataError
        A folder with results of another store or model.
    """
    model = load_model(model_folder, device="cpu")
    about = f"store {store.manifest['sha256']}, model {weights_sha256(model.folder)}, blocks of {BLOCK}\n"
    if context.is_first:
        _claim(out, about)
    context.wait()
    starts = range(0, len(store), BLOCK)
    own = range(len(starts))[context.share(len(starts))]
    progress = ProgressDisplay(visible=context.is_first)
    for part in own:
        path = out / f"part-{part:06d}.npz"
        if path.exists():
            continue
        found = regulators(prepare_samples(model, samples_of(store, starts[part])))
        called_ST = np.where(found.fdr_ST <= FDR, np.sign(found.z_ST), 0).astype(np.int8)
        with atomic_write(path) as draft, draft.open("wb") as stream:
            np.savez_compressed(
                stream, samples=np.array(found.samples), z=found.z_ST.astype(np.float16), called=called_ST
            )
        if part == own[0] and context.is_first:
            genes = "".join(f"{model.space.ensembl[g]}\n" for g in found.candidates_T)
            with atomic_write(out / "genes.txt") as draft:
                draft.write_text(genes)
        progress.message(f"regulators: block {part + 1:,} of {len(starts):,}")
    context.wait()
    if not context.is_first:
        return {}
    return _summarise(out, len(starts), model.space.ensembl, model.space.symbols)


def samples_of(store: Store, start: int) -> Samples:
    """Return the samples of the block that starts at a row, whatever their split, in TPM."""
    return store.take(slice(start, start + BLOCK), store.path.name)


def _claim(out: Path, about: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    path = out / ABOUT
    if path.exists():
        if path.read_text() != about:
            raise DataError(f"{out} holds regulators of another store or model.", "Name another folder.")
        return
    if any(out.iterdir()):
        raise DataError(f"{out} is not empty.", "Name a new folder.")
    with atomic_write(path) as draft:
        draft.write_text(about)


def _summarise(out: Path, n_parts: int, ensembl: tuple[str, ...], symbols: tuple[str, ...]) -> dict:
    genes = (out / "genes.txt").read_text().split()
    symbol = dict(zip(ensembl, symbols, strict=True))
    up_T, down_T, sum_T, n = np.zeros(len(genes), int), np.zeros(len(genes), int), np.zeros(len(genes)), 0
    for part in range(n_parts):
        with np.load(out / f"part-{part:06d}.npz", allow_pickle=False) as stored:
            called_ST, z_ST = stored["called"], stored["z"]
        up_T += (called_ST > 0).sum(axis=0)
        down_T += (called_ST < 0).sum(axis=0)
        sum_T += np.nan_to_num(z_ST.astype(np.float64)).sum(axis=0)
        n += len(z_ST)
    table = pd.DataFrame(
        {
            "gene": [symbol[gene] for gene in genes],
            "ensembl_id": genes,
            "n_more_active": up_T,
            "n_less_active": down_T,
            "mean_z": sum_T / max(n, 1),
        }
    )
    table = table.iloc[np.argsort(-(up_T + down_T), kind="stable")]
    with atomic_write(out / SUMMARY) as draft:
        table.to_csv(draft, index=False)
    return {"out": str(out), "samples": n, "regulators": len(genes), "most_recurrent": table["gene"].head(20).tolist()}
