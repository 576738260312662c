"""Five questions about the model as cards: verdict, chart and sentence, with the numbers on click."""

from __future__ import annotations

import streamlit as st

from cellstate.model import ModelRecord
from cellstate.report.questions import Question, Verdict, questions
from cellstate.report.sections import sections
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import chart
from cellstate.ui.evidence.benchmarks import draw_section
from cellstate.ui.runtime.resources import model
from cellstate.viz.dots import dots

#: The open tab of the page, in session state.
TAB = "tab"
_CLOSER = (
    ("Reconstruction", "Reconstruction of this sample: predicted against true", "target"),
    ("Training", "Training and validation loss", "show_chart"),
    ("All figures", "All figures of every benchmark", "table"),
    ("About this model", "Architecture, sources and licence", "network_node"),
)
_VERDICTS = {
    Verdict.YES: ":green-badge[✓ Yes]",
    Verdict.IN_PART: ":orange-badge[▲ In part]",
    Verdict.NO: ":red-badge[✗ No]",
    Verdict.NOT_MEASURED: ":gray-badge[– Not measured]",
}


def questions_page() -> None:
    """Draw the cards."""
    with error_boundary("showing the evidence"):
        record = model().record
        with st.grid(2, min_column_width=420):
            for question in questions(record):
                with st.container(border=True, height="stretch", key=f"question-{question.key}"):
                    _card(question, record)
            with st.container(border=True, height="stretch", key="look-closer"):
                _look_closer()


def _look_closer() -> None:
    st.subheader("Look closer", anchor=False)
    for tab, label, icon in _CLOSER:
        st.button(label, key=f"open-{tab}", icon=f":material/{icon}:", on_click=_open, args=(tab,), width="stretch")


def _open(tab: str) -> None:
    st.session_state[TAB] = tab


def _card(question: Question, record: ModelRecord) -> None:
    st.subheader(f"{question.title} {_VERDICTS[question.verdict]}", anchor=False, help=question.rule)
    if question.dots:
        drawn = dots(question.dots, question.axis, chance=question.chance)
        chart(drawn, key=f"dots-{question.key}", has_caption=False)
    st.markdown(question.sentence)
    if question.sections:
        numbers = st.expander("Numbers", icon=":material/table:", key=f"numbers-{question.key}", on_change="rerun")
        with numbers:
            if numbers.open:
                for section in sections(record):
                    if section.key in question.sections:
                        draw_section(section, record)
