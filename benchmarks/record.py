"""Keep what benchmarks measured in the model folder that they measured.

    python -m benchmarks.trust > trust.out
    python -m benchmarks.record MODEL_DIR trust.out [FILE...]

The last line of each saved output goes to ``metrics.json``, under ``evidence`` and the benchmark's name, with the date
of the file, and ``MODEL_CARD.md`` is written anew. An older result of the same benchmark is replaced. Training a model
again writes a new ``metrics.json``, so evidence never outlives the weights that it is about.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Mark
from cellstate import load_model
from cellstate.errors import DataError, ModelError, print_error
from cellstate.files import atomic_write
from cellstate.model.folder import CARD, METRICS, weights_sha256
from train.package import write_card

_KEYS = {field.name for field in fields(Mark)}


def read_result(path: Path) -> tuple[str, dict]:
    """Return a benchmark's name, and what is kept of its saved output.

    Raises
    ------
    DataError
        When the file is no benchmark's output, or that of a quick run.
    """
    again = "Save the standard output of `python -m benchmarks.NAME`."
    try:
        last = path.read_text(encoding="utf-8").strip().rpartition("\n")[2]
        # A figure that could not be had is NaN in Python's JSON, and null in everyone else's.
        document = json.loads(last, parse_constant=lambda _: None)
        name, machine, quick, marks = (document[key] for key in ("benchmark", "machine", "quick", "marks"))
        sound = isinstance(name, str) and all(set(one) == _KEYS for one in marks)
    except OSError as error:
        raise DataError(f"{path} cannot be read.", again) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} does not end with the result of a benchmark.", again) from error
    if not sound:
        raise DataError(f"{path} does not end with the result of a benchmark.", again)
    if quick:
        raise DataError(f"{path} is a quick run of {name}, which claims nothing.", "Run it without --quick.")
    date = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    measured = {key: document[key] for key in ("weights_sha256",) if key in document}
    return name, {"date": date, "machine": machine, "marks": marks} | measured


def record(folder: Path, files: Sequence[Path]) -> list[str]:
    """Put results into a model folder; returns the names of the benchmarks. All or none.

    Raises
    ------
    CellStateError
        When the folder holds no trained model, or a file is refused; then nothing was written.
    """
    found = [read_result(file) for file in files]
    model = load_model(folder, device="cpu")
    if not model.is_trained:
        raise ModelError(f"{folder} holds random weights.", "Record results of a trained model.")
    checksum = weights_sha256(folder)
    for file, (name, result) in zip(files, found, strict=True):
        # The simulated network is a world of its own: its result names no weights.
        if result.get("weights_sha256", checksum) != checksum:
            raise DataError(f"{file} measured other weights than those of {folder}.", f"Run {name} again.")
    metrics = model.metrics | {"evidence": model.metrics.get("evidence", {}) | dict(found)}
    with atomic_write(folder / METRICS) as partial:
        partial.write_text(json.dumps(metrics, indent=2) + "\n")
    write_card(folder / CARD, model, metrics)
    return [name for name, _ in found]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="model folder that the benchmarks measured")
    parser.add_argument("files", type=Path, metavar="FILE", nargs="+", help="saved output of a benchmark")
    options = parser.parse_args(arguments)
    try:
        names = record(options.model, options.files)
    except (DataError, ModelError) as error:
        return print_error(error)
    print(f"Recorded {', '.join(names)} in {options.model / METRICS}; {CARD} is written anew.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
