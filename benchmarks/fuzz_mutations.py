"""What goes wrong with a text file on its way, by accident or on purpose: one small function a mishap.

Each takes (random, data, other) and returns the changed bytes; ``other`` is a second file to take pieces from.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from random import Random

#: Most bytes that mutations may make of a file; a mutation beyond is cut.
MOST_BYTES = 2_000_000
#: Cells that a parser may stumble over.
NASTY = (
    b"", b" ", b"NaN", b"nan", b"inf", b"-inf", b"Infinity", b"1e308", b"-1e308", b"1e309", b"1e-320", b"9" * 25,
    b"9" * 400, b"-0", b"-1", b"-0.5", b"0x1F", b"1_000", b"1,5", b"1.234,5", b"1,234.5", b"12,345", b"1e5", b"1.5e",
    b"True", b"None", b"NA", b"#N/A", b"#REF!", b"1-Mar", b"2-Sep", b"44256", b'"', b'""', b'"a', b"'", b"\\", b"\x00",
    b"\xff", b"\xc3\x28", b"\xed\xa0\x80", "١٢٣".encode(), "１２".encode(), "²".encode(), "½".encode(),
    "\u202eTP53".encode(), "\ufeff".encode(), "\u2028".encode(), "🧬".encode(), "é".encode("latin-1"),
    b"<script>alert(1)</script>", b"<img src=x onerror=alert(1)>", b"=1+1", b"@SUM(A1)", b"{{7*7}}", b"%s%n", b"${x}",
    b"../../etc/passwd", b"TP53", b"tp53", b"TP53|7157", b"TP53 (7157)", b"ENSG00000141510", b"ENSG00000141510.18",
    b"ENST00000269305.9", b"ENSMUSG00000059552", b"7157", b"7157.0", b"N_unmapped", b"__no_feature", b"#comment",
    b"Length", b"TPM", b"counts", b"log2FoldChange", b"padj", b"gene", b"Unnamed: 0", b"1007_s_at", b"A" * 5000,
)  # fmt: skip
_DELIMITERS = (b",", b"\t", b";", b" ", b"|", b"  ", b", ")
_STARTS = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"PK\x03\x04", b"#1.2\n", b"#1.3\n9999999\t99999\t9\t9\n",
    b"#", b"\n\n\n", b"<html>", b"\x89HDF\r\n\x1a\n", b"N_unmapped\t1\t1\t1\n", b"\x00", b'"', b"\r", b"sep=;\n",
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "utf-8-sig")

Mutation = Callable[[Random, bytes, bytes], bytes]


def mutate(random: Random, data: bytes, other: bytes, mutations: tuple[Mutation, ...], most: int = 4) -> bytes:
    """Apply one to ``most`` mutations."""
    for _ in range(random.randint(1, most)):
        data = random.choice(mutations)(random, data, other)[:MOST_BYTES]
    return data


def flip_bits(random: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def write_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randint(0, len(data))
    written = random.choice((random.randbytes(random.randint(1, 16)), b"\xff" * 8, bytes(8), b"\x00"))
    return data[:at] + written + data[at + (len(written) if random.random() < 0.7 else 0) :]


def truncate(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randint(0, len(data))]


def delete_span(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at + random.randint(0, max(1, len(data) // 4)) :]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def repeat_span(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randint(0, len(data))
    piece = data[at : at + random.choice((1, 3, 20, 500))]
    return data[:at] + piece * random.choice((2, 5, 50, 1000)) + data[at:]


def odd_start(random: Random, data: bytes, other: bytes) -> bytes:
    return random.choice(_STARTS) + data


BYTES: tuple[Mutation, ...] = (flip_bits, write_bytes, truncate, delete_span, splice, repeat_span)


def _lines(change: Callable[[Random, list[bytes]], object]) -> Mutation:
    def mutation(random: Random, data: bytes, other: bytes) -> bytes:
        lines = data.split(b"\n")
        change(random, lines)
        return b"\n".join(lines)

    mutation.__name__ = change.__name__
    return mutation


@_lines
def duplicate_lines(random: Random, lines: list[bytes]) -> None:
    at = random.randrange(len(lines))
    lines[at:at] = lines[at : at + random.choice((1, 1, 5, 40))] * random.choice((1, 1, 2, 20))


@_lines
def delete_lines(random: Random, lines: list[bytes]) -> None:
    at = random.choice((0, random.randrange(len(lines))))
    del lines[at : at + random.choice((1, 1, 5, 40))]


@_lines
def shuffle_lines(random: Random, lines: list[bytes]) -> None:
    random.shuffle(lines)


@_lines
def blank_lines(random: Random, lines: list[bytes]) -> None:
    for _ in range(random.randint(1, 5)):
        lines.insert(random.randint(0, len(lines)), random.choice((b"", b" ", b"\t\t", b"#", b",,,", b"\r")))


@_lines
def nasty_cells(random: Random, lines: list[bytes]) -> None:
    for _ in range(random.choice((1, 1, 3, 20))):
        at = random.choice((0, 1, random.randrange(len(lines)))) % len(lines)
        delimiter = _main_delimiter(lines[at])
        cells = lines[at].split(delimiter)
        cells[random.randrange(len(cells))] = random.choice(NASTY)
        lines[at] = delimiter.join(cells)


def _columns(change: Callable[[Random, list[bytes]], object]) -> Mutation:
    """Make a mutation of what happens alike to the cells of every line, or of most of them."""

    def mutation(random: Random, data: bytes, other: bytes) -> bytes:
        seed, share = random.random(), random.choice((1.0, 1.0, 0.9))
        changed = []
        for line in data.split(b"\n"):
            delimiter = _main_delimiter(line)
            cells = line.split(delimiter)
            if random.random() < share:
                change(Random(seed), cells)
            changed.append(delimiter.join(cells))
        return b"\n".join(changed)

    mutation.__name__ = change.__name__
    return mutation


@_columns
def duplicate_column(random: Random, cells: list[bytes]) -> None:
    at = int(random.random() * len(cells))
    cells[at:at] = [cells[at]] * random.choice((1, 1, 3, 100))


@_columns
def delete_column(random: Random, cells: list[bytes]) -> None:
    del cells[int(random.random() * len(cells))]


@_columns
def nasty_column(random: Random, cells: list[bytes]) -> None:
    at = int(random.random() * len(cells))
    cells[at] = random.choice(NASTY)


@_columns
def move_column(random: Random, cells: list[bytes]) -> None:
    cells.insert(int(random.random() * len(cells)), cells.pop(0))


@_columns
def quote_cells(random: Random, cells: list[bytes]) -> None:
    cells[:] = [b'"' + cell + b'"' for cell in cells]


def transpose(random: Random, data: bytes, other: bytes) -> bytes:
    rows = [line.split(_main_delimiter(line)) for line in data.split(b"\n")]
    width = max(map(len, rows))
    columns = zip(*(row + [b""] * (width - len(row)) for row in rows[:400]), strict=True)
    return b"\n".join(b"\t".join(column) for column in columns)


def change_delimiter(random: Random, data: bytes, other: bytes) -> bytes:
    old, new = _main_delimiter(data[:2000]), random.choice(_DELIMITERS)
    if random.random() < 0.3:  # in some lines only
        at = random.randint(0, len(data))
        return data[:at] + data[at:].replace(old, new)
    return data.replace(old, new)


def change_line_ends(random: Random, data: bytes, other: bytes) -> bytes:
    ends = random.choice((b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\x85", "\u2028".encode()))
    return data.replace(b"\n", ends, random.choice((-1, -1, 3)))


def change_encoding(random: Random, data: bytes, other: bytes) -> bytes:
    return data.decode("latin-1").encode(random.choice(_ENCODINGS))


def put_nul(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + b"\x00" * random.choice((1, 1, 4, 1000)) + data[at:]


def change_decimals(random: Random, data: bytes, other: bytes) -> bytes:
    return data.replace(*random.choice(((b".", b","), (b".", b""), (b".", b".."), (b"0", b""), (b"0", b"00000"))))


def change_signs(random: Random, data: bytes, other: bytes) -> bytes:
    delimiter = _main_delimiter(data[:2000])
    return data.replace(delimiter, delimiter + random.choice((b"-", b"+", b"1e", b"e", b"9999", b" ")))


def pack(random: Random, data: bytes, other: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


TEXT: tuple[Mutation, ...] = (
    *BYTES, odd_start, duplicate_lines, delete_lines, shuffle_lines, blank_lines, nasty_cells, nasty_cells,
    nasty_column, duplicate_column, delete_column, move_column, quote_cells, transpose, change_delimiter,
    change_line_ends, change_encoding, put_nul, change_decimals, change_signs, pack,
)  # fmt: skip


def _main_delimiter(line: bytes) -> bytes:
    return max(_DELIMITERS[:3], key=line.count)
