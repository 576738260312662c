"""What every reader hands on: the values of a file as they stand, and what the user decided about it.

Shape suffixes: S samples, F features (rows of the file: genes or transcripts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError

ROWS, COLUMNS = "genes in rows", "genes in columns"
MAX_SAMPLES = 20_000
#: A sample takes the whole gene axis, however few genes the file has; so many of so few are no cohort.
_MANY_SAMPLES, _FEW_FEATURES = 4_000, 4_000
#: 2 GB of float64; a table beyond is refused before it is unfolded in memory.
MAX_VALUES = 250_000_000
#: No count, coverage or TPM comes near; larger numbers are refused before they overflow.
LARGEST_VALUE = 1e15
_LONGEST_NAME = 120
#: Samples that are gathered together.
_AT_ONCE = 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Overrides:
    """What the user decides in the reader's place; None leaves it to the reader.

    Attributes
    ----------
    format : str, optional
        ``csv``, ``tsv``, ``semicolon``, ``space``, ``gct``, ``salmon``, ``kallisto``, ``rsem``, ``star``,
        ``featurecounts`` or ``h5ad``.
    orientation : str, optional
        ``genes in rows`` or ``genes in columns``.
    unit : str, optional
        ``counts``, ``coverage``, ``TPM``, ``FPKM``, ``CPM`` or a logarithm such as ``log2(TPM+1)``, ``log1p TPM``,
        ``log10(FPKM+1)``.
    id_type : str, optional
        Which names to take the genes from: the name of a column, or ``ensembl``, ``transcript``, ``entrez``,
        ``symbol``.
    repair_dates : bool
        Whether names that a spreadsheet turned into dates are put back where exactly one gene can be meant.
    """

    format: str | None = None
    orientation: str | None = None
    unit: str | None = None
    id_type: str | None = None
    repair_dates: bool = False

    def __post_init__(self) -> None:
        if self.orientation not in (None, ROWS, COLUMNS):
            raise ReadError(f"There is no orientation {self.orientation!r}.", f"Choose {ROWS!r} or {COLUMNS!r}.")

    def decided(self) -> dict[str, str | bool]:
        """Return what the user decided, without what is left to the reader."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


@dataclass(frozen=True)
class RawTable:
    """The values of a file, before any is converted.

    Attributes
    ----------
    values_SF : ndarray, shape (S, F)
        As in the file; NaN where a cell is empty. Of float64, or of float32 where that holds every value exactly.
    feature_ids : sequence of str, length F
    sample_names : sequence of str, length S
    format, orientation : str
    unit : str or None
        The unit where the format fixes it.
    unit_hint : str or None
        The unit that a column's or the file's name suggests.
    length_bp : ndarray or None, shape (F,) or (S, F)
        Feature lengths that the file carries.
    reads_S : ndarray or None, shape (S,)
        Total reads, where the file states counts beside the values.
    warnings : tuple of str
    """

    values_SF: np.ndarray
    feature_ids: Sequence[str]
    sample_names: Sequence[str]
    format: str
    orientation: str = ROWS
    unit: str | None = None
    unit_hint: str | None = None
    length_bp: np.ndarray | None = None
    reads_S: np.ndarray | None = None
    warnings: tuple[str, ...] = ()


def each_sample(values_SF: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the samples one by one as float64, their values side by side: where genes lie in columns they are not."""
    for start in range(0, len(values_SF), _AT_ONCE):
        yield from np.ascontiguousarray(values_SF[start : start + _AT_ONCE], dtype=np.float64)


def check_size(n_samples: int, n_features: int) -> None:
    """Raise ``ReadError`` for a table of more samples or values than can be handled."""
    if n_samples > MAX_SAMPLES:
        raise ReadError(
            f"The file has {n_samples:,} samples; at most {MAX_SAMPLES:,} can be read.",
            "If these are single cells, sum them per patient or cell type first; otherwise split the file.",
        )
    if n_samples > _MANY_SAMPLES and n_features < _FEW_FEATURES:
        raise ReadError(
            f"The file has {n_samples:,} samples of only {n_features:,} genes.",
            f"Split it into files of at most {_MANY_SAMPLES:,} samples.",
        )
    if n_samples * n_features > MAX_VALUES:
        raise ReadError(f"The table is too large ({n_samples:,} x {n_features:,} values).", "Split it by samples.")


def total(values: np.ndarray) -> float:
    """Sum what is neither missing nor beyond belief, as reads below zero are too."""
    return float(values[(values >= 0) & (values <= LARGEST_VALUE)].sum())


def one_line(text: str, most: int) -> str:
    """Return the first letters of a name in a file, which may span lines, as a sentence can quote them."""
    return _CONTROL.sub(" ", text[:most]).strip()


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Make sample names unique by numbering repeats: ``A``, ``A (2)``; an empty name becomes ``sample 1``.

    Each is one line, and cut where no name is as long.
    """
    taken: set[str] = set()
    repeats: dict[str, int] = {}  # counted on, as thousands of equal names would take millions of tries
    unique = []
    for number, name in enumerate(names, start=1):
        base = one_line(name, _LONGEST_NAME) or f"sample {number}"
        chosen = base
        while chosen in taken:
            repeats[base] = repeats.get(base, 1) + 1
            chosen = f"{base} ({repeats[base]})"
        taken.add(chosen)
        unique.append(chosen)
    return tuple(unique)
