"""The dossier of a gene on a page: one line with links, and the columns of a table."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cellstate.genes.dossier import dossier
from cellstate.report.dossier import dossier_links, dossier_sentence
from cellstate.ui.components.layout import READABLE


def dossier_line(gene: str, change: float) -> None:
    """Draw what is known of a gene as a target.

    Parameters
    ----------
    gene : str
    change : float
        Negative where the gene is lowered, positive where it is raised.
    """
    known = dossier(gene)
    st.caption(f"{dossier_sentence(known, change)} {dossier_links(known)}", width=READABLE)


def dossier_columns() -> dict[str, Any]:
    """Return the columns that `with_dossiers` adds to a table."""
    essential = (
        "In cancer cell lines (DepMap). Common essential: among the strongest dependencies of nearly all lines; "
        "selective: some lines depend on it far more than others."
    )
    return {
        "essential": st.column_config.TextColumn("Essential", help=essential),
        "drugs": st.column_config.TextColumn(
            "Compounds", help="Known to act on it in the direction of the perturbation (DrugCentral)."
        ),
        "normal_tissues": st.column_config.TextColumn(
            "High in normal",
            help="Normal tissues in which its level is at least 4 times the mean of the others, by the profiles of the "
            "tissue classifier. Empty where the profiles lack the gene, or where no tissue stands apart.",
        ),
    }
