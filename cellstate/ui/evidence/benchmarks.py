"""All figures: everything that was measured about the model, beside its baselines."""

from __future__ import annotations

import streamlit as st

from cellstate.evidence import PredictorId
from cellstate.formatting import bin_label, decimal, escape_markdown, percent
from cellstate.labels import DATASETS
from cellstate.model import ModelRecord
from cellstate.report.sections import Section, all_records, criteria, held_out, sections, shares
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import READABLE, chart, metric_row
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model
from cellstate.viz.model import ceiling_bars

#: Tables wider than this many pixels are hard to follow from row to row.
WIDE = 960
#: A sentence from a file is cut beyond this.
_LONG = 600


def quality_page() -> None:
    """Draw every section."""
    with error_boundary("showing the evidence"):
        record = model().record
        with st.container(width=WIDE):
            _summary(record)
        for section in sections(record):
            with st.container(key=f"quality-{section.key}", width=WIDE):
                draw_section(section, record)


def _summary(record: ModelRecord) -> None:
    first = next(iter(held_out(record).values()), None)
    pca = first.baselines.get(PredictorId.PCA) if first else None
    covered = first.interval_coverage if first else None
    passed, total = criteria(record)
    per_gene = "The autoencoder's, median over genes, on held-out patients of the same platform."
    metric_row(
        [
            ("R² per gene", decimal(first.r2_gene_median if first else None), per_gene),
            ("PCA, R² per gene", decimal(pca.r2_gene_median if pca else None), "Much simpler, of the same width."),
            (
                "Inside the intervals",
                percent(covered.overall if covered else None, 1),
                f"{percent(covered.nominal if covered else None)} of the true values should be inside.",
            ),
            ("Criteria passed", f"{passed} of {total}" if total else "–", tip("Criterion")),
        ]
    )
    st.markdown(
        "For research use only. Every prediction is a **hypothesis** to test in the laboratory, never advice about a "
        "patient. All figures are records of benchmarks in the model folder; each can be measured again.",
        width=READABLE,
    )


def draw_section(section: Section, record: ModelRecord) -> None:
    """Draw a section: its words, table and notes."""
    st.header(section.title, anchor=False)
    if section.text:
        st.markdown(section.text, width=READABLE)
    if section.absent:
        st.info(section.absent, icon=":material/info:")
    if section.key == "levels" and section.table is not None:
        _ceilings(record)
        with st.expander("The same figures as a table", icon=":material/table:"):
            _table(section)
    elif section.table is not None:
        _table(section)
    for note in section.notes:
        st.caption(escape_markdown(note, _LONG))
    if section.key == "failures":
        _every_record(record)


def _ceilings(record: ModelRecord) -> None:
    found = held_out(record)
    for column, (split, one) in zip(st.columns(len(found)), found.items(), strict=True):
        with column:
            bins = [bin_label(b.low, b.high) for b in one.bins]
            chart(ceiling_bars(shares(one), bins, patients=DATASETS[split]), key=f"ceiling-{split}")


def _table(section: Section) -> None:
    assert section.table is not None
    # A column without an entry takes the room of the others.
    filled = section.table.loc[:, (section.table != "–").any()]
    shown = filled.map(lambda cell: escape_markdown(cell, _LONG))
    st.table(shown, hide_index=True, border="horizontal", alt=section.title)


def _every_record(record: ModelRecord) -> None:
    every = all_records(record)
    if len(every):
        with st.expander("Every recorded figure", icon=":material/table:"):
            st.dataframe(every, hide_index=True, key="every-record", alt="Every figure that benchmarks recorded")
