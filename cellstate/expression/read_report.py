"""What a reader decided about a table, how sure it is, and what the user should know."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Names of decisions.
UNIT, NAMES, ORIENTATION, SAMPLES, SHEET = "unit", "names", "orientation", "samples", "sheet"
#: A decision of the reader that is less sure is put to the user before anything is predicted.
SURE = 0.6


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
