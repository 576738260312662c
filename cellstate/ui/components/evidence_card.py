"""The evidence card: what supports an answer, in one line, with the figures on click."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cellstate.evaluation.answer_evidence import AnswerEvidence, CheckResult
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.report.narrative.answer import LEVEL_COLOUR, LEVEL_RULE, LEVEL_TITLE, check_sentence, check_title
from cellstate.report.narrative.evidence import default_reason, method_sentence

_WIDTH_PX = 460
#: Between two checks: a wide space at which a line may break.
_APART = " \u2002"


def evidence_card(
    found: AnswerEvidence,
    opened: Model,
    predictor: str,
    *,
    genes: Sequence[str] = (),
    key: str = "evidence",
    is_candidate: bool = False,
    reason: str | None = None,
) -> None:
    """Draw the card.

    Parameters
    ----------
    found : AnswerEvidence
    opened : Model
    predictor : str
        The method that gave the answer.
    genes : sequence of str
        Symbols of the perturbed genes.
    key : str
        Of the card, where a page has several.
    is_candidate : bool
        Whether the answer is a candidate of a search.
    reason : str, optional
        Why this method was used, in Markdown; default: that of the default method.
    """
    why = escape_markdown(default_reason(opened.record, predictor), 600) if reason is None else reason
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"card-{key}"):
        level = f":{LEVEL_COLOUR[found.level]}-badge[{LEVEL_TITLE[found.level]}]"
        # The spaces inside a check do not break: it stays on one line.
        checks = [f"{_mark(one)} {check_title(one)}".replace(" ", "\u00a0") for one in found.checks]
        st.markdown(f"{level} :small[{_APART.join(checks)}]", width="content")
        with st.popover("Details", type="tertiary", key=f"card-details-{key}"), st.container(width=_WIDTH_PX):
            for one in found.checks:
                said = check_sentence(one, predictor, ", ".join(genes), is_candidate=is_candidate)
                st.markdown(f"{_mark(one)} **{check_title(one)}.** {said}")
            st.caption(LEVEL_RULE)
            st.caption(f"{method_sentence(predictor)} {why}")
            st.page_link("pages/evidence.py", label="All evidence", icon=":material/fact_check:")


def _mark(one: CheckResult) -> str:
    return ":green[✓]" if one.passed else ":red[✗]"
