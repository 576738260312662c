"""From a path or an upload to plain bytes: unpacked within limits, and refused early when they are no table."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cellstate.errors import ReadError
from cellstate.io.pieces import found_in, from_latin_1, is_utf8
from cellstate.io.progress import UNPACKING, Told

#: Most bytes a file may hold once unpacked.
MAX_BYTES = 2_000_000_000
#: Above this size, more than MAX_RATIO bytes out of one byte in is taken for a decompression bomb.
RATIO_CHECKED_ABOVE_BYTES = 30_000_000
MAX_RATIO = 60
_CHUNK_BYTES = 8_000_000

GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF\r\n\x1a\n"
_EXPORT = "Export the expression values as CSV or TSV text and upload that."
#: First bytes of what people upload by mistake: what to call it, and what to do.
_NOT_TABLES = (
    (b"\x89PNG", "a picture", _EXPORT),
    (b"\xff\xd8\xff", "a picture", _EXPORT),
    (b"GIF8", "a picture", _EXPORT),
    (b"II*\x00", "a picture", _EXPORT),
    (b"MM\x00*", "a picture", _EXPORT),
    (b"%PDF", "a PDF document", _EXPORT),
    (b"{\\rtf", "a text document", _EXPORT),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "In Excel, save the sheet as CSV and upload that."),
    (b"BZh", "packed with bzip2", "Unpack it, or pack it with gzip, and upload it again."),
    (b"\xfd7zXZ", "packed with xz", "Unpack it, or pack it with gzip, and upload it again."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it and upload the one file with the expression values."),
    (b"Rar!", "a RAR archive", "Unpack it and upload the one file with the expression values."),
    (b"PAR1", "a Parquet file", _EXPORT),
    (b"RDX", "an R data file", "In R, write the matrix with write.csv and upload that."),
    (b"X\n\x00\x00", "an R data file", "In R, write the matrix with write.csv and upload that."),
    (b"BAM\x01", "a file of aligned reads", "Count reads per gene first, for example with featureCounts or salmon."),
    (b"\x80\x04\x95", "a Python pickle, which could run code when opened", _EXPORT),
    (b"\x80\x05\x95", "a Python pickle, which could run code when opened", _EXPORT),
)
_MARKUP = re.compile(rb"\s*(<!doctype|<html|<\?xml|<svg)", re.IGNORECASE)
#: Ends a line by itself, as on old Macs, or twice as after two conversions.
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 26, 27})


@dataclass(frozen=True)
class Content:
    """A file in memory.

    Attributes
    ----------
    name : str
        File name, without folders.
    data : bytes
        Unpacked; text is UTF-8 without byte-order mark, its lines end in ``\\n`` (or ``\\r\\n``).
    told : Told
        Who is told how far the read is.
    """

    name: str
    data: bytes
    told: Told = field(default_factory=Told)

    @property
    def stem(self) -> str:
        """The file's name without its endings, to call a single sample by."""
        stem = self.name.removesuffix(".gz")
        for ending in (".csv", ".tsv", ".txt", ".gct", ".h5ad", ".sf", ".results", ".genes", ".isoforms", ".tab"):
            stem = stem.removesuffix(ending)
        return stem or "sample"

    @property
    def is_hdf5(self) -> bool:
        """Whether this is an HDF5 file, as h5ad is."""
        return self.data.startswith(HDF5)


def load(source: str | Path | bytes, name: str | None = None, told: Told | None = None) -> Content:
    """Read a file or an upload; see `Content` for what it becomes.

    Raises
    ------
    ReadError
        When the file is missing, empty, too large, damaged, or plainly not a table.
    """
    told = told or Told()
    told(UNPACKING)
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), name or "upload"
    else:
        data, name = _from_disk(Path(source)), name or Path(source).name
    name = PurePosixPath(name.replace("\\", "/")).name or "upload"
    if data.startswith(GZIP):
        data = _gunzip(data, told)
    _refuse_other_kinds(data)
    if not data.startswith(HDF5):
        data = _as_utf8(data)
        # As text, because bytes do not know the blanks of Unicode.
        if not data[:1_000_000].decode("utf-8", "replace").strip() and not data.decode("utf-8", "replace").strip():
            raise ReadError("The file is empty.", "Check that it was exported or downloaded completely.")
    return Content(name, data, told)


def _from_disk(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large()
        return path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path.name} cannot be opened.", "Check the name and that you may read it.") from error


def _gunzip(data: bytes, told: Told) -> bytes:
    """Unpack gzip in steps, so that a bomb is met early."""
    out = bytearray()
    try:
        held = io.BytesIO(data)
        with gzip.open(held) as stream:
            while piece := stream.read(_CHUNK_BYTES):
                out += piece
                told(UNPACKING, held.tell() / len(data))
                bomb = len(out) > RATIO_CHECKED_ABOVE_BYTES and len(out) > MAX_RATIO * len(data)
                if len(out) > MAX_BYTES or bomb:
                    raise _too_large()
    except EOFError as error:
        raise ReadError("The gzip file is cut short.", "Download or pack it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ReadError("The gzip file is damaged.", "Download or pack it again.") from error
    if out.startswith(GZIP):
        raise ReadError("The file was packed with gzip twice.", "Unpack it once and upload it again.")
    return bytes(out)


def _too_large() -> ReadError:
    return ReadError(
        f"The file is too large: unpacked it may hold at most {MAX_BYTES // 10**9} GB.",
        "Split it into files with fewer samples.",
    )


def _refuse_other_kinds(data: bytes) -> None:
    if data.startswith(b"PK\x03\x04"):
        if b"xl/" in data or b"[Content_Types].xml" in data[:4000]:
            raise ReadError("This is an Excel workbook.", "In Excel, save the sheet as CSV and upload that.")
        raise ReadError("This is a zip archive.", "Unpack it and upload the one file with the expression values.")
    for magic, kind, hint in _NOT_TABLES:
        if data.startswith(magic):
            raise ReadError(f"This is {kind}, not a table of expression values.", hint)
    if _MARKUP.match(data[:200]):
        raise ReadError("This is a web page or XML, not a table.", "Download the data file itself and upload that.")


def _as_utf8(data: bytes) -> bytes:
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    elif encoding := _utf16(data[:4000]):
        try:
            data = data.decode(encoding).removeprefix("\ufeff").encode()
        except UnicodeError as error:
            raise _binary() from error
    # Text of any encoding has hardly a control character; what has is some binary format.
    start = data[:100_000]
    if b"\x00" in data or len(start) - len(start.translate(None, _CONTROL)) > 0.001 * len(start):
        raise _binary()
    if not data.isascii() and not is_utf8(data):
        data = from_latin_1(data)
    if found_in(data, _LONE_RETURN):
        data = re.sub(rb"\r+\n?", b"\n", data)
    return data


def _utf16(start: bytes) -> str | None:
    """Return the UTF-16 that the bytes look like: by mark, or because every other byte of plain text is zero."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if zeros.count(0) > 0.9 * len(zeros) and letters.count(0) == 0:
            return encoding
    return None


def _binary() -> ReadError:
    return ReadError("This is a binary file, not a table of expression values.", _EXPORT)
