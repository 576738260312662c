"""What a search for regulators found: table with its evidence, figures, and the way to the perturb page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from cellstate.report.narrative.evidence import combination_reason, default_reason
from cellstate.ui.candidates.options import COMBINATION, PAIRS, SCREEN, Plan, action_in_words
from cellstate.ui.components.export_menu import take_along
from cellstate.ui.components.exports import search_offer
from cellstate.ui.components.layout import READABLE, chart, download_table, hypothesis, number_column, result_csv, tiles
from cellstate.ui.components.predictor_picker import together_sentence, who_sentence
from cellstate.ui.evidence.accuracy_words import combination_sentence, pairs_sentence, screen_sentence, share
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import agreement_sentence
from cellstate.viz import combination_steps, interaction_map, partner_bars, screen_bars
from cellstate.viz.style import look

#: Rows of a table that the page sends to the browser; the download has them all.
MOST_ROWS = 20_000
_TITLES = {
    SCREEN: "Single edits toward the goal",
    PAIRS: "Pairs toward the goal",
    COMBINATION: "A combination toward the goal",
}
_READING = """
- **Score** is the predicted movement along the goal, in S: one S is a gene's standard deviation over the training
  samples. Edited genes are left out, so no gene scores by being edited.
- **Of the way** is the score as a share of the goal's whole distance.
- **Per S** is the score for each S by which the edit changes its own gene. A highly expressed gene is changed more by
  a knock-out; this column takes that away.
- **p** compares the score with measured genes of similar expression and variance; **FDR** corrects it for the number
  of edits tried. A small p does not make a regulator.
- **z in this patient** asks how unusual the effect is against the patients of the model's cohort: beyond 2 or below
  -2, the same edit would act differently in most of them. All predictors but the network are linear: they know a
  patient by the levels of the edited genes alone.
- **Exact** scores come from the whole predictor; the others from the network's slope at this sample, close for small
  changes.
- The columns of the **other predictors** say what they expect of the same edit; click a heading for that ranking. The
  network that is shipped is PCA in another form, so that these two agree is expected and confirms nothing.
- **Interaction** is what the network lets two edits move together beyond the sum of what each moves alone. It depends
on
  the scale, here log1p TPM in S.
- **Patients show (r)** asks the model's cohort instead: is the goal higher where both genes are high than each explains
  by itself? Above 0, edits of both in one direction do more together. Genes that go with two cooperating ones show it
  too, so read it as a hint at a pair or its neighbours. It is the same for every patient; the interaction is this
  one's.
- **p** and **FDR** of pairs compare what ranks them with random pairs of matched expression. That is strict: in a
  simulated gene network hardly a pair reaches an FDR of 10 %, true ones included.
- Everything here is a **hypothesis**: the model knows how genes go together in tumours, not what causes what.
"""


def result(state: Session, opened: Model, job: Job, goal: Goal | None, plan: Plan | None) -> None:
    """Show what a finished search found.

    Parameters
    ----------
    goal, plan
        What is chosen on the page now, which may have changed since the search.
    """
    found = job.result
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(_TITLES[job.kind], anchor=False, width="content")
        hypothesis()
    st.markdown(
        f":material/person: {escape_markdown(found.sample)} &nbsp; :material/flag: "
        f"{escape_markdown(found.goal.label, 200)} &nbsp; "
        f":material/search: {escape_markdown(job.said, 200)}",
        width=READABLE,
    )
    if goal is not found.goal or plan is None or plan.said != job.said:
        st.info("The goal or the options were changed after this search.", icon=":material/history:")
    st.caption(_who(opened, found), width=READABLE)
    if job.kind == SCREEN:
        _screen(state, opened, found, job.said)
    elif job.kind == PAIRS:
        _pairs(state, opened, found, job.said)
    else:
        _combination(state, opened, found, job.said)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def _who(opened: Model, found: Screen | Pairs | Combination) -> str:
    """Say who answers, and how far to believe it."""
    if isinstance(found, Pairs):
        return together_sentence(opened, by_cohort=found.by == "cohort")
    reason = combination_reason if isinstance(found, Combination) else default_reason
    return who_sentence(opened, found.predictor, reason)


def _screen(state: Session, opened: Model, found: Screen, searched: str) -> None:
    table = named(found.table)
    rivals = other_predictors(table)
    best = table.iloc[0]
    clear = int((table["fdr"] <= 0.1).sum())
    exact = "All of them" if found.n_exact == len(table) else f"Of these, the best {found.n_exact:,}"
    tiles(
        [
            (
                "Moves furthest",
                escape_markdown(best["gene"]),
                f"{escape_markdown(best['name'])}, by {look(found.predictor).label}.",
            ),
            ("Of the way", share(best["share"]), "Share of the goal's distance that this one edit covers."),
            ("Stand out", f"{clear:,}", "Edits with an FDR of 10 % or less."),
            ("Edits tried", f"{len(table):,}", f"{exact} were scored exactly."),
        ]
    )
    said = f"{screen_sentence(table)} {agreement_sentence(agreement(table, rivals), found.predictor)}"
    st.markdown(said, width=READABLE)
    drawn = screen_bars(*short(table), rivals, predictor=found.predictor)
    chart(drawn, key="regulator-bars")
    st.subheader("Every edit", anchor=False)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        text = st.text_input(
            "Search the table",
            placeholder="Gene or Ensembl id",
            icon=":material/search:",
            key="screen-query",
            width=280,
        )
    shown = containing(table, text or "", ["gene", "ensembl_id"]).head(MOST_ROWS)
    row = _table(
        shown.assign(
            fraction_of_distance=100 * shown["fraction_of_distance"], perturbation=_actions(shown["perturbation"])
        ),
        _screen_columns(rivals, found.n_cohort),
        key="screen-table",
        alt="Every edit that was tried, best first, with its evidence",
    )
    with bar:
        edits = (
            [] if row is None else [Perturbation.parse(f"{shown['gene'].iloc[row]}={shown['perturbation'].iloc[row]}")]
        )
        _open_button(state, edits)
        _download(found.table, found, "Download all edits as CSV")
        take_along(search_offer(state, opened, found, searched, said, drawn))
    cut = " The download holds all." if len(shown) == MOST_ROWS < len(table) else ""
    st.caption(
        f"{len(shown):,} of {len(table):,} edits, highest score first.{cut} Click a heading to sort, and a row to "
        "choose it for the Perturb page."
    )


def _pairs(state: Session, opened: Model, found: Pairs, searched: str) -> None:
    table = found.table
    said, together = pairs_sentence(table, found.n_pairs, found.by), TESTED[found.by]
    st.markdown(said, width=READABLE)
    st.caption(escape_markdown(found.scale, 400), width=READABLE)
    if not len(table):
        return
    anchor = common_gene(table)
    best = table.sort_values(together, ascending=False, kind="stable")
    drawn = interaction_map(best, shown=together) if anchor is None else partner_bars(table, anchor, shown=together)
    chart(drawn, key="pairs-figure")
    st.subheader("The best pairs", anchor=False)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        text = st.text_input(
            "Search the table", placeholder="Gene or Ensembl id", icon=":material/search:", key="pairs-query", width=280
        )
    shown = containing(table, text or "", ["a", "b", "ensembl_a", "ensembl_b"])
    row = _table(
        shown.assign(fraction_of_distance=100 * shown["fraction_of_distance"]),
        _pairs_columns(together),
        key="pairs-table",
        alt="The best pairs, with the interaction and the score of each",
    )
    with bar:
        genes = [] if row is None else [shown["a"].iloc[row], shown["b"].iloc[row]]
        _open_button(state, [Perturbation.parse(f"{gene}={found.perturbation}") for gene in genes])
        _download(table, found, "Download all pairs as CSV")
        take_along(search_offer(state, opened, found, searched, said, drawn))
    st.caption(
        f"{len(shown):,} of {len(table):,} pairs, both genes {action_in_words(found.perturbation)}. Click a heading to "
        "sort, and a row to choose it for the Perturb page."
    )


def _combination(state: Session, opened: Model, found: Combination, searched: str) -> None:
    steps, greedy = named(found.steps), named(found.greedy)
    said = combination_sentence(steps, greedy, reached=found.reached, wanted=found.fraction)
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
            st.markdown(
                f"**{number}. {escape_markdown(step.name)}** · {share(step.fraction_of_distance)} of the way  \n"
                f"{escape_markdown(step.sentence, 400)}"
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _open_button(state, [Perturbation.parse(f"{s.gene}={s.perturbation}") for s in steps.itertuples()])
        _download(found.steps, found, "Download the steps as CSV")
        take_along(search_offer(state, opened, found, searched, said, drawn))
    _plain_table(steps, "The combination, step by step")
    if len(greedy):
        with st.expander("The greedy way, for comparison", icon=":material/table:"):
            _plain_table(greedy, "The greedy combination, step by step")
    st.caption(f"{found.n_scored:,} combinations were scored exactly.")


def _plain_table(steps: pd.DataFrame, alt: str) -> None:
    st.dataframe(
        steps.assign(fraction_of_distance=100 * steps["fraction_of_distance"]),
        hide_index=True,
        column_order=["name", "score", "gain", "alone", "fraction_of_distance"],
        column_config={
            "name": st.column_config.TextColumn("Edit", pinned=True),
            "score": _figure("Score (S)", "Movement along the goal after this step."),
            "gain": _figure("Gain (S)", "What this step adds."),
            "alone": _figure("Alone (S)", "What this edit would do by itself."),
            "fraction_of_distance": number_column("Of the way (%)", 2, "Share of the goal's distance after this step."),
        },
        alt=alt,
    )


def _screen_columns(rivals: Sequence[str], n_cohort: int) -> dict[str, Any]:
    z = {
        "z_patient": number_column("z in this patient", 1, f"How unusual against {n_cohort:,} patients of the cohort.")
    }
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "perturbation": st.column_config.TextColumn("Edit"),
        "score": _figure("Score (S)", "Movement along the goal, the edited gene left out."),
        "score_per_sd": _figure("Per S", tip("Per SD")),
        "share": number_column("Of the way (%)", 2, tip("Percent of the distance to the goal")),
        **(z if n_cohort else {}),
        "p": _figure("p", tip("p")),
        "fdr": _figure("FDR", tip("FDR")),
        "exact": st.column_config.CheckboxColumn("Exact", help="Scored exactly, not by the slope of the network."),
        **{f"score_{r}": _figure(f"{look(r).label} (S)", f"What {look(r).label} says of the edit.") for r in rivals},
        "tpm_before": number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        "tpm_after": number_column("TPM after", 2, "As set by the edit."),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def _pairs_columns(together: str) -> dict[str, Any]:
    """Return the columns of a table of pairs: what ranks them comes first."""
    network = {
        "interaction": _figure("Interaction (S)", tip("Interaction")),
        "score": _figure("Together (S)", "Movement along the goal with both edits, by the network."),
        "score_a": _figure("First alone (S)", "Movement with the first edit only, by the network."),
        "score_b": _figure("Second alone (S)", "Movement with the second edit only, by the network."),
        "fraction_of_distance": number_column("Of the way (%)", 2, "Share of the goal's distance that both cover."),
    }
    against = {
        "p": _figure("p", "Of what ranks the pairs, against random pairs of matched expression."),
        "fdr": _figure("FDR", "p, corrected for the number of pairs looked at."),
    }
    patients = {
        "cohort_r": _figure("Patients show (r)", tip("Cohort interaction")),
        "cohort_p": _figure("p of that alone", "Of this one pair, not corrected for the pairs looked at."),
    }
    return {
        "a": st.column_config.TextColumn("First gene", pinned=True),
        "b": st.column_config.TextColumn("Second gene"),
        **(patients | against | network if together == "cohort_r" else network | against | patients),
    }


def _figure(label: str, told: str) -> Any:
    """Return a column of numbers of any size, in three digits."""
    return st.column_config.NumberColumn(label, format="%.3g", help=told)


def _table(shown: pd.DataFrame, columns: dict[str, Any], key: str, alt: str) -> int | None:
    """Show a table; returns the position of the row that the user chose."""
    chosen: Any = st.dataframe(
        shown,
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        height=420,
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        alt=alt,
    )
    rows = chosen.selection.rows
    return rows[0] if rows and rows[0] < len(shown) else None


def _open_button(state: Session, edits: list[Perturbation]) -> None:
    names = ", ".join(edit.gene for edit in edits)
    if st.button(
        f"Open {escape_markdown(names, 60)} in Perturb" if edits else "Open in Perturb",
        icon=":material/edit:",
        type="primary" if edits else "secondary",
        key="open-in-perturb",
        disabled=not edits,
        help="Takes the place of the edits in force; Undo brings those back." if edits else "Choose a row first.",
    ):
        state.put(edits)
        st.switch_page("pages/perturb.py")


def _download(table: pd.DataFrame, found: Screen | Pairs | Combination, label: str) -> None:
    kind = type(found).__name__.lower()
    name = f"cellstate-hypothesis-{kind}-{file_stem(found.sample)}.csv"
    download_table(lambda: csv(table, found), name, key=f"download-{kind}", label=label)


def csv(table: pd.DataFrame, found: Screen | Pairs | Combination) -> bytes:
    """Return a result as CSV, with what it is about in each row."""
    of_pairs = {"perturbation": found.perturbation} if isinstance(found, Pairs) else {}
    return result_csv(table, found.sample, **of_pairs, goal=found.goal.label)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Add each edit in words, ``TP53 knocked out``, as the column ``name``."""
    return table.assign(name=table["gene"] + " " + _actions(table["perturbation"]))


def short(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Name edits for a figure: by their gene alone where all are of one kind, which is returned in words too."""
    actions = table["perturbation"].unique()
    if len(actions) == 1:
        return table.assign(name=table["gene"]), action_in_words(actions[0])
    return table.assign(name=table["gene"] + " " + table["perturbation"].str.lstrip("=").str.replace("ko", "KO")), ""


def _actions(edits: pd.Series) -> pd.Series:
    return edits.map({edit: action_in_words(edit) for edit in edits.unique()})


def agreement(table: pd.DataFrame, rivals: Sequence[str]) -> dict[str, float | None]:
    """Correlate the scores with those of each other predictor; None where one of them says nothing."""
    return {rival: correlation(table[["score", f"score_{rival}"]].dropna()) for rival in rivals}


def containing(table: pd.DataFrame, text: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of which a column contains the first word of a text."""
    words = text.upper().split()[:1]
    if not words:
        return table
    names = table[list(columns)].agg(" ".join, axis=1).str.upper()
    return table[names.str.contains(words[0], regex=False)]


def common_gene(table: pd.DataFrame) -> str | None:
    """Return the gene that every pair holds, if there is one."""
    first = table.iloc[0]
    for gene in (first["a"], first["b"]):
        if len(table) > 1 and ((table["a"] == gene) | (table["b"] == gene)).all():
            return str(gene)
    return None
