"""Keep what benchmarks measured in the model folder that they measured, and decide its default method.

    python -m benchmarks.regulons > regulons.out
    python -m benchmarks.record MODEL_DIR regulons.out [FILE...]

The records of each saved output go to ``evidence.json`` with the date of the file; an older result of the same
benchmark is replaced. Then `cellstate.default_rule` decides the default method from all records, and
``MODEL_CARD.md`` is written anew. A training writes a new folder, so evidence never outlives the weights that it is
about.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.report import Output
from cellstate import load_model
from cellstate.default_rule import DefaultPredictor, choose_default
from cellstate.errors import DataError, ModelError, print_error
from cellstate.evidence import Benchmark, BenchmarkResult, records_of
from cellstate.model.checksums import write_model_checksums
from cellstate.model.folder import CARD, weights_sha256
from cellstate.model.record import EVIDENCE, Evidence, write_evidence
from cellstate.perturb.predictors.registry import available_predictors
from train.package import write_card

_AGAIN = "Save the standard output of `python -m benchmarks.NAME`."


def read_result(path: Path) -> tuple[Benchmark, BenchmarkResult]:
    """Return a benchmark's name, and what is kept of its saved output.

    Raises
    ------
    DataError
        When the file is no benchmark's output, holds no records, or is that of a quick run.
    """
    try:
        output = msgspec.json.decode(path.read_bytes().strip().rpartition(b"\n")[2], type=Output)
    except OSError as error:
        raise DataError(f"{path} cannot be read.", _AGAIN) from error
    except msgspec.ValidationError as error:
        raise DataError(f"{path} does not end with the result of a benchmark: {error}.", _AGAIN) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} does not end with the result of a benchmark.", _AGAIN) from error
    if output.quick:
        raise DataError(
            f"{path} is a quick run of {output.benchmark}, which claims nothing.", "Run it without --quick."
        )
    if not output.records:
        raise DataError(f"{path} holds no records about prediction methods.", "Its criteria belong in RESULTS.md.")
    if any(record.benchmark is not output.benchmark for record in output.records):
        raise DataError(f"{path} holds a record of another benchmark than {output.benchmark}.", _AGAIN)
    date = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    try:
        result = BenchmarkResult(date, output.machine, output.records, output.weights_sha256)
    except ValueError as error:
        raise DataError(f"{path} is not consistent: {error}.", _AGAIN) from error
    return output.benchmark, result


def record(folder: Path, files: Sequence[Path]) -> DefaultPredictor:
    """Put results into a model folder, and decide its default method. All or none.

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
        # The simulation fits its own methods: its result names no weights.
        if result.weights_sha256 not in (None, checksum):
            raise DataError(f"{file} measured other weights than those of {folder}.", f"Run {name} again.")
    results = model.record.evidence.results | dict(found)
    held = list(available_predictors(model))
    default = choose_default(records_of(results.values()), held)
    write_evidence(folder, Evidence(results, default))
    write_model_checksums(folder)
    write_card(folder / CARD, load_model(folder, device="cpu"))
    write_model_checksums(folder)
    return default


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="model folder that the benchmarks measured")
    words = "saved output of a benchmark; without any, the default method is decided again"
    parser.add_argument("files", type=Path, metavar="FILE", nargs="*", help=words)
    options = parser.parse_args(arguments)
    try:
        default = record(options.model, options.files)
    except (DataError, ModelError) as error:
        return print_error(error)
    print(f"Recorded in {options.model / EVIDENCE}; {CARD} is written anew. Default method: {default.predictor}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
