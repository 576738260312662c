"""What a sample is, in one sentence: tissue, state, and how its laboratory compares with held-out ones."""

from __future__ import annotations

from cellstate.evaluation.tissue import LIMIT, State, TissueCall
from cellstate.formatting import join_with_and

#: Less probable tissues are not named, and more than this many are not either.
_LEAST_NAMED, _MOST_NAMED = 0.02, 3
_STATES = {State.NORMAL: "no tumour", State.TUMOUR: "tumour", State.CELLS: "cell line or cultured cells"}


def tissue_sentence(call: TissueCall) -> str:
    """Return what a sample is most like, with probabilities, as plain text."""
    if not call.is_plausible:
        return "The values are not plausible as TPM of human bulk RNA sequencing, so the tissue cannot be named."
    first, *rest = call.tissues[:_MOST_NAMED]
    named = [first, *(one for one in rest if one[1] >= _LEAST_NAMED)]
    text = f"Most like {join_with_and([f'{tissue} ({p:.2f})' for tissue, p in named])}"
    if not call.is_known:
        text += ", but unlike every tissue that is known here"
    where = "within" if call.platform_distance <= LIMIT else "beyond"
    state = f"{_STATES[call.state]} ({call.state_probability:.2f})"
    return f"{text}; {state}; platform {where} the range of held-out laboratories."


def tissue_label(call: TissueCall) -> str:
    """Return what a sample is most like in a few words: ``colon, tumour``."""
    if not call.is_plausible or not call.is_known:
        return "tissue unknown"
    return f"{call.tissues[0][0]}, {_STATES[call.state]}"
