"""The shipped example patients: real tumours that the model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cellstate.files import resource_path

_ENDING = ".tpm.tsv.gz"
#: Illumina GA measures about 2,200 genes less than HiSeq, on which the training patients were sequenced.
_PLATFORMS = {
    "TCGA-AA-3502-01": "HiSeq",
    "TCGA-AZ-6600-01": "HiSeq",
    "TCGA-DY-A1DF-01": "HiSeq",
    "TCGA-AA-3530-01": "Illumina GA",
    "TCGA-AA-A00R-01": "Illumina GA",
    "TCGA-AG-3601-01": "Illumina GA",
}


@dataclass(frozen=True)
class Example:
    """An example patient: its file, its name, and its label in a list."""

    path: Path
    name: str
    label: str


def examples() -> list[Example]:
    """Return the shipped example patients, those of the training patients' platform first."""
    items = [_example(path) for path in sorted(resource_path("data", "examples").glob("*" + _ENDING))]
    return sorted(items, key=lambda item: _PLATFORMS.get(item.name) == "Illumina GA")


def _example(path: Path) -> Example:
    name = path.name.removesuffix(_ENDING)
    platform = _PLATFORMS.get(name)
    return Example(path, name, f"{name} ({platform})" if platform else name)
