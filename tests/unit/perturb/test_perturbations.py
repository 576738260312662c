from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import CellStateError, GeneError, PerturbationError
from cellstate.model.cohort import Profiles, pack_profiles
from cellstate.perturb.perturbations import (
    KINDS,
    Perturbation,
    candidate_changes,
    input_change,
    ordinal,
    parse_perturbations,
    perturbed_tpm,
)
from cellstate.perturb.sample import PreparedSample
from tests.support.factories import make_space

SPACE = make_space(40)
STAIRS = np.log1p(np.linspace(0, 10, 11))
PROFILES = Profiles(SPACE, *pack_profiles(np.outer(STAIRS, np.linspace(0, 1, 40))))
GENE = 5


def sample_of(tpm_G, profiles=None):
    """A sample that measures every gene of the small gene space."""
    tpm_G = np.asarray(tpm_G, np.float32)
    z_1G = SPACE.standardise(tpm_G[None])
    model = SimpleNamespace(space=SPACE)
    sample = PreparedSample("S", model, z_1G, tpm_G, np.ones(len(tpm_G), bool))
    return SimpleNamespace(**vars(sample), profiles=profiles)


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        ("TP53=ko", Perturbation("TP53", "knock-out"), 0.0),
        ("TP53=KO", Perturbation("TP53", "knock-out"), 0.0),
        ("KRAS=kd50", Perturbation("KRAS", "knock-down", 50), 5.0),
        ("KRAS=kd12.5%", Perturbation("KRAS", "knock-down", 12.5), 8.75),
        (" MYC = x3 ", Perturbation("MYC", "multiply", 3), 30.0),
        ("MYC=x.5", Perturbation("MYC", "multiply", 0.5), 5.0),
        ("EGFR==12.5", Perturbation("EGFR", "set", 12.5), 12.5),
        ("EGFR==1e3", Perturbation("EGFR", "set", 1000), 1000.0),
        ("EGFR==q100", Perturbation("EGFR", "quantile", 100), float(PROFILES.quantile_tpm(100)[GENE])),
        ("EGFR==Q0", Perturbation("EGFR", "quantile", 0), 0.0),
    ],
)
def test_every_edit_is_read_and_done(text, edit, after):
    assert Perturbation.parse(text) == edit
    assert perturbed_tpm(edit, np.array([10.0]), np.array([GENE]), PROFILES) == pytest.approx([after])
    assert Perturbation.parse(edit.spec) == edit
    assert edit.gene in edit.label


@pytest.mark.parametrize(
    "text",
    ["TP53", "=ko", "TP53=", "TP53=up", "TP53=kd101", "TP53=kd-5", "TP53=x", "TP53=x-1", "TP53==-2", "TP53=xnan",
     "TP53==inf", "TP53=x1e999", "TP53==q101", "TP53==q", "TP53==q-1", "TP53=q90", ""],
)  # fmt: skip
def test_what_is_no_edit_is_refused_with_the_way_to_write_one(text):
    with pytest.raises(PerturbationError) as refused:
        Perturbation.parse(text)
    assert refused.value.hint


def test_the_hint_names_every_way_to_write_an_edit():
    with pytest.raises(PerturbationError, match="GENE==q90"):
        Perturbation.parse("TP53")


@pytest.mark.parametrize("action", ["ko", "kd50", "x3", "=12.5", "=q90"])
def test_a_pattern_is_put_on_any_gene(action):
    pattern = Perturbation.pattern(f" {action} ")
    assert pattern.gene == "*" and pattern.action == action
    assert pattern.on("MYC") == Perturbation.parse(f"MYC={action}")
    genes = np.array([3, 7, 30])
    tpm = np.array([[1.0, 2.0, 3.0], [0.0, 5.0, 9.0]])
    after = perturbed_tpm(pattern, tpm, genes, PROFILES)
    one_by_one = [perturbed_tpm(pattern, tpm[:, [k]], genes[[k]], PROFILES)[:, 0] for k in range(3)]
    assert after.shape == tpm.shape and np.array_equal(after, np.stack(one_by_one, axis=1))


@pytest.mark.parametrize("text", ["", "up", "TP53=ko", "=", "=q101"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(PerturbationError) as refused:
        Perturbation.pattern(text)
    assert "=q90" in refused.value.hint or "q100" in refused.value.hint


def test_a_quantile_is_the_cohort_s():
    tpm = np.full(40, 7.0)
    change = input_change([Perturbation(SPACE.symbols[GENE], "quantile", 90)], sample_of(tpm, PROFILES))
    expected = np.expm1(np.percentile(PROFILES.log1p_SG[:, GENE], 90))
    assert change.tpm_after_RK[:, 0] == pytest.approx([expected], rel=1e-5)
    assert Perturbation("MYC", "quantile", 90).label == "MYC set to the cohort's 90th percentile"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 100, 2.5)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th", "2.5th"]  # fmt: skip


def test_a_quantile_without_a_cohort_is_refused():
    with pytest.raises(PerturbationError, match="carries no cohort") as refused:
        input_change([Perturbation(SPACE.symbols[3], "quantile", 90)], sample_of(np.ones(40)))
    assert "TPM" in refused.value.hint


levels = st.floats(0, 1e5, width=32)


@given(st.lists(levels, min_size=40, max_size=40), st.integers(0, 39))
def test_an_edit_to_the_present_value_changes_nothing(tpm_G, gene):
    sample = sample_of(tpm_G)
    name = SPACE.symbols[gene]
    for edit in (
        Perturbation(name, "set", float(sample.tpm_G[gene])),
        Perturbation(name, "knock-down", 0),
        Perturbation(name, "multiply", 1),
    ):
        change = input_change([edit], sample)
        assert change.delta_z_RK.tolist() == [[0.0]]
        assert change.tpm_after_RK[0, 0] == sample.tpm_G[gene]


@given(
    st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from(["ko", "kd30", "x3", "=12.5", "=q75"])),
        min_size=1, max_size=6, unique_by=lambda pair: pair[0],
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_order_of_edits_does_not_matter(pairs, random):
    sample = sample_of(np.linspace(0, 80, 40), PROFILES)

    def by_gene(pairs):
        edits = [Perturbation.pattern(action).on(SPACE.symbols[gene]) for gene, action in pairs]
        change = input_change(edits, sample)
        order = np.argsort(change.genes_K)
        return change.genes_K[order].tolist(), change.delta_z_RK[:, order].tolist()

    shuffled = random.sample(pairs, len(pairs))
    assert by_gene(shuffled) == by_gene(pairs)


@given(st.text(max_size=30))
def test_any_text_is_an_edit_or_a_sentence(text):
    try:
        assert Perturbation.parse(text).kind in KINDS
    except CellStateError as error:
        assert error.message


def test_several_edits_in_one_text():
    assert [e.gene for e in parse_perturbations(["A=ko,B=x2", "C==1"])] == ["A", "B", "C"]


def test_edits_become_changes_of_the_input():
    gene = SPACE.symbols[3]
    sample = sample_of(np.full(40, 9.0))
    change = input_change([Perturbation(gene, "multiply", 2), Perturbation(SPACE.symbols[5], "knock-out")], sample)
    assert change.genes_K.tolist() == [3, 5]
    expected = (np.log(19) - np.log(10)) / SPACE.scale_G[3]
    assert change.delta_z_RK[:, 0] == pytest.approx([expected], rel=1e-6)
    assert change.tpm_after_RK.tolist() == [[18.0, 0.0]]


def test_contradictory_unknown_and_absent_edits_are_refused():
    sample, gene = sample_of(np.ones(40)), SPACE.symbols[3]
    with pytest.raises(PerturbationError, match="perturbed twice"):
        input_change([Perturbation(gene, "knock-out"), Perturbation(SPACE.ensembl[3], "multiply", 2)], sample)
    with pytest.raises(PerturbationError, match="no perturbation"):
        input_change([], sample)
    with pytest.raises(GeneError, match="No gene is called 'NOSUCH'"):
        input_change([Perturbation("NOSUCH", "knock-out")], sample)
    absent = next(s for s in ("TP53", "GAPDH", "MYC") if s not in SPACE.symbols)
    with pytest.raises(GeneError, match=f"does not cover {absent}"):
        input_change([Perturbation(absent, "knock-out")], sample)


@pytest.mark.parametrize("text", ["A==1000001", "A==1e38", "A=x1000001", "A=x1e300"])
def test_amounts_stop_at_one_million(text):
    with pytest.raises(PerturbationError) as refused:
        Perturbation.parse(text)
    assert refused.value.hint


def test_one_million_tpm_is_the_highest_level():
    gene, other = SPACE.symbols[3], SPACE.symbols[4]
    sample = sample_of(np.full(40, 1000.0))
    change = input_change([Perturbation(gene, "set", 1e6), Perturbation(other, "multiply", 1000)], sample)
    assert change.tpm_after_RK.tolist() == [[1e6, 1e6]]
    with pytest.raises(PerturbationError, match=other) as refused:
        input_change([Perturbation(gene, "knock-out"), Perturbation(other, "multiply", 1001)], sample)
    assert refused.value.hint


def test_a_quantile_above_one_million_tpm_is_refused():
    high = Profiles(SPACE, *pack_profiles(np.full((3, 40), np.log1p(2e6))))
    with pytest.raises(PerturbationError, match=SPACE.symbols[3]):
        input_change([Perturbation(SPACE.symbols[3], "quantile", 50)], sample_of(np.ones(40), high))


def test_a_search_does_not_try_what_would_pass_one_million_tpm():
    tpm_G = np.full(40, 10.0)
    tpm_G[7] = 400_000
    changes = candidate_changes(Perturbation.pattern("x3"), sample_of(tpm_G), np.arange(40))
    assert changes[7] == 0 and (np.delete(changes, 7) > 0).all()
