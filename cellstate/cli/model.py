"""``cellstate model``: random weights of a preset, a summary of a model folder, a list of the folders at hand."""

from __future__ import annotations

import argparse

from cellstate.cli.options import Answer, Commands
from cellstate.files import resource_path


def add(commands: Commands) -> None:
    """Add ``model init``, ``model show`` and ``model list``."""
    models = commands.group("model", "random weights of a preset; a summary of a model folder; a list of folders")
    one = models.add("init", "write random weights of a preset", _init)
    one.add_argument("--preset", required=True, help="poster or demo")
    one.add_argument("--out", required=True, metavar="DIR", help="new model folder")
    one.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    one.add_argument("--seed", type=int, default=0)
    one = models.add("show", "parameters, layers, genes, precision, checksum", _show)
    one.add_argument(
        "folder", nargs="?", metavar="DIR", help="model folder, or the name of a shipped one (default: coadread)"
    )
    one = models.add("list", "model folders: name, parameters, training samples", _list)
    one.add_argument("folder", nargs="?", metavar="DIR", help="folder of model folders (default: the shipped ones)")


def _init(options: argparse.Namespace) -> Answer:
    from cellstate.model import create_model

    config = create_model(options.out, options.preset, dtype=options.dtype, seed=options.seed)
    result = {"path": str(options.out), "preset": options.preset, "n_parameters": config.n_parameters}
    return result, [f"{options.out}: {config.n_parameters:,} random parameters"]


def _show(options: argparse.Namespace) -> Answer:
    from cellstate.model import describe_model
    from cellstate.model.checkpoint import read_header
    from cellstate.model.folder import WEIGHTS, find_folder
    from cellstate.report.narrative.model import architecture

    folder, _ = find_folder(options.folder or options.model)
    result = describe_model(folder) | {"architecture": architecture(read_header(folder / WEIGHTS)[0])}
    lines = [
        f"{result['name']}: {result['n_parameters']:,} parameters, {result['genes']:,} genes, "
        f"{result['n_latent']:,} latent, {result['dtype']}" + ("" if result["trained"] else ", random weights"),
        result["architecture"],
        *(f"  {layer['inputs']:>6,} -> {layer['outputs']:>6,}  {layer['activation']}" for layer in result["layers"]),
        f"sha256 {result['sha256']}",
    ]
    return result, lines


def _list(options: argparse.Namespace) -> Answer:
    from cellstate.model.folder import list_models

    found = list_models(options.folder or resource_path("models"))
    return {"models": found}, [one["problem"] or _line(one) for one in found]


def _line(one: dict) -> str:
    trained_on = ", ".join(one["trained_on"]) or "random weights"
    return f"{one['name']}: {one['n_parameters']:,} parameters, {trained_on} ({one['path']})"
