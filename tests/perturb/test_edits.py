import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import CellStateError, EditError, GeneError
from cellstate.model.profiles import Profiles, pack_profiles
from cellstate.perturb import Edit, parse_edits
from cellstate.perturb.edits import KINDS, edited_tpm, input_change, ordinal
from tests.factories import make_space

SPACE = make_space(40)
STAIRS = np.log1p(np.linspace(0, 10, 11))
PROFILES = Profiles(SPACE, *pack_profiles(np.outer(STAIRS, np.linspace(0, 1, 40))))
GENE = 5


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        ("TP53=ko", Edit("TP53", "knock-out"), 0.0),
        ("TP53=KO", Edit("TP53", "knock-out"), 0.0),
        ("KRAS=kd50", Edit("KRAS", "knock-down", 50), 5.0),
        ("KRAS=kd12.5%", Edit("KRAS", "knock-down", 12.5), 8.75),
        (" MYC = x3 ", Edit("MYC", "multiply", 3), 30.0),
        ("MYC=x.5", Edit("MYC", "multiply", 0.5), 5.0),
        ("EGFR==12.5", Edit("EGFR", "set", 12.5), 12.5),
        ("EGFR==1e3", Edit("EGFR", "set", 1000), 1000.0),
        ("EGFR==q100", Edit("EGFR", "quantile", 100), float(PROFILES.quantile_tpm(100)[GENE])),
        ("EGFR==Q0", Edit("EGFR", "quantile", 0), 0.0),
    ],
)
def test_every_edit_is_read_and_done(text, edit, after):
    assert Edit.parse(text) == edit
    assert edited_tpm(edit, np.array([10.0]), np.array([GENE]), PROFILES) == pytest.approx([after])
    assert Edit.parse(edit.spec) == edit
    assert edit.gene in edit.label


@pytest.mark.parametrize(
    "text",
    ["TP53", "=ko", "TP53=", "TP53=up", "TP53=kd101", "TP53=kd-5", "TP53=x", "TP53=x-1", "TP53==-2", "TP53=xnan",
     "TP53==inf", "TP53=x1e999", "TP53==q101", "TP53==q", "TP53==q-1", "TP53=q90", ""],
)  # fmt: skip
def test_what_is_no_edit_is_refused_with_the_way_to_write_one(text):
    with pytest.raises(EditError) as refused:
        Edit.parse(text)
    assert refused.value.hint


def test_the_hint_names_every_way_to_write_an_edit():
    with pytest.raises(EditError, match="GENE==q90"):
        Edit.parse("TP53")


@pytest.mark.parametrize("action", ["ko", "kd50", "x3", "=12.5", "=q90"])
def test_a_pattern_is_put_on_any_gene(action):
    pattern = Edit.pattern(f" {action} ")
    assert pattern.gene == "*" and pattern.action == action
    assert pattern.on("MYC") == Edit.parse(f"MYC={action}")
    genes = np.array([3, 7, 30])
    tpm = np.array([[1.0, 2.0, 3.0], [0.0, 5.0, 9.0]])
    after = edited_tpm(pattern, tpm, genes, PROFILES)
    one_by_one = [edited_tpm(pattern, tpm[:, [k]], genes[[k]], PROFILES)[:, 0] for k in range(3)]
    assert after.shape == tpm.shape and np.array_equal(after, np.stack(one_by_one, axis=1))


@pytest.mark.parametrize("text", ["", "up", "TP53=ko", "=", "=q101"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(EditError) as refused:
        Edit.pattern(text)
    assert "=q90" in refused.value.hint or "q100" in refused.value.hint


def test_a_quantile_is_the_cohort_s():
    tpm = np.full((2, 40), 7.0, np.float32)
    change = input_change([Edit(SPACE.symbols[GENE], "quantile", 90)], tpm, SPACE, PROFILES)
    expected = np.expm1(np.percentile(PROFILES.log1p_SG[:, GENE], 90))
    assert change.tpm_after_SK[:, 0] == pytest.approx([expected] * 2, rel=1e-5)
    assert Edit("MYC", "quantile", 90).label == "MYC set to the cohort's 90th percentile"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 100, 2.5)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th", "2.5th"]  # fmt: skip


def test_a_quantile_without_a_cohort_is_refused():
    with pytest.raises(EditError, match="carries no cohort") as refused:
        input_change([Edit(SPACE.symbols[3], "quantile", 90)], np.ones((1, 40), np.float32), SPACE)
    assert "TPM" in refused.value.hint


levels = st.floats(0, 1e5, width=32)


@given(st.lists(levels, min_size=40, max_size=40), st.integers(0, 39))
def test_an_edit_to_the_present_value_changes_nothing(tpm_G, gene):
    tpm_SG = np.array([tpm_G], np.float32)
    name = SPACE.symbols[gene]
    for edit in (
        Edit(name, "set", float(tpm_SG[0, gene])),
        Edit(name, "knock-down", 0),
        Edit(name, "multiply", 1),
    ):
        change = input_change([edit], tpm_SG, SPACE)
        assert change.delta_z_SK.tolist() == [[0.0]]
        assert change.tpm_after_SK[0, 0] == tpm_SG[0, gene]


@given(
    st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from(["ko", "kd30", "x3", "=12.5", "=q75"])),
        min_size=1, max_size=6, unique_by=lambda pair: pair[0],
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_order_of_edits_does_not_matter(pairs, random):
    tpm_SG = np.linspace(0, 80, 80, dtype=np.float32).reshape(2, 40)

    def by_gene(pairs):
        edits = [Edit.pattern(action).on(SPACE.symbols[gene]) for gene, action in pairs]
        change = input_change(edits, tpm_SG, SPACE, PROFILES)
        order = np.argsort(change.genes_K)
        return change.genes_K[order].tolist(), change.delta_z_SK[:, order].tolist()

    shuffled = random.sample(pairs, len(pairs))
    assert by_gene(shuffled) == by_gene(pairs)


@given(st.text(max_size=30))
def test_any_text_is_an_edit_or_a_sentence(text):
    try:
        assert Edit.parse(text).kind in KINDS
    except CellStateError as error:
        assert error.message


def test_several_edits_in_one_text():
    assert [e.gene for e in parse_edits(["A=ko,B=x2", "C==1"])] == ["A", "B", "C"]


def test_edits_become_changes_of_the_input():
    gene = SPACE.symbols[3]
    tpm = np.full((2, 40), 9.0, np.float32)
    change = input_change([Edit(gene, "multiply", 2), Edit(SPACE.symbols[5], "knock-out")], tpm, SPACE)
    assert change.genes_K.tolist() == [3, 5]
    expected = (np.log(19) - np.log(10)) / SPACE.scale_G[3]
    assert change.delta_z_SK[:, 0] == pytest.approx([expected] * 2, rel=1e-6)
    assert change.tpm_after_SK.tolist() == [[18.0, 0.0]] * 2


def test_contradictory_unknown_and_absent_edits_are_refused():
    tpm, gene = np.ones((1, 40), np.float32), SPACE.symbols[3]
    with pytest.raises(EditError, match="edited twice"):
        input_change([Edit(gene, "knock-out"), Edit(SPACE.ensembl[3], "multiply", 2)], tpm, SPACE)
    with pytest.raises(EditError, match="no edit"):
        input_change([], tpm, SPACE)
    with pytest.raises(GeneError, match="No gene is called 'NOSUCH'"):
        input_change([Edit("NOSUCH", "knock-out")], tpm, SPACE)
    absent = next(s for s in ("TP53", "GAPDH", "MYC") if s not in SPACE.symbols)
    with pytest.raises(GeneError, match=f"does not cover {absent}"):
        input_change([Edit(absent, "knock-out")], tpm, SPACE)
