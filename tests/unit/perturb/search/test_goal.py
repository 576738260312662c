from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cellstate.errors import GoalError
from cellstate.gene_space import align
from cellstate.genes import gene_axis
from cellstate.model.cohort import load_profiles
from cellstate.perturb.sample import prepare_sample, prepare_samples
from cellstate.perturb.search import goal as goal_module
from cellstate.perturb.search.combination import combine
from cellstate.perturb.search.goal import cohort_end, cohort_goal, find_genes, gene_set_goal, toward_goal
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.perturb.search.study_offset import follows_depth, study_trend
from cellstate.report.narrative.search import offset_sentence
from cellstate.samples import Samples
from tests.support.factories import make_space

SPACE = make_space(40)
A, B, C = SPACE.symbols[:3]
WORDS = {"spec": "spec", "label": "label"}


@pytest.fixture(scope="module")
def patient(small_model, cohort):
    return prepare_sample(small_model, cohort.split("test").take([0]))


def test_every_gene_of_a_set_counts_the_same_and_100_percent_is_one_s_each():
    goal = gene_set_goal(SPACE, {A: 1, SPACE.ensembl[1]: 1, C: -1, "NOSUCH": 1}, **WORDS)
    assert goal.direction_G[:3] == pytest.approx(np.array([1, 1, -1]) / np.sqrt(3))
    assert not goal.direction_G[3:].any() and goal.direction_G.dtype == np.float32
    assert (goal.n_genes, goal.missing, goal.distance) == (3, ("NOSUCH",), pytest.approx(np.sqrt(3)))
    one_s_each = np.zeros(40)
    one_s_each[:3] = [1, 1, -1]
    assert goal.direction_G @ one_s_each / goal.distance == pytest.approx(1, abs=1e-6)
    assert (goal.spec, goal.label) == ("spec", "label")


def test_a_gene_named_twice_the_same_way_counts_once():
    once = gene_set_goal(SPACE, {A: 1, B: -1}, **WORDS)
    twice = gene_set_goal(SPACE, [(A, 1), (SPACE.ensembl[0], 1), (B, -1), (A, 1)], **WORDS)
    assert np.array_equal(once.direction_G, twice.direction_G) and twice.n_genes == 2


def test_genes_that_the_model_lacks_are_missing():
    absent = next(s for s in ("TP53", "GAPDH", "MYC") if s not in SPACE.symbols)
    genes, missing = find_genes(SPACE, [absent, A, "NOSUCH", "NOSUCH", "1-Mar"])
    assert genes.tolist() == [-1, 0, -1, -1, -1]
    assert missing == (absent, "NOSUCH", "1-Mar")


def test_letter_case_is_forgiven_where_a_person_typed():
    assert find_genes(SPACE, [A.title()], typed=True)[0].tolist() == [0]
    assert find_genes(SPACE, ["Zzz9"], typed=True) == (np.array([-1]), ("Zzz9",))


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        ({}, "names no gene"),
        ({"NOSUCH": 1, "NOR": 1, "THIS": -1, "THAT": 1}, "knows no gene of this goal: NOSUCH, NOR, THIS and 1 more"),
        ([(A, 1), (A, -1)], "both up and down"),
        ({A: 1, SPACE.ensembl[0]: -1}, f"{A} is to go both up and down"),
        ({A: 2}, "goes up"),
    ],
)
def test_a_set_without_direction_is_refused(signs, words):
    with pytest.raises(GoalError, match=words) as refused:
        gene_set_goal(SPACE, signs, **WORDS)
    assert refused.value.hint


def test_the_way_to_a_reference_is_the_difference_in_z(small_model, cohort, patient):
    reference = cohort.split("test").take([1, 2, 3])
    goal = toward_goal(patient, reference, same_study=True, **WORDS)
    assert goal.offset is None
    space = small_model.space
    mean_log1p_G = np.log1p(align(reference, space).tpm_SG.astype(float)).mean(axis=0)
    way_G = (mean_log1p_G - space.mean_G) / space.scale_G - patient.z_1G[0]
    assert goal.distance == pytest.approx(np.linalg.norm(way_G), rel=1e-5)
    assert goal.direction_G * goal.distance == pytest.approx(way_G, abs=1e-4)
    assert np.linalg.norm(goal.direction_G) == pytest.approx(1, abs=1e-6)
    assert goal.direction_G @ way_G / goal.distance == pytest.approx(1, rel=1e-5)
    assert goal.n_genes == np.count_nonzero(goal.direction_G)


def shifted(reference, space, slope):
    """Samples as another study measures them: longer genes higher, and every gene by a factor."""
    tpm_SA = reference.tpm_SA.copy()
    length_G = np.log(gene_axis().length_bp[space.axis_index_G])
    tpm_SA[:, space.axis_index_G] *= np.exp(slope * (length_G - length_G.mean()))
    return replace(reference, tpm_SA=tpm_SA)


def test_what_separates_two_studies_is_no_part_of_the_way(small_model, cohort, patient):
    reference, space = cohort.split("test").take([1, 2, 3]), small_model.space
    other = shifted(reference, space, 0.8)
    truth, taken, whole = (
        toward_goal(patient, samples, same_study=same, **WORDS)
        for samples, same in ((reference, True), (other, False), (other, True))
    )
    assert taken.direction_G @ truth.direction_G > 0.9 > whole.direction_G @ truth.direction_G
    assert 0 < taken.offset.fraction_left < 0.8 and taken.distance < whole.distance
    length_G = np.log(gene_axis().length_bp[space.axis_index_G])
    trend = [abs(np.corrcoef(goal.direction_G * space.scale_G, length_G)[0, 1]) for goal in (taken, whole)]
    assert trend[0] < 0.1 < 0.4 < trend[1]


def test_a_reference_that_differs_as_a_study_alone_is_refused_or_leaves_little(
    small_model, cohort, patient, monkeypatch
):
    space = small_model.space
    own = cohort.split("test").take([0])
    left = toward_goal(patient, shifted(own, space, 0.8), **WORDS).offset.fraction_left
    assert left < 0.5
    assert offset_sentence(toward_goal(patient, shifted(own, space, 0.8), **WORDS)).endswith("do.**")
    # All of the difference is a trend: nothing is left.
    monkeypatch.setattr(goal_module, "study_trend", lambda way_G, compared_G, space: way_G)
    with pytest.raises(GoalError, match="as two studies do") as refused:
        toward_goal(patient, cohort.split("test").take([1]), **WORDS)
    assert "toward-raw:" in refused.value.hint


def test_ribosomal_and_mitochondrial_genes_are_left_out_of_a_way_to_another_study():
    names = ["RPL3", "RPS4Y1", "RPLP0", "RPSA", "RPL36AL", "RPL22L1", "MRPL12", "MT-CO1", "RPS6KA1", "MTOR", "MRPS2"]
    space = SimpleNamespace(symbols=names)
    assert follows_depth(space).tolist() == [True] * 8 + [False, False, True]


def test_too_few_genes_show_no_trend():
    compared_G = np.arange(40) < 30
    assert not study_trend(np.ones(40), compared_G, SPACE).any()


def test_only_genes_count_that_both_sides_measure_in_every_sample(cohort, patient):
    test, older = cohort.split("test"), cohort.split("older_test")
    tpm_SA = np.concatenate([test.tpm_SA[1:2], older.tpm_SA[:1]])
    goal = toward_goal(patient, Samples(("a", "b"), tpm_SA, np.full(2, np.nan)), **WORDS)
    lacking_G = np.isnan(older.tpm_SA[0, patient.model.space.axis_index_G])
    assert lacking_G.any() and not goal.direction_G[lacking_G].any()
    half = replace(patient, measured_G=np.arange(len(lacking_G)) % 2 == 0)
    assert not toward_goal(half, test.take([1]), **WORDS).direction_G[1::2].any()


def test_a_reference_that_gives_no_direction_is_refused(cohort, patient):
    test = cohort.split("test")
    for rows in ([0], [0, 0, 0]):
        with pytest.raises(GoalError, match="reference is the sample"):
            toward_goal(patient, test.take(rows), **WORDS)
    blind = replace(patient, measured_G=np.zeros_like(patient.measured_G))
    with pytest.raises(GoalError, match="in common") as refused:
        toward_goal(blind, test.take([1]), **WORDS)
    assert refused.value.hint


def test_the_ends_of_the_cohort_are_quarters(small_model, patient):
    profiles = load_profiles(small_model)
    high, low = (cohort_end(profiles, [4], high=high) for high in (True, False))
    # Rounding to 256 levels can make a neighbour level with the last of the quarter.
    assert all(len(profiles) // 4 <= end.sum() <= len(profiles) // 4 + 2 for end in (high, low))
    assert profiles.z_SG[high, 4].min() >= profiles.z_SG[~high, 4].max()
    assert profiles.z_SG[low, 4].max() <= profiles.z_SG[~low, 4].min()
    goal = cohort_goal(patient, profiles, high, **WORDS)
    way_G = profiles.z_SG[high].mean(axis=0) - patient.z_1G[0]
    assert goal.direction_G * goal.distance == pytest.approx(way_G, abs=1e-4)
    assert cohort_goal(patient, profiles, np.flatnonzero(high), **WORDS).distance == goal.distance
    median = cohort_goal(patient, profiles, **WORDS)
    way_G = np.median(profiles.z_SG, axis=0) - patient.z_1G[0]
    assert median.distance == pytest.approx(np.linalg.norm(way_G), rel=1e-5)


def test_patients_level_with_the_last_belong_to_the_end(small_model):
    profiles = load_profiles(small_model)
    level_SG = profiles.level_SG.copy()
    level_SG[:, 4] = np.arange(len(level_SG)) < 5  # 5 of 48 are up, the others level
    tied = replace(profiles, level_SG=level_SG)
    assert cohort_end(tied, [4], high=False).sum() == len(level_SG) - 5
    with pytest.raises(GoalError, match="No quarter of the model's cohort is high"):
        cohort_end(tied, [4], high=True)


def test_a_goal_made_for_one_sample_is_used_with_that_sample_only(small_model, cohort, patient):
    test, profiles = cohort.split("test"), load_profiles(small_model)
    other = prepare_sample(small_model, test.take([1]))
    # The same content under another name, prepared with others or alone, is the same sample.
    renamed = Samples(("renamed", "b"), test.tpm_SA[:2], np.full(2, np.nan))
    same = prepare_samples(small_model, renamed)[0]
    signs = dict.fromkeys(small_model.space.symbols[:3], 1)
    made = [
        toward_goal(patient, test.take([2]), **WORDS),
        cohort_goal(patient, profiles, **WORDS),
        cohort_goal(patient, profiles, cohort_end(profiles, [4], high=True), **WORDS),
    ]
    for goal in made:
        goal.check_sample(patient)
        goal.check_sample(same)
        with pytest.raises(GoalError, match="another sample") as refused:
            goal.check_sample(other)
        assert refused.value.hint
        for search in (screen, combine, pairs):
            with pytest.raises(GoalError):
                search(other, goal, genes=np.arange(3))
    everyone = gene_set_goal(small_model.space, signs, **WORDS)
    for sample in (patient, same, other):
        everyone.check_sample(sample)


def test_a_goal_of_another_model_s_genes_is_refused(patient):
    with pytest.raises(GoalError):
        gene_set_goal(SPACE, {A: 1}, **WORDS).check_sample(patient)
