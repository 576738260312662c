"""Plain tables, clean and dirty."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from cellstate.expression.gene_names import MAX_NAME_COLUMNS
from cellstate.expression.reading import unique_names
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from tests.support.read_codes import raises_code, warning_codes


@pytest.mark.parametrize("delimiter, name", [(",", "csv"), ("\t", "tsv"), (";", "semicolon"), (" ", "space")])
@pytest.mark.parametrize("orientation", ["genes in rows", "genes in columns"])
def test_every_delimiter_in_both_orientations(profile, delimiter, name, orientation):
    frame = profile.frame(profile.tpm_SF)
    frame = frame if orientation == "genes in rows" else frame.T
    samples = read_samples(frame.to_csv(sep=delimiter).encode(), name="values.txt")
    profile.assert_same(samples)
    report = samples.report
    assert (report.format, report.orientation, report.unit, report.id_type) == (name, orientation, "TPM", "ensembl")
    assert (report.source, report.n_genes_read) == ("values.txt", 3000)


ENCODINGS = {
    "byte-order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "bgzip": lambda text: gzip.compress(text[:5000].encode()) + gzip.compress(text[5000:].encode()),
    "comments": lambda text: b"\n\n# made by hand\n" + text.encode(),
    "blank column": lambda text: text.replace("\n", ",\n").encode(),
    "blank column without name": lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1).encode(),
    "blank column of pandas": lambda text: text.replace("\n", ",\n").replace(",\n", ",Unnamed: 4\n", 1).encode(),
    "no last line end": lambda text: text.encode().rstrip(b"\n"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_and_line_ends(profile, encoding):
    profile.assert_same(read_samples(ENCODINGS[encoding](profile.frame(profile.tpm_SF).to_csv())))


def test_latin_1(profile):
    frame = profile.frame(profile.tpm_SF).set_axis(["Müller", "Åse", "n"], axis="columns")
    profile.assert_same(read_samples(frame.to_csv().encode("latin-1")), names=("Müller", "Åse", "n"))


@pytest.mark.parametrize(
    "rename, id_type",
    [
        (lambda p: [f"{e}.{i % 20}" for i, e in enumerate(p.names("ensembl"))], "ensembl"),
        (lambda p: p.names("symbol"), "symbol"),
        (lambda p: p.names("entrez"), "entrez"),
        (lambda p: [f"{e}.0" for e in p.names("entrez")], "entrez"),
        (lambda p: [f"{s}|{e}" for s, e in zip(p.names("symbol"), p.names("entrez"), strict=True)], "entrez"),
        (lambda p: [f"?|{e}" for e in p.names("entrez")], "entrez"),
        (lambda p: [f"{e}|{s}" for e, s in zip(p.names("ensembl"), p.names("symbol"), strict=True)], "ensembl"),
        (lambda p: [f'"{s}"' for s in p.names("symbol")], "symbol"),
    ],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_kinds_of_names(profile, rename, id_type, transposed):
    frame = profile.frame(profile.tpm_SF)
    frame.index = pd.Index(rename(profile), name="id")
    samples = read_samples((frame.T if transposed else frame).to_csv().encode())
    profile.assert_same(samples)
    assert samples.report.id_type == id_type


def test_decimal_commas_and_thousands(profile):
    frame = profile.frame(profile.tpm_SF).round(3)
    profile.assert_same(read_samples(frame.to_csv(sep=";", decimal=",").encode()), rtol=0.01)
    profile.assert_same(read_samples(frame.to_csv(sep="\t", decimal=",").encode()), rtol=0.01)
    grouped = profile.frame(profile.counts_SF).map(lambda n: f"{n:,.0f}")
    samples = read_samples(grouped.to_csv().encode())
    profile.assert_same(samples)
    assert samples.report.unit == "counts"


def test_header_of_r_without_the_name_column(profile):
    frame = profile.frame(profile.counts_SF)
    text = frame.to_csv(sep="\t", index_label=False)
    assert text.startswith("tumour A\t")
    profile.assert_same(read_samples(text.encode()))


def test_no_header_takes_the_sample_from_the_file_name(profile):
    frame = profile.frame(profile.counts_SF)[["tumour A"]]
    samples = read_samples(frame.to_csv(header=False, sep="\t").encode(), name="biopsy.tsv")
    profile.assert_same(samples, names=("biopsy",))


def test_htseq_summary_rows_are_left_out(profile):
    text = profile.frame(profile.counts_SF)[["tumour A"]].astype(int).to_csv(header=False, sep="\t")
    samples = read_samples((text + "__no_feature\t900000\n__ambiguous\t7\n").encode(), name="a.txt")
    profile.assert_same(samples, names=("a",))
    assert samples.library_size_S[0] == profile.counts_SF[0].sum()


def test_annotation_columns_are_ignored(profile):
    frame = profile.frame(profile.counts_SF)
    rng = np.random.default_rng(1)
    start = rng.integers(1, 10**8, 3000)
    annotation = {
        "RefSeq": [f"NM_{n:06d}" for n in range(3000)],
        "Symbol": profile.names("symbol"),
        "entrez": profile.names("entrez"),
        "Chr": rng.integers(1, 22, 3000),
        "Start": start,
        "End": start + 1000,
        "Strand": rng.choice(["+", "-"], 3000),
        "exon_count": rng.integers(1, 30, 3000),
        "description": ["a gene, of sorts"] * 3000,
        "Length": profile.length_bp,
    }
    table = pd.DataFrame(annotation, index=frame.index).join(frame)
    profile.assert_same(read_samples(table.to_csv().encode()))
    numbered = table.reset_index(drop=True).drop(columns="Symbol")
    samples = read_samples(numbered.to_csv().encode())
    profile.assert_same(samples)
    assert samples.report.id_type == "entrez"


@pytest.mark.parametrize(("factor", "replaced"), [(2.0, False), (np.linspace(5, 40, 3000), True)])
def test_length_column_converts_counts_unless_it_includes_introns(profile, factor, replaced):
    frame = profile.frame(profile.counts_SF).assign(width=profile.length_bp * factor)
    samples = read_samples(frame.to_csv(sep="\t").encode())
    profile.assert_same(samples)
    assert ("lengths_with_introns" in warning_codes(samples)) == replaced


def test_column_with_most_genes_is_taken_unless_another_is_chosen(profile):
    frame = profile.frame(profile.tpm_SF).reset_index(names="Ensembl")
    frame.insert(0, "Symbol", profile.names("symbol"))
    assert read_samples(frame.to_csv(index=False).encode()).report.id_type == "ensembl"
    for wanted in ("Symbol", "symbol"):
        chosen = read_samples(frame.to_csv(index=False).encode(), options=ReadOptions(id_type=wanted))
        assert chosen.report.id_type == "symbol"
    frame.loc[:1500, "Ensembl"] = "novel"
    samples = read_samples(frame.to_csv(index=False).encode())
    assert samples.report.id_type == "symbol"


def test_names_are_searched_in_the_first_text_columns_and_in_the_chosen_one(profile):
    about = pd.DataFrame({f"about {n}": ["kinase"] * 3000 for n in range(MAX_NAME_COLUMNS)})
    frame = pd.concat([about, profile.frame(profile.tpm_SF).reset_index()], axis=1)
    table = frame.to_csv(index=False).encode()
    with raises_code("no_known_genes"):
        read_samples(table)
    profile.assert_same(read_samples(table, options=ReadOptions(id_type="gene")))


def test_sample_names_become_unique():
    assert unique_names(["a", "a", "a (2)", "a", "", "a"]) == ("a", "a (2)", "a (2) (2)", "a (3)", "sample 5", "a (4)")


@pytest.mark.parametrize("name", ["NO\nGENE", "1-Mar|NO\nGENE"])
def test_warning_shows_a_name_on_one_line(profile, name):
    frame = profile.frame(profile.tpm_SF, "symbol").iloc[:8]
    warnings = read_samples(frame.rename({frame.index[3]: name}).to_csv().encode()).report.warnings
    assert any("NO GENE" in warning for warning in warnings) and not any("\n" in warning for warning in warnings)


def test_repeated_genes_are_summed_and_repeated_samples_numbered(profile):
    frame = pd.concat([profile.frame(profile.counts_SF / 2)] * 2)
    frame.columns = ["a", "b", "a"]
    samples = read_samples(frame.to_csv().encode())
    profile.assert_same(samples, names=("a", "b", "a (2)"))
    assert samples.report.n_duplicates == 3000
    assert {"duplicate_genes", "repeated_sample_names"} <= set(warning_codes(samples))


def test_absent_genes_and_empty_cells_are_missing(profile):
    frame = profile.frame(profile.tpm_SF)
    frame.iloc[5, 1] = np.nan
    samples = read_samples(frame.drop(index=frame.index[7]).to_csv().encode())
    assert np.isnan(samples.tpm_SA[:, profile.positions[7]]).all()
    assert np.isnan(samples.tpm_SA[:, profile.positions[5]]).tolist() == [False, True, False]
    np.testing.assert_allclose(np.nansum(samples.tpm_SA, axis=1), 1e6, rtol=1e-4)


def test_tpm_beside_counts_is_preferred(profile):
    frame = pd.DataFrame({"count": profile.counts_SF[0], "TPM": profile.tpm_SF[0]}, index=profile.names("symbol"))
    samples = read_samples(frame.to_csv().encode(), name="s1.csv")
    profile.assert_same(samples, names=("s1",))
    assert samples.report.unit == "TPM"


def test_a_warning_lists_dates_with_their_candidates(profile):
    frame = profile.frame(profile.tpm_SF, "symbol")
    frame.index = pd.Index(["1-Mar", "2-Sep", "2007-03-05 00:00:00", "7-Sep", *frame.index[4:]])
    samples = read_samples(frame.to_csv().encode())
    assert samples.report.status_counts["date"] == 4 and warning_codes(samples).count("date_names") == 1
    assert "SEPTIN2" in samples.report.warnings[warning_codes(samples).index("date_names")]


def test_sample_numbers_as_names(profile):
    frame = profile.frame(profile.tpm_SF).set_axis(["1", "2", "3"], axis="columns")
    profile.assert_same(read_samples(frame.to_csv().encode()), names=("1", "2", "3"))


def test_lone_quotation_mark(profile):
    frame = profile.frame(profile.tpm_SF)
    frame.insert(0, "description", ["fine"] * 3000)
    text = frame.to_csv(sep="\t").replace("fine", '5" end', 1)
    profile.assert_same(read_samples(text.encode()))


def test_orientation_format_and_unit_can_be_chosen(profile):
    frame = profile.frame(profile.tpm_SF).T
    options = ReadOptions(format="csv", orientation="genes in columns", unit="FPKM")
    samples = read_samples(frame.to_csv().encode(), options=options)
    profile.assert_same(samples)
    assert samples.report.unit == "FPKM"


def test_annotation_of_samples_is_ignored_but_gc_is_a_gene():
    header = "sample,TP53,GC,MYC,age,library_size,GAPDH"
    samples = read_samples(f"{header}\na,10,20,30,64,12000000,40\nb,1,0,9,31,9000000,7\n".encode())
    assert samples.names == ("a", "b") and samples.report.n_genes_read == 4
    assert samples.measured_SA[:, gene_axis().find("GC")].all()
    assert samples.library_size_S.tolist() == [100, 17]


def test_three_genes_are_enough():
    samples = read_samples(b"gene;patient\nTP53;1,5\nMYC;2,5\nGAPDH;900,25\n", name="x.csv")
    assert samples.names == ("patient",) and samples.measured_SA.sum() == 3
    assert "few_genes" in warning_codes(samples)
