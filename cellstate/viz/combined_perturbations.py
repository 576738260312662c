"""Several perturbations as a heat map: each alone, all together, and the deviation from their sum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, join_with_and, real_minus, shorten, signed
from cellstate.viz.style import DIVERGING, Chart, colour_bar, lay_out, look

#: Up to so many columns the cells hold numbers, beyond that signs.
MAX_NUMBERED = 8
#: Characters of a column's heading.
_MAX_HEADING = 24
_CELL_PX = 19


def combination_heatmap(changes: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "") -> Chart:
    """Draw the predicted change of some genes (rows) by several perturbations (columns).

    Parameters
    ----------
    changes : DataFrame
        log2 of TPM + 1. One row a gene, named by the index; one column a perturbation, then all together, then the
        deviation from the sum of each alone (the interaction).
    """
    method, z = look(predictor).label, changes.to_numpy(float)
    limit = float(np.abs(z).max(initial=0.0)) or 1.0
    genes = [escape_html(str(gene)) for gene in changes.index]
    names = [escape_html(str(name)) for name in changes.columns]
    n_digits = 2 if limit >= 0.1 else 3
    if len(names) <= MAX_NUMBERED:
        text = [["0" if abs(v) < 0.5 * 10**-n_digits else real_minus(f"{v:+.{n_digits}f}") for v in row] for row in z]
    else:
        text = [["" if abs(v) < limit / 50 else "+" if v > 0 else "−" for v in row] for row in z]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=np.arange(len(names)),
            y=np.arange(len(genes)),
            zmin=-limit,
            zmax=limit,
            xgap=2,
            ygap=1,
            colorscale=DIVERGING,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=np.stack(
                [np.broadcast_to(np.array(genes, object)[:, None], z.shape), np.broadcast_to(names, z.shape)], axis=-1
            ),
            hovertemplate="<b>%{customdata[0]}</b>: %{z:+.4f} log2<br>%{customdata[1]}<extra></extra>",
            colorbar=colour_bar("expression change (log2)", "+.2~g"),
        )
    )
    height = 300 + _CELL_PX * len(genes)
    subtitle = ", ".join(filter(None, (method, sample)))
    lay_out(figure, "Expression change by perturbation", "", "", subtitle=subtitle, height=height)
    # Headings are upright where they would cover each other; they stand below the title.
    figure.update_layout(margin={"t": 160 if len(names) > MAX_NUMBERED else 132})
    heads = [escape_html(shorten(str(name), _MAX_HEADING)).replace(" ", "<br>", 1) for name in changes.columns]
    shared = {"showgrid": False, "title": None, "tickfont": {"size": 11}}
    figure.update_xaxes(tickvals=np.arange(len(names)), ticktext=heads, autotickangles=[0, -90], side="top", **shared)
    figure.update_yaxes(tickvals=np.arange(len(genes)), ticktext=genes, autorange="reversed", **shared)
    if not z.size:
        return Chart(figure, "Every gene is perturbed, so nothing is drawn.")
    interaction = float(np.abs(z[:, -1]).max())
    first = join_with_and([f"{gene} {signed(value)}" for gene, value in changes.iloc[:3, -2].items()])
    alt = (
        f"Hypothesis by {method}: change (log2 of TPM + 1) of the {len(genes)} most changed genes, blue down and "
        f"orange up, by {len(names) - 2} perturbations alone and together. Together: {first}. "
        + (
            "For these genes the joint change is the sum of each alone."
            if interaction < limit / 1000
            else f"The joint change deviates from the sum of each alone by up to {digits(interaction, 2)}."
        )
    )
    return Chart(figure, alt, is_hypothesis=True)
