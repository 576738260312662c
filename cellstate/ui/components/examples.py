"""The example patients that are shipped: real tumours that the model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cellstate.resources import resource_path

_ENDING = ".tpm.tsv.gz"
#: Which sequencer; the older one measures about 2,200 genes less.
_NEWER = frozenset({"TCGA-AA-3502-01", "TCGA-AZ-6600-01", "TCGA-DY-A1DF-01"})
_OLDER = frozenset({"TCGA-AA-3530-01", "TCGA-AA-A00R-01", "TCGA-AG-3601-01"})


@dataclass(frozen=True)
class Example:
    """Attributes: ``path``, ``name`` (of the patient), ``label`` (for a list)."""

    path: Path
    name: str
    label: str


def examples() -> list[Example]:
    """Return the shipped example patients, those of the training patients' sequencer first."""
    found = [_example(path) for path in sorted(resource_path("data", "examples").glob("*" + _ENDING))]
    return sorted(found, key=lambda e: e.name in _OLDER)


def _example(path: Path) -> Example:
    name = path.name.removesuffix(_ENDING)
    told = " (same sequencer)" if name in _NEWER else " (older sequencer)" if name in _OLDER else ""
    return Example(path, name, name + told)
