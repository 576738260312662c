"""Previews of files in all formats, also of files that the reader refuses."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_seeds import h5ad_seeds, text_seeds
from cellstate.errors import ReadError
from cellstate.io import READERS, ReadOptions, preview_file, read_samples
from tests.support.read_codes import raises_code
from tests.unit.io.corpus import HOSTILE, changed
from tests.unit.io.test_refusals import REFUSED

relaxed = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("delimiter, name", [(",", "csv"), ("\t", "tsv"), (";", "semicolon"), (" ", "space")])
def test_first_cells_are_shown_unchanged(profile, delimiter, name):
    frame = profile.frame(profile.tpm_SF)
    text = frame.to_csv(sep=delimiter)
    for data in (text.encode(), gzip.compress(text.encode())):
        shown = preview_file(data, "x.txt")
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        assert shown.header == tuple(rows[0]) == ("gene", *profile.samples)
        assert shown.rows == tuple(map(tuple, rows[1:13]))
        assert (shown.n_rows, shown.n_columns, shown.format, shown.delimiter) == (3000, 4, name, delimiter)


def test_wide_table_is_cut_but_its_size_is_given(profile):
    shown = preview_file(profile.frame(profile.counts_SF).T.to_csv().encode())
    assert len(shown.header) == 8 and all(len(row) == 8 for row in shown.rows)
    assert (shown.n_rows, shown.n_columns, len(shown.rows)) == (3, 3001, 3)


@pytest.mark.parametrize("name", [n for n in text_seeds() if n in READERS])
def test_every_format_of_text(name):
    data = text_seeds()[name][0]
    shown, read = preview_file(data), read_samples(data)
    assert shown.format == read.report.format.split(" ")[0]
    assert shown.n_columns > len(read) or name in ("salmon", "kallisto", "rsem")
    assert 0 <= shown.n_rows - read.report.n_genes_read <= 5 or read.report.orientation == "genes in columns"


@pytest.mark.parametrize("seed", range(len(h5ad_seeds())))
def test_h5ad_shows_genes_in_rows(seed):
    data = h5ad_seeds()[seed]
    shown = preview_file(data)
    assert shown.format == "h5ad" and shown.delimiter is None and shown.header[0] == ""
    assert shown.header[1:] == read_samples(data).names[: len(shown.header) - 1]
    assert len(shown.rows) == 12 and shown.n_rows > 12 and shown.n_columns == len(read_samples(data)) + 1
    if seed < 3:  # the same values: dense, csr, csc
        assert shown.rows == preview_file(h5ad_seeds()[0]).rows
        assert any(cell not in ("0", "nan") for row in shown.rows for cell in row[1:])


def test_notes_about_the_layout(profile):
    text = profile.frame(profile.tpm_SF).round(3).to_csv(sep=";", decimal=",")
    assert len(preview_file(("# made by hand\n\n" + text).encode()).notes) == 3  # separator, first line, decimal comma
    bare = profile.frame(profile.counts_SF).to_csv(header=False)
    shown = preview_file(bare.encode())
    assert shown.header == ("",) * 4 and shown.rows[0][0] == profile.names("ensembl")[0] and shown.n_rows == 3000
    assert len(shown.notes) == 2


def test_format_can_be_chosen(profile):
    text = profile.frame(profile.tpm_SF).to_csv()
    assert preview_file(text.encode(), options=ReadOptions(format="semicolon")).n_columns == 1
    for wrong in ("h5ad", "loom"):
        with pytest.raises(ReadError):
            preview_file(text.encode(), options=ReadOptions(format=wrong))


#: These are not text and have no cells to show.
_NOTHING = {
    "empty", "blank", "blank characters of Unicode", "empty gzip", "picture", "pdf", "xlsx", "xls", "zip", "document",
    "bzip2", "pickle", "binary", "web page", "cut gzip", "damaged gzip", "gzip twice",
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_tables_have_a_preview(kind):
    data, code = REFUSED[kind]
    if kind in _NOTHING:
        with raises_code(code):
            preview_file(data)
    else:
        shown = preview_file(data)
        assert shown.rows and shown.rows[0][0].strip() and shown.n_rows >= len(shown.rows)


def _check(data: bytes, options: ReadOptions) -> None:
    try:
        shown = preview_file(data, options=options)
    except ReadError as error:
        assert error.message.endswith(".")
        return
    assert len(shown.header) <= 8 and len(shown.rows) <= 12
    assert all(len(row) == len(shown.header) for row in shown.rows)
    assert shown.n_rows >= len(shown.rows) and shown.n_columns >= len(shown.header)
    assert all(type(cell) is str and len(cell) <= 200 for row in (shown.header, *shown.rows) for cell in row)


@relaxed
@given(st.binary(max_size=400), st.sampled_from([None, *READERS]), st.sampled_from([b"", b"#1.2\n", b"gene,a\n"]))
def test_any_bytes_have_a_preview_or_an_error(data, wanted, start):
    _check(start + data, ReadOptions(format=wanted))


@pytest.mark.parametrize("name", [n for n in HOSTILE if "bomb" not in n])
def test_hostile_file_has_a_preview_or_an_error(name):
    _check(HOSTILE[name](), ReadOptions())


def test_damaged_sparse_matrix_is_refused():
    for part, value in (("X/indptr", 10**9), ("X/indices", -5)):
        data = changed(lambda file, part=part, value=value: file[part].__setitem__(1, value), 1)
        with raises_code("damaged_h5ad"):
            preview_file(data)


def test_whole_table_is_not_parsed(profile):
    """Damage beyond the first lines does not matter."""
    text = profile.frame(profile.tpm_SF).to_csv() + "TP53" + ",1" * 90 + "\n"
    with pytest.raises(ReadError):
        read_samples(text.encode())
    assert preview_file(text.encode()).n_rows == 3001
    assert np.isfinite(float(preview_file(text.encode()).rows[0][1]))
