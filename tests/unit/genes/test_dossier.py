"""The dossier of a gene, on real genes."""

from __future__ import annotations

import gzip
import math
from urllib.parse import urlsplit

import pytest

from cellstate.errors import GeneError
from cellstate.files import resource_path
from cellstate.genes import gene_axis
from cellstate.genes.dossier import LOWERING, RAISING, dossier, dossiers


def names(compounds) -> list[str]:
    return [one.name for one in compounds]


def test_a_gene_with_inhibitors():
    ptgs2 = dossier("ptgs2")
    assert (ptgs2.symbol, ptgs2.ensembl_id, ptgs2.is_tf) == ("PTGS2", "ENSG00000073756", False)
    assert {"celecoxib", "rofecoxib", "acetylsalicylic acid"} <= set(names(ptgs2.fitting(-1)))
    assert ptgs2.fitting(+1) == ptgs2.fitting(0) == ptgs2.fitting(math.nan) == ()
    # What acts by the gene comes first.
    acts = [one.is_mechanism for one in ptgs2.compounds]
    assert acts == sorted(acts, reverse=True) and not all(acts)


def test_a_receptor_has_both_directions_and_what_fits_neither():
    esr1 = dossier("ESR1")
    assert esr1.is_tf
    assert "fulvestrant" in names(esr1.fitting(-0.5)) and "estradiol" in names(esr1.fitting(2))
    assert not set(names(esr1.fitting(-1))) & set(names(esr1.fitting(1)))
    [tamoxifen] = [one for one in esr1.compounds if one.name == "tamoxifen"]
    assert tamoxifen.action == "modulator" and tamoxifen.action not in LOWERING | RAISING


def test_essentiality():
    assert dossier("RPL3").essentiality == "common essential"
    assert dossier("CTNNB1").essentiality == "selective"
    assert dossier("KRAS").essentiality == "common essential and selective"
    assert dossier("A1BG").essentiality == "neither"
    untested = [one for one in dossiers(gene_axis().ensembl) if one.essentiality is None]
    assert 0 < len(untested) < 1000


def test_each_gene_of_a_complex_has_its_compounds():
    assert all("digoxin" in names(dossier(gene).fitting(-1)) for gene in ("ATP1A1", "ATP1B1"))


def test_a_gene_with_nothing():
    olfactory = dossier("OR4F5")
    assert olfactory.compounds == () and not olfactory.is_tf
    assert len(olfactory.links) == 4


def test_links_are_plain_and_secure():
    for one in dossiers(["TP53", "HLA-A", "ENSG00000073756"]):
        for address in one.links.values():
            parts = urlsplit(address)
            assert parts.scheme == "https" and (one.symbol in address or one.ensembl_id in address)


def test_many_are_the_same_as_one():
    assert dossiers(["MYC", "ENSG00000141510"]) == [dossier("MYC"), dossier("TP53")]


def test_the_tables_are_small_and_on_the_axis():
    tables = sorted(resource_path("data", "targets").glob("*.tsv.gz"))
    assert len(tables) == 2 and sum(path.stat().st_size for path in tables) < 1_000_000
    for path in tables:
        header, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
        assert header.split("\t")[0] == "ensembl_id" and len(rows) > 3000
        assert {row.split("\t")[0] for row in rows} <= set(gene_axis().ensembl)


def test_an_unknown_gene():
    with pytest.raises(GeneError):
        dossier("NOTAGENE1")
    with pytest.raises(GeneError):
        dossiers(["MYC", "NOTAGENE1"])
