"""Linked charts of a prediction: bars of the most changed genes beside a scatter plot of every gene.

A box drawn in the scatter plot ranks the genes inside it in the bars, and a click on a point or a bar names the gene in
the scatter plot. The browser draws both (`cellstate.ui.components.drawings`), so that no request is needed and no
zoom is lost; this module decides what they show.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellstate.formatting import fold_change, plural
from cellstate.viz.columns import CHANGE, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_AFTER
from cellstate.viz.expression_change import coordinates
from cellstate.viz.style import DOWN, GREY, UP, VIOLET, look, tpm_ticks

#: Genes in the bars.
MAX_BARS = 20
#: Genes of the bars that are named in the scatter plot, as far as no name covers another.
N_NAMED = 6
#: Largest number of ticked genes that are ringed and named.
MAX_NAMED = 40
#: What the axes show, for a legend.
AXES = (
    "left: predicted change (log2 of TPM + 1) of the most changed genes, and how many methods give its sign",
    "right: predicted change of every gene (log2) against its expression before (TPM)",
)
_COLOURS = {"down": DOWN, "up": UP, "grey": GREY, "accent": VIOLET}


@dataclass(frozen=True, eq=False)
class LinkedChart:
    """Linked charts and their text alternative.

    Attributes
    ----------
    genes : DataFrame
        The drawn genes, all that were not perturbed, in the order of the table.
    data : dict
        What the browser draws, as JSON: arrays are little-endian bytes in base64.
    alt : str
        Plain text: what the charts show.
    title : str
        Short name, for screen readers.
    """

    genes: pd.DataFrame
    data: dict[str, Any]
    alt: str
    title: str = "The most changed genes, and the change of every gene against its expression"


def linked_chart(
    table: pd.DataFrame,
    same_sign: Sequence[int],
    n_methods: int,
    *,
    predictor: str = "autoencoder",
    ticked: Collection[int] = (),
) -> LinkedChart:
    """Draw the most changed genes as bars, linked with every gene's change against its expression.

    Parameters
    ----------
    table : DataFrame
        `GENE`, `TPM_BEFORE`, `TPM_AFTER`, `CHANGE`, `IS_PERTURBED`, `IS_RELIABLE` and `REASON` of
        `cellstate.viz.columns`; largest absolute change first.
    same_sign : sequence of int
        Of each row, how many methods give the change the same sign; the method in use is one of them.
    n_methods : int
    ticked : collection of int, optional
        Positions in the table of genes that get a ring and their name, `MAX_NAMED` at most.
    """
    predicted = ~table[IS_PERTURBED].to_numpy(bool)
    genes = table[predicted]
    x, y = coordinates(genes)
    reasons = ["", *sorted(set(genes.loc[~genes[IS_RELIABLE], REASON].astype(str)) - {""})]
    reason = pd.Categorical(genes[REASON].astype(str).where(~genes[IS_RELIABLE], ""), categories=reasons)
    # Positions among the drawn genes.
    position = np.cumsum(predicted) - 1
    ringed = [int(position[row]) for row in sorted(ticked) if predicted[row]][:MAX_NAMED]
    data = {
        "genes": "\n".join(genes[GENE].astype(str)),
        "x": _base64(x, "<f4"),
        "y": _base64(y, "<f4"),
        "after": _base64(genes[TPM_AFTER], "<f4"),
        "same": _base64(np.asarray(same_sign)[predicted], "u1"),
        "reason": _base64(reason.codes, "u1"),
        "reasons": reasons,
        "methods": n_methods,
        "ticks": _ticks(float(x.max(initial=0.0))),
        "ticked": ringed,
        "named": N_NAMED,
        "maxBars": MAX_BARS,
        "colours": _COLOURS,
    }
    return LinkedChart(genes, data, _alt(genes, predictor))


def _base64(values: Any, dtype: str) -> str:
    return b64encode(np.asarray(values).astype(dtype).tobytes()).decode()


def _ticks(limit_log1p: float) -> dict[str, list]:
    ticks = tpm_ticks(max(limit_log1p, 1.0))
    return {"values": [float(v) for v in ticks["tickvals"]], "text": list(ticks["ticktext"])}


def _alt(genes: pd.DataFrame, predictor: str) -> str:
    if not len(genes):
        return "Every gene is perturbed, so nothing is drawn."
    reliable = genes[genes[IS_RELIABLE]]
    top = reliable if len(reliable) else genes
    largest = [f"{gene} {fold_change(change)}" for gene, change in top.head(3)[[GENE, CHANGE]].to_numpy()]
    return (
        f"Hypothesis by {look(predictor).label}: {plural(len(genes), 'gene')} that were not perturbed, "
        f"{len(reliable):,} of them reliable. The largest changes are {'; '.join(largest)}."
    )


def selected_rows(table: pd.DataFrame, selection: Mapping[str, Any]) -> np.ndarray | None:
    """Return the rows that a selection in the charts means, rising, or None where nothing is selected.

    A box means every gene inside it that was not perturbed; clicked genes count only without a box.

    Parameters
    ----------
    table : DataFrame
    selection : mapping
        ``box``, (x low, x high, y low, y high) or None, and ``clicked``, names of genes.
    """
    predicted = ~table[IS_PERTURBED].to_numpy(bool)
    if box := selection.get("box"):
        x, y = coordinates(table)
        x_low, x_high, y_low, y_high = map(float, box)
        return np.flatnonzero(predicted & (x >= x_low) & (x <= x_high) & (y >= y_low) & (y <= y_high))
    names = selection.get("clicked") or []
    return np.flatnonzero(predicted & table[GENE].isin(names)) if names else None
