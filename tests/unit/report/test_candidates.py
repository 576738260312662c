"""The best candidates of a search as rows of a table."""

from dataclasses import replace

import numpy as np
import pytest

from cellstate.evaluation.answer_evidence import EvidenceCheck, same_score_sign
from cellstate.evaluation.ood import ood_scores
from cellstate.genes.dossier import dossier
from cellstate.io import GeneTable
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.goal import gene_set_goal
from cellstate.perturb.search.single import screen
from cellstate.report.candidates import MAX_OWN, candidates, table_data


@pytest.fixture(scope="module")
def sample(small_model, cohort):
    return prepare_sample(small_model, cohort.split("test").take([0]))


@pytest.fixture(scope="module")
def found(small_model, sample):
    first, second = small_model.space.symbols[:2]
    goal = gene_set_goal(small_model.space, {first: 1, second: -1}, spec="genes", label="two genes")
    return screen(sample, goal, perturbations=("ko", "x3"))


@pytest.fixture(scope="module")
def before(sample):
    return ood_scores([sample])[0]


def test_rows_follow_the_table_of_the_search(found, sample, before):
    rows = candidates(found, sample, before, 7, high_in={})
    assert [one.perturbation.spec for one in rows] == [
        f"{row.gene}={row.perturbation}" for row in found.table.head(7).itertuples()
    ]
    same, n_methods = same_score_sign(found.table)
    assert [one.cells["agree"] for one in rows] == [f"{n}/{n_methods}" for n in same[:7]]
    bars = [one.cells["bar"] for one in rows]
    assert bars[0] == 1 and bars == sorted(bars, reverse=True)
    # Perturbations of several kinds are named.
    assert {one.cells["action"] for one in rows} <= {"KO", "×3"}
    one_kind = replace(found, table=found.table[found.table["perturbation"] == "ko"].reset_index(drop=True))
    assert {one.cells["action"] for one in candidates(one_kind, sample, before, 3, high_in={})} == {""}


def test_the_evidence_is_of_each_candidate(found, sample, before):
    same, n_methods = same_score_sign(found.table)
    for place, one in enumerate(candidates(found, sample, before, 7, high_in={})):
        checks = {check.check: check for check in one.evidence.checks}
        gene = sample.model.space.find(one.perturbation.gene)
        assert checks[EvidenceCheck.GENE_MODELLED].value == sample.model.gene_table["r2_validation"].iloc[gene]
        assert checks[EvidenceCheck.METHODS_AGREE].value == pytest.approx((same[place] - 1) / (n_methods - 1))
        assert checks[EvidenceCheck.SAMPLE_IN_RANGE].passed is not before.is_ood


def test_what_is_known_of_a_gene_stands_in_its_row(found, sample, before):
    gene = found.table["ensembl_id"].iloc[0]
    own = GeneTable("mine.csv", ("a", "b", "c", "d"), {gene: ("1", "", "3", "4")}, ())
    rows = candidates(found, sample, before, 2, high_in={gene: ("liver", "lung", "brain")}, own=own)
    known = dossier(gene)
    first, second = rows[0].cells, rows[1].cells
    assert first["normal"] == "liver, lung +1" and second["normal"] == "–"
    assert first["own"] == ["1", "–", "3"] and set(second["own"]) == {"–"}
    assert dict(first["links"]) == known.links and ("TF" in str(first["badges"])) is known.is_tf
    classes = [part for part in (known.essentiality or "").split(" and ") if part not in ("", "neither")]
    assert [badge[0] for badge in first["badges"] if badge[0] != "TF"] == classes
    assert table_data(found, rows, own)["own"] == list(own.columns[:MAX_OWN])
    assert table_data(found, rows)["own"] == []


def test_only_what_differs_between_patients_is_called_special(found, sample, before):
    assert table_data(found, [])["patient"] and not table_data(replace(found, predictor="pca"), [])["patient"]
    linear = candidates(replace(found, predictor="pca"), sample, before, 3, high_in={})
    assert {one.cells["z"] for one in linear} == {""}


def test_a_score_of_zero_has_no_sign(found):
    table = found.table.assign(score=np.where(np.arange(len(found.table)) == 0, 0.0, found.table["score"]))
    counts, n = same_score_sign(table.assign(score_pca=0.0))
    assert counts[0] == 0 and n == same_score_sign(found.table)[1] - 1
