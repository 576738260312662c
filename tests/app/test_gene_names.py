"""Names in pasted lists, the gene of each, and the level of a gene as text."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis
from cellstate.model.cohort import Profiles, pack_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.gene_names import meanings, split_names, why
from cellstate.ui.workbench.gene_level import GeneLevel, rounded

SYMBOLS = ("TP53", "MYC", "KRAS", "ERBB2", "CDH1", "HLA-A")


@pytest.fixture(scope="module")
def space() -> GeneSpace:
    """Six genes of the axis."""
    axis = gene_axis()
    n = len(SYMBOLS)
    ensembl = tuple(axis.ensembl[axis.find(symbol)] for symbol in SYMBOLS)
    return GeneSpace(ensembl, np.ones(n, np.float32), np.ones(n, np.float32), np.ones(n))


@pytest.mark.parametrize(
    "text",
    [
        "TP53 MYC KRAS",
        "TP53,MYC;KRAS",
        '["TP53", "MYC", \'KRAS\']',
        "TP53|MYC\r\n\tKRAS",
        "+TP53 -MYC −KRAS",
        "• TP53\n• MYC\n• KRAS.",
        "TP53/MYC (KRAS)",
        "TP53, MYC, TP53, KRAS",
    ],
)
def test_any_separators_will_do(text: str) -> None:
    assert split_names(text) == ["TP53", "MYC", "KRAS"]


@pytest.mark.parametrize("name", ["HLA-A", "NKX2-1", "CFTR/MRP", "C(27)-3BETA-HSD", "GPIa*", "ENSG00000141510.12"])
def test_signs_of_a_name_stay_in_it(name: str) -> None:
    assert split_names(f"MYC, {name}; KRAS") == ["MYC", name, "KRAS"]


@lru_cache
def first_genes(n: int) -> GeneSpace:
    return GeneSpace(gene_axis().ensembl[:n], *(np.ones(n, np.float32) for _ in range(3)))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_pasted_has_a_meaning_each(text: str) -> None:
    names = split_names(text)
    assert len(set(names)) == len(names) and all(names)
    found = meanings(names, first_genes(50))
    assert [meaning.name for meaning in found] == names
    assert all((meaning.gene is None) == bool(meaning.problem) for meaning in found)


def test_a_name_says_how_it_was_matched_or_why_not(space: GeneSpace) -> None:
    names = ["p53", "HER2", "her2", "7157", "ENSG00000133703.1", "p16", "XIST", "EGFR", "1-Mar", "nosuchgene", "<b>"]
    found = {meaning.name: meaning for meaning in meanings(names, space)}
    assert (found["p53"].gene, found["p53"].symbol, found["p53"].how) == (0, "TP53", "alias")
    assert found["HER2"].symbol == "ERBB2" and found["her2"].problem == "The same gene as HER2."
    assert found["7157"].how == "Entrez id" and found["7157"].problem == "The same gene as p53."
    assert (found["ENSG00000133703.1"].symbol, found["ENSG00000133703.1"].how) == ("KRAS", "Ensembl id")
    assert "could mean CDKN2A" in found["p16"].problem
    assert "not one of the" in found["XIST"].problem
    assert found["EGFR"].symbol == "EGFR" and found["EGFR"].problem == "Not covered by this model."
    assert "MARCHF1 or MTARC1" in found["1-Mar"].problem
    assert found["nosuchgene"].problem.startswith("No gene is called")
    assert [name for name, meaning in found.items() if meaning.gene is not None] == ["p53", "HER2", "ENSG00000133703.1"]


def test_former_symbols_and_typed_case_are_understood(space: GeneSpace) -> None:
    found = meanings(["myc", "Tp53", "c-Ki-ras2"], space)
    assert [meaning.symbol for meaning in found[:2]] == ["MYC", "TP53"]
    assert meanings(["HRES-1/RGS17"], space)[0].gene is None
    assert meanings(["MLL2"], space)[0].how == "former symbol"


@pytest.mark.parametrize(
    "query, match, expected",
    [
        ("p53", "alias p53", "p53 is an alias of TP53"),
        ("HER-2", "alias HER2", "HER2 is an alias of TP53"),
        ("7157", "entrez 7157", "7157 is the Entrez id of TP53"),
        ("TP5", "", "TP53 begins with TP5"),
        ("P53", "", "TP53 holds P53"),
        ("tp53", "", ""),
    ],
)
def test_the_reason_is_a_sentence(query: str, match: str, expected: str) -> None:
    assert why(query, "TP53", match) == expected


def level(space: GeneSpace, tpm: float, cohort: list[float] | None) -> GeneLevel:
    if cohort is None:
        return GeneLevel(0, "TP53", tpm, True, None)
    log1p_SG = np.repeat(np.log1p(np.array(cohort))[:, None], len(space), axis=1)
    return GeneLevel(0, "TP53", tpm, True, Profiles(space, *pack_profiles(log1p_SG)))


def test_a_level_has_a_rank_in_the_cohort(space: GeneSpace) -> None:
    gene = level(space, 20.0, [10.0, 20.0, 30.0, 40.0, 50.0])
    below, first, last, above = "below the cohort", "0th percentile", "100th percentile", "above the cohort"
    assert [gene.rank_text(tpm) for tpm in (0.0, 9.9, 10.0, 50.0, 51.0)] == [below, below, first, last, above]
    assert gene.text(50.0) == f"50 TPM ({last})"
    assert gene.text_after(Perturbation("TP53", "quantile", 100)) == f"50 TPM ({last})"
    assert gene.step_text(20.0).endswith(" · now") and "now" not in gene.step_text(20.1)
    assert level(space, 0.0, [0.0, 0.0, 0.0, 8.0, 9.0]).rank_text(0.0) == "50th percentile"


def test_without_a_cohort_a_level_has_no_rank(space: GeneSpace) -> None:
    gene = level(space, 3.0, None)
    assert gene.text(3.0) == "3 TPM" and gene.rank_text(3.0) == "" and gene.steps(3.0)[-1] == 10


@given(
    tpm=st.floats(0, 1e6, allow_subnormal=False),
    chosen=st.floats(0, 1e6, allow_subnormal=False),
    cohort=st.one_of(st.none(), st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=5)),
)
def test_a_slider_has_every_level_that_it_needs_once(tpm: float, chosen: float, cohort: list[float] | None) -> None:
    gene = level(first_genes(1), rounded(tpm), cohort)
    steps = gene.steps(rounded(chosen))
    assert steps[0] == 0 and steps == sorted(set(steps)) and {gene.tpm, rounded(chosen)} <= set(steps)
    assert steps[-1] >= gene.tpm
    assert len({gene.step_text(step) for step in steps}) == len(steps)
