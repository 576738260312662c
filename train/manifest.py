"""``python -m train manifest``: which samples a store holds, and which of them trained a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from cellstate.errors import DataError, ModelError, summarise_list
from cellstate.io.write import write_file, write_table
from cellstate.model.record import read_record

from .store import SPLITS, open_store

#: Samples that are listed in the answer; a file takes all.
LISTED = 20


def add(commands: Any) -> None:
    """Add the command ``manifest``."""
    parser = commands.add_parser("manifest", help="which samples are in a store, and which trained a model")
    parser.add_argument("store", metavar="STORE", help="folder of a store")
    parser.add_argument("--model", metavar="DIR", help="a model folder: did this store train it?")
    parser.add_argument("--split", choices=SPLITS, help="only this split")
    parser.add_argument("--sample", metavar="NAME", help="only this sample")
    parser.add_argument("--out", metavar="FILE", help="write all of them, as .csv or .parquet")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict:
    """Run the command; the first samples are listed, all of them written to ``--out``."""
    store = open_store(options.store)
    answer: dict[str, Any] = {"store": str(store.path), "sha256": store.manifest["sha256"]}
    table = store.table
    if options.sample is not None:
        table = _sample(table, options.sample)
    if options.split:
        table = table[table["split"] == options.split]
    if options.model:
        trained = _store_of(Path(options.model)) == store.manifest["sha256"]
        table = table.assign(role=table["split"].map(_ROLES) if trained else "none")
        answer |= {"model": options.model, "trained_on_this_store": trained, "answer": _sentence(table, trained)}
    if options.out:
        _write(table, Path(options.out))
        answer["out"] = options.out
    counts = {split: int((table["split"] == split).sum()) for split in SPLITS}
    first = table.head(LISTED).astype(object)
    listed = first.where(first.notna(), None).to_dict("records")
    return answer | {"n_samples": len(table), "splits": counts, "filters": store.manifest["filters"], "samples": listed}


#: What the samples of each split were to a model that the store trained.
_ROLES = {"train": "trained it", "validation": "chose when to stop", "test": "never seen"}


def _sample(table: pd.DataFrame, name: str) -> pd.DataFrame:
    found = table[table["sample"] == name]
    if found.empty:
        raise DataError(
            f"The store has no sample {name!r}.", f"Its samples are {summarise_list(list(table['sample']))}."
        )
    return found


def _store_of(model: Path) -> str | None:
    """Return the checksum of the store that trained a model, None where none did."""
    training = read_record(model).training
    if training is None:
        raise ModelError(f"{model} holds no trained model.", "Name a model folder with metrics.json.")
    return training.store_sha256


def _sentence(table: pd.DataFrame, trained: bool) -> str:
    if not trained:
        return "This store did not train this model: the model names another store, or none."
    roles = table["role"].value_counts()
    counts = [f"{roles[role]:,} {role}" for role in _ROLES.values() if role in roles]
    return f"Of these samples, {', '.join(counts)}."


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        write_table(table, path)
    elif path.suffix == ".parquet":
        write_file(table.to_parquet(index=False), path)
    else:
        raise DataError(f"{path.name} is no kind of table that can be written.", "Write .csv or .parquet.")
