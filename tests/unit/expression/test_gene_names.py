"""Forms of gene names, and names that are no human genes."""

from __future__ import annotations

import pandas as pd
import pytest

from cellstate.expression.gene_names import readable_names
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from tests.support.read_codes import raises_code, warning_codes

FORMS = {
    "symbol_ensembl": ("{symbol}_{ensembl}", "ensembl"),
    "ensembl.version_symbol": ("{ensembl}.12_{symbol}", "ensembl"),
    "symbol:ensembl": ("{symbol}:{ensembl}", "ensembl"),
    "symbol (ensembl)": ("{symbol} ({ensembl})", "ensembl"),
    "gene:ensembl": ("gene:{ensembl}", "ensembl"),
    "gene-symbol": ("gene-{symbol}", "symbol"),
    "attribute of a GTF": ('gene_id "{ensembl}"', "ensembl"),
    "genome": ("GRCh38_{symbol}", "symbol"),
    "genome of Cell Ranger": ("GRCh38______{ensembl}", "ensembl"),
    "symbol_entrez": ("{symbol}_{entrez}", "symbol"),
    "entrez_symbol": ("{entrez}_{symbol}", "symbol"),
    "GeneID": ("GeneID:{entrez}", "entrez"),
    "with words": ("{ensembl} {symbol} some words", "ensembl"),
}


def _named(profile, form: str) -> list[str]:
    columns = {kind: profile.names(kind) for kind in ("symbol", "ensembl", "entrez")}
    return [form.format(**dict(zip(columns, names, strict=True))) for names in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("transposed", [False, True])
def test_forms_of_names_are_read(profile, kind, transposed):
    form, id_type = FORMS[kind]
    frame = profile.frame(profile.counts_SF)
    frame.index = pd.Index(_named(profile, form), name="id")
    samples = read_samples((frame.T if transposed else frame).to_csv().encode())
    profile.assert_same(samples)
    assert samples.report.id_type == id_type


def test_names_that_are_known_keep_their_form():
    symbols = list(gene_axis().symbol[:100])
    assert readable_names(symbols) == symbols
    mixed = [*symbols, "HLA-DRB1", "gene:odd"]
    assert readable_names(mixed) == mixed
    assert readable_names(["TP53_1", "TP53_2", "MYC_1"]) == ["TP53_1", "TP53_2", "MYC_1"]  # samples, too few to tell


def test_serial_numbers_among_symbols_are_dates(profile):
    frame = profile.frame(profile.tpm_SF, "symbol")
    frame.index = ["44256", "44441.0", *frame.index[2:]]
    samples = read_samples(frame.to_csv().encode())
    assert samples.report.status_counts["date"] == 2
    assert [name for name, _ in samples.report.dates] == ["2021-03-01", "2021-09-02"]


def test_numbers_among_other_names_are_no_entrez_ids(profile):
    frame = profile.frame(profile.tpm_SF)
    frame.index = ["10904", "10905", *frame.index[2:]]
    samples = read_samples(frame.to_csv().encode())
    assert samples.report.status_counts.get("entrez", 0) == 0 and samples.report.unmatched == ("10904", "10905")


FOREIGN = {
    "microarray_probes": "A_23_P{n:06d}",
    "refseq_names": "NM_{n:06d}.4",
    "uniprot_names": "P{n:05d}",
    "hgnc_names": "HGNC:{n}",
    "ucsc_names": "uc001aa{c}.1",
    "mirna_names": "hsa-mir-{n}",
    "assembled_names": "XLOC_{n:06d}",
    "coordinates": "chr1:{n}-{n}9",
    "other_species": "FBgn{n:07d}",
}


@pytest.mark.parametrize("code", FOREIGN)
def test_names_of_another_kind_are_told(code):
    rows = [f"{FOREIGN[code].format(n=n + 1000, c='abcdefghij'[n % 10])},{n},{2 * n}" for n in range(200)]
    with raises_code(code) as caught:
        read_samples("\n".join(["id,a,b", *rows]).encode())
    assert caught.value.hint


SPECIES = {
    "mouse in capitals": lambda symbols: [*symbols[:400], *(f"GM{1000 + n}" for n in range(40))],
    "mouse": lambda symbols: [symbol.capitalize() for symbol in symbols],
    "zebrafish": lambda symbols: [symbol.lower() + "ab"[n % 2] * (n % 3 == 0) for n, symbol in enumerate(symbols)],
    "rat ids": lambda symbols: [f"ENSRNOG{n:011d}" for n in range(len(symbols))],
    "mouse numbers": lambda symbols: [str(11_287 + 7 * n) for n in range(len(symbols))],
}


@pytest.mark.parametrize("species", SPECIES)
def test_other_animals_are_refused_with_the_way_to_orthologs(species):
    names = SPECIES[species](list(gene_axis().symbol[:800]))
    with raises_code("other_species") as caught:
        read_samples("\n".join(["id,a,b", *(f"{name},{n},7" for n, name in enumerate(names))]).encode())
    assert "ortholog" in caught.value.hint


def test_human_symbols_in_lower_case_are_read(profile):
    frame = profile.frame(profile.tpm_SF, "symbol")
    frame.index = frame.index.str.lower()
    samples = read_samples(frame.to_csv().encode())
    assert samples.measured_SA[0].sum() > 2900 and "other_species" not in warning_codes(samples)
