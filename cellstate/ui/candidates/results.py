"""The result of a search: its summary, figure and table, exports, and the way to the workbench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, file_stem
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.pairs import TESTED, Pairs
from cellstate.perturb.search.single import Screen, other_predictors
from cellstate.report.agreement import correlation
from cellstate.report.dossier_columns import with_dossiers
from cellstate.report.narrative.evidence import combination_reason, default_reason
from cellstate.report.narrative.prediction import agreement_sentence
from cellstate.report.narrative.search import (
    SIGNIFICANT,
    action_phrase,
    combination_sentence,
    common_gene,
    fraction_percent,
    has_patient_z,
    n_significant,
    named,
    pairs_sentence,
    screen_sentence,
)
from cellstate.ui.candidates.options import COMBINATION, PAIRS, SCREEN, Plan
from cellstate.ui.components.dossier import dossier_columns, dossier_line
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import search_export
from cellstate.ui.components.layout import (
    READABLE,
    chart,
    download_table,
    hypothesis,
    metric_row,
    number_column,
    result_csv,
)
from cellstate.ui.components.predictor_picker import pairs_method_sentence, predictor_sentence
from cellstate.ui.help.content import markdown
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.state.session import Session
from cellstate.viz import Chart, combination_steps, interaction_map, partner_bars, screen_bars
from cellstate.viz.style import look

#: Rows of a table that the page sends to the browser; the download has all.
MAX_ROWS = 20_000
_TITLES = {
    SCREEN: "Single perturbations toward the goal",
    PAIRS: "Pairs toward the goal",
    COMBINATION: "A combination toward the goal",
}
_DISTANCE = "% of the distance to the goal"


def result(state: Session, opened: Model, job: Job, goal: Goal | None, plan: Plan | None) -> None:
    """Show the result of a finished search.

    Parameters
    ----------
    goal, plan
        The present choices on the page, which may have changed since the search.
    """
    found = job.result
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(_TITLES[job.kind], anchor=False, width="content")
        hypothesis()
    st.markdown(
        f":material/person: {escape_markdown(found.sample)} &nbsp; :material/flag: "
        f"{escape_markdown(found.goal.label, 200)} &nbsp; :material/search: {escape_markdown(job.title, 250)}",
        width=READABLE,
    )
    if goal is not found.goal or plan is None or plan.description != job.title:
        st.info("The goal or the options were changed after this search.", icon=":material/history:")
    shows: dict[str, Callable[..., None]] = {SCREEN: _screen, PAIRS: _pairs, COMBINATION: _combination}
    shows[job.kind](state, opened, found, job.title)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(markdown("reading_search"))


def _screen(state: Session, opened: Model, found: Screen, searched: str) -> None:
    table = with_dossiers(named(found.table), _direction(found.table))
    others = other_predictors(table)
    best = table.iloc[0]
    exact = "All" if found.n_exact == len(table) else f"The best {found.n_exact:,}"
    st.caption(predictor_sentence(opened, found.predictor, default_reason), width=READABLE)
    metric_row(
        [
            ("Top candidate", escape_markdown(best["gene"]), f"By {look(found.predictor).label}."),
            (_DISTANCE, fraction_percent(best["fraction_of_distance"]), tip("Percent of the distance to the goal")),
            (SIGNIFICANT, f"{n_significant(table):,}", tip("FDR")),
            ("Perturbations tested", f"{len(table):,}", f"{exact} were scored exactly."),
        ]
    )
    said = f"{screen_sentence(found)} {agreement_sentence(agreement(table, others), found.predictor)}"
    st.markdown(said, width=READABLE)
    drawn = screen_bars(*short(table), others, predictor=found.predictor)
    chart(drawn, key="regulator-bars")
    shown, row, bar = _search_table(
        table, ["gene", "ensembl_id"], _screen_columns(found, others), "screen", "All perturbations"
    )
    chosen = best if row is None else shown.iloc[row]
    dossier_line(chosen["gene"], _direction(chosen))
    perturbations = [] if row is None else [_perturbation(chosen)]
    _buttons(bar, state, opened, found, searched, perturbations, said, drawn)


def _pairs(state: Session, opened: Model, found: Pairs, searched: str) -> None:
    table, interaction = found.table, TESTED[found.by]
    st.caption(pairs_method_sentence(opened, by_cohort=found.by == "cohort"), width=READABLE)
    said = pairs_sentence(found)
    st.markdown(said, width=READABLE)
    st.caption(escape_markdown(found.scale, 400), width=READABLE)
    if not len(table):
        return
    anchor = common_gene(table)
    if anchor is None:
        best = table.sort_values(interaction, ascending=False, kind="stable")
        drawn = interaction_map(best, shown=interaction)
    else:
        drawn = partner_bars(table, anchor, shown=interaction)
    chart(drawn, key="pairs-figure")
    shown, row, bar = _search_table(
        table,
        ["a", "b", "ensembl_a", "ensembl_b"],
        _pairs_columns(interaction),
        "pairs",
        f"The best pairs, both genes {action_phrase(found.perturbation)}",
    )
    genes = [] if row is None else shown[["a", "b"]].iloc[row]
    perturbations = [Perturbation.parse(f"{gene}={found.perturbation}") for gene in genes]
    _buttons(bar, state, opened, found, searched, perturbations, said, drawn)


def _combination(state: Session, opened: Model, found: Combination, searched: str) -> None:
    steps, greedy = named(found.steps), named(found.greedy)
    st.caption(predictor_sentence(opened, found.predictor, combination_reason), width=READABLE)
    said = combination_sentence(found)
    st.markdown(said, width=READABLE)
    if not len(steps):
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        drawn = combination_steps(
            steps, greedy, sum_of_singles=found.sum_of_singles, wanted=found.fraction, distance=found.goal.distance
        )
        chart(drawn, key="combination-figure")
    with right:
        st.subheader("Step by step", anchor=False)
        for number, step in enumerate(steps.itertuples(), start=1):
            st.markdown(f"**{number}. {escape_markdown(step.name)}**  \n{escape_markdown(step.sentence, 400)}")
    perturbations = [_perturbation(step) for _, step in steps.iterrows()]
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    _buttons(bar, state, opened, found, searched, perturbations, said, drawn)
    _steps_table(steps, "The combination, step by step")
    if len(greedy):
        with st.expander("The greedy search, for comparison", icon=":material/table:"):
            _steps_table(greedy, "The greedy combination, step by step")
    st.caption(f"{found.n_scored:,} combinations were scored exactly.")


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


def _screen_columns(found: Screen, others: Sequence[str]) -> dict[str, Any]:
    z = {"z_patient": number_column("Effect, z in the cohort", 1, tip("z of the effect"))}
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
        **dossier_columns(),
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


def _buttons(
    bar: Any,
    state: Session,
    opened: Model,
    found: Screen | Pairs | Combination,
    searched: str,
    perturbations: list[Perturbation],
    said: str,
    drawn: Chart,
) -> None:
    """Draw what can be done with a result: open perturbations in Workbench, download and export."""
    names = escape_markdown(", ".join(one.gene for one in perturbations), 60)
    kind = type(found).__name__.lower()
    with bar:
        if st.button(
            f"Open {names} in Workbench" if perturbations else "Open in Workbench",
            icon=":material/edit:",
            type="primary" if perturbations else "secondary",
            key="open-in-perturb",
            disabled=not perturbations,
            help="Replaces the present perturbations; Undo restores them." if perturbations else "Choose a row first.",
        ):
            state.put(perturbations)
            st.switch_page("pages/workbench.py")
        name = f"cellstate-hypothesis-{kind}-{file_stem(found.sample)}.csv"
        download_table(lambda: csv(found), name, key=f"download-{kind}", label="Download CSV")
        export_menu(search_export(state, opened, found, searched, said, drawn))


def csv(found: Screen | Pairs | Combination) -> bytes:
    """Return a result as CSV; each row names sample and goal."""
    if isinstance(found, Pairs):
        return result_csv(found.table, found.sample, perturbation=found.perturbation, goal=found.goal.label)
    table = found.steps if isinstance(found, Combination) else found.table
    if isinstance(found, Screen):
        table = with_dossiers(table, _direction(table))
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


def containing(table: pd.DataFrame, text: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of which a column contains the first word of a text."""
    words = text.upper().split()[:1]
    if not words:
        return table
    names = table[list(columns)].agg(" ".join, axis=1).str.upper()
    return table[names.str.contains(words[0], regex=False)]
