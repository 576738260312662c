"""The perturb page: edits, and the shift they would cause, beside its rivals."""

from __future__ import annotations

import streamlit as st

from cellstate.io import to_csv
from cellstate.model import Model
from cellstate.ui.builder import builder, in_force
from cellstate.ui.doses import dose_section
from cellstate.ui.guard import guard
from cellstate.ui.offers import shift_offer
from cellstate.ui.parts import (
    READABLE,
    chart,
    download_table,
    gene_table,
    heading,
    hypothesis,
    need_sample,
    number_column,
    tiles,
)
from cellstate.ui.predictors import who_predicts, who_sentence
from cellstate.ui.resources import model
from cellstate.ui.session import Session, session
from cellstate.ui.shifts import Answer, agreement_sentence, answer, cloud_sentence, filtered, rivals_of, size_sentence
from cellstate.ui.take_along import take_along
from cellstate.ui.text import file_stem, literal, plural
from cellstate.viz import shift_scatter, top_genes
from cellstate.viz.style import look

_READING = """
- **Edited genes are set, not predicted.** They take the level that you gave them, and every score leaves them out.
- **Every other gene** moves as the predictor says that stands first: its shift gives *TPM after*, the distance after
  the edit, the order of the table, the download and the dose curve. TPM are on the training cohort's scale, so they can
  differ from the file's by a constant factor.
- **Who stands first** follows from what was measured of the model, on the page *How good is this?*; you can put any
  other first. All others stand beside it. Where a simpler one says the same, the simple reason is the better one.
- **No change** leaves every gene where it is.
- **A gene that was not measured** enters as the network predicts it from the others; its shift is shown but not
  trusted.
- **Trusted** means: measured here, followed on held-out patients (the network's R² is 0.3 or more, whoever stands
  first), and the sample is not unlike the training samples, neither as it is nor as the prediction leaves it. It does
  not mean that the shift is true.
"""


def perturb_page() -> None:
    """Draw the perturb page."""
    state = session()
    heading("Perturb", "Edit genes of the sample, and see which others the model expects to move.")
    if state.loaded is None:
        need_sample(
            "Here you edit genes of a patient's sample: knock out, knock down, multiply, or set to a level, several "
            "at once. The app then lists how every other gene would shift, beside what simpler predictors say."
        )
        return
    opened = model()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        builder(state, opened)
    with right, guard("listing the edits"):
        in_force(state)
    with guard("predicting the shift"):
        if state.edits:
            _result(state, opened)
        else:
            st.caption("Add an edit, and the predicted shift of every gene appears here.")


def _result(state: Session, opened: Model) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Predicted shift", anchor=False, width="content")
        hypothesis()
        predictor = who_predicts(opened)
    found = answer(state, opened, predictor)
    st.markdown(
        f"{literal(found.sample)} with {literal(found.edits, 400)}. {who_sentence(opened, predictor)}", width=READABLE
    )
    if found.before.flag:
        st.warning(
            "This sample is unlike the training samples, so no gene of this prediction is trusted.",
            icon=":material/warning:",
        )
    if found.n_unmeasured_edited:
        st.info(
            f"{plural(found.n_unmeasured_edited, 'edited gene is', 'edited genes are')} not measured in this sample: "
            "the edit starts from the model's own prediction.",
            icon=":material/info:",
        )
    _numbers(found)
    sizes = size_sentence(found.table, found.over_error, predictor)
    st.markdown(f"{sizes} {agreement_sentence(found.agreement, predictor)}", width=READABLE)
    st.caption(cloud_sentence(found.before, found.after))
    left, right = st.columns(2, gap="medium")
    with left:
        chart(top_genes(found.table, rivals_of(found.table), predictor=predictor), key="top-genes")
    with right:
        chart(shift_scatter(found.table, predictor=predictor, sample=found.sample), key="shift-scatter")
    _table(state, opened, found)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)
    dose_section(state, opened, predictor)


def _numbers(found: Answer) -> None:
    rest = found.table[~found.table["edited"]]
    trusted = rest[rest["trusted"]]
    first = literal(trusted["gene"].iloc[0]) if len(trusted) else "none"
    tiles(
        [
            ("Shifts most", first, "The gene that shifts most among those trusted."),
            ("Trusted genes", f"{len(trusted):,}", f"Of {len(rest):,} that were not edited. See how to read this."),
            *(
                (
                    f"{look(rival).label}: agreement",
                    f"r = {r:.2f}",
                    f"Correlation with {look(found.predictor).label}'s shift over all genes that were not edited.",
                )
                for rival, r in found.agreement.items()
                if r is not None
            ),
        ]
    )


def _table(state: Session, opened: Model, found: Answer) -> None:
    st.subheader("Every gene", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search the table", placeholder="Gene or Ensembl id", icon=":material/search:", key="table-query", width=280
        )
        # Where nothing is trusted, the filter would only hide the answer.
        some = bool(found.table["trusted"].any())
        trusted_only = some and st.toggle("Trusted only", value=True, key="trusted-only", persist_state="session")
        download_table(lambda: _csv(found), f"cellstate-hypothesis-{file_stem(found.sample)}.csv", key="download-shift")
        take_along(shift_offer(state, opened, found))
    shown = filtered(found.table, text or "", trusted_only)
    gene_table(
        shown,
        _columns(found),
        key="shift-table",
        alt="Predicted shift of every gene, largest first, beside its rivals",
    )
    note = " Edited genes stand at the end." if found.table["edited"].any() else ""
    st.caption(f"{len(shown):,} of {len(found.table):,} genes, largest shift first; click a heading to sort.{note}")


def _columns(found: Answer) -> dict:
    first = look(found.predictor).label
    rivals = {
        f"delta_log2_{rival}": number_column(f"{look(rival).label} (log2)", 3, f"What {look(rival).label} predicts.")
        for rival in rivals_of(found.table)
    }
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "tpm_before": number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        "tpm_after": number_column("TPM after", 2, f"Predicted by {first}; for an edited gene, as set."),
        "delta_log2": number_column(f"{first} (log2)", 3, "Predicted log2 fold change of TPM + 1."),
        "trusted": st.column_config.CheckboxColumn("Trusted", help="Nothing known speaks against this gene."),
        "reason": st.column_config.TextColumn("Why not trusted", width=250),
        **rivals,
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def _csv(found: Answer) -> bytes:
    table = found.table.round(6)
    table.insert(0, "sample", found.sample)
    table["edits"], table["predictor"], table["kind"] = found.edits, found.predictor, "hypothesis"
    return to_csv(table).encode()
