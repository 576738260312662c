"""The experiment page: what an edit was predicted to do, beside what a real experiment measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.errors import CellStateError
from cellstate.evaluation.experiment import TOP, Experiment, compare
from cellstate.formatting import escape_markdown, percent, plural
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, parse_perturbations, resolve_genes
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import REGISTRY
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import experiment_export
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    download_table,
    gene_table,
    hypothesis,
    metric_row,
    number_column,
    result_csv,
)
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import COMPARISON, Session, session
from cellstate.ui.validate.groups import CONTROL, TREATED, chosen_groups, files
from cellstate.ui.workbench.prediction import filtered
from cellstate.viz.experiment import experiment_scatter
from cellstate.viz.style import look

EDIT = "edit"
#: The order in which predictors are listed, behind the leading one; one that is not named here comes last.
_ORDER = (
    *(spec.id for spec in REGISTRY if spec.id is not PredictorId.NO_CHANGE),
    PredictorId.NO_CHANGE,
)
_GUIDE = (
    (
        ":material/group: 1. Bring two groups",
        "Control and treated samples of one experiment, for example a knock-down: one file with both groups, or one "
        "each. Replicates make the measured change more certain.",
    ),
    (
        ":material/edit: 2. Name the edit",
        "What was done to the treated samples, for example `HOXA1=kd50`. The model makes the same edit on the control "
        "samples, without seeing the treated ones.",
    ),
    (
        ":material/compare: 3. See who was right",
        "Predicted against measured change of every gene, for the network and for much simpler predictors. Often none "
        "of them agrees with the experiment: this page says so.",
    ),
)
_READING = f"""
- **Measured** is the difference of the groups' means of log2 (TPM + 1). **Predicted** is the mean shift over the
  control samples.
- **Compared** are the model's genes that every sample measures, at 1 TPM or more in either group. Edited genes are
  set, not predicted, and count in no score.
- **Pearson delta** is the correlation of predicted and measured change over genes: 1 is perfect, 0 is chance. The
  interval resamples genes, so it speaks of these samples and not of a repeat of the experiment.
- **Direction** is the share of the {TOP} genes that changed most whose sign is right; 50 % is chance. A
  gene that is predicted not to move counts half.
- **Who leads** is whom the workbench puts first by what was measured of the model: the verdict is about that one.
- **Trusted** means: the network follows this gene on held-out patients (R² of 0.3 or more), and no control sample is
  unlike the training samples, neither as it is nor as predicted. It does not mean that the prediction is true.
"""


def experiment_page() -> None:
    """Draw the experiment page."""
    state = session()
    files(state)
    groups = None
    if state.groups:
        with error_boundary("choosing the samples"):
            groups = chosen_groups(state)
    with error_boundary("reading the edit"):
        edits = _edits(model())
        if not state.groups:
            _guide()
        elif groups is None or not edits:
            st.caption("Once both groups and the edit are given, the comparison appears here.")
    if groups is not None and edits:
        with error_boundary("comparing with the experiment"):
            _result(_comparison(state, groups, edits), edits)


def _guide() -> None:
    """Say what the page is for and what to bring."""
    with st.grid(3, min_column_width=250):
        for title, text in _GUIDE:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{title}**")
                st.markdown(text)
    st.caption(
        "Any file that the workbench reads: CSV, TSV, GCT, h5ad, or the output of salmon, kallisto, RSEM, STAR and "
        "featureCounts; counts, TPM or FPKM of the whole transcriptome, not fold changes. A public experiment to try "
        "is GSE37704 of the Gene Expression Omnibus: HOXA1 knocked down in lung fibroblasts, `HOXA1=kd50`.",
        width=READABLE,
    )


def _edits(opened: Model) -> tuple[Perturbation, ...]:
    """Let the user name the edit, and say how it was understood; empty where it is not clear yet."""
    text = st.text_input(
        "What was done to the treated samples",
        placeholder="HOXA1=kd50",
        icon=":material/edit:",
        key=f"experiment-edit-{session().turns[EDIT]}",
        persist_state="session",
        width=READABLE,
        help="`GENE=ko` knocks out, `GENE=kd50` takes 50 % away, `GENE=x10` multiplies by 10, `GENE==12.5` sets to "
        "12.5 TPM; commas stand between several. A gene may have any name: symbol, alias, Ensembl or Entrez id.",
    )
    try:
        edits = parse_perturbations([text or ""])
        if not edits:
            st.caption("For example `HOXA1=kd50` (down by 50 %), `TP53=ko`, `EHF=x10` or `HOXA1=kd50, EHF=x10`.")
            return ()
        genes = resolve_genes(edits, opened.space)
    except CellStateError as error:
        show_error(error)
        return ()
    edits = [replace(edit, gene=opened.space.symbols[gene]) for edit, gene in zip(edits, genes, strict=True)]
    st.caption(f"Understood as: {escape_markdown(_in_words(edits), 400)}.")
    return tuple(edits)


def _comparison(state: Session, rows: tuple[list[int], list[int]], edits: tuple[Perturbation, ...]) -> Experiment:
    opened = model()

    def make() -> Experiment:
        with queue().turn(), st.spinner("Comparing …"):
            # Without a second file, the first holds both groups.
            first = state.groups[CONTROL].samples
            second = state.groups.get(TREATED, state.groups[CONTROL]).samples
            control = prepare_samples(opened, first.take(rows[0]))
            return compare(control, prepare_samples(opened, second.take(rows[1])), edits)

    return state.cached(
        COMPARISON, (state.turns[CONTROL], state.turns[TREATED], *map(tuple, rows), edits, opened.stamp), make
    )


def _result(found: Experiment, edits: Sequence[Perturbation]) -> None:
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Predicted against measured", anchor=False, width="content")
        hypothesis()
    st.markdown(
        f"{escape_markdown(_in_words(edits), 400)}: {plural(found.n_control, 'control sample')} against "
        f"{found.n_treated:,} treated, {len(found.table):,} genes compared.",
        width=READABLE,
    )
    with st.container(border=True):
        first, _, rest = found.verdict.partition(". ")
        st.subheader(escape_markdown(first.rstrip("."), 400) + ".", anchor=False)
        st.markdown(escape_markdown(rest, 1_000), width=READABLE)
    _numbers(found)
    left, right = st.columns(2, gap="medium")
    with left:
        _predictors(found)
        _edited(found, edits)
    with right:
        _scatter(found, edits)
    _genes(found)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def _numbers(found: Experiment) -> None:
    first = found.agreement[found.predictor]
    others = {name: a.pearson_delta for name, a in found.agreement.items() if name != found.predictor}
    rivals = {name: r for name, r in others.items() if r is not None}
    best = max(rivals, key=lambda name: rivals[name], default=None)
    trusted = int(found.table["is_reliable"].sum())
    rival = (f"{look(best).label} r", number(rivals[best])) if best else ("Best rival", "–")
    sign = f"Of the {TOP} genes that changed most in the experiment; 50 % is chance."
    metric_row(
        [
            (f"{look(found.predictor).label} r", number(first.pearson_delta), "It leads. 1 is perfect, 0 is chance."),
            (*rival, "Pearson delta of the best of the others."),
            ("Direction right", percent(first.sign_accuracy_top50), sign),
            ("Trusted genes", f"{trusted:,}", f"Of {len(found.table):,} compared. See how to read this."),
        ]
    )


def _in_words(edits: Sequence[Perturbation]) -> str:
    return ", ".join(edit.label for edit in edits)


def number(value: float | None, digits: int = 2) -> str:
    """Return a signed score in words, a dash for None and no minus before zero."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}"


def scores(found: Experiment) -> pd.DataFrame:
    """Return one row a predictor, the leading one first and *no change* last."""
    names = sorted(found.agreement, key=lambda name: (found.predictor, *_ORDER, name).index(name))
    rows = []
    for name in names:
        score = found.agreement[name]
        interval = "–" if score.low is None else f"{number(score.low)} to {number(score.high)}"
        rows.append((look(name).label, number(score.pearson_delta), interval, percent(score.sign_accuracy_top50)))
    return pd.DataFrame(rows, columns=["Predictor", "Pearson delta", "95 % interval", f"Direction, top {TOP}"])


def _predictors(found: Experiment) -> None:
    st.subheader("Every predictor", anchor=False)
    st.table(
        scores(found), hide_index=True, border="horizontal", alt="Agreement of every predictor with the experiment"
    )
    st.caption("No change predicts that nothing moves, so it has no correlation and no direction.")


def _edited(found: Experiment, edits: Sequence[Perturbation]) -> None:
    """Say how the edited genes themselves changed: an experiment may have missed its target."""
    st.subheader("The edited gene itself" if len(found.perturbed) == 1 else "The edited genes themselves", anchor=False)
    wanted = {edit.gene: edit.label for edit in edits}
    for row in found.perturbed.itertuples():
        edit = wanted.get(row.gene, row.gene).removeprefix(row.gene).strip()
        change = (
            f"{row.tpm_control:,.3g} TPM in control, {row.tpm_treated:,.3g} in treated samples: "
            f"**{row.measured_log2:+.2f} log2** measured"
            if np.isfinite(row.measured_log2)
            else "not measured by every sample"
        )
        st.markdown(f"**{escape_markdown(row.gene)}** ({escape_markdown(edit)} in the edit): {change}.")
    st.caption("An edited gene is set, not predicted, so it counts in no score.")


def _scatter(found: Experiment, edits: Sequence[Perturbation]) -> None:
    names = [name for name in dict.fromkeys((found.predictor, *_ORDER)) if name in found.agreement]
    drawable = [name for name in names if found.agreement[name].pearson_delta is not None]
    chosen = None
    if len(drawable) > 1:
        chosen = st.segmented_control(
            "Predictor",
            drawable,
            format_func=lambda name: look(name).label,
            default=drawable[0],
            required=True,
            key="experiment-predictor",
            label_visibility="collapsed",
        )
    chart(
        experiment_scatter(found.table, predictor=chosen or found.predictor, perturbations=_in_words(edits)),
        key="experiment-scatter",
    )


def _genes(found: Experiment) -> None:
    st.subheader("Every gene", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", placeholder="Gene or Ensembl id", icon=":material/search:", key="experiment-query", width=280
        )
        download_table(lambda: _csv(found), "cellstate-hypothesis-experiment.csv", key="download-experiment")
        export_menu(experiment_export(found, _in_words(found.perturbations)))
    shown = filtered(found.table, text or "", trusted_only=False)
    gene_table(
        shown,
        _columns(found),
        key="experiment-table",
        alt="Measured and predicted change of every compared gene, largest measured change first",
    )
    st.caption(f"{len(shown):,} of {len(found.table):,} genes, largest measured change (log2 of TPM + 1) first.")


def _columns(found: Experiment) -> dict:
    rivals, first = [n for n in _ORDER if f"predicted_log2_{n}" in found.table], look(found.predictor).label
    mean = "Geometric mean of TPM + 1, minus 1."
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "measured_log2": number_column("Measured", 2, "Treated against control samples."),
        "predicted_log2": number_column(first, 4, f"Predicted on the control samples by {first}."),
        **{f"predicted_log2_{n}": number_column(look(n).label, 4, f"What {look(n).label} predicts.") for n in rivals},
        "tpm_control": number_column("Control TPM", 2, mean),
        "tpm_treated": number_column("Treated TPM", 2, mean),
        "is_reliable": st.column_config.CheckboxColumn("Trusted", help=tip("Reliability")),
        "reason": st.column_config.TextColumn("Why not trusted", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def _csv(found: Experiment) -> bytes:
    return result_csv(found.table.round(6), edits=_in_words(found.perturbations), predictor=found.predictor)
