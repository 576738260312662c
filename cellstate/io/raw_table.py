"""What every reader takes and returns: the user's options, and the values of a file before conversion.

Shape suffixes: S samples, F features (rows of the file: genes or transcripts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import FOUND, Resolution, gene_axis
from cellstate.io.name_forms import readable_names
from cellstate.io.units import LENGTH_FREE
from cellstate.samples import Decision, ReadWarning

ROWS, COLUMNS = "genes in rows", "genes in columns"
MAX_SAMPLES = 20_000
#: Many samples of few genes are refused: every sample takes the memory of the whole gene axis.
_MANY_SAMPLES, _FEW_FEATURES = 4_000, 4_000
#: 2 GB of float64. Larger tables are refused before they are expanded in memory.
MAX_VALUES = 250_000_000
#: Larger values are refused, because sums of them could overflow. No count, coverage or TPM comes near.
LARGEST_VALUE = 1e15
#: Only so many columns of text are tried as gene names, because all their names must be resolved.
MAX_NAME_COLUMNS = 40
_LONGEST_NAME = 120
_SAMPLES_PER_BATCH = 16
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Words that state a unit, the most specific first: a file of ``norm_counts_FPKM`` holds FPKM.
UNIT_NAMES = {
    "TPM": re.compile(r"(log2?|ln|log10)?(tpm|transcriptspermillion)"),
    "FPKM": re.compile(r"(log2?|ln|log10)?(fpkm(uq)?|rpkm)"),
    "CPM": re.compile(r"(log2?|ln|log10)?(cpm|rpm|tmm)|countspermillion|voom"),
    "coverage": re.compile(r"coverage"),
    LENGTH_FREE: re.compile(r"quantseq|umi|umis|tempo|temposeq|3prime|nanostring|nsolver|ampliseq|bcmatrix"),
    "counts": re.compile(r"(est|expected|read|raw|num|n)?(counts?|reads)|unstranded|readcount|rawcount"),
}
_VALUE_NAMES = re.compile(r"value|expression|expr|signal|abundance|level")
_ID_TYPES = ("ensembl", "transcript", "entrez", "symbol")
#: Two columns of names are equally good if their numbers of genes differ by no more than this fraction.
_TIE = 0.02


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


@dataclass(frozen=True)
class GeneNames:
    """A list of feature names, resolved to genes.

    Attributes
    ----------
    title : str
        Name of the column.
    ids : list of str
    id_type : str
        ``ensembl``, ``transcript``, ``entrez``, ``symbol``, or empty when nothing resolves.
    n_genes : int
        Number of different genes.
    column : int or None
        Position of the column.
    """

    title: str
    ids: list[str]
    id_type: str
    n_genes: int
    column: int | None = None


def resolve_names(title: str, ids: list[str], column: int | None = None) -> GeneNames:
    """Resolve a list of names to genes."""
    resolution = gene_axis().resolve(readable_names(ids))
    found = resolution.index[resolution.index >= 0]
    return GeneNames(title, ids, most_common_id_type(resolution), len(np.unique(found)), column)


def most_common_id_type(resolution: Resolution) -> str:
    """Return the most common kind of the resolved names; empty if no name resolves."""
    counts: dict[str, int] = {}
    for status, n in resolution.counts().items():
        if status in FOUND:
            kind = "symbol" if status in ("previous", "alias", "repaired") else status
            counts[kind] = counts.get(kind, 0) + n
    return max(counts, key=lambda kind: counts[kind]) if counts else ""


def best_names(candidates: Sequence[GeneNames], wanted: str | None = None) -> GeneNames | None:
    """Choose the names that mean the most genes; in a near tie, Ensembl ids are preferred.

    Parameters
    ----------
    candidates : sequence of GeneNames
    wanted : str, optional
        The user's choice: the name of a column or a kind of name.

    Raises
    ------
    ReadError
        When no candidate is the wanted one.
    """
    if wanted:
        candidates = [c for c in candidates if wanted in (c.title, c.id_type)]
        if not candidates:
            raise ReadError(
                f"The file has no gene names of kind {wanted!r}.", "Let CellState detect it.", code="unknown_option"
            )
    most = max((c.n_genes for c in candidates), default=0)
    near = [c for c in candidates if c.n_genes >= (1 - _TIE) * most]
    return min(near, key=lambda c: [*_ID_TYPES, c.id_type].index(c.id_type), default=None)


def plain_name(name: str) -> str:
    """Return the lower-case letters and digits of a column's name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def unit_in(name: str) -> str | None:
    """Return the unit that the name of a column or file has as a separate word, or None."""
    words = [plain_name(name), *re.split(r"[^a-z0-9]+", name.lower())]
    return next((unit for unit, pattern in UNIT_NAMES.items() if any(map(pattern.fullmatch, words))), None)


def is_value_name(name: str) -> bool:
    """Return whether the name of a column describes its numbers (such as "TPM"), not a sample."""
    plain = plain_name(name)
    return not plain or any(pattern.fullmatch(plain) for pattern in (_VALUE_NAMES, *UNIT_NAMES.values()))


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
        base = chosen = one_line(name, _LONGEST_NAME) or f"sample {number}"
        while chosen in taken:
            repeats[base] = repeats.get(base, 1) + 1
            chosen = f"{base} ({repeats[base]})"
        taken.add(chosen)
        unique.append(chosen)
    return tuple(unique)
