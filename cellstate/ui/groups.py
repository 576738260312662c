"""The two groups of an experiment: their files, and which samples of them are control and treated."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cellstate.errors import CellStateError
from cellstate.expression import Samples
from cellstate.ui.guard import show_error
from cellstate.ui.loading import load_group
from cellstate.ui.session import Loaded, Session
from cellstate.ui.text import literal, plural

CONTROL, TREATED = "control", "treated"
#: Samples of a group that are compared at once on the page; the command line takes any number.
MOST_SAMPLES = 200


def files(state: Session) -> None:
    """Draw the two uploaders with what was read from each file."""
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        _file(state, CONTROL, "Control samples", "Or one file with both groups.")
    with right.container(border=True, height="stretch"):
        _file(state, TREATED, "Treated samples", "Not needed where the first file holds both groups.")


def _file(state: Session, group: str, label: str, told: str) -> None:
    upload = st.file_uploader(label, key=f"upload-{group}-{state.turns[group]}")
    if upload is not None:
        load_group(upload, group)
        st.rerun()
    if group in state.refused:
        name, error = state.refused[group]
        show_error(error, title=f"{literal(name)} could not be read")
        st.caption("Nothing of that file was kept.")
    if (loaded := state.groups.get(group)) is None:
        st.caption(told)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: {_what_was_read(loaded)}", width="stretch")
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            key=f"remove-{group}",
            on_click=state.load_group,
            args=(group, None),
            help=f"Remove this file of {group} samples",
        )
    for warning in loaded.samples.report.warnings:
        st.caption(f":material/info: {literal(warning, 400)}")


def _what_was_read(loaded: Loaded) -> str:
    report = loaded.samples.report
    unit = literal(report.unit) + ("" if report.unit == "TPM" else ", converted to TPM")
    n_genes = int(loaded.samples.measured_SA.any(axis=0).sum())
    return f"**{literal(loaded.name)}**: {plural(len(loaded.samples), 'sample')}, {n_genes:,} genes, {unit}"


def chosen_groups(state: Session) -> tuple[list[int], list[int]] | None:
    """Let the user say which samples are control and treated, by position; None until both are chosen."""
    if CONTROL not in state.groups:
        st.info("Upload the control samples too: the edit is predicted on them.", icon=":material/info:")
        return None
    first = state.groups[CONTROL].samples
    one_file = TREATED not in state.groups
    second = first if one_file else state.groups[TREATED].samples
    if one_file and len(first) == 1:
        st.info("This file holds one sample. Upload the treated samples as a second file.", icon=":material/info:")
        return None
    turn = f"{state.turns[CONTROL]}-{state.turns[TREATED]}"
    keys = {group: f"{group}-rows-{turn}" for group in (CONTROL, TREATED)}
    left, right = st.columns(2, gap="medium")
    control = _rows("Control", first, keys[CONTROL], left, every=not one_file)
    treated = _rows("Treated", second, keys[TREATED], right, every=not one_file)
    if one_file and control and not treated:
        others = [row for row in range(len(first)) if row not in control]
        right.button(
            "All others are treated",
            icon=":material/select_all:",
            key="all-others",
            on_click=st.session_state.update,
            args=({keys[TREATED]: others},),
            disabled=not 0 < len(others) <= MOST_SAMPLES,
        )
    both = [first.names[row] for row in control if row in treated] if one_file else []
    if both:
        raise CellStateError(f"{both[0]} is in both groups.", "Take it out of one of them.")
    return (control, treated) if control and treated else None


def _rows(label: str, samples: Samples, key: str, place: DeltaGenerator, *, every: bool) -> list[int]:
    """Let the user choose samples of a file; all of them are chosen at first where the file is one group."""
    if every and len(samples) == 1:
        return [0]
    rows = list(range(len(samples)))
    # The value of a widget that was not drawn on another page is there again on return, and no default then.
    default = None if key in st.session_state or not every else rows[:MOST_SAMPLES]
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
