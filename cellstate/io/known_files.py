"""Text files that are no table of expression values, although they come from the same work: each with what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

from cellstate.errors import ReadError


class KnownFile(NamedTuple):
    """A kind of file that is recognised by its beginning: pattern, code of the error, sentence, and hint."""

    pattern: re.Pattern[str]
    code: str
    sentence: str
    hint: str


_COUNTS = "Upload the table of counts or TPM per gene."
#: Characters of the beginning that are examined.
_EXAMINED = 4000


def _known(pattern: str, code: str, sentence: str, hint: str = _COUNTS) -> KnownFile:
    return KnownFile(re.compile(pattern, re.IGNORECASE | re.MULTILINE), code, sentence, hint)


_KNOWN = (
    _known(r"\A%%MatrixMarket", "sparse_matrix", "This is a sparse matrix (.mtx) without the names of its genes.",
           "They are in features.tsv beside it; in Scanpy, read the folder and write an .h5ad file, or sum the cells."),
    _known(r"\A<Header>\s*\nFileVersion", "nanostring_rcc", "This is a NanoString RCC file of one lane.",
           "Export all lanes from nSolver as one CSV table and upload that."),
    _known(r"\A(#.*\n)*\S+\t\S+\t(gene|transcript|exon|CDS|mRNA)\t\d+\t\d+\t.*(gene_id|ID=|Parent=)", "annotation_file",
           "This is a gene annotation (GTF or GFF), not expression values."),
    _known(r"\A##fileformat=VCF|\A(#.*\n)*#CHROM\tPOS\t", "variant_file", "This is a VCF file of variants."),
    _known(r"\A(#.*\n)*[^\n]*\bVariant_Classification\b|\A(#.*\n)*[^\n]*\bTumor_Sample_Barcode\b|"
           r"\A(#.*\n)*Hugo_Symbol\t[^\n]*\bt_(ref|alt)_count\b", "mutation_file",
           "This is a MAF file of mutations, not expression values."),
    _known(r"\A>\S+.*\n[ACGTUNacgtun]{20,}", "sequence_file", "This is a FASTA file of sequences."),
    _known(r"\A@\S+.*\n[ACGTN]+\n\+", "sequence_file", "This is a FASTQ file of reads.",
           "Count reads per gene first, for example with salmon or STAR."),
    _known(r"\A@HD\tVN", "sequence_file", "This is a SAM file of aligned reads.",
           "Count reads per gene first, for example with featureCounts."),
    _known(r"\A\s*Started job on", "run_summary", "This is STAR's log of a run.", "Upload ReadsPerGene.out.tab."),
    _known(r"\Atrack type=|\Achr\w+\t\d+\t\d+(\t[^\n]*)?\n", "annotation_file",
           "This is a BED file of places in the genome.", _COUNTS),
    _known(r"\A([^\n]*\t)?(Protein IDs|Majority protein IDs|iBAQ[^\t\n]*|Razor \+ unique peptides)[\t\n]|"
           r"\A[^\n]*[,\t\"](LFQ intensity |Intensity[ _]|Abundances?[ :(])", "protein_table",
           "This is a table of proteins (MaxQuant or the like), not of transcripts.",
           "CellState reads RNA; upload RNA-seq counts or TPM."),
    _known(r"\A[^\n]*[,;\t\"](Ct|Cq|delta ?Ct|ddCt|Ct mean)[\",;\t\n]", "qpcr_table",
           "This is a table of qPCR cycles (Ct), not of expression of all genes."),
)  # fmt: skip
_SERIES = re.compile(r"\A\s*!(Series|Sample)_", re.IGNORECASE)
_TABLE_BEGIN = "!series_matrix_table_begin"


def refuse_known(data: bytes) -> None:
    """Raise ``ReadError`` if the text is of a kind that holds no expression values."""
    start = data[:_EXAMINED].decode("utf-8", "replace").replace("\r\n", "\n")
    for known in _KNOWN:
        if known.pattern.search(start):
            raise ReadError(known.sentence, known.hint, code=known.code)
    if _SERIES.match(start):
        _refuse_empty_series(data)


def _refuse_empty_series(data: bytes) -> None:
    """Refuse a GEO series matrix without values, as that of every RNA-seq series."""
    at = data.find(_TABLE_BEGIN.encode())
    lines = data[at:].splitlines()[1:] if at >= 0 else []
    if sum(bool(line.strip()) and not line.startswith(b"!") for line in lines[:10]) < 3:
        raise ReadError(
            "This is a GEO series matrix, which holds no values for RNA-seq.",
            "Download the supplementary file of counts, FPKM or TPM from the same GEO page.",
            code="empty_series_matrix",
        )
