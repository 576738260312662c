"""The sentence about what a sample is: the golden file holds its wording."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellstate.evaluation.tissue import LIMIT, Figure, State, TissueCall
from cellstate.report.narrative.sample import tissue_sentence
from tests.support.golden import check_golden

CALL = TissueCall(
    (("colon", 0.93), ("small intestine", 0.04), ("stomach", 0.015), ("lung", 0.01)),
    State.TUMOUR,
    0.98,
    0.2,
    1.3,
    dict.fromkeys(Figure, 0.0),
)
CALLS = {
    "usual": CALL,
    "normal": replace(CALL, state=State.NORMAL, tissues=(("colon", 1.0), ("lung", 0.0))),
    "cells, another platform": replace(CALL, state=State.CELLS, platform_distance=LIMIT + 1),
    "unlike any": replace(CALL, tissue_distance=LIMIT + 1),
    "implausible": replace(CALL, scores=dict.fromkeys(Figure, LIMIT + 1)),
}


def test_wording() -> None:
    check_golden("narrative_tissue", "\n\n".join(f"## {k}\n{tissue_sentence(c)}" for k, c in CALLS.items()) + "\n")


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_one_sentence_names_no_improbable_tissue(call: TissueCall) -> None:
    sentence = tissue_sentence(call)
    assert sentence.endswith(".") and sentence.count(". ") == 0
    assert ("colon" in sentence) is call.is_plausible and "lung" not in sentence
