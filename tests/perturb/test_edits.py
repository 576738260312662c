import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import CellStateError, EditError, GeneError
from cellstate.perturb import Edit, parse_edits
from cellstate.perturb.edits import KINDS, input_change
from tests.factories import make_space

SPACE = make_space(40)


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
    ],
)
def test_every_edit_is_read_and_done(text, edit, after):
    assert Edit.parse(text) == edit
    assert edit.apply(np.array([10.0])) == pytest.approx([after])
    assert Edit.parse(edit.spec) == edit
    assert edit.gene in edit.label


@pytest.mark.parametrize(
    "text",
    ["TP53", "=ko", "TP53=", "TP53=up", "TP53=kd101", "TP53=kd-5", "TP53=x", "TP53=x-1", "TP53==-2", "TP53=xnan",
     "TP53==inf", "TP53=x1e999", ""],
)  # fmt: skip
def test_what_is_no_edit_is_refused_with_the_way_to_write_one(text):
    with pytest.raises(EditError) as refused:
        Edit.parse(text)
    assert refused.value.hint


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
