"""Where the header of a table is, and how wide the table is."""

from __future__ import annotations

import pytest

from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.io.layout import find_layout
from tests.support.read_codes import raises_code, warning_codes

_GENES = gene_axis().symbol[:60]
_HEADER = "gene,A,B,C"
_ROWS = [f"{gene},{7 * n % 61},{11 * n % 61},{13 * n % 61 + 1}" for n, gene in enumerate(_GENES, start=1)]


def _layout(*lines: str):
    return find_layout("\n".join(lines).encode() + b"\n")


ABOVE = {
    "nothing": ([], [], 0),
    "a title": (["Supplementary Table 3. Counts of all genes", ""], [], 1),
    "a title with delimiters": (["Table 3,,,", ",,,"], [], 1),
    "groups": ([",Control,Control,Knock-out"], [], 1),
    "rows about lanes": (["File,x.RCC,y.RCC,z.RCC", "Density,0.4,0.5,0.4"], [], 2),
    "the mark of Excel": (["sep=,"], [], 1),
    "groups below": ([], ["condition,ctrl,ctrl,ko"], 0),
    "two rows below": ([], ["treatment,DMSO,DMSO,drug", "site,north,south,north"], 0),
    "both": (["Table 3"], ["unit,TPM,TPM,TPM"], 1),
}


@pytest.mark.parametrize("kind", ABOVE)
def test_header_is_found_among_titles_and_rows_about_samples(kind):
    above, below, n_titles = ABOVE[kind]
    layout = _layout(*above, _HEADER, *below, *_ROWS)
    assert layout.header == ("gene", "A", "B", "C")
    assert layout.skip_rows == tuple(range(len(above) + 1 + len(below)))
    assert len(layout.sample_rows) == len(below) and (n_titles > 0) == bool(layout.titles)
    samples = read_samples("\n".join([*above, _HEADER, *below, *_ROWS]).encode())
    assert samples.names == ("A", "B", "C") and samples.report.n_genes_read == len(_GENES)
    assert ("lines_above_header" in warning_codes(samples)) == bool(above)
    assert ("rows_about_samples" in warning_codes(samples)) == bool(below)


@pytest.mark.parametrize("surplus", [",a remark", ",", ",,,", ",see note 3,really"])
def test_one_wide_row_moves_no_name(surplus):
    rows = [row + surplus if n == 7 else row for n, row in enumerate(_ROWS)]
    samples = read_samples("\n".join([_HEADER, *rows]).encode())
    assert samples.names == ("A", "B", "C")
    assert ("wide_rows" in warning_codes(samples)) == bool(surplus.strip(","))
    clean = read_samples("\n".join([_HEADER, *_ROWS]).encode())
    assert (samples.tpm_SA[:, clean.measured_SA[0]] == clean.tpm_SA[:, clean.measured_SA[0]]).all()


def test_comma_inside_a_description_joins_it():
    header, rows = "gene,about,A,B", [f"{gene},kinase,{7 * n % 61},{9 * n % 61}" for n, gene in enumerate(_GENES)]
    rows[3] = rows[3].replace("kinase", "kinase, member A")
    samples = read_samples("\n".join([header, *rows]).encode())
    assert samples.names == ("A", "B") and "wide_rows" in warning_codes(samples)
    assert samples.report.n_genes_read == len(_GENES) and samples.library_size_S.tolist() == [1776.0, 1778.0]


def test_wide_row_of_numbers_is_refused_with_its_line():
    rows = [row + ",5" if n == 7 else row for n, row in enumerate(_ROWS)]
    with raises_code("damaged_table") as caught:
        read_samples("\n".join([_HEADER, *rows]).encode())
    assert "Line 9" in caught.value.hint


def test_header_of_numbers_below_a_title():
    layout = _layout("Table 3", "", "gene,2019,2020,2021", *_ROWS)
    assert layout.header == ("gene", "2019", "2020", "2021") and layout.skip_rows == (0, 1, 2)


def test_header_of_numbers_above_groups():
    layout = _layout("gene,S1,2019,2020", "condition,a,b,a", *_ROWS)
    assert layout.header == ("gene", "S1", "2019", "2020") and layout.sample_rows == ("condition",)


def test_header_of_one_sample_as_r_writes_it():
    layout = _layout('"tumour 1"', *(row.rsplit(",", 2)[0] for row in _ROWS))
    assert layout.header == ("", "tumour 1") and layout.skip_rows == (0,) and not layout.titles


def test_header_is_one_short_only_if_most_rows_are_one_wider():
    assert _layout("A,B,C", *_ROWS).header == ("", "A", "B", "C")
    assert _layout(_HEADER, *_ROWS[:-1], _ROWS[-1] + ",x").header == ("gene", "A", "B", "C")
    assert _layout(_HEADER + ",,", *_ROWS).header == ("gene", "A", "B", "C")


def test_blanks_beside_a_delimiter_do_not_separate():
    samples = read_samples("\n".join([_HEADER, *(row.replace(",", " , ") for row in _ROWS)]).encode())
    assert samples.report.format == "csv" and samples.names == ("A", "B", "C")


def test_header_of_genes_is_no_row_about_samples():
    lines = [",".join(["sample", *_GENES]), *(",".join([name, *map(str, range(60))]) for name in "abc")]
    assert read_samples("\n".join(lines).encode()).report.orientation == "genes in columns"
