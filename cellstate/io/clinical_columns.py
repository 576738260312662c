"""Columns about patients in a table with genes in columns: survival, age, quality of the RNA.

Their names may be aliases of genes: OS is one of MID1, RIN of RIT2, PI of SERPINA1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from cellstate.expression.gene_names import readable_names
from cellstate.genes import FOUND, gene_axis

_SEPARATORS = re.compile(r"[^a-z0-9]+")
#: Words that name a column about samples, alone or with others of them.
_WORDS = frozenset(
    [
        "os",
        "pfs",
        "dfs",
        "dss",
        "pfi",
        "efs",
        "rfs",
        "mfs",
        "ttp",
        "time",
        "days",
        "day",
        "months",
        "month",
        "years",
        "year",
        "event",
        "status",
        "censor",
        "censored",
        "vital",
        "alive",
        "dead",
        "death",
        "followup",
        "survival",
        "relapse",
        "recurrence",
        "rin",
        "pi",
        "sd",
        "end",
        "age",
        "sex",
        "gender",
        "bmi",
        "race",
        "stage",
        "grade",
        "t",
        "n",
        "m",
        "tnm",
        "pt",
        "pn",
        "pm",
        "purity",
        "ploidy",
        "tmb",
        "msi",
        "mss",
        "dv200",
        "batch",
        "plate",
        "run",
        "lane",
        "center",
        "centre",
        "site",
        "depth",
        "reads",
        "library",
        "size",
        "weight",
        "height",
        "dose",
        "er",
        "pr",
        "her2",
        "ki67",
        "her",
        "psa",
        "ecog",
        "smoker",
        "smoking",
        "pack",
        "cms",
        "score",
        "ratio",
        "group",
        "arm",
        "response",
        "responder",
        "treatment",
        "therapy",
        "sample",
        "id",
        "patient",
        "case",
        "index",
        "set",
        "gc",
        "start",
        "stop",
        "rate",
        "total",
        "mapped",
        "counts",
    ]
)


def is_clinical(name: str) -> bool:
    """Return whether the name of a column is one about patients or samples, as far as a name tells."""
    words = [word for word in _SEPARATORS.split(name.lower()) if word]
    return any(word in _WORDS for word in words) and all(word in _WORDS or word.isdigit() for word in words)


def genes_in_header(names: Sequence[str]) -> np.ndarray:
    """Return which names of a header with genes in columns are genes; shape (names,) of bool.

    An older name or an alias is none if it has the name of a clinical column, or if another column has the gene's
    approved name.
    """
    resolution = gene_axis().resolve(readable_names(names))
    is_old = np.array([status in ("previous", "alias") for status in resolution.status])
    is_known = np.array([status in (*FOUND, "outside") for status in resolution.status])
    named_directly = np.unique(resolution.index[is_known & ~is_old & (resolution.index >= 0)])
    is_repeat = is_old & np.isin(resolution.index, named_directly)
    looks_clinical = np.array([is_clinical(name) for name in names])
    return is_known & ~(is_old & looks_clinical) & ~(is_repeat & np.array([len(name) <= 8 for name in names]))
