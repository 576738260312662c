"""Commands about models, cohorts and the app."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from cellstate.cli.answer import Answer
from cellstate.cli.commands import Commands
from cellstate.resources import resource_path


def add(commands: Commands) -> None:
    """Add ``model init``, ``model show``, ``data get`` and ``app``."""
    models = commands.group("model", "random weights of a preset; a summary of a model folder")
    one = models.add("init", "write random weights of a preset", _model_init)
    one.add_argument("--preset", required=True, help="poster or demo")
    one.add_argument("--out", required=True, metavar="DIR", help="new model folder")
    one.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    one.add_argument("--seed", type=int, default=0)
    one = models.add("show", "parameters, layers, genes, precision, checksum", _model_show)
    one.add_argument("folder", nargs="?", metavar="DIR", help="model folder (default: the shipped demo model)")

    cohorts = commands.group("data", "public cohorts")
    one = cohorts.add("get", "fetch, check and store a cohort", _data_get)
    one.add_argument("cohort", choices=["coadread", "hpa"], help="colorectal tumours; tissues and cell lines")
    one.add_argument("--out", metavar="DIR", help="folder of the stored cohort (default: data/cohorts/NAME)")
    one.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="what is on disk already: the wheel of TumorDecon 1.1.1, or RNAtableExtended.tsv.gz",
    )

    one = commands.add("app", "serve the web app", _app)
    one.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8501")))


def _model_init(options: argparse.Namespace) -> Answer:
    from cellstate.model import create_model

    config = create_model(options.out, options.preset, dtype=options.dtype, seed=options.seed)
    result = {"path": str(options.out), "preset": options.preset, "n_parameters": config.n_parameters}
    return result, [f"{options.out}: {config.n_parameters:,} random parameters"]


def _model_show(options: argparse.Namespace) -> Answer:
    from cellstate.model import describe_model
    from cellstate.model.checkpoint import read_header
    from cellstate.model.folder import WEIGHTS, default_model_folder
    from cellstate.report.narrative.model import architecture

    folder = Path(options.folder or options.model or default_model_folder())
    result = describe_model(folder) | {"architecture": architecture(read_header(folder / WEIGHTS)[0])}
    lines = [
        f"{result['name']}: {result['n_parameters']:,} parameters, {result['genes']:,} genes, "
        f"{result['n_latent']:,} latent, {result['dtype']}" + ("" if result["trained"] else ", random weights"),
        result["architecture"],
        *(f"  {layer['inputs']:>6,} -> {layer['outputs']:>6,}  {layer['activation']}" for layer in result["layers"]),
        f"sha256 {result['sha256']}",
    ]
    return result, lines


def _data_get(options: argparse.Namespace) -> Answer:
    from cellstate.cohorts import get_coadread, get_hpa

    get = {"coadread": get_coadread, "hpa": get_hpa}[options.cohort]
    out = options.out or f"data/cohorts/{options.cohort}"
    cohort = get(out, source=options.source, say=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "n_genes", "sha256", "splits", "source", "licence", "attribution")
    result = {"path": str(cohort.path)} | {key: cohort.manifest[key] for key in keys if key in cohort.manifest}
    return result, [f"{cohort.path}: {result['n_samples']} samples, {result['n_genes']:,} genes"]


def _app(options: argparse.Namespace) -> Answer:

    entry = resource_path("app.py")
    # Streamlit reads .streamlit/config.toml of the folder in which it starts.
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", str(options.port)]
    environment = os.environ | ({"CELLSTATE_MODEL": str(Path(options.model).resolve())} if options.model else {})
    status = subprocess.call(command, cwd=entry.parent, env=environment)
    return {"status": status}, []
