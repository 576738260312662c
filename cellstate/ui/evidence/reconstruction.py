"""The accuracy page: the figures of ``cellstate evaluate``, for the sample at hand and for held-out patients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from msgspec import to_builtins

from cellstate.errors import CellStateError
from cellstate.evaluation.bins import EDGES, Tolerance
from cellstate.evaluation.reconstruction import AUTOENCODER, Evaluation, evaluate
from cellstate.evidence import PredictorId
from cellstate.formatting import percent, plural
from cellstate.labels import DATASETS, predictor_label
from cellstate.model.record import EvaluationRecord
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.evidence import HELD_OUT
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import accuracy_export
from cellstate.ui.components.layout import READABLE, chart, metric_row, need_sample, number_column
from cellstate.ui.evidence.accuracy_words import bins_of, explained, verdict
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session, session
from cellstate.viz import Chart, accuracy_bars, density
from cellstate.viz.accuracy import bin_label

#: Samples that are evaluated at once on the page (about 10 million values); the command line takes any number.
MOST_SAMPLES = 600
_SPLITS = {split.value: DATASETS[split] for split in HELD_OUT}
_TOLD = {
    "Autoencoder": "The model of this page.",
    "PCA": "Principal components of the training samples, as many as the autoencoder has latent units.",
    "Gene mean": tip("Gene mean"),
    "Ceiling": tip("Noise ceiling"),
}
_NOTE = (
    "R² is on log1p TPM over the measured genes. Most of a pooled R² is differences between genes, which the gene mean "
    "knows already; the median per gene asks whether differences between patients are met."
)
_LEAST_COVERAGE = 0.85


def accuracy_page() -> None:
    """Draw the accuracy page."""
    state = session()
    if state.loaded is None:
        need_sample(
            "With a sample, this page compares the autoencoder's reconstruction with what was measured, gene by gene. "
            "Below is what the model reached on patients that it never saw."
        )
    else:
        with error_boundary("evaluating the sample"):
            _sample(state)
    with error_boundary("showing the model's own figures"):
        _held_out(model().record.evaluation)


def _sample(state: Session) -> None:
    assert state.loaded is not None
    names = state.loaded.samples.names
    every = False
    if len(names) > 1:
        scope = st.segmented_control(
            "Evaluate",
            ["This sample", f"All {len(names):,} samples"],
            default="This sample",
            required=True,
            key=f"scope-{state.round}",
        )
        every = scope != "This sample"
    if every and len(names) > MOST_SAMPLES:
        st.warning(
            f"The first {MOST_SAMPLES} of {len(names):,} samples are evaluated. For all, use the command "
            "`cellstate evaluate FILE`.",
            icon=":material/info:",
        )
    # The settings stand beside the figure that they change, below the numbers that need them.
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
    with st.popover("Bins and tolerance", icon=":material/tune:"):
        text = st.text_input(
            "Bin edges (TPM)",
            value=", ".join(f"{edge:g}" for edge in EDGES[:-1]),
            help="Ascending, separated by commas. The last bin has no upper end.",
            key="edges",
            persist_state="session",
        )
        usual = Tolerance()
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
        edges = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise CellStateError("Bin edges are numbers separated by commas.", "Try 0, 2.5, 10, 100.") from error
    if not all(map(math.isfinite, edges)):
        edges = tuple(edge for edge in edges if math.isfinite(edge))
    return (*edges, math.inf)


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
    removed = "Share of the gene mean's squared error that the autoencoder removes."
    metric_row(
        [
            ("Autoencoder R²", f"{own:.4f}", _NOTE),
            ("PCA R²", "–" if pca is None else f"{pca.r2_pooled:.4f}", _TOLD["PCA"]),
            ("Gene mean R²", f"{mean:.4f}", _TOLD["Gene mean"]),
            ("Error removed", percent(explained(own, mean)), removed),
        ]
    )
    st.markdown(" ".join([verdict(found), ceiling_sentence(found), interval_sentence(found)]), width=READABLE)


def ceiling_sentence(found: EvaluationRecord) -> str:
    """Return the accuracy as a share of the counting-noise ceiling, bin by bin."""
    said = [
        f"{percent(b.share_of_ceiling)} at {bin_label(b.low, b.high)} TPM"
        for b in found.bins
        if b.share_of_ceiling is not None
    ]
    return f"Accuracy as a share of the counting-noise ceiling: {', '.join(said)}." if said else ""


def interval_sentence(found: EvaluationRecord) -> str:
    """Say how many true values lie inside the 90 % intervals, and name bins in which too few do."""
    covered = found.interval_coverage
    if covered is None or covered.overall is None:
        return ""
    text = f"Its {percent(covered.nominal)} intervals hold {percent(covered.overall, 1)} of the values."
    short = [
        f"{percent(share, 1)} at {bin_label(b.low, b.high)} TPM"
        for b, share in zip(found.bins, covered.bins, strict=True)
        if share is not None and share < _LEAST_COVERAGE
    ]
    return text + (f" Too few: {', '.join(short)}." if short else "")


def _bars(found: EvaluationRecord, tolerance: Tolerance, *, key: str) -> None:
    words = f"{100 * tolerance.relative:g} % plus {tolerance.absolute:g} TPM"
    ceiling = [one.ceiling for one in found.bins]
    bins = {name: [to_builtins(one) for one in values] for name, values in bins_of(found).items()}
    chart(accuracy_bars(bins, ceiling, tolerance=words), key=f"bins-{key}")


def _table(found: EvaluationRecord, *, key: str) -> None:
    table = figures_table(found)
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key=f"table-{key}",
        column_config={name: number_column(name, 4, told) for name, told in _TOLD.items() if name in table},
        alt="R2 and accuracy of every predictor",
    )
    st.caption(f"{plural(found.n_samples, 'sample')}, {found.n_values:,} values. {_NOTE}")


def figures_table(found: EvaluationRecord) -> pd.DataFrame:
    """Return one row a figure (R2 pooled, per gene, per sample, accuracy per bin) and one column a predictor."""
    columns: dict[str, list] = {
        "Figure": ["R² pooled", "R² per gene (median)", "R² per sample (median)"]
        + [f"Accuracy, {bin_label(b.low, b.high)} TPM" for b in found.bins]
    }
    for name, bins in bins_of(found).items():
        one = found if name == AUTOENCODER else found.baselines[PredictorId(name)]
        accuracy = [b.accuracy for b in bins]
        columns[predictor_label(name)] = [one.r2_pooled, one.r2_gene_median, one.r2_sample_median, *accuracy]
    columns["Ceiling"] = [None] * 3 + [b.ceiling for b in found.bins]
    table = pd.DataFrame(columns)
    return table.astype({name: float for name in table.columns[1:]})


def _density(state: Session, done: Evaluation, which: str | int) -> None:
    predictor = st.segmented_control(
        "Predictor",
        list(done.predicted_tpm),
        format_func=predictor_label,
        default=AUTOENCODER,
        required=True,
        key="accuracy-predictor",
        label_visibility="collapsed",
    )
    one = done.names[0] if len(done.names) == 1 else plural(len(done.names), "sample")
    name = predictor or AUTOENCODER

    # Ten million values take two seconds to count: once is enough.
    def draw() -> Chart:
        return density(np.ravel(done.truth_tpm_SG), np.ravel(done.predicted_tpm[name]), predictor=name, sample=one)

    chart(state.cached("density", (which, name), draw), key="density")


def _held_out(figures: Mapping[str, EvaluationRecord]) -> None:
    st.header("Held-out patients", anchor=False)
    there = [split for split in _SPLITS if split in figures]
    if not there:
        st.info("This model folder holds no figures of held-out patients: it is not trained.", icon=":material/info:")
        return
    split = st.segmented_control(
        "Held-out patients",
        there,
        format_func=lambda name: f"{_SPLITS[name]} ({figures[name].n_samples})",
        default=there[0],
        required=True,
        key="split",
        label_visibility="collapsed",
    )
    found = figures[split or there[0]]
    _summary(found)
    left, right = st.columns(2, gap="medium")
    with left:
        _bars(found, Tolerance(), key="held-out")
    with right:
        st.space("small")
        _table(found, key="held-out")
