"""``cellstate doctor``: versions, device, memory and models of this installation, and a knock-out by each model."""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from cellstate import __version__
from cellstate.cli.options import Answer, Commands
from cellstate.errors import CellStateError
from cellstate.extras import EXTRAS, missing_modules
from cellstate.files import CHECKSUMS, resource_path

if TYPE_CHECKING:
    from cellstate.model import Model
    from cellstate.perturb.predict import Prediction
    from cellstate.samples import Samples

NEEDED = ("torch", "numpy")
PACKAGES = (*NEEDED, "streamlit")
#: The app takes 0.9 GB with both shipped models in use (benchmarks/RESULTS.md, app).
NEEDED_BYTES = 1_000_000_000
_MEMINFO = Path("/proc/meminfo")
_INSTALL = "Install CellState and its requirements again."


def add(commands: Commands) -> None:
    """Add the command."""
    commands.add("doctor", "check this installation: versions, device, memory, models, a self-test", _run)


def _run(options: argparse.Namespace) -> Answer:
    problems: list[str] = []
    versions = _versions(problems)
    memory = _memory(problems)
    extras = {name: missing_modules(name) for name in EXTRAS}
    device, models = None, []
    if versions["torch"]:
        device, models = _device(), _models(options.model, problems)
    options.status = 1 if problems else 0
    result = {
        "versions": versions,
        "extras": {name: {"installed": not missing, "missing": missing} for name, missing in extras.items()},
        "device": device,
        "memory": memory,
        "models": models,
        "problems": problems,
    }
    return result, _lines(result)


def _versions(problems: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {"cellstate": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
            if name in NEEDED:
                problems.append(f"{name} is not installed. {_INSTALL}")
    return found


def _memory(problems: list[str]) -> dict[str, int | None]:
    """Return bytes of memory, in all and available; None where the system does not say."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        total = None
    available = None
    if _MEMINFO.is_file():
        sizes = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        if "MemAvailable" in sizes:
            available = 1024 * int(sizes["MemAvailable"].split()[0])
    if available is not None and available < NEEDED_BYTES:
        problems.append(f"Only {available / 1e9:.1f} GB of memory are free; the app takes 0.9 GB. End other programs.")
    return {"total": total, "available": available}


def _device() -> str:
    from cellstate.model.network import pick_device

    return str(pick_device())


def _models(chosen: str | None, problems: list[str]) -> list[dict]:
    """Return what was found of the chosen model folder, or of each shipped one."""
    from cellstate.model.folder import default_model_folder, shipped_models

    default = default_model_folder()
    # The default folder is looked at even where it has no weights, so that it is missed.
    folders = {Path(chosen).name: chosen} if chosen else {default.name: default} | shipped_models()
    try:
        samples = _example()
    except CellStateError as error:
        problems.append(str(error))
        return []
    models = []
    for name, folder in folders.items():
        try:
            models.append({"name": name} | _examine(folder, samples))
        except CellStateError as error:
            problems.append(f"Model {name}: {error}")
            models.append({"name": name, "path": str(folder), "self_test": None})
    return models


def _example() -> Samples:
    from cellstate.io import read_samples

    paths = sorted(resource_path("data", "examples").glob("*.tpm.tsv.gz"))
    if not paths:
        raise CellStateError("The example tumours are missing.", _INSTALL)
    return read_samples(paths[0])


def _examine(folder: Path | str, samples: Samples) -> dict:
    """Open a model folder, which compares its files with their checksums, and knock out a gene of an example."""
    from cellstate.model.folder import load_model, weights_sha256

    start = time.monotonic()
    model = load_model(folder)
    prediction = _knock_out(model, samples)
    return {
        "path": str(model.folder),
        "bytes": sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file()),
        "sha256": weights_sha256(model.folder),
        "checksums": "verified" if (model.folder / CHECKSUMS).exists() else "none listed",
        "self_test": {
            "sample": samples.names[0],
            "perturbation": f"{prediction.perturbations[0].gene}=ko",
            "predictor": str(prediction.predictor),
            "n_genes": len(model.space),
            "largest_change": float(abs(prediction.log2_fold_change_G[~prediction.is_perturbed_G]).max()),
            "seconds": round(time.monotonic() - start, 2),
        },
    }


def _knock_out(model: Model, samples: Samples) -> Prediction:
    """Knock out the most highly expressed gene; raise ``CellStateError`` where an answer cannot be right."""
    import numpy as np

    from cellstate.perturb.perturbations import Perturbation
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample

    sample = prepare_sample(model, samples)
    gene = model.space.symbols[int(np.nanargmax(sample.measured_tpm_G))]
    prediction = predict(sample, [Perturbation(gene, "knock-out")])
    after = {prediction.predictor: prediction.log1p_after_G} | prediction.baseline_log1p_after
    if bad := [str(name) for name, log1p_G in after.items() if not np.isfinite(log1p_G).all()]:
        raise CellStateError(f"A knock-out of {gene} gave numbers that are not finite ({', '.join(bad)}).", _INSTALL)
    if prediction.log1p_after_G[prediction.is_perturbed_G].any():
        raise CellStateError(f"A knock-out of {gene} left it expressed.", _INSTALL)
    if not prediction.log2_fold_change_G[~prediction.is_perturbed_G].any():
        raise CellStateError(f"A knock-out of {gene} changed no other gene.", _INSTALL)
    return prediction


def _lines(result: dict) -> list[str]:
    known = {name: "unknown" if size is None else f"{size / 1e9:.1f} GB" for name, size in result["memory"].items()}
    lines = [
        ", ".join(f"{name} {number or 'missing'}" for name, number in result["versions"].items()),
        "; ".join(_extra_line(name, one["missing"]) for name, one in result["extras"].items()),
        f"device {result['device'] or 'unknown'}; memory {known['total']}, available {known['available']}",
    ]
    for one in result["models"]:
        if (test := one["self_test"]) is None:
            lines.append(f"{one['path']}: failed")
            continue
        lines += [
            f"{one['path']}: {one['bytes'] / 1e6:.1f} MB, checksums {one['checksums']}, weights {one['sha256']}",
            f"  {test['perturbation']} in {test['sample']} by {test['predictor']}: {test['n_genes']:,} genes, largest "
            f"change {test['largest_change']:.3f} log2, {test['seconds']:.1f} s",
        ]
    return lines + ([f"problem: {text}" for text in result["problems"]] or ["no problem found"])


def _extra_line(name: str, missing: list[str]) -> str:
    if not missing:
        return f"extra {name} installed"
    return f'extra {name} lacks {", ".join(missing)} (python -m pip install "cellstate[{name}]")'
