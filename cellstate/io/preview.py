"""Preview of a file: its first cells, also for a file that `read_samples` refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cellstate.errors import ReadError
from cellstate.expression.reading import ReadOptions
from cellstate.io.containers import archive_members, is_tar, is_zip_of_files
from cellstate.io.formats.gct import LINES_BEFORE_HEADER
from cellstate.io.layout import DELIMITERS, Layout, find_layout, first_lines, split
from cellstate.io.read import choose_format
from cellstate.io.source import FileContent, count_lines, load_bytes, load_content

#: Largest number of rows, columns and characters of a cell that are shown.
MAX_ROWS, MAX_COLUMNS, MAX_CHARS = 12, 8, 200
_DETECT = ReadOptions()
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}
_MARKS = {",": "commas", ".": "points", " ": "blanks or apostrophes"}


@dataclass(frozen=True)
class Preview:
    """The first rows and columns of a file.

    Attributes
    ----------
    header : tuple of str
        Names of at most 8 columns; empty where the file has none. For h5ad, the names of the first samples.
    rows : tuple of tuple of str
        At most 12 rows, as wide as the header: text as in the file, without quotation marks, cut at 200 characters.
    n_rows, n_columns : int
        Size of the whole table without its header. Lines of text are counted and not parsed, so the rows may include
        some that the reader skips. The column of gene names counts as a column.
    format : str
    delimiter : str or None
        None if the format has none.
    notes : tuple of str
        Sentences about the layout of the file.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_rows: int
    n_columns: int
    format: str
    delimiter: str | None = None
    notes: tuple[str, ...] = ()


def preview_file(source: str | Path | bytes, name: str | None = None, options: ReadOptions = _DETECT) -> Preview:
    """Return the beginning of a file, without reading the whole table.

    Parameters
    ----------
    source : path or bytes
        A file or its content, plain or packed with gzip.
    name : str, optional
        File name of an upload.
    options : ReadOptions
        Only the format is used.

    Raises
    ------
    ReadError
        When the file is missing, damaged, clearly not a table, or not of the chosen format. A table whose content
        `read_samples` refuses still has a preview.
    """
    data, name = load_bytes(source, name)
    if is_tar(data) or is_zip_of_files(data):
        name, data = archive_members(data)[0]
        first = preview_file(data, name, options)
        return replace(first, notes=(f"The first file of an archive, {name!r}, is shown.", *first.notes))
    content = load_content(data, name, sheet=options.sheet)
    file_format = choose_format(content, options)
    if content.is_hdf5:
        return _preview_h5ad(content)
    return _preview_text(content.data, file_format, is_chosen=options.format is not None)


def _preview_text(data: bytes, file_format: str, *, is_chosen: bool) -> Preview:
    # Any delimited text is detected as TSV, which does not fix the delimiter.
    delimiter = next((d for d, name in DELIMITERS.items() if name == file_format), "\t")
    known_delimiter = delimiter if is_chosen or file_format != "tsv" else None
    lines = first_lines(data)
    n_lines = count_lines(data) + (not data.endswith(b"\n"))
    try:
        layout = find_layout(data, skip=LINES_BEFORE_HEADER if file_format == "gct" else 0, delimiter=known_delimiter)
    except ReadError:
        rows = tuple((line[:MAX_CHARS],) for line in lines[:MAX_ROWS])
        return Preview(("",), rows, n_lines, 1, "text", None, ("No delimiter makes a table of these lines.",))
    width = min(len(layout.header), MAX_COLUMNS)
    body = [line for n, line in enumerate(lines) if n not in layout.skip_rows and line.strip()][:MAX_ROWS]
    return Preview(
        header=_fit(layout.header, width),
        rows=tuple(_fit(row, width) for row in split(body, layout.delimiter)),
        n_rows=max(n_lines - len(layout.skip_rows), len(body)),
        n_columns=len(layout.header),
        format=layout.format if file_format in DELIMITERS.values() else file_format,
        delimiter=layout.delimiter,
        notes=tuple(_notes(layout)),
    )


def _notes(layout: Layout) -> list[str]:
    notes = [f"Columns are separated by {_SEPARATORS[layout.delimiter]}."]
    n_before = len(layout.skip_rows) - layout.has_header
    if n_before:
        notes.append(f"The table begins at line {n_before + 1}.")
    if not layout.has_header:
        notes.append("There is no line of column names.")
    if layout.marks.decimal == ",":
        notes.append("Numbers have a decimal comma.")
    if layout.marks.thousands:
        notes.append(f"Thousands are grouped by {_MARKS[layout.marks.thousands]}.")
    if len({len(row) for row in layout.rows}) > 1:
        notes.append("Rows differ in width.")
    return notes


def _preview_h5ad(content: FileContent) -> Preview:
    """Show genes in rows, as in most tables, although h5ad has them in columns."""
    from cellstate.io.formats import h5ad

    first = h5ad.read_beginning(content, n_samples=MAX_COLUMNS - 1, n_genes=MAX_ROWS)
    n_samples, n_genes = first.shape
    rows = (
        (gene, *(f"{value:.6g}" for value in column_S))
        for gene, column_S in zip(first.genes, first.values_SF.T.tolist(), strict=True)
    )
    return Preview(
        header=_fit(("", *first.samples), len(first.samples) + 1),
        rows=tuple(_fit(row, len(row)) for row in rows),
        n_rows=n_genes,
        n_columns=n_samples + 1,
        format="h5ad",
        notes=(f"Values are those of {first.path!r} in the file.",),
    )


def _fit(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """Return ``width`` cells, cut to the shown length; missing cells become empty."""
    return tuple(cell[:MAX_CHARS] for cell in (*cells[:width], *[""] * (width - len(cells))))
