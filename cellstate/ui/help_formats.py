"""Which files are read, by what each is recognised, and what is taken from it."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate.io.raw_table import MAX_SAMPLES
from cellstate.io.source import MAX_BYTES
from cellstate.io.units import MEASURES


@dataclass(frozen=True)
class Format:
    """Output of a tool, or a table that people write themselves.

    Attributes
    ----------
    name : str
    file : str
        What such a file is usually called.
    by : str
        What it is recognised by, as Markdown: never by its name.
    takes : str
        What is taken from it.
    readers : tuple of str
        Names in `cellstate.io.READERS`.
    header : str
        An example of the line that it is recognised by; empty for tables of any form and for binary files.
    """

    name: str
    file: str
    by: str
    takes: str
    readers: tuple[str, ...]
    header: str = ""


FORMATS: tuple[Format, ...] = (
    Format(
        "Plain table",
        "`.csv`, `.tsv`, `.txt`",
        "Comma, tab, semicolon or spaces between columns; a first line of names.",
        "Genes in rows or in columns; the column that names most genes; columns that describe genes are left aside.",
        ("csv", "tsv", "semicolon", "space"),
    ),
    Format(
        "GCT",
        "`.gct`",
        "First line `#1.2` or `#1.3`.",
        "All samples; names from the columns Name or Description, whichever fits more genes.",
        ("gct",),
        "#1.2",
    ),
    Format(
        "salmon",
        "`quant.sf`, `quant.genes.sf`",
        "Columns `Name`, `EffectiveLength`, `TPM`, `NumReads`.",
        "TPM; transcripts are summed to genes; NumReads tells the depth.",
        ("salmon",),
        "Name\tLength\tEffectiveLength\tTPM\tNumReads",
    ),
    Format(
        "kallisto",
        "`abundance.tsv`",
        "Columns `target_id`, `eff_length`, `est_counts`, `tpm`.",
        "tpm; transcripts are summed to genes; est_counts tells the depth.",
        ("kallisto",),
        "target_id\tlength\teff_length\test_counts\ttpm",
    ),
    Format(
        "RSEM",
        "`.genes.results`, `.isoforms.results`",
        "Columns `gene_id` or `transcript_id`, `effective_length`, `expected_count`, `TPM`.",
        "TPM; expected_count tells the depth.",
        ("rsem",),
        "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM",
    ),
    Format(
        "STAR",
        "`ReadsPerGene.out.tab`",
        "First line `N_unmapped`, four columns without a header.",
        "Counts of the strand that has most reads, or of both where none has; the page says which.",
        ("star",),
        "N_unmapped\t10\t10\t10",
    ),
    Format(
        "featureCounts",
        "`counts.txt`",
        "Columns `Geneid`, `Chr`, `Start`, `End`, `Strand`, `Length`, then one a BAM file.",
        "Counts of every BAM file, divided by the Length column; samples are called after the BAM files.",
        ("featurecounts",),
        "Geneid\tChr\tStart\tEnd\tStrand\tLength\tsample.bam",
    ),
    Format(
        "h5ad (AnnData 0.7 or later)",
        "`.h5ad`",
        "HDF5 with `obs`, `var` and `X`.",
        "A layer called tpm or counts if there is one, else counts in `raw`, else `X`; gene names from var_names or "
        "any column of var, whichever fits more genes.",
        ("h5ad",),
    ),
)

NAMES = (
    "**Gene names** may be approved, former or alternative symbols, Ensembl gene or transcript ids (with or without a "
    "version), or Entrez ids. A name that could mean two genes is reported, never guessed."
)
UNITS = (
    f"**Units** are {', '.join(MEASURES)}, or a logarithm of one, told from the numbers themselves. All are converted "
    "to TPM. You can overrule every decision on the page Sample."
)
NOT_READ = (
    "**Not read**: Excel workbooks (save the sheet as CSV), R data files, pickles, BAM files, pictures. Values of "
    "other species, z-scores and fold changes are refused with a sentence that says why."
)


def sizes(upload_mb: int) -> str:
    """Say how large a file may be; the page is served with a limit of so many megabytes."""
    return (
        f"**Size**: up to {upload_mb:,} MB as uploaded, plain or packed with gzip, {MAX_BYTES / 1e9:g} GB unpacked and "
        f"{MAX_SAMPLES:,} samples."
    )
