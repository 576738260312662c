"""What every process of a run with several does; the first prints what it was told. Tests start it by torchrun."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from cellstate.errors import CellStateError
from tests.unit.train.runs import make_sources, run
from train.batches import StoreSource
from train.config import DataConfig, RunConfig
from train.data import read_store
from train.distributed import distributed_context
from train.warm_start import principal_components

#: Odd last batches, values that are missing, hidden genes and noise: all that could depend on how work is shared.
SETTINGS = {"epochs": 3, "batch_size": 15, "hide": 0.3, "noise": 0.1}
MISSING = 0.1


def told(strategy: str, here, micro_batch: int = 0, **settings) -> dict:
    """Run with one strategy; losses, and the sum of the weights that were handed on."""
    how = RunConfig(strategy=strategy, micro_batch=micro_batch)
    notes, _ = run(make_sources(MISSING), here, how=how, **(SETTINGS | settings))
    return {"losses": notes.losses, "weights": {name: float(w.double().sum()) for name, w in notes.kept.items()}}


def learnt_of(store: str, here) -> dict:
    """What all processes together learn of a store, each reading its share."""
    data = read_store(DataConfig(store=store), 0, here)
    assert isinstance(data.train, StoreSource)
    components_PG, variance_P = principal_components(data.train, len(data.space), 6, here)
    numbers = (data.space.mean_G, data.space.scale_G, data.space.share_tpm_G, data.train.factor_S, variance_P)
    return {"numbers": [float(part.sum()) for part in numbers], "components": components_PG.tolist()}


def threads() -> list[str]:
    """Names of this process's threads, those that are not Python's too, where the system tells."""
    return [name.read_text() for name in Path("/proc/self/job").glob("*/comm")]


def main(store: str) -> None:
    with distributed_context("cpu") as here:
        found: dict = {s: told(s, here) for s in ("ddp", "fsdp")}
        found["ddp in parts"] = told("ddp", here, 2)
        found["fsdp in parts"] = told("fsdp", here, 2)
        found["hidden"] = told("fsdp", here, loss_on="hidden")
        found["tiny batches"] = told("fsdp", here, batch_size=3)
        found["store"] = learnt_of(store, here)
        try:
            here.agree("config", f"of {here.rank}")
        except CellStateError as error:
            found["disagreement"] = str(error)
    found["threads"] = [name for name in threads() if "gloo" in name]
    if here.is_first:
        print(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
