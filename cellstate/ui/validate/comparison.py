"""The page Validate: the predicted change of a perturbation beside what a real experiment measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.evaluation.experiment import TOP, Experiment, compare
from cellstate.formatting import escape_markdown, percent, plural
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, parse_perturbations, resolve_genes
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.experiment import method_order, number, perturbed_genes, score_table, verdict
from cellstate.ui.components.choice import choose_one
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
from cellstate.ui.help.content import markdown, sections
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import COMPARISON, Session, session
from cellstate.ui.validate.groups import CONTROL, TREATED, chosen_groups, files
from cellstate.ui.workbench.prediction import filtered
from cellstate.viz.experiment import experiment_scatter
from cellstate.viz.style import look

#: In `Session.turns`: the text field of the perturbation starts anew after a deletion.
_TURN = "perturbation"


def experiment_page() -> None:
    """Draw The page Validate."""
    state = session()
    files(state)
    groups = None
    if state.groups:
        with error_boundary("choosing the samples"):
            groups = chosen_groups(state)
    with error_boundary("reading the perturbation"):
        perturbations = _perturbations(model())
        if not state.groups:
            _guide()
        elif groups is None or not perturbations:
            st.caption("The comparison appears here once both groups and the perturbation are given.")
    if groups is not None and perturbations:
        with error_boundary("comparing with the experiment"):
            _result(_comparison(state, groups, perturbations))


def _guide() -> None:
    """Show what the page is for and what to upload."""
    *steps, files = sections("experiment_guide")
    with st.grid(3, min_column_width=250):
        for step in steps:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{step.title}**\n\n{step.text}")
    st.caption(files.text, width=READABLE)


def _perturbations(opened: Model) -> tuple[Perturbation, ...]:
    """Let the user name the perturbation, and show how it was read; empty while it is not clear."""
    text = st.text_input(
        "Perturbation of the treated samples",
        placeholder="HOXA1=kd50",
        icon=":material/edit:",
        key=f"experiment-perturbation-{session().turns[_TURN]}",
        persist_state="session",
        width=READABLE,
        help="`GENE=ko` knocks out, `GENE=kd50` lowers by 50%, `GENE=x10` multiplies by 10, `GENE==12.5` sets to "
        "12.5 TPM; commas separate several. Symbols, aliases, Ensembl or Entrez ids.",
    )
    try:
        perturbations = parse_perturbations([text or ""])
        if not perturbations:
            st.caption("For example `HOXA1=kd50` (down by 50%), `TP53=ko`, `EHF=x10` or `HOXA1=kd50, EHF=x10`.")
            return ()
        genes = resolve_genes(perturbations, opened.space)
    except CellStateError as error:
        show_error(error)
        return ()
    found = [replace(one, gene=opened.space.symbols[gene]) for one, gene in zip(perturbations, genes, strict=True)]
    st.caption(f"Read as: {escape_markdown(_joined(found), 400)}.")
    return tuple(found)


def _joined(perturbations: Sequence[Perturbation]) -> str:
    return ", ".join(one.label for one in perturbations)


def _comparison(
    state: Session, rows: tuple[list[int], list[int]], perturbations: tuple[Perturbation, ...]
) -> Experiment:
    opened = model()

    def make() -> Experiment:
        with queue().turn(), st.spinner("Comparing …"):
            # Without a second file, the first contains both groups.
            first = state.groups[CONTROL].samples
            second = state.groups.get(TREATED, state.groups[CONTROL]).samples
            control = prepare_samples(opened, first.take(rows[0]))
            return compare(control, prepare_samples(opened, second.take(rows[1])), perturbations)

    turns = state.turns[CONTROL], state.turns[TREATED]
    return state.cached(COMPARISON, (turns, *map(tuple, rows), perturbations, opened.stamp), make)


def _result(found: Experiment) -> None:
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Predicted and measured", anchor=False, width="content")
        hypothesis()
    st.markdown(
        f"{escape_markdown(_joined(found.perturbations), 400)}: {plural(found.n_control, 'control sample')}, "
        f"{found.n_treated:,} treated, {len(found.table):,} genes compared.",
        width=READABLE,
    )
    with st.container(border=True):
        headline, *rest = verdict(found)
        st.subheader(escape_markdown(headline, 400), anchor=False)
        st.markdown(escape_markdown(" ".join(rest), 1_000), width=READABLE)
    _summary(found)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("All prediction methods", anchor=False)
        st.table(score_table(found), hide_index=True, border="horizontal", alt="Agreement of every prediction method")
        st.caption("No change predicts no change of any gene, so it has no correlation and no direction.")
        st.subheader("Perturbed " + ("gene" if len(found.perturbed) == 1 else "genes"), anchor=False)
        for text in perturbed_genes(found):
            st.markdown(text)
        st.caption("A perturbed gene is set, not predicted, so no score includes it.")
    with right:
        _scatter(found)
    _genes(found)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(markdown("reading_experiment", top=TOP))


def _summary(found: Experiment) -> None:
    others = {name: a.pearson_delta for name, a in found.agreement.items() if name != found.predictor}
    known = {name: r for name, r in others.items() if r is not None}
    best = max(known, key=lambda name: known[name], default=None)
    own = found.agreement[found.predictor]
    metric_row(
        [
            (f"{look(found.predictor).label} r", number(own.pearson_delta), "The default method; chance is 0."),
            (
                f"{look(best).label} r" if best else "Best baseline",
                number(known[best] if best else None),
                "The best of the other methods.",
            ),
            (
                "Sign accuracy",
                percent(own.sign_accuracy_top50),
                f"Of the {TOP} genes that changed most in the experiment; chance is 50%.",
            ),
            ("Reliable genes", f"{int(found.table['is_reliable'].sum()):,}", f"Of {len(found.table):,} compared."),
        ]
    )


def _scatter(found: Experiment) -> None:
    labels = {
        name.value: look(name).label
        for name in method_order(found)
        if name == found.predictor or found.agreement[name].pearson_delta is not None
    }
    chosen = choose_one("Prediction method", labels, "experiment-predictor", persists=False)
    chart(
        experiment_scatter(found.table, predictor=chosen, perturbations=_joined(found.perturbations)),
        key="experiment-scatter",
    )


def _genes(found: Experiment) -> None:
    st.subheader("All genes", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", placeholder="Gene or Ensembl id", icon=":material/search:", key="experiment-query", width=280
        )
        download_table(lambda: csv(found), "cellstate-hypothesis-experiment.csv", key="download-experiment")
        export_menu(experiment_export(found, _joined(found.perturbations)))
    shown = filtered(found.table, text or "", False)
    gene_table(
        shown,
        _columns(found),
        key="experiment-table",
        alt="Measured and predicted change of every compared gene, largest measured change first",
    )
    st.caption(f"{len(shown):,} of {len(found.table):,} genes, largest measured change first, in log2 of TPM + 1.")


def _columns(found: Experiment) -> dict:
    first, mean = look(found.predictor).label, "Geometric mean of TPM + 1, minus 1."
    others = [name for name in method_order(found)[1:] if f"predicted_log2_{name}" in found.table]
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "measured_log2": number_column("Measured", 2, "Treated against control samples."),
        "predicted_log2": number_column(first, 4, f"Predicted for the control samples by {first}."),
        **{f"predicted_log2_{n}": number_column(look(n).label, 4, f"Predicted by {look(n).label}.") for n in others},
        "tpm_control": number_column("Control TPM", 2, mean),
        "tpm_treated": number_column("Treated TPM", 2, mean),
        "is_reliable": st.column_config.CheckboxColumn("Reliable", help=tip("Reliability")),
        "reason": st.column_config.TextColumn("Reason", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def csv(found: Experiment) -> bytes:
    """Return every gene as CSV; each row names perturbations and method."""
    table = found.table.round(6)
    return result_csv(table, perturbations=_joined(found.perturbations), predictor=found.predictor)
