"""Profiles of normal tissues, from the classifier of a model folder."""

import numpy as np
import pytest

from cellstate.evaluation.tissue import State, model_tissues
from cellstate.evaluation.tissue_profiles import LEAST_TPM, TIMES_MEAN, high_tissues, tissue_call, tissue_centre
from cellstate.files import resource_path
from cellstate.genes import gene_axis
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_sample
from tests.support.tissue_factories import make_corpus, with_tissues


@pytest.fixture(scope="module")
def model(small_model, tmp_path_factory):
    return with_tissues(small_model, tmp_path_factory.mktemp("models") / "tissues")


def test_a_profile_is_most_like_its_own_class(model):
    for tissue, state in model_tissues(model).classes:
        call = tissue_call(prepare_sample(model, tissue_centre(model, tissue, state)))
        assert (call.tissues[0][0], call.state) == (tissue, state)


def test_a_profile_has_the_levels_of_its_class(model):
    corpus = make_corpus()
    profile = np.log1p(tissue_centre(model, "liver", State.NORMAL).tpm_SA[0])
    own = corpus.log1p_SA[(corpus.tissue == "liver") & (corpus.state == "normal")].mean(axis=0)
    known = ~np.isnan(profile)
    assert known.sum() == len(model_tissues(model).space.axis_index_C)
    assert np.corrcoef(profile[known], own[known])[0, 1] > 0.95


def test_genes_are_high_where_their_profile_is(model):
    classifier, found = model_tissues(model), high_tissues(model)
    rows = [j for j, (_, state) in enumerate(classifier.classes) if state is State.NORMAL]
    tpm_TC = np.expm1(classifier.class_log1p_JC[rows])
    assert len(found) == tpm_TC.shape[1] and any(found.values())
    for c, gene in enumerate(classifier.space.axis_index_C):
        for tissue in found[gene_axis().ensembl[gene]]:
            t = next(t for t, row in enumerate(rows) if classifier.classes[row][0] == tissue)
            assert tpm_TC[t, c] >= max(LEAST_TPM, TIMES_MEAN * np.delete(tpm_TC[:, c], t).mean())


def test_a_model_without_a_classifier_knows_no_tissue(small_model, cohort):
    assert high_tissues(small_model) == {} and tissue_centre(small_model, "colon", State.NORMAL) is None
    assert tissue_call(prepare_sample(small_model, cohort.split("test").take([0]))) is None


def test_known_genes_of_tissues_in_the_shipped_profiles():
    found = high_tissues(load_model(resource_path("models", "human"), device="cpu"))
    axis = gene_axis()
    wanted = {
        "ALB": "liver",
        "GFAP": "brain",
        "MYH7": "heart",
        "KRT20": "colon",
        "CD19": "B cells",
        "VIL1": "small intestine",
    }
    assert {symbol for symbol, tissue in wanted.items() if tissue in found[axis.ensembl[axis.find(symbol)]]} == set(
        wanted
    )
    # HER2 is in every epithelium.
    assert found[axis.ensembl[axis.find("ERBB2")]] == ()
