"""Input files: loaded from disk or an upload, unpacked within limits, decoded, and refused where they are no table."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cellstate.errors import ReadError
from cellstate.expression.reading import UNPACKING, Decision, ProgressReporter, ReadWarning
from cellstate.io.containers import (
    MAX_BYTES,
    MAX_RATIO,
    RATIO_CHECKED_ABOVE_BYTES,
    ZIP,
    Sheet,
    is_tar,
    to_text,
    too_large,
)

_CHUNK_BYTES = 8_000_000
#: Chunks overlap by this much when a pattern is searched; every pattern is shorter.
_OVERLAP_BYTES = 64

GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF\r\n\x1a\n"
_EXPORT = "Export the expression values as CSV or TSV text and upload that."
_UNPACK = "Unpack it and upload the one file with the expression values."
_REPACK = "Unpack it, or pack it with gzip, and upload it again."
_WRITE_CSV = 'In R: write.csv(readRDS("FILE.rds"), "expression.csv"), and upload expression.csv.'
#: Kinds of files that are uploaded by mistake: first bytes, description, hint.
_OTHER_KINDS = (
    (b"\x89PNG", "a picture", _EXPORT),
    (b"\xff\xd8\xff", "a picture", _EXPORT),
    (b"GIF8", "a picture", _EXPORT),
    (b"II*\x00", "a picture", _EXPORT),
    (b"MM\x00*", "a picture", _EXPORT),
    (b"%PDF", "a PDF document", _EXPORT),
    (b"{\\rtf", "a text document", _EXPORT),
    (b"BZh", "packed with bzip2", _REPACK),
    (b"\xfd7zXZ", "packed with xz", _REPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"(\xb5/\xfd", "packed with Zstandard (zstd)", _REPACK),
    (b"RDX", "an R data file", _WRITE_CSV),
    (b"X\n\x00\x00", "an R data file", _WRITE_CSV),
    (b"BAM\x01", "a file of aligned reads", "Count reads per gene first, for example with featureCounts or salmon."),
    (b"\x80\x04\x95", "a Python pickle, which could run code when opened", _EXPORT),
    (b"\x80\x05\x95", "a Python pickle, which could run code when opened", _EXPORT),
)
_MARKUP = re.compile(rb"\s*(<!doctype|<html|<\?xml|<svg)", re.IGNORECASE)
#: A carriage return that ends a line alone (old Macs) or twice (after two conversions).
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_CONTROL_BYTES = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 26, 27})
_ENDINGS = (
    ".zip",
    ".xlsx",
    ".xlsm",
    ".xls",
    ".ods",
    ".parquet",
    ".feather",
    ".csv",
    ".tsv",
    ".txt",
    ".gct",
    ".h5ad",
    ".sf",
    ".results",
    ".genes",
    ".isoforms",
    ".tab",
)


@dataclass(frozen=True)
class FileContent:
    r"""A file in memory.

    Attributes
    ----------
    name : str
        File name without folders.
    data : bytes
        Unpacked content. Text is UTF-8 without byte-order mark; its lines end in ``\n`` or ``\r\n``.
    report_progress : ProgressReporter
    notes : tuple of ReadWarning
        What was chosen when the file was unpacked, such as a sheet.
    sheets : tuple of str
        The sheets of a workbook that may be the table, the chosen one first.
    decisions : tuple of Decision
        On the sheet.
    beside : tuple of sheets
        Rows of text of other sheets, one of which may describe the samples.
    """

    name: str
    data: bytes
    report_progress: ProgressReporter = field(default_factory=ProgressReporter)
    notes: tuple[ReadWarning, ...] = ()
    sheets: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    beside: tuple[Sheet, ...] = ()

    @property
    def stem(self) -> str:
        """File name without its endings: the name of a single sample that has no other."""
        stem = self.name.removesuffix(".gz")
        for ending in _ENDINGS:
            stem = stem.removesuffix(ending)
        return stem or "sample"

    @property
    def is_hdf5(self) -> bool:
        """Whether this is an HDF5 file, such as h5ad."""
        return self.data.startswith(HDF5)


def load_content(
    source: str | Path | bytes,
    name: str | None = None,
    report_progress: ProgressReporter | None = None,
    sheet: str | None = None,
) -> FileContent:
    """Load a file or an upload, unpack it and decode its text. The table of a workbook becomes text.

    Parameters
    ----------
    source : path or bytes
    name : str, optional
        File name of an upload.
    report_progress : ProgressReporter, optional
    sheet : str, optional
        Name of the sheet of a workbook.

    Raises
    ------
    ReadError
        When the file is missing, empty, too large, damaged, or clearly not a table.
    """
    report_progress = report_progress or ProgressReporter()
    data, name = load_bytes(source, name, report_progress)
    table = to_text(data, sheet)
    if table is not None:
        data = table.data
    _refuse_other_kinds(data)
    if not data.startswith(HDF5):
        data = _to_utf8(data)
        # Decoded, because only text knows all blank characters of Unicode.
        if not data[:1_000_000].decode("utf-8", "replace").strip() and not data.decode("utf-8", "replace").strip():
            raise ReadError(
                "The file is empty.", "Check that it was exported or downloaded completely.", code="empty_file"
            )
    if table is None:
        return FileContent(name, data, report_progress)
    return FileContent(name, data, report_progress, table.notes, table.sheets, table.decisions, table.beside)


def load_bytes(
    source: str | Path | bytes, name: str | None = None, report_progress: ProgressReporter | None = None
) -> tuple[bytes, str]:
    """Return the content of a file or an upload, without gzip, and its name without folders."""
    report_progress = report_progress or ProgressReporter()
    report_progress(UNPACKING)
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), name or "upload"
    else:
        data, name = load_file(Path(source)), name or Path(source).name
    name = PurePosixPath(name.replace("\\", "/")).name or "upload"
    return (_gunzip(data, report_progress) if data.startswith(GZIP) else data), name


def load_file(path: Path) -> bytes:
    """Return the content of a file as it is on disk.

    Raises
    ------
    ReadError
        When it cannot be opened, is too large, or is no regular file: a device or a pipe may have no end.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ReadError(f"{path.name} is not a regular file.", "Give the file of a table.", code="unreadable_file")
        if status.st_size > MAX_BYTES:
            raise too_large()
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:  # it says that it is empty, or grows
            raise too_large()
        return data
    except (OSError, ValueError) as error:
        raise ReadError(
            f"{path.name} cannot be opened.", "Check the name and that you may read it.", code="unreadable_file"
        ) from error


def _gunzip(data: bytes, report_progress: ProgressReporter) -> bytes:
    """Unpack gzip in steps, so that a decompression bomb is noticed early."""
    unpacked = bytearray()
    try:
        packed = io.BytesIO(data)
        with gzip.open(packed) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                unpacked += chunk
                report_progress(UNPACKING, packed.tell() / len(data))
                is_bomb = len(unpacked) > RATIO_CHECKED_ABOVE_BYTES and len(unpacked) > MAX_RATIO * len(data)
                if len(unpacked) > MAX_BYTES or is_bomb:
                    raise too_large()
    except EOFError as error:
        raise ReadError("The gzip file is cut short.", "Download or pack it again.", code="damaged_gzip") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ReadError("The gzip file is damaged.", "Download or pack it again.", code="damaged_gzip") from error
    if unpacked.startswith(GZIP):
        raise ReadError(
            "The file was packed with gzip twice.", "Unpack it once and upload it again.", code="packed_twice"
        )
    return bytes(unpacked)


def _refuse_other_kinds(data: bytes) -> None:
    kind = hint = ""
    if data.startswith(ZIP):
        kind, hint = "a zip archive", _UNPACK
    elif is_tar(data):
        kind, hint = "a tar archive", _UNPACK
    elif _MARKUP.match(data[:200]):
        kind, hint = "a web page or XML, not a table", "Download the data file itself and upload that."
    for magic, described, remedy in _OTHER_KINDS:
        if data.startswith(magic):
            kind, hint = f"{described}, not a table of expression values", remedy
    if kind:
        raise ReadError(f"This is {kind}.", hint, code="other_file_kind")


def _to_utf8(data: bytes) -> bytes:
    """Convert text in UTF-8, UTF-16 or Latin-1 to UTF-8 with normal line ends; refuse binary data."""
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    elif encoding := _utf16_encoding(data[:4000]):
        try:
            data = data.decode(encoding).removeprefix("\ufeff").encode()
        except UnicodeError as error:
            raise _binary() from error
    # Text in any encoding has hardly any control characters.
    start = data[:100_000]
    if b"\x00" in data or len(start) - len(start.translate(None, _CONTROL_BYTES)) > 0.001 * len(start):
        raise _binary()
    if not data.isascii() and not _is_utf8(data):
        data = b"".join(chunk.decode("latin-1").encode() for chunk in _chunks(data))
    if contains(data, _LONE_RETURN):
        data = re.sub(rb"\r+\n?", b"\n", data)
    return data


def _utf16_encoding(start: bytes) -> str | None:
    """Return the UTF-16 encoding: by its mark, or because every other byte of plain text is zero."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if zeros.count(0) > 0.9 * len(zeros) and letters.count(0) == 0:
            return encoding
    return None


def _binary() -> ReadError:
    return ReadError("This is a binary file, not a table of expression values.", _EXPORT, code="binary_file")


# Large files are scanned in chunks: one long call into `bytes` or `re` would block all other threads.


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES))


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(data):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def count_lines(data: bytes) -> int:
    """Return the number of line ends."""
    return sum(chunk.count(b"\n") for chunk in _chunks(data))


def find_matches(data: bytes, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Yield the matches of a pattern shorter than 64 bytes; one between two chunks may be yielded twice."""
    for at in range(0, len(data), _CHUNK_BYTES):
        yield from pattern.finditer(data, at, at + _CHUNK_BYTES + _OVERLAP_BYTES)


def contains(data: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Return whether a pattern shorter than 64 bytes occurs."""
    return any(True for _ in find_matches(data, pattern))


# --- texts that are no table of expression values, although they come from the same work ---


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
