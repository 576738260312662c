"""How many files in layouts that people have are read right, and how the others go wrong.

    python -m benchmarks.upload_cases FOLDER [--wrong]

FOLDER holds ``cases.tsv`` (columns ``case`` and ``file``) and the files. What is right for each case is in
``upload_cases.tsv`` beside this module, by these columns:

==========  =====================================================================================================
kind        what the case is about, for the table
outcome     ``read``, ``refuse``, or ``either``: read right, read with a warning of this kind, or refused so
units       units that are right, separated by ``;``; ``*`` is any
names       names of the samples, separated by ``,``; ``*3`` is three samples of any names
sentence    pattern that a refusal (message, hint or code) or a warning must match
truth       whether the samples are the first example tumours, in their order
==========  =====================================================================================================

A sample agrees with the truth if the Pearson correlation of log2(TPM + 1) is at least 0.99 and the median of the
absolute log2 ratios of genes above 1 TPM is at most 0.1. `judge` returns one of `VERDICTS`.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellstate.errors import CellStateError
from cellstate.files import resource_path
from cellstate.io import read_samples
from cellstate.samples import Samples

#: From the best to the worst.
VERDICTS = ("right", "wrong sentence", "refused wrongly", "read wrongly", "read wrongly and silently")
MIN_PEARSON, MAX_LOG2_RATIO = 0.99, 0.1
_TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Case:
    """What is right for one file: a row of ``upload_cases.tsv``."""

    case: str
    kind: str
    outcome: str
    units: str
    names: str
    sentence: str
    truth: str


def load_cases() -> list[Case]:
    """Return the cases with what is right for each."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return [Case(**row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def case_files(folder: Path) -> dict[str, Path]:
    """Return the file of each case."""
    rows = [line.split("\t") for line in (folder / "cases.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return {row[0]: folder / row[1] for row in rows}


def load_truth() -> np.ndarray:
    """Return the TPM of the example tumours, in the order of their names; shape (S, A)."""
    paths = sorted(resource_path("data", "examples").glob("*.tpm.tsv.gz"))
    return np.concatenate([read_samples(path).tpm_SA for path in paths])


def judge(case: Case, path: Path, truth_SA: np.ndarray) -> tuple[str, str]:
    """Read a file; return a verdict and what was read or said."""
    try:
        # The name of a case stands before the name that the file has among people.
        samples = read_samples(path.read_bytes(), name=path.name.partition("__")[2])
    except CellStateError as error:
        said = f"{error} {error.hint} [{error.code}]"
        if case.outcome == "read":
            return "refused wrongly", said
        return ("right" if _matches(case, [said]) else "wrong sentence"), said
    report = samples.report
    warnings = [f"{warning} [{getattr(warning, 'code', '')}]" for warning in report.warnings]
    faults = [*_faults(case, samples), *_disagreements(case, samples, truth_SA)]
    said = f"{report.unit}; {', '.join(samples.names[:4])}; {'; '.join(faults)} {warnings}"
    is_warned = case.outcome == "either" and _matches(case, warnings)
    # Values that are not the tumours' cannot be read right: they must be told.
    if is_warned or (not faults and (case.outcome == "read" or (case.outcome == "either" and case.truth == "yes"))):
        return "right", said
    is_said = any("uncertain" in warning or "[other_species]" in warning for warning in warnings)
    return ("read wrongly" if is_said else "read wrongly and silently"), said


def _matches(case: Case, sentences: list[str]) -> bool:
    return any(re.search(case.sentence, sentence, re.IGNORECASE) for sentence in sentences)


def _faults(case: Case, samples: Samples) -> list[str]:
    faults = []
    if case.units != "*" and samples.report.unit not in case.units.split(";"):
        faults.append(f"unit {samples.report.unit}, not {case.units}")
    if case.names.startswith("*"):
        is_right = case.names == "*" or len(samples) == int(case.names[1:])
    else:
        is_right = ",".join(_stem(name) for name in samples.names) == case.names
    return faults if is_right else [*faults, f"names {','.join(samples.names[:4])}"]


def _stem(name: str) -> str:
    """Return a name without the words about the file or the unit that it may carry."""
    return re.sub(r"([._ ]?(htseq|counts?|sorted|bam|Aligned|sortedByCoord|out|TPM|FPKM|tpm_unstranded))+$", "", name)


def _disagreements(case: Case, samples: Samples, truth_SA: np.ndarray) -> list[str]:
    if case.truth != "yes":
        return []
    found = []
    for name, tpm_A, truth_A in zip(samples.names, samples.tpm_SA, truth_SA, strict=False):
        both = ~np.isnan(tpm_A) & ~np.isnan(truth_A)
        # A file of a few genes is brought to the share that they have in the tumour.
        x, y = np.log2(tpm_A[both] * truth_A[both].sum() / tpm_A[both].sum() + 1), np.log2(truth_A[both] + 1)
        pearson = float(np.corrcoef(x, y)[0, 1])
        loud = y > 1
        ratio = float(np.median(np.abs(x - y)[loud])) if loud.any() else 0.0
        if not (pearson >= MIN_PEARSON and ratio <= MAX_LOG2_RATIO):
            found.append(f"{name}: r = {pearson:.3f}, ratio {ratio:.2f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list the cases that are not right, with what was said")
    options = parser.parse_args()
    truth_SA, files = load_truth(), case_files(options.folder)
    counts: dict[str, Counter[str]] = {}
    for case in load_cases():
        verdict, said = judge(case, files[case.case], truth_SA)
        counts.setdefault(case.kind, Counter())[verdict] += 1
        if options.wrong and verdict != "right":
            print(f"{verdict}: {case.case}: {said[:400]}", flush=True)
    print(f"{'kind':30} {'cases':>6}" + "".join(f" {verdict:>26}" for verdict in VERDICTS))
    for kind, of_kind in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"{kind:30} {of_kind.total():6}" + "".join(f" {of_kind[verdict]:26}" for verdict in VERDICTS))


if __name__ == "__main__":
    main()
