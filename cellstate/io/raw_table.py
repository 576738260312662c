"""What every reader takes and returns: the user's options, and the values of a file before conversion.

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
#: Many samples of few genes are refused: every sample takes the memory of the whole gene axis.
_MANY_SAMPLES, _FEW_FEATURES = 4_000, 4_000
#: 2 GB of float64. Larger tables are refused before they are expanded in memory.
MAX_VALUES = 250_000_000
#: Larger values are refused, because sums of them could overflow. No count, coverage or TPM comes near.
LARGEST_VALUE = 1e15
_LONGEST_NAME = 120
_SAMPLES_PER_BATCH = 16
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class ReadOptions:
    """Settings that the user chose. Settings that are None are detected.

    Attributes
    ----------
    format : str, optional
        A name in `cellstate.io.READERS`: ``csv``, ``tsv``, ``semicolon``, ``space``, ``gct``, ``salmon``,
        ``kallisto``, ``rsem``, ``star``, ``featurecounts`` or ``h5ad``.
    orientation : str, optional
        ``genes in rows`` or ``genes in columns``.
    unit : str, optional
        ``counts``, ``coverage``, ``TPM``, ``FPKM``, ``CPM`` or a logarithm such as ``log2(TPM+1)``, ``log1p TPM``,
        ``log10(FPKM+1)``.
    id_type : str, optional
        Where to take the gene names from: the name of a column, or a kind of name (``ensembl``, ``transcript``,
        ``entrez``, ``symbol``).
    repair_dates : bool
        Restore gene symbols that a spreadsheet turned into dates, where only one gene is possible.
    """

    format: str | None = None
    orientation: str | None = None
    unit: str | None = None
    id_type: str | None = None
    repair_dates: bool = False

    def __post_init__(self) -> None:
        if self.orientation not in (None, ROWS, COLUMNS):
            raise ReadError(
                f"There is no orientation {self.orientation!r}.",
                f"Choose {ROWS!r} or {COLUMNS!r}.",
                code="unknown_option",
            )

    def chosen(self) -> dict[str, str | bool]:
        """Return the settings that the user chose, without those that are detected."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


@dataclass(frozen=True)
class RawTable:
    """The values of a file before conversion.

    Attributes
    ----------
    values_SF : ndarray, shape (S, F)
        Values as in the file; NaN where a cell is empty. float64, or float32 if that holds every value exactly.
    feature_ids : sequence of str, length F
    sample_names : sequence of str, length S
    format, orientation : str
    unit : str or None
        Unit, if the format determines it.
    unit_hint : str or None
        Unit that the name of a column or of the file suggests.
    length_bp : ndarray or None, shape (F,) or (S, F)
        Feature lengths in the file.
    reads_S : ndarray or None, shape (S,)
        Total reads, if the file has counts beside the values.
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
    """Yield the samples as contiguous float64 arrays of shape (F,)."""
    for start in range(0, len(values_SF), _SAMPLES_PER_BATCH):
        yield from np.ascontiguousarray(values_SF[start : start + _SAMPLES_PER_BATCH], dtype=np.float64)


def check_size(n_samples: int, n_features: int) -> None:
    """Raise ``ReadError`` for a table with too many samples or values."""
    if n_samples > MAX_SAMPLES:
        raise ReadError(
            f"The file has {n_samples:,} samples; at most {MAX_SAMPLES:,} can be read.",
            "If these are single cells, sum them per patient or cell type first; otherwise split the file.",
            code="too_many_samples",
        )
    if n_samples > _MANY_SAMPLES and n_features < _FEW_FEATURES:
        raise ReadError(
            f"The file has {n_samples:,} samples of only {n_features:,} genes.",
            f"Split it into files of at most {_MANY_SAMPLES:,} samples.",
            code="too_many_samples",
        )
    if n_samples * n_features > MAX_VALUES:
        raise ReadError(
            f"The table is too large ({n_samples:,} x {n_features:,} values).", "Split it by samples.", code="too_large"
        )


def sum_reads(values: np.ndarray) -> float:
    """Return the sum of the counts; missing, negative and impossibly large values are ignored."""
    return float(values[(values >= 0) & (values <= LARGEST_VALUE)].sum())


def one_line(text: str, max_chars: int) -> str:
    """Return the beginning of a name on one line, for use in a sentence."""
    return _CONTROL_CHARACTERS.sub(" ", text[:max_chars]).strip()


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Make sample names unique: a repeat of ``A`` becomes ``A (2)``, an empty name becomes ``sample 1``.

    Every name is put on one line and cut at 120 characters.
    """
    taken: set[str] = set()
    repeats: dict[str, int] = {}  # the last number of each name: counting from 2 would be slow for thousands of repeats
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
