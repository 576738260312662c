"""The result of a search: its headline, evidence, best candidates or figure, exports, and the way to the workbench."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.evaluation.answer_evidence import AnswerEvidence, correlation
from cellstate.evaluation.tissue_profiles import high_tissues
from cellstate.formatting import escape_markdown, file_stem, plural
from cellstate.io import GeneTable
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.pairs import TESTED, Pairs
from cellstate.perturb.search.single import Screen, other_predictors
from cellstate.report.candidates import Candidate, candidates, table_data
from cellstate.report.dossier import with_dossiers
from cellstate.report.narrative.evidence import combination_reason
from cellstate.report.narrative.prediction import agreement_sentence
from cellstate.report.narrative.search import (
    action_phrase,
    combination_headline,
    combination_sentence,
    common_gene,
    has_patient_z,
    named,
    pairs_headline,
    pairs_sentence,
    screen_headline,
    screen_sentence,
)
from cellstate.ui.candidates.options import Plan
from cellstate.ui.candidates.table import candidates_table
from cellstate.ui.components.dossier import dossier_columns, dossier_line
from cellstate.ui.components.evidence_card import evidence_card
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import search_export
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    containing,
    download_table,
    hypothesis_header,
    number_column,
    result_csv,
)
from cellstate.ui.components.load_samples import load_gene_table
from cellstate.ui.components.predictor_picker import pairs_method_sentence, predictor_sentence
from cellstate.ui.help.content import markdown
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import distance, judged
from cellstate.ui.state.session import COMBINATION, GENE_TABLE, PAIRS, SCREEN, Session
from cellstate.viz import Chart, combination_steps, pair_bars, screen_bars
from cellstate.viz.search import MAX_BARS
from cellstate.viz.style import look

_POPOVER_PX = 380
#: Rows of a table that the page sends to the browser; the download has all.
MAX_ROWS = 20_000
#: Candidates that are shown at first, and that each click adds.
N_SHOWN = 10
_DISTANCE = "% of the distance to the goal"
_SHOWN = "candidates-shown"


def result(state: Session, opened: Model, job: Job, choices: tuple[Goal | None, Plan | None] | None) -> None:
    """Show the result of a finished search.

    Parameters
    ----------
    choices : (Goal or None, Plan or None), optional
        The present choices of the form, where it is open: they may have changed since the search.
    """
    found = job.result
    if choices is not None:
        goal, plan = choices
        if goal is not found.goal or plan is None or plan.description != job.title:
            st.info("The goal or the options were changed after this search.", icon=":material/history:")
    shows: dict[str, Callable[..., None]] = {SCREEN: _screen, PAIRS: _pairs, COMBINATION: _combination}
    shows[job.kind](state, opened, found, job.title)
    with _section("How to read this", "reading", "help") as section:
        if section.open:
            st.markdown(markdown("reading_search"))


def _section(title: str, key: str, icon: str) -> Any:
    """Return a part of the page that is closed at first, and that is drawn only while it is open."""
    return st.expander(title, icon=f":material/{icon}:", key=f"section-{key}", on_change="rerun")


def _screen(state: Session, opened: Model, found: Screen, searched: str) -> None:
    hypothesis_header(screen_headline(found))
    n = max(N_SHOWN, st.session_state.get(_SHOWN, {}).get(id(found), 0))
    best = _best(state, opened, found, n)
    first = best[0]
    evidence_card(first.evidence, opened, found.predictor, genes=[first.perturbation.gene], is_candidate=True)
    pressed = candidates_table(table_data(found, best, state.gene_table), "The best candidates, with their evidence")
    if pressed is not None:
        _open_in_workbench(state, [best[pressed].perturbation])
    others = other_predictors(found.table)
    drawn = screen_bars(*short(named(found.table.head(MAX_BARS))), others, predictor=found.predictor)
    said = f"{screen_sentence(found)} {agreement_sentence(agreement(found.table, others), found.predictor)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if n < len(found.table):
            st.button(
                f"{N_SHOWN} more",
                icon=":material/expand_more:",
                key="more-candidates",
                on_click=_show_more,
                args=(id(found), n + N_SHOWN),
            )
        _own_table(state)
        _exports(state, opened, found, searched, said, drawn)
    with _section(f"All {len(found.table):,} perturbations", "all", "table") as section:
        if section.open:
            _all_perturbations(state, opened, found, others)
    with _section("By each method", "methods", "bar_chart") as section:
        if section.open:
            st.markdown(said, width=READABLE)
            chart(drawn, key="regulator-bars")


def _best(state: Session, opened: Model, found: Screen, n: int) -> list[Candidate]:
    sample, before, own = state.prepared(opened), distance(state, opened), state.gene_table
    return state.cached(
        "candidates",
        (id(found), n, id(own)),
        lambda: candidates(found, sample, before, n, high_in=high_tissues(opened), own=own),
    )


def _show_more(found: int, n: int) -> None:
    st.session_state[_SHOWN] = {found: n}


def _own_table(state: Session) -> None:
    """Let the user add what they know of genes as columns of the table."""
    table = state.gene_table
    label = "Add my own table" if table is None else escape_markdown(table.name, 30)
    with st.popover(label, icon=":material/table_view:", key="own-table"), st.container(width=_POPOVER_PX):
        if table is None:
            st.caption("Any table with a column of genes: your screen, your notes. It stays in this session.")
            file_input(state, GENE_TABLE, "Table of genes (CSV, TSV or Excel)", load_gene_table)
            return
        missing = f"; {plural(len(table.unknown), 'name')} not known" if table.unknown else ""
        what = f"{plural(len(table.rows), 'gene')}, {plural(len(table.columns), 'column')}{missing}"
        loaded_file(what, GENE_TABLE, lambda: state.load_gene_table(None))


def _all_perturbations(state: Session, opened: Model, found: Screen, others: Sequence[str]) -> None:
    table = state.cached(
        "all-candidates",
        (id(found), id(state.gene_table)),
        lambda: _with_all(found, high_tissues(opened), state.gene_table),
    )
    columns = _screen_columns(found, others, table, state.gene_table)
    shown, row, bar = _search_table(table, ["gene", "ensembl_id"], columns, "screen", "All perturbations")
    chosen = table.iloc[0] if row is None else shown.iloc[row]
    dossier_line(chosen["gene"], _direction(chosen))
    with bar:
        _try_button(state, [] if row is None else [_perturbation(chosen)])


def _with_all(found: Screen, high_in: Mapping[str, tuple[str, ...]], own: GeneTable | None) -> pd.DataFrame:
    """Return a screen's table with all that is known of its genes."""
    table = with_dossiers(named(found.table), _direction(found.table), high_in)
    if own is None:
        return table
    values = [own.rows.get(gene, ("",) * len(own.columns)) for gene in table["ensembl_id"]]
    return table.assign(**{_own_column(c): [row[c] for row in values] for c in range(len(own.columns))})


def _own_column(c: int) -> str:
    return f"own_{c}"


def _pairs(state: Session, opened: Model, found: Pairs, searched: str) -> None:
    table, interaction = found.table, TESTED[found.by]
    said = pairs_sentence(found)
    hypothesis_header(pairs_headline(found))
    if not len(table):
        return
    best = table.sort_values(interaction, ascending=False, kind="stable")
    first = best.iloc[0]
    _answer_card(state, opened, _both(first, found), found.predictor)
    drawn = pair_bars(best, common_gene(table), shown=interaction)
    chart(drawn, key="pairs-figure", has_caption=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _try_button(state, _both(first, found))
        _exports(state, opened, found, searched, said, drawn)
    with _section(f"All {len(table):,} pairs", "pairs", "table") as section:
        if section.open:
            st.markdown(said, width=READABLE)
            st.caption(escape_markdown(found.scale, 400), width=READABLE)
            st.caption(pairs_method_sentence(opened, by_cohort=found.by == "cohort"), width=READABLE)
            title = f"The best pairs, both genes {action_phrase(found.perturbation)}"
            named_by = ["a", "b", "ensembl_a", "ensembl_b"]
            shown, row, bar = _search_table(table, named_by, _pairs_columns(interaction), "pairs", title)
            with bar:
                _try_button(state, [] if row is None else _both(shown.iloc[row], found), key="row")


def _both(row: pd.Series, found: Pairs) -> list[Perturbation]:
    return [Perturbation.parse(f"{gene}={found.perturbation}") for gene in row[["a", "b"]]]


def _combination(state: Session, opened: Model, found: Combination, searched: str) -> None:
    steps, greedy = named(found.steps), named(found.greedy)
    said = combination_sentence(found)
    hypothesis_header(combination_headline(found))
    if not len(steps):
        return
    perturbations = [_perturbation(step) for _, step in steps.iterrows()]
    _answer_card(state, opened, perturbations, found.predictor)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        drawn = combination_steps(
            steps, greedy, sum_of_singles=found.sum_of_singles, wanted=found.fraction, distance=found.goal.distance
        )
        chart(drawn, key="combination-figure", has_caption=False)
    with right:
        for number, step in enumerate(steps.itertuples(), start=1):
            st.markdown(f"**{number}. {escape_markdown(step.name)}**  \n{escape_markdown(step.sentence, 400)}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _try_button(state, perturbations)
        _exports(state, opened, found, searched, said, drawn)
    with _section("Step by step", "steps", "table") as section:
        if section.open:
            st.markdown(said, width=READABLE)
            st.caption(predictor_sentence(opened, found.predictor, combination_reason), width=READABLE)
            _steps_table(steps, "The combination, step by step")
            if len(greedy):
                st.markdown("The greedy search, for comparison:")
                _steps_table(greedy, "The greedy combination, step by step")
            st.caption(f"{found.n_scored:,} combinations were scored exactly.")


def _answer_card(state: Session, opened: Model, perturbations: list[Perturbation], predictor: str) -> None:
    """Draw the evidence behind several perturbations together, as the workbench would."""
    before = distance(state, opened)

    def compute() -> AnswerEvidence:
        with queue().turn():
            return judged(predict(state.prepared(opened), perturbations, predictor), before).evidence

    key = (state.selected, opened.stamp, predictor, tuple(perturbations))
    found = state.cached("answer-evidence", key, compute)
    evidence_card(found, opened, predictor, genes=[one.gene for one in perturbations])


def _direction(rows: Any) -> Any:
    """Return the sign of what one perturbation, or each of a table, does to its gene; 0 for one that is silent."""
    return np.sign(rows["tpm_after"] - rows["tpm_before"])


def _perturbation(row: pd.Series) -> Perturbation:
    return Perturbation.parse(f"{row['gene']}={row['perturbation']}")


def _search_table(
    table: pd.DataFrame, searched: list[str], columns: dict[str, Any], key: str, title: str
) -> tuple[pd.DataFrame, int | None, Any]:
    """Show a table that can be searched; returns its rows, the position of the chosen one, and the bar above it."""
    st.subheader(title, anchor=False)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    text = bar.text_input(
        "Search the table", placeholder="Gene or Ensembl id", icon=":material/search:", key=f"{key}-query", width=280
    )
    shown = containing(table, text or "", searched).head(MAX_ROWS)
    chosen: Any = st.dataframe(
        _displayed(shown),
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        height=420,
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        key=f"{key}-table",
        alt=f"{title}, best first, with their evidence",
    )
    st.caption(
        f"{len(shown):,} of {len(table):,} rows. Click a heading to sort, and a row to choose it for the Workbench."
    )
    rows = chosen.selection.rows
    return shown, rows[0] if rows and rows[0] < len(shown) else None, bar


def _displayed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with percent for fractions and words for perturbations."""
    words = {"perturbation": table["perturbation"].map(action_phrase)} if "perturbation" in table else {}
    return table.assign(fraction_of_distance=100 * table["fraction_of_distance"], **words)


def _steps_table(steps: pd.DataFrame, alt: str) -> None:
    columns = {
        "name": st.column_config.TextColumn("Perturbation", pinned=True),
        "score": _figure("Score (SD)", "Score along the goal after this step."),
        "gain": _figure("Gain (SD)", "Added by this step."),
        "alone": _figure("Alone (SD)", "Score of this perturbation alone."),
        "fraction_of_distance": number_column(_DISTANCE, 2, "After this step."),
    }
    st.dataframe(_displayed(steps), hide_index=True, column_order=list(columns), column_config=columns, alt=alt)


def _screen_columns(found: Screen, others: Sequence[str], table: pd.DataFrame, own: GeneTable | None) -> dict[str, Any]:
    z = {"z_patient": number_column("Special here (z)", 1, tip("z of the effect"))}
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "perturbation": st.column_config.TextColumn("Perturbation"),
        "score": _figure("Score (SD)", tip("Score")),
        "score_per_sd": _figure("Score per SD", tip("Per SD")),
        "fraction_of_distance": number_column(_DISTANCE, 2, tip("Percent of the distance to the goal")),
        **(z if has_patient_z(found) else {}),
        "p": _figure("p", tip("p")),
        "fdr": _figure("FDR", tip("FDR")),
        "exact": st.column_config.CheckboxColumn("Exact", help="Scored exactly; others are first-order estimates."),
        **{f"score_{o}": _figure(f"{look(o).label} (SD)", f"The score by {look(o).label}.") for o in others},
        **{name: column for name, column in dossier_columns().items() if name in table},
        **{_own_column(c): st.column_config.TextColumn(title) for c, title in enumerate(own.columns if own else ())},
        "tpm_before": number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        "tpm_after": number_column("TPM after", 2, "As set by the perturbation."),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def _pairs_columns(interaction: str) -> dict[str, Any]:
    """Return the columns of a table of pairs; the interaction that ranks them comes first."""
    autoencoder = {
        "interaction": _figure("Interaction (SD)", tip("Interaction")),
        "score": _figure("Together (SD)", "Joint score of both, by the autoencoder."),
        "score_a": _figure("First alone (SD)", "Score of the first gene alone, by the autoencoder."),
        "score_b": _figure("Second alone (SD)", "Score of the second gene alone, by the autoencoder."),
        "fraction_of_distance": number_column(_DISTANCE, 2, "Covered by both together."),
    }
    significance = {
        "p": _figure("p", "Of the ranking interaction, against random pairs of matched expression."),
        "fdr": _figure("FDR", "p, corrected for the number of pairs searched."),
    }
    cohort = {
        "cohort_r": _figure("Interaction in the cohort (r)", tip("Cohort interaction")),
        "cohort_p": _figure("p in the cohort", "Of this one pair, not corrected for the pairs searched."),
    }
    first, second = (cohort, autoencoder) if interaction == "cohort_r" else (autoencoder, cohort)
    return {
        "a": st.column_config.TextColumn("First gene", pinned=True),
        "b": st.column_config.TextColumn("Second gene"),
        **first,
        **significance,
        **second,
    }


def _figure(label: str, about: str) -> Any:
    """Return a column of numbers of any size, in three digits."""
    return st.column_config.NumberColumn(label, format="%.3g", help=about)


def _try_button(state: Session, perturbations: list[Perturbation], key: str = "") -> None:
    """Draw the button that takes perturbations to the workbench."""
    names = escape_markdown(", ".join(one.gene for one in perturbations), 60)
    if st.button(
        f"Try {names} in Workbench" if perturbations else "Try in Workbench",
        icon=":material/science:",
        type="primary" if perturbations else "secondary",
        key=f"open-in-perturb{key}",
        disabled=not perturbations,
        help="Replaces the present perturbations; Undo restores them." if perturbations else "Choose a row first.",
    ):
        _open_in_workbench(state, perturbations)


def _open_in_workbench(state: Session, perturbations: list[Perturbation]) -> None:
    state.put(perturbations)
    st.switch_page("pages/workbench.py")


def _exports(
    state: Session, opened: Model, found: Screen | Pairs | Combination, searched: str, said: str, drawn: Chart
) -> None:
    kind = type(found).__name__.lower()
    name = f"cellstate-hypothesis-{kind}-{file_stem(found.sample)}.csv"
    download_table(lambda: csv(found, high_tissues(opened)), name, key=f"download-{kind}", label="Download CSV")
    export_menu(search_export(state, opened, found, searched, said, drawn))


def csv(found: Screen | Pairs | Combination, high_in: Mapping[str, tuple[str, ...]] | None = None) -> bytes:
    """Return a result as CSV; each row names sample and goal, and in a screen what is known of its gene."""
    if isinstance(found, Pairs):
        return result_csv(found.table, found.sample, perturbation=found.perturbation, goal=found.goal.label)
    table = found.steps if isinstance(found, Combination) else found.table
    if isinstance(found, Screen):
        table = with_dossiers(table, _direction(table), high_in)
        if not has_patient_z(found):
            table = table.drop(columns="z_patient")
    return result_csv(table, found.sample, goal=found.goal.label)


def short(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Name perturbations for a figure: by gene alone where all are of one kind, which is returned in words too."""
    actions = table["perturbation"].unique()
    if len(actions) == 1:
        return table.assign(name=table["gene"]), action_phrase(actions[0])
    return table.assign(name=table["gene"] + " " + table["perturbation"].str.lstrip("=").str.replace("ko", "KO")), ""


def agreement(table: pd.DataFrame, others: Sequence[str]) -> dict[str, float | None]:
    """Correlate the scores with those of each other method; None where one of them has none."""
    return {other: correlation(table[["score", f"score_{other}"]].dropna()) for other in others}
