"""Whether tables are read back equal, however they were written.

    python -m benchmarks.round_trip [--tables N] [--seed N]

Each table has random genes, samples and values, and a random mixture of what people's tables have: the writer (pandas,
R's write.table, data.table's fwrite), delimiter, marks of numbers, quotes, names of genes, titles and rows about the
samples above and below the header, columns about the genes, a remark beside one row, sums below. `write` makes one from
a seed; `check` returns what is wrong with its reading. Five thousand take some minutes.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cellstate.errors import CellStateError
from cellstate.genes import gene_axis
from cellstate.io import read_samples

_WRITERS = ("pandas", "write.table", "fwrite")
_SAMPLE_NAMES = (
    "tumour {n}",
    "S{n}",
    "GSM{n}001",
    "TCGA-AA-{n}502-01",
    "Müller {n}",
    "ctrl_{n}",
    "20{n}9",
    "x.{n}.bam",
)
_NAMES = (
    "ensembl",
    "symbol",
    "entrez",
    "{ensembl}.{n}",
    "{symbol}|{entrez}",
    "{symbol} ({ensembl})",
    "{ensembl}_{symbol}",
)


@dataclass(frozen=True, eq=False)
class Written:
    """A table as it was written, and what it holds.

    Attributes
    ----------
    data : bytes
    names : tuple of str
    positions : ndarray of int, shape (F,)
    values_SF : ndarray, shape (S, F)
        Counts or TPM as the file has them.
    are_counts : bool
    traits : list of str
        What the table was written with.
    """

    data: bytes
    names: tuple[str, ...]
    positions: np.ndarray
    values_SF: np.ndarray
    are_counts: bool
    traits: list[str] = field(default_factory=list)


def write(seed: int) -> Written:
    """Make a table from a seed."""
    rng = np.random.default_rng(seed)
    axis = gene_axis()
    usable = np.flatnonzero([bool(entrez) for entrez in axis.entrez])
    n_genes, n_samples = int(rng.integers(120, 400)), int(rng.integers(1, 7))
    positions = np.sort(rng.choice(usable, n_genes, replace=False))
    level_F = rng.lognormal(4.0, 2.0, n_genes)
    rate_SF = level_F * rng.lognormal(0, 0.3, (n_samples, n_genes)) * (rng.random(n_genes) > 0.15)
    are_counts = bool(rng.random() < 0.5)
    values_SF = rng.poisson(rate_SF).astype(float) if are_counts else np.round(rate_SF * 3.7 + 0.001, 3)
    values_SF[:, 0] = 1234 if are_counts else 1234.567
    names = tuple(rng.choice(_SAMPLE_NAMES).format(n=n) for n in range(1, n_samples + 1))
    names = tuple(name if names.count(name) == 1 else f"{name} {n}" for n, name in enumerate(names))
    traits: list[str] = []
    form = str(rng.choice(_NAMES))
    genes = [_name(form, int(p)) for p in positions]
    traits.append(form)
    writer = str(rng.choice(_WRITERS))
    delimiter = str(rng.choice(["\t", ",", ";"]))
    decimal, thousands = _marks(rng, delimiter, are_counts)
    traits += [writer, repr(delimiter), f"decimal {decimal}", f"thousands {thousands!r}"]
    columns: list[tuple[str, list[Any]]] = [("gene", list(genes))]
    if rng.random() < 0.3:
        traits.append("description")
        columns.append(("description", [f"protein {n % 7}, member A" for n in range(n_genes)]))
    if rng.random() < 0.2:
        traits.append("place")
        columns += [
            ("chr", [f"chr{n % 22 + 1}" for n in range(n_genes)]),
            ("start", rng.integers(1, 10**8, n_genes).tolist()),
        ]
    for name, row_F in zip(names, values_SF, strict=True):
        columns.append((name, [_number(value, decimal, thousands, whole=are_counts) for value in row_F]))
    header = [name for name, _ in columns]
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    n_before = len(columns) - n_samples
    if writer == "write.table" and n_before == 1:
        header = header[1:]
        traits.append("header one short")
    total = [_number(float(row_F.sum()), decimal, thousands, whole=are_counts) for row_F in values_SF]
    traits += _add_rows(rng, rows, n_before, total, has_names=len(header) == len(columns))
    text = io.StringIO()
    dialect = "unix" if writer == "write.table" else "excel"  # unix quotes every cell
    out = csv.writer(text, dialect, delimiter=delimiter, lineterminator=str(rng.choice(["\n", "\r\n"])))
    if rng.random() < 0.2:
        traits.append("title")
        text.write("Supplementary Table 3. Expression of all genes\n\n")
    out.writerow(header)
    out.writerows(rows)
    encoded = text.getvalue().encode(str(rng.choice(["utf-8", "utf-8-sig", "utf-16"])))
    return Written(encoded, names, positions, values_SF, are_counts, traits)


def _add_rows(
    rng: np.random.Generator, rows: list[list[Any]], n_before: int, total: list[str], *, has_names: bool
) -> list[str]:
    """Add rows about the samples, a row of sums and a remark; return what was added."""
    blank, added = [""] * (n_before - 1), []
    if rng.random() < 0.25 and len(total) > 1 and has_names:
        added.append("groups below")
        rows.insert(0, ["condition", *blank, *["ab"[n % 2] for n in range(len(total))]])
    if rng.random() < 0.25:
        added.append("sum")
        rows.append(["Total", *blank, *total])
    if rng.random() < 0.25:
        added.append("remark")
        rows[int(rng.integers(2, len(rows) - 1))].append("please check")
    return added


def _name(form: str, position: int) -> str:
    axis = gene_axis()
    kinds = {"ensembl": axis.ensembl, "symbol": axis.symbol, "entrez": axis.entrez}
    if form in kinds:
        return kinds[form][position]
    return form.format(n=position % 20 + 1, **{kind: listed[position] for kind, listed in kinds.items()})


def _marks(rng: np.random.Generator, delimiter: str, are_counts: bool) -> tuple[str, str]:
    """Return a decimal mark and a separator of thousands that people use together."""
    if delimiter == "," or rng.random() < 0.5:
        return ".", str(rng.choice(["", "", ",", "'"]))
    return ",", str(rng.choice(["", "." if not are_counts else "", "\u00a0"]))


def _number(value: float, decimal: str, thousands: str, *, whole: bool) -> str:
    text = f"{value:,.0f}" if whole else f"{value:,.3f}"
    return text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)


def check(written: Written) -> str:
    """Read a table; return what is wrong, or an empty text."""
    try:
        samples = read_samples(written.data, name="table.txt")
    except CellStateError as error:
        return f"refused: {error} [{error.code}]"
    if samples.names != written.names:
        return f"names: {samples.names}"
    if written.are_counts and samples.report.unit != "counts":
        return f"unit: {samples.report.unit}"
    values_SF = written.values_SF
    if samples.report.unit == "counts":
        values_SF = values_SF / gene_axis().length_bp[written.positions]
    expected_SF = values_SF * 1e6 / values_SF.sum(axis=1, keepdims=True)
    if not np.allclose(samples.tpm_SA[:, written.positions], expected_SF, rtol=1e-3, atol=0.01, equal_nan=False):
        return "values differ"
    n_extra = int(samples.measured_SA[0].sum()) - len(written.positions)
    return f"{n_extra} more genes" if n_extra else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faults: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.tables):
        written = write(seed)
        if fault := check(written):
            faults[fault.split(":")[0]] += 1
            print(f"{seed}: {fault[:160]} ({', '.join(written.traits)})", flush=True)
    print(f"{options.tables:,} tables, {options.tables - faults.total():,} read back equal; {dict(faults)}")


if __name__ == "__main__":
    main()
