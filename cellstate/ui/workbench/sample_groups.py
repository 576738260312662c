"""Groups of a file's samples: typed into a table, or read from a sample sheet."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown, one_line, plural
from cellstate.io.sample_sheet import MAX_CHARS, SampleSheet, read_sheet
from cellstate.report.narrative.sample import names_listed
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.load_samples import PASTED, bare, pop_upload_bytes
from cellstate.ui.components.read_upload import run_quietly
from cellstate.ui.state.session import Loaded, Session
from cellstate.ui.workbench.sample_sheet import groups_in, groups_of, in_words, match_sentence

_PASTE = "sample\tgroup\nA1\tcontrol\nA2\ttreated"
#: In session state: the version of the groups, and the sheet or the error that made it.
_LAST_SHEET = "cellstate-sheet"


@st.fragment
def sample_groups(state: Session, loaded: Loaded, drawn: int | None = None) -> None:
    """Draw the groups as a table to type in, and the box for a sample sheet.

    Parameters
    ----------
    state : Session
    loaded : Loaded
    drawn : int, optional
        `labels_hash` of the groups that the rest of the page shows: with others, the whole page is drawn again.
    """
    if drawn is not None and drawn != labels_hash(state):
        st.rerun()
    names = loaded.samples.names
    with error_boundary("reading the groups"):
        groups = groups_of(state.labels, names)
        if groups:
            n_without = len(names) - sum(map(len, groups.values()))
            rest = f"; {plural(n_without, 'sample')} without a group" if n_without else ""
            st.markdown(f"{escape_markdown(in_words(groups), 400)}{rest}.")
        else:
            st.markdown("Name control and treated samples here, and compare them on the Validate page.")
        _editor(state, names)
        _sheet_result(state, names)
        with st.container(horizontal=True):
            with st.popover("Sample sheet", icon=":material/table_rows:", key=f"sheet-{_version(state)}"):
                _sheet(state)
            if loaded.samples.report.annotations:
                with st.popover("Column of the file", icon=":material/view_column:", key=f"column-{_version(state)}"):
                    _column(state, loaded)
            if len(groups) > 1 and st.button("Compare groups", icon=":material/compare:", key="to-experiment"):
                st.switch_page("pages/validate.py")
            if groups:
                action_button("Clear", "close", "clear-groups", _replace, state, {}, type="tertiary")


def labels_hash(state: Session) -> int:
    """Return a number that tells the present groups from others, and holds no name of a sample."""
    return hash(frozenset(state.labels.items()))


def _editor(state: Session, names: tuple[str, ...]) -> None:
    key = f"groups-{_version(state)}"
    st.data_editor(
        pd.DataFrame({"sample": names, "group": [state.labels.get(name, "") for name in names]}),
        hide_index=True,
        height=min(420, 38 + 35 * len(names)),
        disabled=["sample"],
        column_config={
            "sample": st.column_config.TextColumn("Sample"),
            "group": st.column_config.TextColumn("Group", max_chars=MAX_CHARS),
        },
        key=key,
        on_change=_typed,
        args=(state, key),
        alt="The group of each sample, to be typed in",
    )


def _typed(state: Session, key: str) -> None:
    labels, names = dict(state.labels), _names(state)
    for row, change in st.session_state[key]["edited_rows"].items():
        if label := one_line(change.get("group") or "")[:MAX_CHARS]:
            labels[names[row]] = label
        else:
            labels.pop(names[row], None)
    state.labels = labels


def _sheet(state: Session) -> None:
    st.markdown("Two columns: sample name and group, with or without titles.")
    upload_key, text_key = f"sheet-file-{_version(state)}", f"sheet-text-{_version(state)}"
    st.file_uploader("A file", key=upload_key, on_change=_uploaded, args=(state, upload_key))
    with st.form(f"sheet-form-{_version(state)}", border=False):
        st.text_area("Or paste it", placeholder=_PASTE, key=text_key, height=116)
        st.form_submit_button("Use it", icon=":material/content_paste:", on_click=_pasted, args=(state, text_key))


def _column(state: Session, loaded: Loaded) -> None:
    """Let the user take the groups from a column about the samples."""
    titles = [title for title, values in loaded.samples.report.annotations if any(groups_in(values))]
    if not titles:
        st.caption("No column of the file about its samples makes groups.")
        return
    key = f"group-column-{_version(state)}"
    title = st.selectbox("Column", titles, format_func=escape_markdown, key=key)
    groups = groups_of(_labels_by(state, title), loaded.samples.names)
    st.caption(escape_markdown(in_words(groups), 400))
    action_button("Use it", "view_column", "use-group-column", _use_column, state, key)


def _labels_by(state: Session, title: str) -> dict[str, str]:
    """Return the group of each sample by a column of the file."""
    assert state.loaded is not None
    groups = groups_in(dict(state.loaded.samples.report.annotations)[title])
    return {name: group for name, group in zip(_names(state), groups, strict=True) if group}


def _use_column(state: Session, key: str) -> None:
    _replace(state, _labels_by(state, st.session_state[key]))


def _uploaded(state: Session, key: str) -> None:
    if (upload := st.session_state[key]) is not None:
        _apply(state, pop_upload_bytes(upload), upload.name)


def _pasted(state: Session, key: str) -> None:
    if text := st.session_state[key].strip():
        _apply(state, text.encode(), f"The {PASTED}")


def _apply(state: Session, data: bytes, source: str) -> None:
    result: SampleSheet | CellStateError
    try:
        sheet = result = run_quietly(read_sheet, data, _names(state), source=source)
        _replace(state, state.labels | sheet.labels)
    except CellStateError as error:
        result = bare(error)
        _replace(state, state.labels)
    st.session_state[_LAST_SHEET] = (_version(state), result)


def _names(state: Session) -> tuple[str, ...]:
    """Return the samples' names: Streamlit keeps a callback's arguments, so callbacks get them from the session."""
    return state.loaded.samples.names if state.loaded is not None else ()


def _replace(state: Session, labels: dict[str, str]) -> None:
    """Replace all labels; the table to type in starts anew."""
    state.labels = labels
    state.turns["labels"] += 1


def _sheet_result(state: Session, names: tuple[str, ...]) -> None:
    """Show the result of the last sheet, until something else changes the groups."""
    version, result = st.session_state.get(_LAST_SHEET, ("", None))
    if version != _version(state):
        st.session_state.pop(_LAST_SHEET, None)
    elif isinstance(result, CellStateError):
        show_error(result, title="The sheet could not be used")
    elif result is not None:
        st.success(escape_markdown(match_sentence(result, len(names)), 400), icon=":material/check_circle:")
        if result.unknown:
            st.warning(f"Not in this file: {names_listed(result.unknown)}.", icon=":material/warning:")


def _version(state: Session) -> str:
    return f"{state.round}-{state.turns['labels']}"
