"""What every reader takes and returns: the user's options, progress, the values of a table, and a report on them.

Shape suffixes: S samples, F features (rows of the file: genes or transcripts).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cellstate.errors import ReadError

#: Names of decisions.
UNIT, NAMES, ORIENTATION, SAMPLES, SHEET = "unit", "names", "orientation", "samples", "sheet"
#: A decision of the reader that is less sure is put to the user before anything is predicted.
SURE = 0.6
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
ProgressCallback = Callable[[str, float], None]
UNPACKING, READING, MATCHING, CONVERTING = "Unpacking", "Reading the table", "Matching names", "Converting to TPM"
#: Progress at the start and the end of each step. Parsing the table takes most of the time.
_STEP_SPANS = {UNPACKING: (0.0, 0.15), READING: (0.15, 0.75), MATCHING: (0.75, 0.85), CONVERTING: (0.85, 1.0)}


class ReadWarning(str):
    """A sentence about a file for the user, with a short stable ``code`` such as ``low_depth``.

    Sentences may change, codes do not.
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str = "") -> ReadWarning:
        """Return the sentence with its code."""
        warning = super().__new__(cls, text)
        warning.code = code
        return warning


def is_doubt(warning: str) -> bool:
    """Return whether a warning says that a decision of the reader may be wrong, not only what it was."""
    return isinstance(warning, ReadWarning) and warning.code.startswith("uncertain")


@dataclass(frozen=True)
class Decision:
    """One decision of the reader.

    Attributes
    ----------
    name : str
        ``unit``, ``names``, ``orientation``, ``samples`` or ``sheet``.
    value : str
        What was decided, as the setting that would choose it.
    confidence : float
        From 0 to 1; 1 where the user or the format decided. It orders decisions and is no frequency: a margin or a
        share where there is a natural one (genes found in the chosen direction against the other, names that are genes,
        agreement of a sample with the others), and one of three levels for the unit.
    reason : str
        A clause that says what it rests on.
    """

    name: str
    value: str
    confidence: float
    reason: str

    @property
    def is_doubt(self) -> bool:
        """Whether the user should be asked."""
        return self.confidence < SURE


@dataclass(frozen=True)
class ReadReport:
    """How a file was read, and what the user should know about it.

    Attributes
    ----------
    source : str
        Name of the file.
    format, orientation, unit, id_type : str
        Detected or chosen settings, for example ``"tsv"``, ``"genes in rows"``, ``"counts"``, ``"ensembl"``.
    n_genes_read : int
        Rows (or columns) of the file that carry expression values.
    status_counts : dict
        Number of names with each status of `cellstate.genes.Resolution`.
    unmatched : tuple of str
        Names without a gene, in file order: unknown, ambiguous or date-like. Names of genes outside the axis are only
        counted.
    n_duplicates : int
        Names that were added to a gene that already had one.
    duplicates : tuple of (str, int)
        Symbol of each gene with several names, and how many names were summed; largest number first. Empty for
        transcripts, which are always summed.
    dates : tuple of (str, tuple of str)
        Each name that a spreadsheet turned into a date, with the symbols it may stand for, in file order.
    repaired : tuple of (str, str)
        Dates that were restored, and the symbol each was restored to.
    warnings : tuple of ReadWarning
        Sentences for the user, doubts first.
    annotations : tuple of (str, tuple of str)
        Columns about the samples, such as their survival: name, and one value for each sample of the file.
    number_columns : tuple of (int, str)
        Number (from 1) and name of each column of a table that could be a sample; empty for other formats.
    sample_columns : tuple of int
        Numbers of the columns that were read as samples.
    decisions : tuple of Decision
        Unit, names, orientation and samples, and the sheet of a workbook; empty for what is no file of a user.
    sheets : tuple of str
        The sheets of a workbook that may be the table, the one that was read first.
    """

    source: str = ""
    format: str = ""
    orientation: str = ""
    unit: str = "TPM"
    id_type: str = ""
    n_genes_read: int = 0
    status_counts: dict[str, int] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    n_duplicates: int = 0
    duplicates: tuple[tuple[str, int], ...] = ()
    dates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    repaired: tuple[tuple[str, str], ...] = ()
    warnings: tuple[ReadWarning, ...] = ()
    annotations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    number_columns: tuple[tuple[int, str], ...] = ()
    sample_columns: tuple[int, ...] = ()
    decisions: tuple[Decision, ...] = ()
    sheets: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[Decision, ...]:
        """The decisions that the user should confirm, the least sure one first."""
        return tuple(sorted((d for d in self.decisions if d.is_doubt), key=lambda d: d.confidence))


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
    columns : str, optional
        Numbers of the columns that are samples in a table with genes in rows, such as ``2,3,5``. The names of samples
        are not stored with settings.
    sheet : str, optional
        Sheet of a workbook.
    """

    format: str | None = None
    orientation: str | None = None
    unit: str | None = None
    id_type: str | None = None
    repair_dates: bool = False
    columns: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        if self.orientation not in (None, ROWS, COLUMNS):
            raise ReadError(
                f"There is no orientation {self.orientation!r}.",
                f"Choose {ROWS!r} or {COLUMNS!r}.",
                code="unknown_option",
            )
        if self.columns is not None and not re.fullmatch(r"\s*\d{1,6}(\s*,\s*\d{1,6})*\s*", self.columns):
            raise ReadError(
                f"{self.columns!r} are no numbers of columns.", "Write them as 2,3,5.", code="unknown_option"
            )

    def chosen(self) -> dict[str, str | bool]:
        """Return the settings that the user chose, without those that are detected."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}

    @property
    def format_name(self) -> str:
        """The chosen format as a name in `cellstate.io.READERS`; empty if it is detected."""
        return (self.format or "").strip().lower().split(" ")[0]


def confirm(options: ReadOptions, report: ReadReport) -> ReadOptions:
    """Return the options with all doubtful decisions of a report as the user's own choices."""
    fields = {UNIT: "unit", NAMES: "id_type", ORIENTATION: "orientation", SAMPLES: "columns", SHEET: "sheet"}
    chosen: dict[str, Any] = {fields[doubt.name]: doubt.value for doubt in report.doubts}
    return replace(options, **chosen)


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
    warnings : tuple of ReadWarning
    annotations : tuple of (str, tuple of str)
        Columns about the samples: name, and one value a sample.
    number_columns : tuple of (int, str)
        Number and name of each column that could be a sample, in a table with genes in rows.
    sample_columns : tuple of int
        Numbers of those that are samples.
    decisions : tuple of Decision
        On orientation, samples and sheet, where the format does not determine them.
    sheets : tuple of str
        The sheets of a workbook that may be the table, the one that is read first.
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
    warnings: tuple[ReadWarning, ...] = ()
    annotations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    number_columns: tuple[tuple[int, str], ...] = ()
    sample_columns: tuple[int, ...] = ()
    decisions: tuple[Decision, ...] = ()
    sheets: tuple[str, ...] = ()


class ProgressReporter:
    """Reports the progress of reading a file. The reported fraction never decreases.

    Parameters
    ----------
    callback : callable, optional
        Receives the step and the total fraction done, in the thread that reads. It may raise to stop reading.
    """

    def __init__(self, callback: ProgressCallback | None = None) -> None:
        self._callback, self._reported = callback, 0.0

    def __call__(self, step: str, fraction: float = 0.0) -> None:
        """Report that a fraction (0 to 1) of one step is done."""
        start, end = _STEP_SPANS[step]
        self._reported = max(self._reported, start + min(max(fraction, 0.0), 1.0) * (end - start))
        if self._callback is not None:
            self._callback(step, self._reported)


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


def cut_name(text: str, max_chars: int = 40) -> str:
    """Return the beginning of a name on one line, as a sentence shows it."""
    return _CONTROL_CHARACTERS.sub(" ", text[:max_chars]).strip()


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Make sample names unique: a repeat of ``A`` becomes ``A (2)``, an empty name becomes ``sample 1``.

    Every name is put on one line and cut at 120 characters.
    """
    taken: set[str] = set()
    repeats: dict[str, int] = {}  # the last number of each name: counting from 2 would be slow for thousands of repeats
    unique = []
    for number, name in enumerate(names, start=1):
        base = chosen = cut_name(name, _LONGEST_NAME) or f"sample {number}"
        while chosen in taken:
            repeats[base] = repeats.get(base, 1) + 1
            chosen = f"{base} ({repeats[base]})"
        taken.add(chosen)
        unique.append(chosen)
    return tuple(unique)
