"""The accuracy page: the figures of ``cellstate evaluate``, for the present sample and for held-out patients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import streamlit as st
from msgspec import to_builtins

from cellstate.errors import CellStateError
from cellstate.evaluation.metrics import EDGES, Tolerance
from cellstate.evaluation.reconstruction import BATCH_OFFSET, Evaluation, evaluate
from cellstate.evidence import PredictorId
from cellstate.formatting import decimal, percent, plural
from cellstate.labels import DATASETS, predictor_label
from cellstate.model.record import EvaluationRecord
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.evidence import HELD_OUT
from cellstate.report.narrative.model import (
    batch_offset_sentence,
    bins_of,
    ceiling_sentence,
    error_removed,
    figures_table,
    interval_sentence,
    reconstruction_sentence,
)
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import accuracy_export
from cellstate.ui.components.layout import READABLE, chart, metric_row, need_sample, number_column
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session, session
from cellstate.viz import Chart, accuracy_bars, density

#: Samples that the page evaluates at once (about 10 million values); the command line takes any number.
MOST_SAMPLES = 600
_ABOUT = {
    "Autoencoder": "This model.",
    BATCH_OFFSET: "This model, moved by the offset that the other samples of the batch show.",
    "PCA": "Principal components of the training samples, as many as the autoencoder has latent units.",
    "Gene mean": tip("Gene mean"),
    "Ceiling": tip("Counting-noise ceiling"),
}
_NOTE = (
    "R² is on log1p TPM over the measured genes. Most of a pooled R² is differences between genes, which the gene mean "
    "knows; the median per gene measures whether differences between patients are predicted."
)


def accuracy_page() -> None:
    """Draw the accuracy page."""
    state = session()
    if state.loaded is None:
        need_sample(
            "With a sample, this page compares the autoencoder's reconstruction with the measured values. Below are "
            "the figures of held-out patients."
        )
    else:
        with error_boundary("evaluating the sample"):
            _sample(state)
    with error_boundary("showing the figures of held-out patients"):
        _held_out(model().record.evaluation)


def _sample(state: Session) -> None:
    assert state.loaded is not None
    names = state.loaded.samples.names
    every = False
    if len(names) > 1:
        scopes = {"one": "This sample", "all": f"All {len(names):,} samples"}
        every = choose_one("Evaluate", scopes, f"scope-{state.round}", is_labelled=True, persists=False) == "all"
    if every and len(names) > MOST_SAMPLES:
        st.warning(
            f"The first {MOST_SAMPLES} of {len(names):,} samples are evaluated. For all, use the command "
            "`cellstate evaluate FILE`.",
            icon=":material/info:",
        )
    # The settings are beside the figure that they change, below the numbers that need them.
    summary = st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        edges, tolerance = _settings()
    done = _evaluation(state, every, edges, tolerance)
    found = done.record()
    with summary:
        _summary(found)
    with left:
        _bars(found, tolerance, key="sample")
    with right:
        _density(state, done, which="all" if every else state.selected)
    with st.expander("The same figures as a table", icon=":material/table:"):
        _table(found, key="sample")
    export_menu(accuracy_export(figures_table(found), plural(len(names), "sample") if every else names[state.selected]))


def _settings() -> tuple[tuple[float, ...], Tolerance]:
    usual = Tolerance()
    with st.popover("Bins and tolerance", icon=":material/tune:"):
        text = st.text_input(
            "Bin edges (TPM)",
            value=", ".join(f"{edge:g}" for edge in EDGES[:-1]),
            help="Ascending, separated by commas. The last bin has no upper end.",
            key="edges",
            persist_state="session",
        )
        relative = st.number_input(
            "Relative tolerance (%)", 0.0, 1000.0, 100 * usual.relative, 5.0, key="relative", persist_state="session"
        )
        absolute = st.number_input(
            "Absolute tolerance (TPM)", 0.0, 1000.0, usual.absolute, 0.1, key="absolute", persist_state="session"
        )
    return parse_edges(text or ""), Tolerance(round(float(relative) / 100, 6), float(absolute))


def parse_edges(text: str) -> tuple[float, ...]:
    """Read bin edges; infinity is added at the end."""
    try:
        edges = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise CellStateError("Bin edges are numbers separated by commas.", "Try 0, 2.5, 10, 100.") from error
    return (*filter(math.isfinite, edges), math.inf)


def _evaluation(state: Session, every: bool, edges: tuple[float, ...], tolerance: Tolerance) -> Evaluation:
    opened = model()
    assert state.loaded is not None
    samples = state.loaded.samples.take(range(min(len(state.loaded.samples), MOST_SAMPLES)))

    def make() -> Evaluation:
        with queue().turn(), st.spinner("Evaluating …"):
            prepared = prepare_samples(opened, samples) if every else (state.prepared(opened),)
            return evaluate(prepared, edges=edges, tolerance=tolerance)

    which = "all" if every else state.selected
    return state.cached("evaluation", (which, edges, tolerance, opened.stamp), make)


def _summary(found: EvaluationRecord) -> None:
    own, mean = found.r2_pooled, found.baselines[PredictorId.GENE_MEAN].r2_pooled
    pca = found.baselines.get(PredictorId.PCA)
    removed = "Fraction of the gene mean's squared error that the autoencoder removes."
    metric_row(
        [
            ("Autoencoder R²", decimal(own), _NOTE),
            ("PCA R²", decimal(pca.r2_pooled if pca else None), _ABOUT["PCA"]),
            ("Gene mean R²", decimal(mean), _ABOUT["Gene mean"]),
            ("Error removed", percent(error_removed(own, mean)), removed),
        ]
    )
    said = (
        reconstruction_sentence(found), batch_offset_sentence(found), ceiling_sentence(found), interval_sentence(found)
    )  # fmt: skip
    st.markdown(" ".join(filter(None, said)), width=READABLE)


def _bars(found: EvaluationRecord, tolerance: Tolerance, *, key: str) -> None:
    words = f"{100 * tolerance.relative:g}% plus {tolerance.absolute:g} TPM"
    bins = {name: [to_builtins(one) for one in values] for name, values in bins_of(found).items()}
    chart(accuracy_bars(bins, [one.ceiling for one in found.bins], tolerance=words), key=f"bins-{key}")


def _table(found: EvaluationRecord, *, key: str) -> None:
    table = figures_table(found)
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key=f"table-{key}",
        column_config={name: number_column(name, 3, about) for name, about in _ABOUT.items() if name in table},
        alt="R² and accuracy of every method",
    )
    st.caption(f"{plural(found.n_samples, 'sample')}, {found.n_values:,} values. {_NOTE}")


def _density(state: Session, done: Evaluation, which: str | int) -> None:
    labels = {name: predictor_label(name) for name in done.predicted_tpm}
    name = choose_one("Method", labels, "accuracy-predictor", persists=False)
    sample = done.names[0] if len(done.names) == 1 else plural(len(done.names), "sample")

    # Ten million values take two seconds to count.
    def draw() -> Chart:
        return density(np.ravel(done.truth_tpm_SG), np.ravel(done.predicted_tpm[name]), predictor=name, sample=sample)

    chart(state.cached("density", (which, name), draw), key="density")


def _held_out(figures: Mapping[str, EvaluationRecord]) -> None:
    st.header("Held-out patients", anchor=False)
    labels = {split.value: f"{DATASETS[split]} ({figures[split].n_samples})" for split in HELD_OUT if split in figures}
    if not labels:
        st.info("This model folder contains no figures of held-out patients.", icon=":material/info:")
        return
    found = figures[choose_one("Held-out patients", labels, "split", persists=False)]
    _summary(found)
    left, right = st.columns(2, gap="medium")
    with left:
        _bars(found, Tolerance(), key="held-out")
    with right:
        st.space("small")
        _table(found, key="held-out")
