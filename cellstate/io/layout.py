"""Layout of a text table, from its first lines and a few of its middle: delimiter, width, header, marks of numbers.

The width is that of most rows. A row that is wider is odd, not the others: a remark typed beside the table, or a
delimiter inside a description. `mend_rows` makes it as wide as the others.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import FOUND, gene_axis
from cellstate.io.number_text import NumberMarks, filled_numbers, find_marks, is_limit, is_number

#: Name of the format of each delimiter. If several delimiters fit equally well, the first one is taken.
DELIMITERS = {"\t": "tsv", ";": "semicolon", ",": "csv", " ": "space"}
_SAMPLE_LINES, _SAMPLE_BYTES = 60, 300_000
#: Tables with more columns or longer lines are not expression tables, and would take long to read.
_MAX_COLUMNS, _MAX_LINE_BYTES = 100_000, 32_000_000
#: Lines above the rows in which titles, headers and rows about the samples are looked for.
_LINES_ABOVE = 25
#: Titles of a column of gene names, in lower case without punctuation.
_GENE_TITLES = frozenset((
    "gene", "genes", "geneid", "genename", "genesymbol", "symbol", "ensembl", "ensemblid", "ensgid", "hugosymbol",
    "entrez", "entrezid", "entrezgeneid", "id", "idref", "name", "names", "probe", "probeid", "transcript",
    "transcriptid", "targetid", "feature", "featureid", "trackingid", "sample", "sampleid", "geneshortname",
    "hgncsymbol", "codeclass",
))  # fmt: skip
_PLAIN_MARKS = NumberMarks()
#: Lines that are comments: of most tools, and of GEO's series matrix.
COMMENT_MARKS = ("#", "!")
#: More odd rows than this share are no accident.
_MAX_SHARE = 0.05


@dataclass(frozen=True)
class Layout:
    """Layout of a text table.

    Attributes
    ----------
    delimiter : str
        A key of `DELIMITERS`.
    header : tuple of str
        Names of the columns; empty where there is none.
    has_header : bool
        Whether the file has a line of column names.
    skip_rows : tuple of int
        Numbers of the lines that are not rows of the table: comments, titles, header, rows about the samples,
        ``drop_lines``.
    rows : tuple of tuple of str
        Cells of a few rows from the beginning and the middle.
    marks : NumberMarks
    titles, sample_rows : tuple of str
        First cell of each line above the header, and of each row about the samples.
    has_limits : bool
        Whether some cells are limits of detection, such as ``<0.1``.
    """

    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    skip_rows: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: NumberMarks = _PLAIN_MARKS
    titles: tuple[str, ...] = ()
    sample_rows: tuple[str, ...] = ()
    has_limits: bool = False

    @property
    def format(self) -> str:
        """Name of the format."""
        return DELIMITERS[self.delimiter]

    @property
    def skips_a_prefix(self) -> bool:
        """Whether the skipped lines are the first ones."""
        return self.skip_rows == tuple(range(len(self.skip_rows)))


def not_a_table() -> ReadError:
    """Return the error for text that is no table."""
    return ReadError(
        "The file is not a table of expression values.",
        "It should have one row per gene and one column per sample (or the other way round), with gene names.",
        code="not_a_table",
    )


def first_lines(data: bytes, limit: int = _SAMPLE_LINES, start: int = 0) -> list[str]:
    """Return the first lines of UTF-8 text from byte ``start`` on; raise ``ReadError`` for an extremely long line."""
    lines: list[str] = []
    begin = start
    while begin < len(data) and len(lines) < limit and (begin - start < _SAMPLE_BYTES or len(lines) < 3):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        if end - begin > _MAX_LINE_BYTES:
            raise not_a_table()
        lines.append(data[begin:end].decode("utf-8", errors="replace").rstrip("\r"))
        begin = end + 1
    return lines


def find_layout(data: bytes, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None) -> Layout:
    """Detect the layout of a text table from its first lines and a few lines of its middle.

    Parameters
    ----------
    data : bytes
        UTF-8 text.
    skip : int
        Number of leading lines before the table. Blank and comment lines after them are skipped too.
    drop_lines : sequence of int
        Numbers of lines after the header without expression values.
    delimiter : str, optional
        Default: the delimiter that gives the most numbers.

    Raises
    ------
    ReadError
        When the text is not a table.
    """
    lines = first_lines(data)
    is_fixed = skip > 0 or bool(drop_lines)  # the format tells where the header is
    skip = _skip_comments(lines, skip)
    body = [lines[n] for n in range(skip + 1, len(lines)) if lines[n].strip() and n not in drop_lines]
    middle = first_lines(data, 30, len(data) // 2)[1:] if len(data) > _SAMPLE_BYTES else []
    if not lines[skip:] or max(line.count(d) for line in lines for d in DELIMITERS) > _MAX_COLUMNS:
        raise not_a_table()
    delimiter = delimiter or _delimiter([*body, *middle] or lines[skip:])
    at, n_after = (skip, 0) if is_fixed or not body else _find_header(lines, skip, split(middle, delimiter), delimiter)
    if at > skip or n_after:
        body = [lines[n] for n in range(at + 1 + n_after, len(lines)) if lines[n].strip()]
    first = split([lines[at].removeprefix("#") if body else lines[at]], delimiter)[0]
    rows = split(body + middle, delimiter)
    n_columns = _usual_width(rows) or len(first)
    while len(first) > n_columns and not first[-1].strip():
        first.pop()
    has_trailing_delimiter = (
        bool(rows) and _share(len(row) >= n_columns and not row[n_columns - 1] for row in rows) > 0.9
    )
    n_columns = max(n_columns, len(first))
    has_header = bool(rows) and (n_after > 0 or not _has_no_header(first, rows[0]))
    if has_header:
        header, skip_rows = [name.strip().strip("'") for name in first], [*range(at + 1 + n_after), *drop_lines]
        # R's write.table omits the name of the column of row names.
        if len(header) == n_columns - 1 and not has_trailing_delimiter:
            header.insert(0, "")
    else:
        header, skip_rows = [""] * n_columns, list(range(at))
    header += [""] * (n_columns - len(header))
    cells = [cell for row in rows for cell in row]
    titles = split([line for line in lines[skip:at] if line.strip()], delimiter)
    about_samples = split(lines[at + 1 : at + 1 + n_after], delimiter)
    return Layout(
        delimiter,
        tuple(header),
        has_header,
        tuple(skip_rows),
        tuple(map(tuple, rows)),
        find_marks(cells),
        tuple(next((cell for cell in row if cell.strip()), "") for row in titles),
        tuple(row[0] for row in about_samples if row),
        any(cell[:1] in "<≤" and is_limit(cell) for cell in cells if cell),
    )


def _share(flags: object) -> float:
    return float(np.mean(list(flags)))  # type: ignore[call-overload]


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of cells of most rows; of two equally common numbers the larger one."""
    widths = Counter(len(row) for row in rows if row)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _skip_comments(lines: list[str], skip: int) -> int:
    """Return the number of leading lines to skip. A last ``#`` line as wide as the table is its header and is kept."""
    start = skip
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith(COMMENT_MARKS)):
        start += 1
    if start > skip and start < len(lines) and lines[start - 1].startswith("#"):
        fields = [max(line.count(d) for d in "\t;,") for line in (lines[start - 1], lines[start])]
        if fields[0] == fields[1] > 0:
            return start - 1
    return start


def _find_header(lines: list[str], skip: int, middle: list[list[str]], delimiter: str) -> tuple[int, int]:
    """Return the number of the header's line, and how many lines after it are not rows of the table either.

    Lines above the rows hold a title, the header, or something about the samples (their groups, their identifiers).
    The header is the line with the most different names, or the one that names the genes' column.
    """
    numbered = [
        (n, row[0]) for n in range(skip, len(lines)) if (row := split([lines[n]], delimiter)) and lines[n].strip()
    ]
    rows = [row for _, row in numbered]
    usual = _usual_width([*rows, *middle])
    is_value_C = _value_columns([row for row in [*rows[len(rows) // 3 :], *middle] if len(row) == usual], usual)
    if not is_value_C.any():
        return skip, 0
    above = n_other = 0
    for at, cells in enumerate(rows[: min(_LINES_ABOVE, len(rows) // 2 + 1)]):
        is_other = not _is_row(cells, is_value_C, usual)
        n_other += is_other
        if is_other and n_other > (at + 1) / 2:
            above = at + 1
    # Where rows of text are frequent, the table is of another kind.
    share = _share(_is_row(row, is_value_C, usual) for row in rows[above:] or [[]])
    if not above or above + 1 >= len(rows) or share < 0.6:
        return skip, 0
    wide = [at for at in range(above) if sum(map(_is_filled, rows[at])) >= max(2, 0.6 * (usual - 1))]
    if not wide:
        # R's header of one sample is one cell. Below a title, the header looks like a row if its names are numbers.
        is_header_above = len(rows[above - 1]) == usual - 1 and _has_no_header(rows[above], rows[above + 1])
        return numbered[above - 1 if is_header_above else above][0], 0
    chosen = max(wide, key=lambda at: (_plain(rows[at][0]) in _GENE_TITLES, len({*filter(_is_filled, rows[at])}), -at))
    header = numbered[chosen][0]
    last = numbered[above - 1][0]
    return header, last - header


def _is_filled(cell: str) -> bool:
    return bool(cell.strip())


def _plain(cell: str) -> str:
    return "".join(filter(str.isalnum, cell.lower()))


def _value_columns(rows: Sequence[Sequence[str]], width: int) -> np.ndarray:
    """Return which columns hold numbers in most rows; shape (width,)."""
    counts_C = np.zeros(width)
    for row in rows:
        counts_C += filled_numbers(row)
    return counts_C > 0.6 * max(1, len(rows))


def _is_row(row: Sequence[str], is_value_C: np.ndarray, width: int) -> bool:
    """Return whether a line is a row of values: a gene, or numbers where the others have numbers."""
    if len(row) < width - 1 or _plain(row[0]) in _GENE_TITLES:
        return False
    cells = [cell for cell, is_value in zip(row, is_value_C, strict=False) if is_value]
    numbers = sum(is_number(cell) for cell in cells)
    if numbers < 0.5 * len(cells) or not any(_is_filled(cell) for cell in cells):
        names = [cell for cell, is_value in zip(row, is_value_C, strict=False) if not is_value and _is_filled(cell)]
        return bool(names) and _is_gene(names[0]) and not _names_genes(row)
    return True


def _is_gene(name: str) -> bool:
    return gene_axis().resolve([name]).status[0] in (*FOUND, "outside")


def _names_genes(row: Sequence[str]) -> bool:
    """Return whether several cells of a line are gene names: a header with genes in columns."""
    return sum(map(_is_gene, row[:50])) > max(2, 0.3 * len(row[:50]))


def split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the cells of each line."""
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a stray quote or a field of absurd length
        return [line.split(delimiter) for line in lines]


def _delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that gives the most numbers per line, then the most fields."""

    def score(delimiter: str) -> tuple[float, float]:
        rows = split(lines, delimiter)
        fields, share = Counter(len(row) for row in rows).most_common(1)[0]
        if fields < 2 or share < 0.7 * len(rows):
            return 0.0, 0.0
        return float(np.median([sum(filled_numbers(row, delimiter)) for row in rows])), float(fields)

    scores = {delimiter: score(delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if best == " ":  # blanks may stand beside another delimiter
        best = max(scores, key=lambda delimiter: (scores[delimiter][1] >= 2, scores[delimiter][0], delimiter != " "))
    if scores[best][1] < 2:
        raise not_a_table()
    return best


def _has_no_header(first: list[str], row: list[str]) -> bool:
    """Return whether the first line is a row: as wide as the next, numbers in the same columns, and a gene name.

    A header of sample numbers looks the same, except that the name of its first column is not a gene.
    """
    if len(first) != len(row) or not any(map(is_number, first[1:])) or _plain(first[0]) in _GENE_TITLES:
        return False
    if any(is_number(b) and b.strip() and not is_number(a) for a, b in zip(first, row, strict=True)):
        return False
    names = gene_axis().resolve([first[0], *(cell for cell in first[1:4] if not is_number(cell))])
    return any(status in (*FOUND, "outside") for status in names.status) or first[0].startswith(("N_", "__"))


# --- rows with more cells than the others ---


def mend_rows(data: bytes, layout: Layout) -> tuple[bytes, tuple[int, ...]]:
    """Return the text of a table with all rows as wide as its header, and the numbers of the lines that were mended.

    Empty surplus cells are dropped, and so is surplus text at the end of a row. Text that pushes the numbers aside is
    joined to the cell before it.

    Raises
    ------
    ReadError
        When a surplus cell could be a value, or many rows are odd.
    """
    width, mended = len(layout.header), []
    numeric = _numeric_columns(layout)
    lines = data.split(b"\n")
    skipped = set(layout.skip_rows)
    for number, line in enumerate(lines):
        if number in skipped or line.count(layout.delimiter.encode()) < width:
            continue
        cells = split([line.decode("utf-8", errors="replace").rstrip("\r")], layout.delimiter)[0]
        if len(cells) <= width:
            continue
        if any(cell.strip() for cell in cells[width:]):
            mended.append(number + 1)
        row = _fit(cells, width, numeric)
        if row is None or len(mended) > max(20, _MAX_SHARE * len(lines)):
            raise uneven_rows(f"Line {number + 1} has more columns than the others.")
        text = io.StringIO()
        csv.writer(text, delimiter=layout.delimiter, lineterminator="").writerow(row)
        lines[number] = text.getvalue().encode()
    return b"\n".join(lines), tuple(mended)


def uneven_rows(hint: str = "Check that it was exported completely.") -> ReadError:
    """Return the error for a table whose rows differ in width."""
    return ReadError("The table is damaged: its rows differ in width.", hint, code="damaged_table")


def _numeric_columns(layout: Layout) -> list[int]:
    rows = [row for row in layout.rows if len(row) == len(layout.header)]
    return [
        c
        for c in range(len(layout.header))
        if rows and sum(is_number(row[c], layout.delimiter) for row in rows) > 0.8 * len(rows)
    ]


def _fit(cells: list[str], width: int, numeric: Sequence[int]) -> list[str] | None:
    """Return the cells in ``width`` columns; None if it is not clear which of them are values."""
    surplus = len(cells) - width

    def fits(row: list[str]) -> bool:
        return all(is_number(row[c]) for c in numeric)

    if fits(cells[:width]):
        is_safe = not any(cell.strip() and is_number(cell) for cell in cells[width:])
        return cells[:width] if is_safe else None
    for at in range(width):
        joined = [*cells[:at], " ".join(cells[at : at + surplus + 1]), *cells[at + surplus + 1 :]]
        if at not in numeric and fits(joined):
            return joined
    return None
