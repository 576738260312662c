"""The two groups of an experiment: their files, and which samples are control and treated."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown, plural
from cellstate.io.sample_sheet import SampleSheet, read_sheet
from cellstate.samples import Samples
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.load_samples import bare, load_group, pop_upload_bytes
from cellstate.ui.components.read_upload import run_quietly
from cellstate.ui.state.session import Loaded, Session
from cellstate.ui.workbench.sample_sheet import (
    control_and_treated,
    control_first,
    groups_by_name,
    groups_of,
    in_words,
    match_sentence,
)

CONTROL, TREATED = GROUPS = ("control", "treated")
#: Samples of a group that the page compares at once; the command line takes any number.
MOST_SAMPLES = 200


def files(state: Session) -> None:
    """Draw both file inputs, and the button that uses the file of the workbench instead."""
    if (loaded := state.loaded) is not None and len(loaded.samples) > 1 and not _is_loaded(state):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            labelled = groups_of(state.labels, loaded.samples.names)
            groups = f", in groups: {escape_markdown(in_words(labelled), 400)}" if labelled else ""
            st.markdown(
                f"**{escape_markdown(loaded.name)}** contains {plural(len(loaded.samples), 'sample')}{groups}.",
                width="stretch",
            )
            st.button(
                "Use the samples of the workbench",
                icon=":material/person:",
                key="use-loaded",
                on_click=_use_loaded,
                args=(state,),
            )
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        _file(state, CONTROL, "Control samples", "Or one file with both groups.")
    with right.container(border=True, height="stretch"):
        _file(state, TREATED, "Treated samples", "Not needed if the first file contains both groups.")


def _file(state: Session, group: str, label: str, hint: str) -> None:
    file_input(state, group, label, lambda upload: load_group(upload, group))
    if (loaded := state.groups.get(group)) is None:
        st.caption(hint)
        return
    samples, report = loaded.samples, loaded.samples.report
    unit = escape_markdown(report.unit) + ("" if report.unit == "TPM" else ", converted to TPM")
    loaded_file(
        f"**{escape_markdown(loaded.name)}**: {plural(len(samples), 'sample')}, {samples.n_measured:,} genes, {unit}",
        group,
        lambda: state.load_group(group, None),
        help=f"Remove this file of {group} samples",
    )
    for warning in report.warnings:
        st.caption(f":material/info: {escape_markdown(warning, 400)}")


def _use_loaded(state: Session) -> None:
    """Use the file of the workbench for both groups; two labelled groups are chosen at once."""
    assert state.loaded is not None
    state.load_group(TREATED, None)
    # The same samples, not a copy of them; only the workbench reads them again.
    state.load_group(CONTROL, Loaded(state.loaded.samples, b"", state.loaded.name))
    rows = groups_of(state.labels, state.loaded.samples.names)
    labels = control_first(list(rows))
    if len(labels) == 2:
        for group, label in zip(GROUPS, labels, strict=True):
            st.session_state[_key(state, group)] = rows[label][:MOST_SAMPLES]
            st.session_state[_key(state, group, "label")] = label


def _is_loaded(state: Session) -> bool:
    """Whether the one file of this page is that of the workbench."""
    first = state.groups.get(CONTROL)
    return first is not None and state.loaded is not None and first.samples is state.loaded.samples


def _labelled(state: Session) -> dict[str, list[int]]:
    """Return the positions of each group's samples: by a sample sheet, the groups of the workbench, or their names."""
    if CONTROL not in state.groups or TREATED in state.groups:
        return {}
    names = state.groups[CONTROL].samples.names
    labels = _sheet_labels(state) or (state.labels if _is_loaded(state) else {}) or groups_by_name(names)
    return groups_of(labels, names)


def _sheet_labels(state: Session) -> dict[str, str]:
    found = st.session_state.get(_key(state, CONTROL, "sheet"))
    return dict(found.labels) if isinstance(found, SampleSheet) else {}


def _choose_by_name(state: Session) -> None:
    """Choose both groups at once where their names say which is the control and nothing was chosen yet."""
    rows = _labelled(state)
    found = control_and_treated(list(rows))
    if found is None or any(_key(state, group) in st.session_state for group in GROUPS):
        return
    for group, label in zip(GROUPS, found, strict=True):
        st.session_state[_key(state, group)] = rows[label][:MOST_SAMPLES]
        st.session_state[_key(state, group, "label")] = label


def _sheet(state: Session) -> None:
    """Let the user drop a sample sheet, which replaces the groups."""
    key = _key(state, CONTROL, "sheet-file")
    with st.popover("Sample sheet", icon=":material/table_rows:", key=f"{key}-popover"):
        st.file_uploader("Two columns: sample and group", key=key, on_change=_use_sheet, args=(state, key))
        found = st.session_state.get(_key(state, CONTROL, "sheet"))
        if isinstance(found, CellStateError):
            show_error(found, title="The sheet could not be used")
        elif found is not None:
            st.caption(escape_markdown(match_sentence(found, len(state.groups[CONTROL].samples)), 400))


def _use_sheet(state: Session, key: str) -> None:
    if (upload := st.session_state[key]) is None:
        return
    found: SampleSheet | CellStateError
    try:
        names = state.groups[CONTROL].samples.names
        found = run_quietly(read_sheet, pop_upload_bytes(upload), names, source=upload.name)
    except CellStateError as error:
        found = bare(error)
    st.session_state[_key(state, CONTROL, "sheet")] = found
    if isinstance(found, SampleSheet):
        for group in GROUPS:
            for of in ("rows", "label"):
                st.session_state.pop(_key(state, group, of), None)


def _key(state: Session, group: str, of: str = "rows") -> str:
    """Return the key of a group's widget: its samples (``rows``) or its ``label``."""
    return f"{group}-{of}-{state.turns[CONTROL]}-{state.turns[TREATED]}"


def _by_label(state: Session) -> None:
    """Let the user choose the groups by their labels, or drop a sample sheet."""
    _choose_by_name(state)
    rows = _labelled(state)
    if len(rows) < 2:
        _sheet(state)
        return
    keys = [_key(state, group, "label") for group in GROUPS]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for group, key in zip(GROUPS, keys, strict=True):
            st.selectbox(
                f"{group.capitalize()} group",
                list(rows),
                index=None,
                format_func=lambda label: f"{label} ({len(rows[label]):,})",
                placeholder="Choose a group",
                key=key,
                persist_state="session",
                on_change=_choose_label,
                args=(state, group),
            )
        st.button("Swap", icon=":material/swap_horiz:", key="swap-groups", on_click=_swap, args=(state,))
        _sheet(state)
    if any(len(rows.get(st.session_state[key], ())) > MOST_SAMPLES for key in keys):
        st.caption(f"The first {MOST_SAMPLES:,} samples of a group are compared; the command line takes any number.")


def _choose_label(state: Session, group: str) -> None:
    label = st.session_state[_key(state, group, "label")]
    st.session_state[_key(state, group)] = _labelled(state).get(label, [])[:MOST_SAMPLES]


def _swap(state: Session) -> None:
    for of in ("rows", "label"):
        control, treated = (_key(state, group, of) for group in GROUPS)
        swapped = {control: st.session_state.get(treated), treated: st.session_state.get(control)}
        st.session_state.update(swapped)


def chosen_groups(state: Session) -> tuple[list[int], list[int]] | None:
    """Let the user choose the control and treated samples, by position; None until both are chosen."""
    if CONTROL not in state.groups:
        st.info("Upload the control samples too: the prediction is made for them.", icon=":material/info:")
        return None
    first = state.groups[CONTROL].samples
    is_one_file = TREATED not in state.groups
    second = first if is_one_file else state.groups[TREATED].samples
    if is_one_file and len(first) == 1:
        st.info("This file contains one sample. Upload the treated samples as a second file.", icon=":material/info:")
        return None
    if is_one_file:
        _by_label(state)
    left, right = st.columns(2, gap="medium")
    control = _rows("Control", first, _key(state, CONTROL), left, takes_all=not is_one_file)
    treated = _rows("Treated", second, _key(state, TREATED), right, takes_all=not is_one_file)
    if is_one_file and control and not treated:
        others = [row for row in range(len(first)) if row not in control]
        right.button(
            "All others are treated",
            icon=":material/select_all:",
            key="all-others",
            on_click=st.session_state.update,
            args=({_key(state, TREATED): others},),
            disabled=not 0 < len(others) <= MOST_SAMPLES,
        )
    both = [first.names[row] for row in control if row in treated] if is_one_file else []
    if both:
        raise CellStateError(f"{both[0]} is in both groups.", "Remove it from one of them.")
    return (control, treated) if control and treated else None


def _rows(label: str, samples: Samples, key: str, place: DeltaGenerator, *, takes_all: bool) -> list[int]:
    """Let the user choose samples of a file; at first all of them where the file is one group."""
    if takes_all and len(samples) == 1:
        return [0]
    rows = list(range(len(samples)))
    # A value that Streamlit kept while another page was shown must not be given a default again.
    default = None if key in st.session_state or not takes_all else rows[:MOST_SAMPLES]
    return place.multiselect(
        f"{label}: which of {len(samples):,} samples",
        rows,
        format_func=lambda row: samples.names[row],
        placeholder=f"Choose the {label.lower()} samples",
        key=key,
        persist_state="session",
        default=default,
        max_selections=MOST_SAMPLES,
    )
