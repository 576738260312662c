"""``python -m train plan``: memory, exchange, time and strategy of a run, before a cluster is asked for it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cellstate.cohorts import open_cohort
from cellstate.errors import DataError
from cellstate.genes import N_AXIS
from train.config import DataConfig, TrainConfig, read_config
from train.plan import Job, Plan, Run, Strategy, hardware, plan
from train.plan.hardware import DEFAULT
from train.plan.time import rates
from train.store import open_store

ASSUMPTIONS = (
    "Programs reach the stated share of each rate of the hardware (train/hardware.toml).",
    "Exchange runs beside computation and slows it by nothing (train/plan/time.py says what can hide where).",
    "Every epoch is trained: patience may end a run earlier.",
)
#: The figures as the table names them, section by section.
SECTIONS = {
    "memory of a device": {
        "weights": "weights", "gradients": "gradients", "optimiser": "optimiser", "state": "together",
        "casts": "low-precision weights", "gathered": "gathered layers", "activations": "activations", "peak": "peak",
    },
    "exchange in a step": {
        "all_reduced": "all-reduced", "all_gathered": "all-gathered", "reduce_scattered": "reduce-scattered",
        "sent": "sent by a rank", "messages": "messages",
    },
    "time of a step": {
        "products": "matrix products of a rank", "forward": "forward", "backward": "backward",
        "optimiser_time": "optimiser", "computing": "computing", "exchanging": "exchanging", "step": "step",
    },
    "the run": {
        "steps": "steps", "epoch": "epoch", "run": "all epochs", "throughput": "throughput",
        "loader": "read for a rank", "loader_node": "read for a node", "checkpoint": "checkpoint",
    },
}  # fmt: skip


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("plan", help="memory, exchange and time of a run on a number of devices")
    parser.add_argument("config", help="a TOML file, see train/configs")
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="devices, one process each (default: 1)")
    parser.add_argument("--gpus-per-node", type=int, default=8, metavar="N", help="devices of a node (default: 8)")
    parser.add_argument(
        "--hardware", default=DEFAULT, metavar="NAME", help=f"an entry of train/hardware.toml (default: {DEFAULT})"
    )
    parser.add_argument(
        "--network", type=float, metavar="GB/S", help="what a node sends, one way, instead of its entry's"
    )
    parser.add_argument(
        "--samples", type=int, metavar="N", help="training samples (default: those of the config's data)"
    )
    parser.add_argument("--genes", type=int, metavar="N", help="genes of the model, where the data decide them")
    parser.add_argument("--json", action="store_true", help="the JSON document alone, without tables")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict:
    """Plan; the tables go to standard error."""
    config = read_config(options.config)
    if min(options.gpus, options.gpus_per_node, options.samples or 1, options.genes or 1) < 1:
        raise DataError("Devices, samples and genes are counted from 1.", "Mend the command line.")
    device = hardware(options.hardware, options.network and 1e9 * options.network)
    genes, notes = _genes(config.data, options.genes)
    samples, validation = _samples(config.data, options.samples)
    job = Job.of(config, genes, options.gpus)
    # A store is read by whole rows of float16; a cohort lies in memory as z of the model's genes.
    row_bytes = 2 * N_AXIS if config.data.store else 4 * genes
    on = Run(device, options.gpus_per_node, samples, validation, config.loop.epochs, row_bytes)
    found = plan(job, on)
    document = {
        "config": Path(options.config).name,
        "model": asdict(job.model) | {"n_parameters": job.n_parameters, "n_trained": job.n_trained},
        "gpus": options.gpus,
        "gpus_per_node": options.gpus_per_node,
        "hardware": asdict(device),
        "samples": samples,
        "validation_samples": validation,
        "assumptions": [*ASSUMPTIONS, *notes],
        "symbols": job.symbols | rates(job, device, options.gpus_per_node),
        "asked": _document(found.asked),
        "strategies": {kind: _document(strategy) for kind, strategy in found.strategies.items()},
        "recommended": found.recommended.settings | {"fits": found.recommended.fits, "why": found.why},
        "as_asked": found.recommended.settings == found.asked.settings,
    }
    if not options.json:
        _show(document, found, config)
    return document


def _genes(data: DataConfig, given: int | None) -> tuple[int, list[str]]:
    if data.genes == "axis":
        return N_AXIS, []
    if given:
        return given, []
    return N_AXIS, [f"The data decide the genes of the model: planned for all {N_AXIS:,}, the most (--genes N)."]


def _samples(data: DataConfig, given: int | None) -> tuple[int, int]:
    """Return training and validation samples."""
    if given:
        return given, 0
    place = Path(data.store or data.cohort)
    if not place.is_dir():
        raise DataError(f"The config's data, {place}, are not there to be counted.", "Say how many: --samples N.")
    splits = (open_store(place) if data.store else open_cohort(place)).manifest["splits"]
    return splits.get("train", 0), splits.get("validation", 0)


def _document(strategy: Strategy) -> dict:
    figures = {name: asdict(figure) for name, figure in strategy.figures.items()}
    return strategy.settings | {"fits": strategy.fits, "figures": figures}


def _show(document: dict, found: Plan, config: TrainConfig) -> None:
    console = Console(stderr=True, highlight=False)
    nodes = math.ceil(document["gpus"] / document["gpus_per_node"])
    hardware = document["hardware"]
    console.print(
        f"{config.network.name}: {document['gpus']} x {hardware['name']} on {nodes} node(s). {hardware['about']}"
    )
    for strategy in found.strategies.values():
        console.print(_table(strategy, alone=document["gpus"] == 1))
    for symbol, meaning in document["symbols"].items():
        console.print(f"  {symbol:9} {meaning}")
    for assumption in document["assumptions"]:
        console.print(f"  assumed: {assumption}")
    console.print(found.why)
    console.print("The config says so already." if document["as_asked"] else _mend(found))


def _mend(found: Plan) -> str:
    asked, better = found.asked.settings, found.recommended.settings
    changes = ", ".join(f"{name} = {_toml(value)}" for name, value in better.items() if value != asked[name])
    return f"In [run] of the config set {changes}."


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


def _table(strategy: Strategy, *, alone: bool) -> Table:
    settings = strategy.settings
    title = "one device" if alone else str(settings["strategy"]).upper()
    table = Table(
        "", "value", "formula", title=f"{title}{'' if strategy.fits else ', does not fit'}", title_justify="left"
    )
    table.columns[1].justify = "right"
    table.columns[1].no_wrap = True
    for section, label, name in _rows(strategy):
        figure = strategy.figures[name]
        if section:
            table.add_section()
            table.add_row(f"[bold]{section}[/]")
        table.add_row(f"  {label}", str(figure), figure.formula)
    return table


def _rows(strategy: Strategy) -> Iterator[tuple[str, str, str]]:
    """Yield (name of a section where one begins, label, figure)."""
    for section, labels in SECTIONS.items():
        begins = section
        for name, label in labels.items():
            if name in strategy.figures:
                yield begins, label, name
                begins = ""
