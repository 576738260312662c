"""Resolution of gene names in files and in the search box."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import GeneError
from cellstate.genes import FOUND, N_AXIS, NOT_FOUND, GeneAxis, gene_axis, gene_list_hash
from tests.support.read_codes import raises_code

AXIS: GeneAxis = gene_axis()
positions = st.integers(0, N_AXIS - 1)
blank = st.text(" \t\r\n", max_size=3)


def meant(name: object) -> tuple[str | None, str]:
    """Return (approved symbol, status) of one name."""
    resolution = AXIS.resolve([name])
    index = int(resolution.index[0])
    return (AXIS.symbol[index] if index >= 0 else None), resolution.status[0]


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("ensembl", {"ENSG00000141510": "TP53", "ENSG00000141510.18": "TP53", "ensg00000141510.18": "TP53"}),
        ("ensembl", {"ENSG00000002586.20_PAR_Y": "CD99", "ENSG00000141510_TP53": "TP53"}),
        ("ensembl", {"TP53 (ENSG00000141510)": "TP53", "TNF|ENSG00000141510": "TP53"}),
        # The length at the end of a GENCODE name is not an Entrez id.
        ("ensembl", {"ENST00000999999.1|ENSG00000141510.18|OTTHUMG00000162125.10|-|TP53-299|672|lncRNA|": "TP53"}),
        ("transcript", {"ENST00000269305.9": "TP53"}),
        ("entrez", {"7157": "TP53", 7157: "TP53", "TP53|7157": "TP53", "?|7157": "TP53"}),
        ("entrez", {"TP53 (7157)": "TP53", "TP53|672": "BRCA1", "7157.0": "TP53"}),
        ("symbol", {"TP53": "TP53", '"TP53"': "TP53", "tp53": "TP53", "C8ORF33": "C8orf33"}),
        ("previous", {"C1orf112": "FIRRM", "C1ORF112": "FIRRM", "MLL": "KMT2A", "SEPT2": "SEPTIN2"}),
        ("alias", {"HER2": "ERBB2", "p53": "TP53", "OCT4": "POU5F1"}),
        ("outside", {"A1BG-AS1": None}),
        ("ambiguous", {"OCT1": None}),
        ("unknown", dict.fromkeys(("Trp53x", "gene_id", "", "|", "?|100130426", None, float("nan")))),
        ("unknown", {"Brca1": None}),  # a mouse gene
        ("unknown", {"NA": None, "NaN": None}),  # a previous symbol, but in a table it is an empty cell
    ],
)
def test_status_and_gene_of_names(status: str, names: dict[object, str | None]) -> None:
    assert {name: meant(name) for name in names} == {name: (symbol, status) for name, symbol in names.items()}


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("1-Mar", ["MARCHF1", "MTARC1"]),
        ("Mar-01", ["MARCHF1", "MTARC1"]),
        ("2023-03-01", ["MARCHF1", "MTARC1"]),
        ("2023-03-01 00:00:00", ["MARCHF1", "MTARC1"]),
        ("Sep-02", ["SEPTIN2"]),
        ("2-Sep-2023", ["SEPTIN2"]),
        ("02-SEP-23", ["SEPTIN2"]),
        ("09/02/2023", ["SEPTIN2"]),
        ("02.09.2023", ["SEPTIN2"]),
        ("11-Mar", ["MARCHF11"]),
        ("4-Oct", ["POU5F1"]),
        ("1-Dec", []),  # DELEC1 is not on the axis
    ],
)
def test_dates_of_a_spreadsheet(name: str, candidates: list[str]) -> None:
    assert meant(name) == (None, "date")
    assert AXIS.candidates(name) == candidates
    with raises_code("date", GeneError) as error:
        AXIS.find(name)
    assert isinstance(error.value, GeneError)
    assert all(symbol in error.value.hint for symbol in candidates)


@pytest.mark.parametrize("name", ["13/13/2023", "0-Mar", "32-Dec", "Mar", "2023", "1-Mars", "2023-13-01"])
def test_names_that_resemble_dates(name: str) -> None:
    assert meant(name)[1] != "date"


def test_every_gene_is_found_by_its_ids() -> None:
    every_gene = np.arange(N_AXIS)
    np.testing.assert_array_equal(AXIS.resolve(AXIS.symbol).index, every_gene)
    np.testing.assert_array_equal(AXIS.resolve(AXIS.ensembl).index, every_gene)
    with_entrez = [i for i in every_gene if AXIS.entrez[i]]
    np.testing.assert_array_equal(AXIS.resolve(AXIS.entrez[i] for i in with_entrez).index, with_entrez)


@given(st.lists(st.text()))
def test_any_text_is_resolved(names: list[str]) -> None:
    resolution = AXIS.resolve(names)
    assert len(resolution.names) == len(resolution.index) == len(resolution.status) == len(names)
    for index, status in zip(resolution.index, resolution.status, strict=True):
        assert status in (FOUND if index >= 0 else NOT_FOUND)
    assert sum(resolution.counts().values()) == len(names)


@given(st.text())
def test_any_text_is_found_or_refused(name: str) -> None:
    assert all(0 <= position < N_AXIS for position, _ in AXIS.search(name))
    try:
        position = AXIS.find(name)
    except GeneError as error:
        position, hint = 0, error.hint
    else:
        hint = "none needed"
    assert 0 <= position < N_AXIS
    assert hint


names_of_genes = positions.flatmap(
    lambda i: st.sampled_from(
        [AXIS.symbol[i], AXIS.ensembl[i], *filter(None, f"{AXIS.previous[i]}|{AXIS.aliases[i]}".split("|"))]
    )
)


@given(names_of_genes)
def test_resolving_twice_changes_nothing(name: str) -> None:
    symbol, _ = meant(name)
    if symbol is not None:
        assert meant(symbol) == (symbol, "symbol")


@given(names_of_genes, blank, blank)
def test_space_around_a_name_does_not_matter(name: str, before: str, after: str) -> None:
    assert meant(before + name + after) == meant(name)


@given(positions, st.integers(0, 999))
def test_version_of_an_ensembl_id_does_not_matter(position: int, version: int) -> None:
    assert AXIS.resolve([f"{AXIS.ensembl[position]}.{version}"]).index[0] == position


@pytest.mark.parametrize(
    ("symbol", "queries"),
    [
        ("TP53", ("p53", "tp53", "TP53", "7157", "ENSG00000141510.18")),
        ("ERBB2", ("HER2", "her2", "HER-2")),
        ("CD274", ("PD-L1", "pdl1", "PD L1")),
        ("POU5F1", ("oct4",)),
        ("MYC", ("c-myc", "  MYC ")),
        ("MKI67", ("ki67",)),
        ("IFNG", ("IFN-γ",)),
        ("IL1B", ("IL-1β",)),
        ("MARCHF1", ("1-Mar",)),
    ],
)
def test_search_puts_the_best_match_first(symbol: str, queries: tuple[str, ...]) -> None:
    assert {query: AXIS.symbol[AXIS.search(query)[0][0]] for query in queries} == dict.fromkeys(queries, symbol)


def test_search_names_the_match() -> None:
    tp53, erbb2 = AXIS.find("TP53"), AXIS.find("ERBB2")
    assert AXIS.search("TP53")[0] == (tp53, "")
    assert AXIS.search("p53")[0] == (tp53, "alias p53")
    assert AXIS.search("her2")[0] == (erbb2, "alias HER2")


def test_search_lists_every_meaning_of_an_ambiguous_name() -> None:
    assert {"POU2F1", "SLC22A1"} == {AXIS.symbol[i] for i, _ in AXIS.search("OCT1")[:2]}


def test_search_continues_with_the_beginnings_of_names() -> None:
    assert [AXIS.symbol[i] for i, _ in AXIS.search("ERBB", limit=4)][1:] == ["ERBB2", "ERBB3", "ERBB4"]
    assert AXIS.search("") == AXIS.search("   ") == AXIS.search("no such gene") == []
    assert len(AXIS.search("a", limit=5)) == 5


@given(positions, st.integers(1, 12))
def test_search_finds_a_gene_by_its_symbol_in_any_case(position: int, limit: int) -> None:
    for query in (AXIS.symbol[position], AXIS.symbol[position].lower()):
        assert AXIS.search(query, limit)[0] == (position, "") or query != AXIS.symbol[position]
        assert position in dict(AXIS.search(query))


def test_find_accepts_any_letter_case() -> None:
    assert AXIS.find("her2") == AXIS.find("ERBB2")
    assert AXIS.find("Tp53") == AXIS.find("TP53")


@pytest.mark.parametrize(("name", "code"), [("OCT1", "ambiguous"), ("DEC1", "outside"), ("no such gene", "unknown")])
def test_find_gives_the_status_as_code(name: str, code: str) -> None:
    with raises_code(code, GeneError):
        AXIS.find(name)


def test_hash_depends_on_the_order() -> None:
    assert AXIS.hash == gene_list_hash(AXIS.ensembl) != gene_list_hash(AXIS.ensembl[::-1])


def test_threads_may_search_at_once() -> None:
    fresh = GeneAxis.__new__(GeneAxis)
    fresh.__dict__ |= {k: v for k, v in AXIS.__dict__.items() if k not in ("_names", "_by_plain_name")}
    answers: list[list[tuple[int, str]]] = []
    threads = [threading.Thread(target=lambda: answers.append(fresh.search("p53"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [AXIS.search("p53")] * 4


def test_repaired_dates() -> None:
    before = AXIS.resolve(["TP53", "2-Sep", "1-Mar", "2-Sep"])
    assert before.repaired({}) is before
    after = before.repaired({"2-Sep": AXIS.find("SEPTIN2")})
    assert after.status == ("symbol", "repaired", "date", "repaired")
    assert [AXIS.symbol[i] for i in after.index if i >= 0] == ["TP53", "SEPTIN2", "SEPTIN2"]
    assert after.counts() == {"symbol": 1, "repaired": 2, "date": 1} and after.index.dtype == before.index.dtype


def test_meanings_outside_the_axis() -> None:
    assert AXIS.candidates("1-Dec") == [] and max(AXIS.meanings("1-Dec")) < 0
    assert len(AXIS.meanings("04/02/2023")) == 2 and AXIS.candidates("04/02/2023") == ["ADGRV1"]
