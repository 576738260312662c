"""What drives this sample, without a goal: regulators whose activity differs from that in a reference."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cellstate.errors import CellStateError
from cellstate.evaluation.admixture import Admixture, admixture, without_admixture
from cellstate.evaluation.answer_evidence import AnswerEvidence, measured, regulator_evidence
from cellstate.evaluation.cohort_regulators import prepare_in_steps
from cellstate.evaluation.ood import OodScore, ood_scores
from cellstate.evaluation.tissue_profiles import high_tissues, normal_tissue
from cellstate.formatting import escape_markdown, file_stem
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.perturb.regulators.search import NORMAL_STATE, Regulators, regulators
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.report.dossier import with_dossiers
from cellstate.report.narrative.regulators import (
    admixture_sentence,
    regulators_headline,
    regulators_sentence,
    set_sentence,
)
from cellstate.samples import Samples
from cellstate.ui.candidates.compared_with import (
    Kind,
    Reference,
    chosen_reference,
    compared_with,
    null_note,
    references_of_sample,
)
from cellstate.ui.components.dossier import dossier_columns, dossier_line
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.evidence_card import evidence_card
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    download_table,
    gene_table,
    hypothesis_header,
    number_column,
    result_csv,
)
from cellstate.ui.components.searches import start_search
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.runtime.resources import model_of_normal_tissue
from cellstate.ui.state.session import DRIVERS, Session
from cellstate.viz import activity_bars

WITHOUT = "Without admixed tissue"
#: Key of that switch.
_WITHOUT = "without-admixture"
#: Key of the choice of a reference.
_REFERENCE = "drivers-reference"
#: Dossiers of ticked regulators that are drawn at once.
_DOSSIERS = 3


@dataclass(frozen=True, eq=False)
class Ranking:
    """Regulators of the sample, and the evidence behind the first one."""

    found: Regulators
    evidence: AnswerEvidence


@dataclass(frozen=True, eq=False)
class Drivers:
    """What drives a sample.

    Attributes
    ----------
    whole : Ranking
    reference : Reference
        What the sample was compared with.
    mixed : Admixture or None
        Another tissue that is admixed to the sample.
    rest : Ranking or None
        Without that tissue.
    """

    whole: Ranking
    reference: Reference
    mixed: Admixture | None = None
    rest: Ranking | None = None


def drivers(state: Session, opened: Model, key: Hashable, finished: Job | None, bar: DeltaGenerator) -> None:
    """Draw the question, or the answer once it was found.

    Parameters
    ----------
    state : Session
    opened : Model
    key : hashable
        What the answer depends on.
    finished : Job or None
        The search for this key, once it is done.
    bar : DeltaGenerator
        Where the question stands above an answer.
    """
    with error_boundary("finding what drives the sample"):
        model = model_of_normal_tissue(opened)
        if model is None:
            st.caption("No model here knows normal tissue, which a sample is compared with.")
        elif finished is not None:
            with bar:
                problem = _reference_line(state, model, key, finished.result.reference)
            if problem is not None:
                show_error(problem)
            _answer(state, finished.result)
        elif not state.is_searching:
            with st.container(border=True):
                st.markdown(
                    "Ranks the transcription factors whose activity differs from a reference, without a goal or a "
                    "control sample.",
                    width=READABLE,
                )
                if (problem := _reference_line(state, model, key)) is not None:
                    show_error(problem)


def _reference_line(
    state: Session, model: Model, key: Hashable, shown: Reference | None = None
) -> CellStateError | None:
    """Draw the choice of a reference, and the button that ranks against it where that is not what is shown.

    Returns why the reference cannot be used.
    """
    problem: CellStateError | None = None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        chosen = compared_with(references_of_sample(state, model), _REFERENCE, disabled=state.is_searching)
        try:
            chosen.check()
        except CellStateError as error:
            problem = error
        if chosen != shown:
            st.button(
                "Find regulators",
                type="primary",
                icon=":material/play_arrow:",
                key="find-drivers",
                disabled=problem is not None or state.is_searching,
                on_click=_start,
                args=(state, model, key),
            )
            if problem is None and (note := null_note(chosen)):
                st.caption(note, width="content")
    return problem


def _start(state: Session, model: Model, key: Hashable) -> None:
    if state.loaded is None:
        return
    reference = chosen_reference(references_of_sample(state, model), _REFERENCE)
    try:
        reference.check()
    except CellStateError:
        # The page says why when it is drawn.
        return
    sample, group = state.sample(), state.loaded.samples.take(list(reference.rows)) if reference.rows else None
    title = f"transcription factors, against the {reference.label}"
    start_search(state, DRIVERS, key, title, lambda progress: find_drivers(model, sample, reference, group, progress))


def find_drivers(
    model: Model, samples: Samples, reference: Reference, group: Samples | None, progress: SearchProgress
) -> Drivers:
    """Rank the regulators of one sample, and once more without admixed tissue where there is any.

    Parameters
    ----------
    model : Model
    samples : Samples
        One sample.
    reference : Reference
    group : Samples or None
        The samples of a reference that has any.
    progress : callable
    """
    what = "steps before the ranking"
    progress(0, 3, what)
    sample = prepare_sample(model, samples)
    progress(1, 3, what)
    before = ood_scores([sample])[0]
    progress(2, 3, what)
    mixed = admixture(sample)
    against = _against(model, reference, group, progress)
    whole = _ranking(sample, reference, against, before, progress)
    if mixed is None:
        return Drivers(whole, reference)
    if group is not None and against is not None:
        # Both sides alike: other samples may hold some of that tissue too.
        against = [one if (theirs := admixture(one)) is None else without_admixture(one, theirs) for one in against]
    rest = _ranking(without_admixture(sample, mixed), reference, against, before, progress)
    return Drivers(whole, reference, mixed, rest)


def _against(
    model: Model, reference: Reference, group: Samples | None, progress: SearchProgress
) -> list[PreparedSample] | None:
    if reference.kind is Kind.TISSUE:
        return [normal_tissue(model, reference.name)]
    return None if group is None else prepare_in_steps(model, group, "samples of the reference", progress)


def _ranking(
    sample: PreparedSample,
    reference: Reference,
    against: list[PreparedSample] | None,
    before: OodScore,
    progress: SearchProgress,
) -> Ranking:
    found = regulators([sample], against=against, against_label=reference.label, with_sets=True, progress=progress)
    return Ranking(found, regulator_evidence(found, measured_G=sample.measured_G, before=before))


def _answer(state: Session, drivers: Drivers) -> None:
    taken_out = bool(st.session_state.get(_WITHOUT))
    ranking = drivers.rest if taken_out and drivers.rest is not None else drivers.whole
    found = ranking.found
    table = measured(found.table())
    # What is more active than in the reference is lowered, and the other way round.
    table = with_dossiers(table, -table["z"], high_tissues(found.model))
    best = table["gene"].iloc[0]
    hypothesis_header(regulators_headline(table, found.reference))
    evidence_card(
        ranking.evidence,
        found.model,
        found.predictor,
        genes=[best],
        key=DRIVERS,
        is_candidate=True,
        reason="The model of normal tissue was fitted with this method.",
    )
    if drivers.mixed is not None:
        _admixture_switch(drivers.mixed, taken_out=taken_out)
    chart(activity_bars(table, found.reference), key="driver-bars", has_caption=False)
    # Ticks are positions, so another sample needs another key.
    key = f"drivers-table-{state.round}-{state.selected}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _try_button(state, best)
        name = f"cellstate-hypothesis-regulators-{file_stem(found.samples[0])}.csv"
        download_table(
            lambda: result_csv(table, found.samples[0], reference=found.reference, model=found.model.config.name),
            name,
            key="download-drivers",
            label="Download CSV",
        )
    st.markdown(regulators_sentence(table, found.reference), width=READABLE)
    for one in filter(None, found.sets):
        genes = [found.model.space.symbols[found.candidates_T[t]] for t in one.members_N]
        st.markdown(set_sentence(genes, one.explained, one.best_member, one.p), width=READABLE)
    for row in _chosen(table, key):
        dossier_line(table["gene"].iloc[row], -table["z"].iloc[row])
    st.caption(_sources(found))
    with st.expander(f"All {len(table):,} regulators", icon=":material/table:"):
        alt = "Regulators of this sample, most active first."
        # A tick draws the page again, and with it the dossiers above the table.
        gene_table(table, _columns(found), key, alt, on_select=lambda: None)


def _admixture_switch(mixed: Admixture, *, taken_out: bool) -> None:
    """Draw which tissue is admixed, and the switch that takes it out."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.toggle(WITHOUT, key=_WITHOUT, width="content")
        st.caption(admixture_sentence(mixed.tissue, mixed.share, taken_out, f"“{WITHOUT}”"), width=READABLE)


def _try_button(state: Session, gene: str) -> None:
    if st.button(
        f"Knock out {escape_markdown(gene)} in Workbench",
        icon=":material/science:",
        type="primary",
        key="try-driver",
        help="Replaces the present perturbations; Undo restores them.",
    ):
        state.put([Perturbation(gene, "knock-out")])
        st.switch_page("pages/workbench.py")


def _chosen(table: pd.DataFrame, key: str) -> list[int]:
    """Return the positions of the first regulators that are ticked, or of the top one."""
    ticked = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    return [row for row in ticked if row < len(table)][:_DOSSIERS] or [0]


def _sources(found: Regulators) -> str:
    """Return what made the ranking, as Markdown."""
    model, method = escape_markdown(found.model.config.name), in_sentence(predictor_label(found.predictor))
    if found.reference == NORMAL_STATE:
        return f"Normal tissue as the model {model} knows it; effects by {method}."
    return f"Effects by {method} of the model {model}."


def _columns(found: Regulators) -> dict:
    z_help, p_help = "Activity in SD of samples of the group, each against the others.", "Two-sided, against the group."
    if found.reference == NORMAL_STATE:
        z_help = "Activity in SD of normal samples of laboratories that were left out."
        p_help = "Two-sided, against normal samples."
    elif not found.has_null:
        z_help = p_help = "The reference has too few samples for p-values: z is only an order."
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "z": number_column("Activity (z)", 2, z_help),
        "p": st.column_config.NumberColumn("p", format="%.3g", help=p_help),
        "fdr": st.column_config.NumberColumn("FDR", format="%.3g", help="p, corrected for the number of regulators."),
        "own_change": number_column("Own expression (SD)", 2, "Difference of its own expression from the reference."),
        "activity": number_column("Activity (cosine)", 3, "Cosine of its predicted effects and the signature."),
        **dossier_columns(),
        "tpm": number_column("TPM", 1, "As measured."),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }
