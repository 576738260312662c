"""Every sample of a file in one table, with its quality control on request."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.evaluation.ood import ood_scores
from cellstate.evaluation.qc import grades, qc_figures, with_ood_score, worst
from cellstate.formatting import plural
from cellstate.model import Model
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.sample import grade_text
from cellstate.ui.components.layout import number_column
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Loaded, Session

#: Samples in one turn of the queue: a second or two, so that no other user waits long.
CHUNK = 200

#: OOD score and worst grade of a sample.
Quality = tuple[float | None, str]


def picker_key(state: Session) -> str:
    """Return the key of the box that picks a sample."""
    return f"pick-{state.round}"


def sample_table(state: Session, loaded: Loaded, opened: Model) -> None:
    """Draw the table; a click on a row selects that sample."""
    done: dict[int, Quality] = state.cached("sample-qc", opened.stamp, dict)
    place = st.container()
    if n_left := len(loaded.samples) - len(done):
        label = f"Run QC on the other {plural(n_left, 'sample')}" if done else "Run QC on all samples"
        if st.button(label, icon=":material/fact_check:", key="run-qc"):
            _run_qc(loaded, opened, done)
            st.rerun()
        st.caption("QC gives the distance of each sample from the training samples, and its worst grade.")
    key = f"samples-{state.round}"
    st.session_state[key] = {"selection": {"rows": [state.selected], "columns": [], "cells": []}}
    place.dataframe(
        _table(state, loaded, done),
        hide_index=True,
        height=min(420, 38 + 35 * len(loaded.samples)),
        column_config={
            "sample": st.column_config.TextColumn("Sample", width="medium"),
            "n_detected": st.column_config.NumberColumn("Genes detected", format="localized"),
            "million_reads": st.column_config.NumberColumn("Reads (million)", format="%.1f"),
            "ood_score": number_column("OOD score", 1, tip("Out of distribution")),
            "grade": st.column_config.TextColumn("QC", help="The worst grade of this sample."),
        },
        placeholder="–",
        key=key,
        on_select=lambda: _select(state, key),
        selection_mode="single-row",
        alt="Every sample of the file, with genes detected, reads, distance and worst grade",
    )


def _select(state: Session, key: str) -> None:
    if rows := st.session_state[key]["selection"]["rows"]:
        state.select(rows[0])


def _table(state: Session, loaded: Loaded, done: dict[int, Quality]) -> pd.DataFrame:
    samples = loaded.samples
    table = pd.DataFrame({"sample": samples.names})
    table["n_detected"] = state.cached("detected", (), lambda: samples.detected_genes_S)
    if np.isfinite(samples.library_size_S).any():
        table["million_reads"] = samples.library_size_S / 1e6
    if done:
        columns = ["ood_score", "grade"]
        table[columns] = pd.DataFrame([done.get(row, (None, None)) for row in range(len(samples))], columns=columns)
    return table


def _run_qc(loaded: Loaded, opened: Model, done: dict[int, Quality]) -> None:
    """Run QC on the samples that lack it; an interruption keeps what is done."""
    todo = [row for row in range(len(loaded.samples)) if row not in done]
    bar = st.progress(0.0, f"QC of {plural(len(todo), 'sample')} …")
    for first in range(0, len(todo), CHUNK):
        rows = todo[first : first + CHUNK]
        part = loaded.samples.take(rows)
        with queue().turn():
            scores = [one.score for one in ood_scores(prepare_samples(opened, part))]
        for row, figures, score in zip(rows, qc_figures(part, opened.space), scores, strict=True):
            done[row] = score, grade_text(worst(grades(with_ood_score(figures, score)).values()))
        bar.progress(min(1.0, (first + len(rows)) / len(todo)))
    bar.empty()
