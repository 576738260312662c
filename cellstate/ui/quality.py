"""The page "How good is this?": everything that was measured about the model, beside its rivals, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cellstate.formatting import escape_markdown, percent
from cellstate.report import Section, all_marks, sections
from cellstate.report.reconstruction import held_out, shares
from cellstate.report.section import decimal
from cellstate.ui.guard import guard
from cellstate.ui.parts import READABLE, chart, heading, tiles
from cellstate.ui.resources import model
from cellstate.viz.accuracy import bin_label, ceiling_bars

#: Tables wider than this many pixels are hard to follow from row to row.
WIDE = 960
#: A sentence from a file is cut beyond this.
_LONG = 600


def quality_page() -> None:
    """Draw the page."""
    heading("How good is this?", "What was measured, beside which rivals, and where it fails.")
    with guard("telling how good the model is"):
        metrics = model().metrics
        with st.container(width=WIDE):
            _in_short(metrics)
        for section in sections(metrics):
            with st.container(key=f"quality-{section.key}", width=WIDE):
                _draw(section, metrics)


def _in_short(metrics: Mapping) -> None:
    """Show the four figures that a reader asks for first."""
    figures: Mapping = next(iter(held_out(metrics).values()), {})
    pca = figures.get("baselines", {}).get("pca", {})
    covered = figures.get("interval_coverage") or {}
    held = [one for one in all_marks(metrics)["Reached"] if one != "–"]
    kept = sum(one.startswith("✓") for one in held)
    per_gene = "The network's, median over genes, on held-out patients of the same sequencer."
    tiles(
        [
            ("R² per gene", decimal(figures.get("r2_gene_median")), per_gene),
            ("PCA, R² per gene", decimal(pca.get("r2_gene_median")), "Much simpler, of the same width."),
            (
                "Inside the intervals",
                percent(covered.get("overall"), 1),
                f"Of {percent(covered.get('nominal'))} promised.",
            ),
            ("Marks reached", f"{kept} of {len(held)}" if held else "–", "Bounds that the project set itself."),
        ]
    )
    st.markdown(
        "For research use only. Every prediction is a **hypothesis** for the laboratory, never advice about a patient. "
        "All figures come from the model folder; each can be measured again with the project's benchmarks.",
        width=READABLE,
    )


def _draw(section: Section, metrics: Mapping) -> None:
    st.header(section.title, anchor=False)
    if section.text:
        st.markdown(section.text, width=READABLE)
    if section.absent:
        st.info(section.absent, icon=":material/info:")
    if section.key == "levels" and section.table is not None:
        _ceilings(metrics)
        with st.expander("The same figures as a table", icon=":material/table:"):
            _table(section)
    elif section.table is not None:
        _table(section)
    for note in section.notes:
        st.caption(escape_markdown(note, _LONG))
    if section.key == "failures":
        _every_mark(metrics)


def _ceilings(metrics: Mapping) -> None:
    found = held_out(metrics)
    for column, (words, figures) in zip(st.columns(len(found)), found.items(), strict=True):
        with column:
            bins = [bin_label(b["low"], b["high"]) for b in figures["bins"]]
            chart(ceiling_bars(shares(figures), bins, patients=words), key=f"ceiling-{words}")


def _table(section: Section) -> None:
    assert section.table is not None
    shown = section.table.map(lambda cell: escape_markdown(cell, _LONG))
    st.table(shown, hide_index=True, border="horizontal", alt=section.title)


def _every_mark(metrics: Mapping) -> None:
    """Show all that benchmarks recorded, reached or not."""
    every = all_marks(metrics)
    if len(every):
        with st.expander("Every recorded figure", icon=":material/table:"):
            st.dataframe(every, hide_index=True, key="every-mark", alt="Every figure that benchmarks recorded")
