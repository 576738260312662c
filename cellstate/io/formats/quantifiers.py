"""Output of read quantifiers: salmon, kallisto and RSEM (one sample a file), STAR and featureCounts.

Shape suffixes: F features of the file, C columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.reading import RawTable, ReadOptions, ReadWarning, check_size, sum_reads
from cellstate.io.source import FileContent
from cellstate.io.table import read_table

_DETECT = "Let CellState detect the format."
#: First columns of a featureCounts table.
FEATURECOUNTS_COLUMNS = ["geneid", "chr", "start", "end", "strand", "length"]
#: Columns of counts in STAR's table with a header, as GDC writes it.
STAR_COLUMNS = ["unstranded", "stranded_first", "stranded_second"]
#: Columns that featureCounts adds with --extraAttributes.
_FEATURECOUNTS_EXTRA = ("gene_name", "gene_id", "gene_biotype", "gene_type")
_BAM_ENDING = re.compile(r"(\.?Aligned)?(\.?sorted(ByCoord)?)?(\.?out)?\.(bam|sam|cram)$", re.IGNORECASE)
_STAR_ENDING = re.compile(r"[._]?(ReadsPerGene(\.out)?|(augmented_)?star_gene_counts|rna_seq)(?=[._]|$)|[._]noN$")
_STRANDS = ("unstranded", "forward strand", "reverse strand")
#: A library is stranded if one strand has at least this share of the reads of both.
_STRANDED_SHARE = 0.9


@dataclass(frozen=True)
class Quantifier:
    """A tool that writes TPM, estimated counts and effective lengths of one sample.

    Attributes
    ----------
    name : str
    feature : tuple of str
        Possible lower-case names of the column of feature names.
    tpm, counts, length : str
        Lower-case names of the other columns.
    """

    name: str
    feature: tuple[str, ...]
    tpm: str
    counts: str
    length: str

    def read(self, content: FileContent, options: ReadOptions) -> RawTable:
        """Read the TPM, or the counts if the user chose them as the unit."""
        table = read_table(content, delimiter="\t")
        columns = (self.feature, (self.tpm,), (self.counts,), (self.length,))
        ids, tpm, counts, length = (table.column(*names) for names in columns)
        if ids is None or tpm is None or counts is None or length is None:
            raise ReadError(f"This is not a file that {self.name} wrote.", _DETECT, code="wrong_format")
        counts_F = table.numbers(counts)
        use_counts = options.unit == "counts"
        return RawTable(
            (counts_F if use_counts else table.numbers(tpm))[None],
            table.text(ids),
            [re.sub(r"[._]?(salmon|kallisto|rsem)?[._]?(quant|abundance)?$", "", content.stem) or content.stem],
            self.name,
            unit="counts" if use_counts else "TPM",
            # Effective lengths below one base are artefacts of very short features.
            length_bp=np.maximum(table.numbers(length), 1.0) if use_counts else None,
            reads_S=np.array([sum_reads(counts_F)]),
            warnings=table.warnings,
        )


TOOLS = (
    Quantifier("salmon", ("name",), "tpm", "numreads", "effectivelength"),
    Quantifier("kallisto", ("target_id",), "tpm", "est_counts", "eff_length"),
    Quantifier("rsem", ("gene_id", "transcript_id"), "tpm", "expected_count", "effective_length"),
)


def read_star(content: FileContent, options: ReadOptions) -> RawTable:
    """Read STAR's ``ReadsPerGene.out.tab``: gene, then counts for an unstranded, a forward and a reverse library.

    The column is chosen by the shares of the strands, and a warning names it.
    """
    table = read_table(content, delimiter="\t")
    if len(table.header) < 4:
        raise ReadError(
            "This is not a STAR ReadsPerGene file: it needs four columns.",
            "Upload the whole file.",
            code="wrong_format",
        )
    ids = table.text(0)
    is_gene_F = np.array([not name.startswith("N_") for name in ids], dtype=bool)
    counts_F, warning = choose_strand(np.stack([table.numbers(c) for c in (1, 2, 3)]), is_gene_F)
    return RawTable(
        counts_F[is_gene_F][None],
        [name for name, is_gene in zip(ids, is_gene_F, strict=True) if is_gene],
        [star_sample_name(content.stem)],
        "star",
        unit="counts",
        warnings=(warning, *table.warnings),
    )


def star_sample_name(stem: str) -> str:
    """Return the name of the sample of a STAR table: the name of its file without STAR's own endings."""
    return _STAR_ENDING.sub("", stem) or stem


def choose_strand(counts_CF: np.ndarray, is_gene_F: np.ndarray) -> tuple[np.ndarray, ReadWarning]:
    """Choose among STAR's counts of an unstranded, a forward and a reverse library by the reads of the strands.

    Parameters
    ----------
    counts_CF : ndarray, shape (3, F)
    is_gene_F : ndarray of bool, shape (F,)
        Rows that count.

    Returns
    -------
    (ndarray of shape (F,), ReadWarning)
        The chosen counts, and a sentence that says which and why.
    """
    totals_C = np.array([sum_reads(counts_F[is_gene_F]) for counts_F in counts_CF])
    both_strands = max(totals_C[1:].sum(), 1.0)
    is_stranded = totals_C[1:].max() >= _STRANDED_SHARE * both_strands
    chosen = int(np.argmax(totals_C[1:])) + 1 if is_stranded else 0
    share = totals_C[chosen] / both_strands
    reason = f"it has {share:.0%} of both strands' reads" if is_stranded else "no strand clearly has most of the reads"
    text = f"Counts are taken from the {_STRANDS[chosen]} column, because {reason}."
    return counts_CF[chosen], ReadWarning(text, "strand_choice")


def read_featurecounts(content: FileContent, options: ReadOptions) -> RawTable:
    """Read a featureCounts table: six columns about the gene, then counts of one BAM file a column."""
    table = read_table(content, delimiter="\t")
    ids, length = table.column("geneid"), table.column("length")
    if ids is None or length is None or length + 1 >= len(table.header):
        raise ReadError("This is not a featureCounts table.", _DETECT, code="wrong_format")
    values = [c for c in table.numeric if c > length and table.header[c].lower() not in _FEATURECOUNTS_EXTRA]
    if not values:
        raise ReadError("The featureCounts table has no column of counts.", "Upload the whole table.", code="no_values")
    check_size(len(values), table.n_rows)
    return RawTable(
        table.matrix(values),
        table.text(ids),
        [bam_sample_name(table.header[c]) for c in values],
        "featurecounts",
        unit="counts",
        length_bp=table.numbers(length),
        warnings=table.warnings,
    )


def bam_sample_name(path: str) -> str:
    """Return the name of the sample in a BAM file: the file name without folders and endings."""
    base = re.split(r"[\\/]", path.strip())[-1]
    return _BAM_ENDING.sub("", base) or base
