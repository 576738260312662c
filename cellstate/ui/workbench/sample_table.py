"""Every sample of a file in one table: what it measures and, when asked for, how well the model knows its like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.evaluate.distance import distances
from cellstate.evaluate.qc import figures, verdicts, word, worst
from cellstate.formatting import plural
from cellstate.model import Model
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.components.layout import number_column
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Loaded, Session

#: Samples that are judged in one turn of the queue: a second or two, so that nobody else waits for long.
AT_ONCE = 200

#: Distance and verdict of a sample.
Judged = tuple[float | None, str]


def picker_key(state: Session) -> str:
    """Return the key of the box that picks a sample."""
    return f"pick-{state.round}"


def sample_table(state: Session, loaded: Loaded, opened: Model) -> None:
    """Draw the table; a click on a row chooses that sample."""
    judged: dict[int, Judged] = state.once("judged", opened.stamp, dict)
    place = st.container()
    n_left = len(loaded.samples) - len(judged)
    if n_left:
        label = "Judge all samples" if not judged else f"Judge the other {plural(n_left, 'sample')}"
        if st.button(label, icon=":material/fact_check:", key="judge-all"):
            _judge_all(loaded, opened, judged)
            st.rerun()
        st.caption("Judging tells each sample's distance from the training samples, and a verdict.")
    key = f"samples-{state.round}"
    st.session_state[key] = {"selection": {"rows": [state.selected], "columns": [], "cells": []}}
    place.dataframe(
        _table(state, loaded, judged),
        hide_index=True,
        height=min(420, 38 + 35 * len(loaded.samples)),
        column_config={
            "sample": st.column_config.TextColumn("Sample", width="medium"),
            "detected": st.column_config.NumberColumn("Genes detected", format="localized"),
            "reads": st.column_config.NumberColumn("Reads (million)", format="%.1f"),
            "distance": number_column("Distance", 1, tip("Out of distribution")),
            "verdict": st.column_config.TextColumn("Verdict", help="The worst of this sample's verdicts."),
        },
        placeholder="–",
        key=key,
        on_select=lambda: _chosen(state, key),
        selection_mode="single-row",
        alt="Every sample of the file, with genes detected, reads, distance and verdict",
    )


def _chosen(state: Session, key: str) -> None:
    if rows := st.session_state[key]["selection"]["rows"]:
        state.select(rows[0])


def _table(state: Session, loaded: Loaded, judged: dict[int, Judged]) -> pd.DataFrame:
    samples = loaded.samples
    table = pd.DataFrame({"sample": samples.names})
    table["detected"] = state.once("detected", (), lambda: samples.detected_genes_S)
    if np.isfinite(samples.library_size_S).any():
        table["reads"] = samples.library_size_S / 1e6
    if judged:
        table["distance"] = [judged.get(row, (None, ""))[0] for row in range(len(samples))]
        table["verdict"] = [judged[row][1] if row in judged else None for row in range(len(samples))]
    return table


def _judge_all(loaded: Loaded, opened: Model, judged: dict[int, Judged]) -> None:
    """Judge what is not judged yet; whoever interrupts this keeps what is done."""
    todo = [row for row in range(len(loaded.samples)) if row not in judged]
    bar = st.progress(0.0, f"Judging {plural(len(todo), 'sample')} …")
    for first in range(0, len(todo), AT_ONCE):
        rows = todo[first : first + AT_ONCE]
        part = loaded.samples.take(rows)
        with queue().turn():
            far = distances(prepare_samples(opened, part))
        for row, found, away in zip(rows, figures(part, opened.space), far, strict=True):
            judged[row] = away.score, word(worst(verdict.grade for verdict in verdicts(found, away.score)))
        bar.progress(min(1.0, (first + len(rows)) / len(todo)))
    bar.empty()
