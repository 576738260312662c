"""Regulators of samples: table, cohort, references, refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cellstate.errors import CellStateError
from cellstate.perturb.regulators.reference import PRIOR_SAMPLES, load_reference
from cellstate.perturb.regulators.search import NORMAL_STATE, regulators
from cellstate.perturb.sample import prepare_samples


@pytest.fixture
def genes(human):
    """Some candidates."""
    return np.arange(0, len(human.space), 7)


def test_a_cohort_is_its_samples_one_by_one(patients, genes):
    together = regulators(patients, genes=genes)
    for s, one in enumerate(patients):
        alone = regulators([one], genes=genes)
        assert_allclose(alone.z_ST[0], together.z_ST[s], rtol=1e-4, atol=1e-4)
        assert alone.table()["gene"].tolist() == together.table(s)["gene"].tolist()
    assert together.reference == NORMAL_STATE and together.has_null


def test_patients_differ(patients, genes):
    found = regulators(patients, genes=genes)
    assert np.corrcoef(found.z_ST)[0, 1] < 0.95
    assert found.table(0)["gene"].head(10).tolist() != found.table(1)["gene"].head(10).tolist()


def test_the_table_is_by_z_and_says_the_direction(patients, genes, human):
    table = regulators(patients, genes=genes).table()
    assert table["z"].is_monotonic_decreasing
    assert (table["direction"].eq("more active") == table["z"].ge(0)).all()
    assert len(table) == len(genes) and table["p"].between(0, 1).all() and (table["fdr"] >= table["p"] - 1e-6).all()
    by_gene = table.set_index("gene")["own_change"]
    found = regulators(patients, genes=genes)
    assert_allclose(by_gene[human.space.symbols[genes[3]]], found.signature_SG[0, genes[3]], rtol=1e-5)


def test_a_group_replaces_the_normal_state(patients, genes, small_model, cohort):
    found = regulators(patients[:1], against=patients[1:], against_label="the other", genes=genes)
    assert (found.reference, found.has_null) == ("the other", False)
    assert np.isnan(found.table()[["p", "fdr"]].to_numpy()).all()
    # It needs no model of normal tissue.
    plain = prepare_samples(small_model, cohort.split("test").take([0, 1]))
    assert len(regulators(plain[:1], against=plain[1:], genes=genes).table()) == len(genes)


def test_a_group_of_several_is_its_own_null(human, cohort, genes):
    samples = prepare_samples(human, cohort.split("test"))
    group, rest = samples[:8], samples[8:]
    found = regulators(rest, against=group, genes=genes)
    assert found.has_null
    # Samples of one cohort are nothing special beside one another.
    assert np.nanmean(found.p_ST < 0.05) < 0.2


def test_what_a_sample_does_not_measure_is_not_tested(human, cohort, genes):
    samples = cohort.split("test").take([0])
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[0, human.space.axis_index_G[genes[:3]]] = np.nan
    from dataclasses import replace

    table = regulators(prepare_samples(human, replace(samples, tpm_SA=tpm_SA)), genes=genes).table()
    missing = {human.space.symbols[g] for g in genes[:3]}
    assert set(table["gene"][table["p"].isna()]) == missing
    # They are no answer, so they come last.
    assert set(table["gene"].tail(3)) == missing and table["z"].head(-3).is_monotonic_decreasing


def test_recurrence_counts_calls(patients, genes):
    found = regulators([*patients, *patients], genes=genes)
    table = found.recurrence(fdr=1.0)
    counts = table["n_more_active"] + table["n_less_active"]
    assert (counts == 4).all() and set(table["n_more_active"] % 2) == {0}


def test_the_null_is_in_sd_of_normal_samples(human, patients, genes):
    reference, found = load_reference(human), regulators(patients, genes=genes)
    expected = (found.activity_ST - reference.activity_mean_G[genes]) / reference.activity_sd_G[genes]
    assert_allclose(found.z_ST, expected, rtol=1e-5)


def test_refusals(patients, small_model, cohort):
    without = prepare_samples(small_model, cohort.split("test").take([0]))
    for samples, more in (([], {}), (patients, {"genes": np.array([], int)}), (without, {})):
        with pytest.raises(CellStateError) as refused:
            regulators(samples, **more)
        assert refused.value.hint


def test_sets_are_sought_on_demand(patients, genes):
    assert regulators(patients, genes=genes).sets == ()
    found = regulators(patients, genes=genes, with_sets=True)
    assert len(found.sets) == 2
    for one in filter(None, found.sets):
        assert 0 < one.p <= 1 and len(one.members_N) == len(one.coefficient_N)


def test_a_sample_of_the_group_is_compared_with_the_others(human, cohort, genes):
    samples = prepare_samples(human, cohort.split("test"))[:9]
    together = regulators(samples, against=samples, genes=genes)
    everyone = together.activity_ST
    for s in (0, 4, 8):
        others = [one for n, one in enumerate(samples) if n != s]
        alone = regulators([samples[s]], against=others, genes=genes)
        assert_allclose(together.signature_SG[s], alone.signature_SG[0], atol=2e-5)
        # Its null are the others, each against everyone else.
        null_NT = np.delete(everyone, s, axis=0).astype(float)
        variance_T = null_NT.var(axis=0, ddof=1)
        sd_T = np.sqrt((7 * variance_T + PRIOR_SAMPLES * variance_T.mean()) / (7 + PRIOR_SAMPLES)) * np.sqrt(9 / 8)
        assert_allclose(together.z_ST[s], (everyone[s] - null_NT.mean(axis=0)) / sd_T, rtol=1e-4, atol=1e-4)
        # As good as what follows from the others alone, which differ from one another alone by more.
        assert np.corrcoef(together.z_ST[s], alone.z_ST[0])[0, 1] > 0.99


def test_a_group_that_is_left_with_four_samples_has_no_null(human, cohort, genes):
    samples = prepare_samples(human, cohort.split("test"))[:6]
    assert regulators(samples[5:], against=samples[:5], genes=genes).has_null
    assert not regulators(samples[4:5], against=samples[:5], genes=genes).has_null
