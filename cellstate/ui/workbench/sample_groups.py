"""Groups of a file's samples, as the user calls them: typed in, or taken from a sample sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from cellstate.errors import CellStateError, summarise_list
from cellstate.formatting import escape_markdown, one_line, plural
from cellstate.ui.components.errors import guard, show_error
from cellstate.ui.components.load_samples import PASTED, bare, take
from cellstate.ui.state.session import Loaded, Session
from cellstate.ui.workbench.sample_sheet import MOST_CHARS, Sheet, groups_of, in_words, matched, read_sheet

_PASTE = "sample\tgroup\nA1\tcontrol\nA2\ttreated"
_SHOWN = 6
#: What became of the last sheet, with the round and turn that it belongs to.
_SHEET = "cellstate-sheet"


@st.fragment
def group_editor(state: Session, loaded: Loaded) -> None:
    """Draw the groups as a table to type in, and the ways to fill it at once; the rest of the page stays as it is."""
    names = loaded.samples.names
    with guard("reading the groups"):
        groups = groups_of(state.labels, names)
        if groups:
            n_without = len(names) - sum(map(len, groups.values()))
            rest = f"; {plural(n_without, 'sample')} without a group" if n_without else ""
            st.markdown(f"{escape_markdown(in_words(groups), 400)}{rest}.")
        else:
            st.markdown("Say which samples are control and which are treated, and the Experiment page compares them.")
        _editor(state, names)
        _told(state, names)
        with st.container(horizontal=True):
            with st.popover("Sample sheet", icon=":material/table_rows:", key=f"sheet-{_turn(state)}"):
                _sheet(state)
            if len(groups) > 1 and st.button("Compare them", icon=":material/compare:", key="to-experiment"):
                st.switch_page("pages/experiment.py")
            if groups:
                st.button(
                    "Clear",
                    icon=":material/close:",
                    type="tertiary",
                    key="clear-groups",
                    on_click=_put,
                    args=(state, {}),
                )


def _editor(state: Session, names: tuple[str, ...]) -> None:
    key = f"groups-{_turn(state)}"
    st.data_editor(
        pd.DataFrame({"sample": names, "group": [state.labels.get(name, "") for name in names]}),
        hide_index=True,
        height=min(420, 38 + 35 * len(names)),
        disabled=["sample"],
        column_config={
            "sample": st.column_config.TextColumn("Sample"),
            "group": st.column_config.TextColumn("Group", max_chars=MOST_CHARS),
        },
        key=key,
        on_change=_edited,
        args=(state, key),
        alt="The group of each sample, to be typed in",
    )


def _edited(state: Session, key: str) -> None:
    edits: Mapping[int, Mapping[str, Any]] = st.session_state[key]["edited_rows"]
    labels, names = dict(state.labels), _names(state)
    for row, change in edits.items():
        if label := one_line(change.get("group") or "")[:MOST_CHARS]:
            labels[names[row]] = label
        else:
            labels.pop(names[row], None)
    state.labels = labels


def _sheet(state: Session) -> None:
    st.markdown("Two columns, the sample's name and its group, with or without titles.")
    upload_key, text_key = f"sheet-file-{_turn(state)}", f"sheet-text-{_turn(state)}"
    st.file_uploader("A file", key=upload_key, on_change=_uploaded, args=(state, upload_key))
    with st.form(f"sheet-form-{_turn(state)}", border=False):
        st.text_area("Or paste it", placeholder=_PASTE, key=text_key, height=116)
        st.form_submit_button("Use it", icon=":material/content_paste:", on_click=_pasted, args=(state, text_key))


def _uploaded(state: Session, key: str) -> None:
    if (upload := st.session_state[key]) is not None:
        _apply(state, take(upload), upload.name)


def _pasted(state: Session, key: str) -> None:
    if text := st.session_state[key].strip():
        _apply(state, text.encode(), PASTED)


def _apply(state: Session, data: bytes, source: str) -> None:
    outcome: Sheet | CellStateError
    try:
        outcome = read_sheet(data, _names(state), source=f"The {PASTED}" if source == PASTED else source)
        _put(state, state.labels | outcome.labels)
    except CellStateError as error:
        outcome = bare(error)
        _put(state, state.labels)
    st.session_state[_SHEET] = (_turn(state), outcome)


def _names(state: Session) -> tuple[str, ...]:
    """Return the samples' names. Callbacks ask for them here: what they are given stays after their widget is gone."""
    return state.loaded.samples.names if state.loaded is not None else ()


def _put(state: Session, labels: dict[str, str]) -> None:
    """Put labels in place of those before; the table to type in starts anew."""
    state.labels = labels
    state.turns["labels"] += 1


def _told(state: Session, names: tuple[str, ...]) -> None:
    """Say what became of the last sheet, until something else changes the groups."""
    turn, outcome = st.session_state.get(_SHEET, ("", None))
    if turn != _turn(state):
        st.session_state.pop(_SHEET, None)
    elif isinstance(outcome, CellStateError):
        show_error(outcome, title="The sheet could not be used")
    elif outcome is not None:
        st.success(escape_markdown(matched(outcome, len(names)), 400), icon=":material/check_circle:")
        if outcome.unknown:
            listed = summarise_list([escape_markdown(name, 30) for name in outcome.unknown], _SHOWN)
            verb = "is no sample" if len(outcome.unknown) == 1 else "are no samples"
            st.warning(f"{listed} {verb} of this file.", icon=":material/warning:")


def _turn(state: Session) -> str:
    return f"{state.round}-{state.turns['labels']}"
