"""Files that hold a table in another form than text: workbooks, Parquet and Feather, and archives of files.

A table becomes tab-separated text, so that one reader decides what it means. What is unpacked has limits.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.reading import SHEET, Decision, ReadWarning

#: Largest size of an unpacked file.
MAX_BYTES = 2_000_000_000
#: Files that unpack to more than this are refused as decompression bombs if they grow by more than MAX_RATIO.
RATIO_CHECKED_ABOVE_BYTES = 30_000_000
MAX_RATIO = 60
ZIP, OLE2, PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
FEATHER, OLD_FEATHER = b"ARROW1", b"FEA1"
#: Bytes before the mark of a tar archive.
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_SAVE_AS_CSV = "In Excel, save the sheet as CSV and upload that."
_MAX_CELLS, _MAX_CELLS_BESIDE = 50_000_000, 1_000_000
_MAX_MEMBERS = 2_000
#: Names of a packed file's path that are kept: its own and those of the nearest folders.
_FOLDERS_KEPT = 4
#: Members of archives that are no tables.
_NO_TABLE = re.compile(
    r"(^|/)(\.|__MACOSX/)|(readme|md5|license|manifest|filelist)[^/]*$|\.(pdf|docx?|png|jpe?g|html?|md)$", re.I
)
#: A sheet is another table of the workbook if it has this share of the largest one's numbers.
_OTHER_TABLE = 0.5
#: Whole numbers in so many rows and columns at the edge are names, and are written without a point.
_HEADER_ROWS, _NAME_COLUMNS = 10, 4


def too_large() -> ReadError:
    """Return the error for a file that unpacks to too much."""
    return ReadError(
        f"The file is too large: unpacked it may hold at most {MAX_BYTES // 10**9} GB.",
        "Split it into files with fewer samples.",
        code="too_large",
    )


Sheet = list[list[str]]


class TextTable(NamedTuple):
    """A table of another form as tab-separated text.

    Attributes
    ----------
    data : bytes
    notes : tuple of ReadWarning
    sheets : tuple of str
        The sheets of a workbook that may be the table, the chosen one first.
    decisions : tuple of Decision
        On the sheet, where there are several.
    beside : tuple of sheets
        Rows of text of the small sheets that are not the table; one of them may describe the samples.
    """

    data: bytes
    notes: tuple[ReadWarning, ...] = ()
    sheets: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    beside: tuple[Sheet, ...] = ()


class Member(NamedTuple):
    """A file of an archive."""

    name: str
    data: bytes


def is_tar(data: bytes) -> bool:
    """Return whether the content is a tar archive."""
    return data[_TAR_MARK_AT : _TAR_MARK_AT + len(_TAR_MARK)] == _TAR_MARK


def is_zip_of_files(data: bytes) -> bool:
    """Return whether the content is a zip archive of files, not a document in the form of one."""
    return data.startswith(ZIP) and not _document(data)


def archive_members(data: bytes) -> list[Member]:
    """Return the files of a zip or tar archive that may be tables.

    Raises
    ------
    ReadError
        When the archive is damaged, too large, or holds no such file.
    """
    kind = "tar" if is_tar(data) else "zip"
    try:
        members = list(_tar_members(data) if kind == "tar" else _zip_members(data))
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise ReadError(
            f"This is a {kind} archive that is damaged or locked.",
            "Unpack it and upload the table.",
            code="damaged_archive",
        ) from error
    if not members:
        raise ReadError(
            f"This is a {kind} archive without a table in it.", "Upload the file with the expression values.",
            code="other_file_kind",
        )  # fmt: skip
    return _told_apart(members)


def pack_files(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Return several files as one zip archive, which is read as one cohort and can be kept as one file.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Path and content of each. The folder names the sample where the files have the same name.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (path, data) in enumerate(files, start=1):
            near = "/".join(_parts(path)[-_FOLDERS_KEPT:])
            # The date of a ZipInfo is fixed, so that the same files make the same archive.
            archive.writestr(zipfile.ZipInfo(f"{number}/{near}"), data)
    return packed.getvalue()


def _told_apart(members: list[Member]) -> list[Member]:
    """Return the files by their names alone, or with the name of the nearest folder that tells them apart."""
    paths = [_parts(member.name) for member in members]
    names = [path[-1] for path in paths]
    depth = 2
    while len(set(names)) < len(names) and depth <= max(map(len, paths)):
        folders = [path[-depth] if len(path) >= depth else "" for path in paths]
        if len(set(folders)) == len(folders):
            names = [f"{folder}.{name}" for folder, name in zip(folders, names, strict=True)]
        depth += 1
    return [Member(name, member.data) for name, member in zip(names, members, strict=True)]


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[\\/]", path) if part] or ["file"]


def _tar_members(data: bytes) -> Iterator[Member]:
    left = MAX_BYTES
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for count, info in enumerate(archive):
            if not info.isfile() or _NO_TABLE.search(info.name):
                continue
            left -= info.size
            if left < 0 or count > _MAX_MEMBERS:
                raise too_large()
            file = archive.extractfile(info)
            if file is not None:
                yield Member(info.name, file.read())


def _zip_members(data: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_zip(archive, len(data))
        for info in archive.infolist():
            if not info.is_dir() and not _NO_TABLE.search(info.filename):
                with archive.open(info) as file:
                    content = file.read(info.file_size + 1)
                if len(content) > info.file_size:
                    raise too_large()
                yield Member(info.filename, content)


def _check_zip(archive: zipfile.ZipFile, packed: int) -> None:
    total = sum(info.file_size for info in archive.infolist())
    is_bomb = total > RATIO_CHECKED_ABOVE_BYTES and total > MAX_RATIO * packed
    if total > MAX_BYTES or is_bomb or len(archive.infolist()) > 20 * _MAX_MEMBERS:
        raise too_large()


def _document(data: bytes) -> str:
    """Return the kind of document that a zip archive is: its name, ``workbook``, or empty for an archive of files."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            kind = archive.read("mimetype")[:100].decode("latin-1") if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError, NotImplementedError):
        return "workbook" if b"xl/" in data[:20_000] or b"[Content_Types].xml" in data[:4000] else ""
    if any(name.endswith(".iwa") for name in names):
        return "an Apple Numbers document"
    if any(name.startswith("word/") for name in names):
        return "a Word document"
    if any(name.startswith("ppt/") for name in names):
        return "a PowerPoint document"
    if any(name.endswith(".npy") for name in names):
        return "a NumPy archive"
    if (
        "opendocument.spreadsheet" in kind
        or any(name.startswith("xl/") for name in names)
        or "[Content_Types].xml" in names
    ):
        return "workbook"
    return "an OpenDocument file" if "opendocument" in kind else ""


def to_text(data: bytes, sheet: str | None = None) -> TextTable | None:
    """Return the table of a workbook, Parquet or Feather file; None for other files.

    Parameters
    ----------
    data : bytes
    sheet : str, optional
        Name of a sheet of a workbook. Default: the one with the most numbers.

    Raises
    ------
    ReadError
        When the file is damaged, too large, or a document without tables.
    """
    if data.startswith(PARQUET):
        return TextTable(_arrow_text(data, "Parquet"))
    if data.startswith(FEATHER):
        return TextTable(_arrow_text(data, "Feather"))
    if data.startswith(OLD_FEATHER):
        # Its reader in Arrow does not check what it reads, and may end the process.
        raise ReadError(
            "This is a Feather file of version 1.", "Write it again, as version 2, or as CSV.", code="other_file_kind"
        )
    if data.startswith(OLE2):
        return _workbook_text(data, "old Excel workbook (.xls)", sheet)
    if not data.startswith(ZIP) or not (kind := _document(data)):
        return None
    if kind != "workbook":
        raise ReadError(f"This is {kind}.", "Export the table as CSV and upload that.", code="other_file_kind")
    return _workbook_text(data, "Excel workbook", sheet)


def _arrow_text(data: bytes, kind: str) -> bytes:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet

    hint = "Write it again, or export the table as CSV."
    try:
        source = pa.BufferReader(data)
        if kind == "Parquet":
            file = pyarrow.parquet.ParquetFile(source)
            if file.metadata.num_rows * file.metadata.num_columns > _MAX_CELLS:
                raise too_large()
            table = file.read()
        else:
            table = pyarrow.ipc.open_file(source).read_all()
            if table.num_rows * table.num_columns > _MAX_CELLS:
                raise too_large()
        table.validate(full=True)
        frame: Any = table.to_pandas()
        # The names of rows are lost unless they are a column; a plain numbering says nothing.
        has_names = frame.index.name is not None or frame.index.dtype == object
        return bytes((frame.reset_index() if has_names else frame).to_csv(sep="\t", index=False).encode())
    except ReadError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise ReadError(
            f"This is a {kind} file that is damaged or of an unknown version.", hint, code="damaged_table_file"
        ) from error


def _workbook_text(data: bytes, kind: str, sheet: str | None) -> TextTable:
    rows = _sheets(data, kind)
    if sheet is not None and sheet not in rows:
        raise ReadError(
            f"The workbook has no sheet {sheet!r}.", f"Its sheets are: {', '.join(rows)}.", code="unknown_option"
        )
    sizes = {name: _n_numbers(of) for name, of in rows.items()}
    chosen = sheet or max(sizes, key=lambda name: sizes[name], default="")
    if not chosen or not any(any(cell != "" for cell in row) for row in rows[chosen]):
        raise ReadError(f"This is an {kind} without a table.", _SAVE_AS_CSV, code="no_values")
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows(_row(cells, number) for number, cells in enumerate(rows[chosen]))
    if len(rows) == 1:
        return TextTable(text.getvalue().encode())
    others = [name for name in rows if name != chosen and sizes[name] > max(0, _OTHER_TABLE * sizes[chosen])]
    beside = f"; {summarise_list(others)} may be tables too" if others else ""
    note = ReadWarning(f"The values are those of sheet {chosen!r} of {len(rows)}{beside}.", "sheet_choice")
    if sheet is not None:
        decision = Decision(SHEET, chosen, 1.0, "it was chosen")
    else:
        second = max(sizes[name] for name in rows if name != chosen)
        reason = f"it has {sizes[chosen]:,} numbers, the next one {second:,}"
        decision = Decision(SHEET, chosen, 1.0 - second / max(1, sizes[chosen]), reason)
    small = [of for name, of in rows.items() if name != chosen and 1 < sum(map(len, of)) <= _MAX_CELLS_BESIDE]
    about = tuple([[str(_plain(cell)) for cell in row] for row in of] for of in small)
    return TextTable(text.getvalue().encode(), (note,), (chosen, *others), (decision,), about)


def _sheets(data: bytes, kind: str) -> dict[str, list[list[Any]]]:
    """Return the cells of each sheet of a workbook."""
    try:
        import python_calamine
    except ImportError as error:
        raise ReadError(f"This is an {kind}, which needs the package python-calamine.", _SAVE_AS_CSV,
                        code="other_file_kind") from error  # fmt: skip
    try:
        if data.startswith(ZIP):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _check_zip(archive, len(data))
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = {name: workbook.get_sheet_by_name(name) for name in workbook.sheet_names}
        if any(of.total_height * of.total_width > _MAX_CELLS for of in sheets.values()):
            raise too_large()
        return {name: of.to_python(skip_empty_area=True) for name, of in sheets.items()}
    except ReadError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        sentence = f"This is an {kind} that cannot be opened: it is damaged or locked by a password."
        raise ReadError(sentence, _SAVE_AS_CSV, code="damaged_workbook") from error


def _n_numbers(rows: list[list[Any]]) -> int:
    """Return about how many cells are numbers."""
    step = max(1, len(rows) // 200)
    return step * sum(isinstance(cell, int | float) for row in rows[::step] for cell in row)


def _row(cells: list[Any], number: int) -> list[Any]:
    """Return the cells of a row with whole numbers in headers and names as people see them."""
    n = len(cells) if number < _HEADER_ROWS else min(_NAME_COLUMNS, len(cells))
    return [_plain(cell) for cell in cells[:n]] + cells[n:]


def _plain(cell: Any) -> Any:
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53 else cell
