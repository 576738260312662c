"""The page Validate: the predicted change of a perturbation beside what a real experiment measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from cellstate.cohorts.hoxa1 import HOXA1_FILE, HOXA1_PERTURBATION
from cellstate.errors import CellStateError
from cellstate.evaluation.experiment import TOP, Experiment, compare
from cellstate.formatting import escape_markdown, percent, plural
from cellstate.io import ReadOptions
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, parse_perturbations, resolve_genes
from cellstate.perturb.sample import prepare_sample, prepare_samples
from cellstate.report.narrative.experiment import method_order, number, perturbed_genes, score_table, verdict
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import experiment_export
from cellstate.ui.components.gene_search import find_gene
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    containing,
    download_table,
    gene_table,
    hypothesis_header,
    metric_row,
    number_column,
    result_csv,
)
from cellstate.ui.components.read_upload import read
from cellstate.ui.help.content import markdown, sections
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import COMPARISON, Loaded, Session, session
from cellstate.ui.validate.groups import CONTROL, TREATED, chosen_groups, files
from cellstate.ui.workbench.perturbation_form import perturbation_form
from cellstate.viz.experiment import experiment_scatter
from cellstate.viz.style import look

#: In `Session.turns`: the text field of the perturbation starts anew after a deletion.
_TURN = "perturbation"
#: Key of the search box of the form, and the form's width in pixels.
_QUERY, _FORM_PX = "experiment-gene", 420
#: In session state: the files whose comparison was shown.
_SHOWN = "experiment-shown"
_STEPS = 3


def experiment_page() -> None:
    """Draw the page Validate: the result first, once there is one, and below it what it was made from."""
    state, opened = session(), model()
    place = st.container()
    is_shown = bool(state.groups) and st.session_state.get(_SHOWN) == _turns(state)
    groups, perturbations = None, ()  # type: tuple[list[int], list[int]] | None, tuple[Perturbation, ...]
    with st.expander("Samples and perturbation", expanded=not is_shown, key="experiment-inputs"):
        if not state.groups:
            _example(state)
        files(state)
        if state.groups:
            with error_boundary("choosing the samples"):
                groups = chosen_groups(state)
        with error_boundary("reading the perturbation"):
            perturbations = _perturbations(state, opened, groups)
    if not state.groups:
        _guide()
    if groups is not None and perturbations:
        with place, error_boundary("comparing with the experiment"):
            _result(_comparison(state, opened, groups, perturbations))
            st.session_state[_SHOWN] = _turns(state)


def _turns(state: Session) -> tuple[int, int]:
    return state.turns[CONTROL], state.turns[TREATED]


def _example(state: Session) -> None:
    """Offer the worked example where its command has written it, or name the command."""
    if not HOXA1_FILE.is_file():
        st.caption(
            "For an example, get the file GSE37704_featurecounts.csv from GEO and run "
            "`cellstate data get hoxa1 --from GSE37704_featurecounts.csv`. A button here then opens it."
        )
        return
    if st.button("Try the HOXA1 knock-down", type="primary", icon=":material/science:", key="experiment-example"):
        samples = read(HOXA1_FILE, HOXA1_FILE.name, ReadOptions())
        state.load_group(CONTROL, Loaded(samples, b"", HOXA1_FILE.name, is_example=True))
        st.session_state[_text_key(state)] = HOXA1_PERTURBATION
        st.rerun()


def _guide() -> None:
    """Tell what the page is for and what to upload, on request."""
    with st.expander("How it works", icon=":material/help:"):
        for step in sections("experiment_guide"):
            st.markdown(f"**{step.title}**\n\n{step.text}", width=READABLE)


def _text_key(state: Session) -> str:
    return f"experiment-perturbation-{state.turns[_TURN]}"


def _perturbations(
    state: Session, opened: Model, groups: tuple[list[int], list[int]] | None
) -> tuple[Perturbation, ...]:
    """Let the user name the perturbation or build it, and show how it was read; empty while it is not clear."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            "Perturbation of the treated samples",
            placeholder="HOXA1=kd50, EHF=x10",
            icon=":material/edit:",
            key=_text_key(state),
            persist_state="session",
            width=420,
            help="`GENE=ko` knocks out, `GENE=kd50` lowers by 50%, `GENE=x10` multiplies by 10, `GENE==12.5` sets to "
            "12.5 TPM; commas separate several. Symbols, aliases, Ensembl or Entrez ids.",
        )
        if groups is not None:
            with st.popover("Build", icon=":material/tune:", key="experiment-build"), st.container(width=_FORM_PX):
                _build(state, opened, groups[0][0])
    try:
        perturbations = parse_perturbations([text or ""])
        if not perturbations:
            return ()
        genes = resolve_genes(perturbations, opened.space)
    except CellStateError as error:
        show_error(error)
        return ()
    found = [replace(one, gene=opened.space.symbols[gene]) for one, gene in zip(perturbations, genes, strict=True)]
    st.caption(f"Read as: {escape_markdown(_joined(found), 400)}.")
    return tuple(found)


def _build(state: Session, opened: Model, row: int) -> None:
    """Draw the workbench's form of one perturbation, at the levels of the first control sample."""
    gene = find_gene(opened, _QUERY)
    if gene is not None:
        first = state.groups[CONTROL].samples
        key = (_turns(state), row, opened.stamp)
        sample = state.cached("experiment-sample", key, lambda: prepare_sample(opened, first.take([row])))
        new = perturbation_form(gene, sample, opened, "experiment-")
        action_button("Add", "add", "experiment-add", _add, state, new.spec, type="primary")


def _add(state: Session, spec: str) -> None:
    """Write a perturbation to the end of the text, in the place of an earlier one of its gene."""
    gene = spec.partition("=")[0]
    before = [part.strip() for part in (st.session_state.get(_text_key(state)) or "").split(",")]
    kept = [part for part in before if part and part.partition("=")[0].strip() != gene]
    st.session_state[_text_key(state)] = ", ".join([*kept, spec])
    st.session_state[_QUERY] = ""


def _joined(perturbations: Sequence[Perturbation]) -> str:
    return ", ".join(one.label for one in perturbations)


def _comparison(
    state: Session, opened: Model, rows: tuple[list[int], list[int]], perturbations: tuple[Perturbation, ...]
) -> Experiment:
    def make() -> Experiment:
        # Without a second file, the first contains both groups.
        first = state.groups[CONTROL].samples
        second = state.groups.get(TREATED, state.groups[CONTROL]).samples
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, width="stretch")
            st.button("Cancel", icon=":material/close:", key="experiment-cancel", on_click=_cancel, args=(state,))

        def show(step: int, what: str, done: int = 0, total: int = 1) -> None:
            bar.progress((step - 1 + done / max(total, 1)) / _STEPS, f"Step {step} of {_STEPS}: {what}")

        def report(done: int, total: int, what: str) -> None:
            show(3, f"{what}, {done:,} of {total:,}", done, total)

        with queue().turn():
            show(1, f"preparing {plural(len(rows[0]), 'control sample')}")
            control = prepare_samples(opened, first.take(rows[0]))
            show(2, f"preparing {plural(len(rows[1]), 'treated sample')}")
            treated = prepare_samples(opened, second.take(rows[1]))
            found = compare(control, treated, perturbations, progress=report)
        place.empty()
        return found

    return state.cached(COMPARISON, (_turns(state), *map(tuple, rows), perturbations, opened.stamp), make)


def _cancel(state: Session) -> None:
    """Forget the perturbation: any click stops the comparison, and without it none begins again."""
    st.session_state[_text_key(state)] = ""


def _result(found: Experiment) -> None:
    headline, *rest = verdict(found)
    hypothesis_header(escape_markdown(headline, 400))
    st.markdown(
        f"{escape_markdown(_joined(found.perturbations), 400)}: {plural(found.n_control, 'control sample')}, "
        f"{found.n_treated:,} treated, {len(found.table):,} genes. {escape_markdown(' '.join(rest), 1_000)}",
        width=READABLE,
    )
    _summary(found)
    left, right = st.columns(2, gap="medium")
    with left:
        said = (
            f"Pearson-delta: {tip('Pearson-delta')} Sign accuracy: {tip('Sign accuracy')} No change predicts no change "
            "of any gene, so it has neither."
        )
        st.subheader("All prediction methods", anchor=False, help=said)
        st.table(score_table(found), hide_index=True, border="horizontal", alt="Agreement of every prediction method")
        said = "A perturbed gene is set, not predicted, so no score includes it."
        st.subheader("Perturbed " + ("gene" if len(found.perturbed) == 1 else "genes"), anchor=False, help=said)
        for text in perturbed_genes(found):
            st.markdown(text)
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
            (
                f"{look(found.predictor).label} r",
                number(own.pearson_delta),
                f"{tip('Pearson-delta')} This is the default method.",
            ),
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
    label, key = "Prediction method", "experiment-predictor"
    chosen = st.selectbox(label, list(labels), format_func=labels.__getitem__, key=key, width=260)
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
    shown = containing(found.table, text or "", ["gene", "ensembl_id"])
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
