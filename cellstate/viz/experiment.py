"""Virtual against real: predicted against measured change, gene by gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.names import apart
from cellstate.viz.shift import thin
from cellstate.viz.style import GREY, Chart, lay_out, literal, look, percent

#: Genes with the largest measured change that carry their name.
NAMED = 3


def experiment_scatter(table: pd.DataFrame, *, predictor: str = "autoencoder", edits: str = "") -> Chart:
    """Draw the predicted log2 change of every compared gene against the measured one.

    Parameters
    ----------
    table : DataFrame
        Columns gene, measured_log2, trusted, reason and the predictor's: ``predicted_log2_<name>``, or where it is
        not there ``predicted_log2``, that of the leading one. One row a gene, by measured change, largest first.
    predictor : str, optional
        Key of `cellstate.viz.style.LOOKS`.
    edits : str, optional
        In words, named in the title.
    """
    style = look(predictor)
    column = f"predicted_log2_{predictor}"
    column = column if column in table else "predicted_log2"
    finite = np.isfinite(table[["measured_log2", column]].to_numpy(float)).all(axis=1)
    table = table[finite]
    figure = go.Figure()
    kinds = (
        ("Not trusted", table[~table["is_reliable"]], GREY, "x-thin-open", 0.5),
        ("Trusted", table[table["is_reliable"]], style.colour, style.symbol, 0.7),
    )
    for name, part, colour, symbol, opacity in kinds:
        x, y = part["measured_log2"].to_numpy(float), part[column].to_numpy(float)
        drawn = part.iloc[thin(x, y)]
        figure.add_scatter(
            x=drawn["measured_log2"],
            y=drawn[column],
            mode="markers",
            name=f"{name} ({len(part):,})",
            marker={"color": colour, "symbol": symbol, "size": 5, "opacity": opacity, "line": {"color": colour}},
            customdata=np.column_stack(
                [
                    [literal(gene) for gene in drawn["gene"]],
                    [literal(reason) or "is_reliable" for reason in drawn["reason"]],
                ]
            )
            if len(drawn)
            else None,
            hovertemplate="<b>%{customdata[0]}</b><br>measured %{x:+.2f} log2<br>predicted %{y:+.4f} log2"
            "<br>%{customdata[1]}<extra></extra>",
        )
    top = table.head(NAMED)
    spots = [(part["measured_log2"].to_numpy(float), part[column].to_numpy(float)) for part in (top, table)]
    top = top.iloc[apart(*spots)]
    # A name stands on the side of its point that faces the middle, so that none is cut at the frame.
    figure.add_scatter(
        x=top["measured_log2"],
        y=top[column],
        mode="text",
        text=[f"\u2002{literal(gene)}\u2002" for gene in top["gene"]],
        textposition=["middle left" if change > 0 else "middle right" for change in top["measured_log2"]],
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    axes = ("measured change (log2 of TPM + 1)", "predicted change (log2 of TPM + 1)")
    lay_out(figure, f"{style.label}: predicted against measured", *axes, below=edits, height=460)
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False)
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    if not len(table):
        return Chart(figure, "No gene is both measured and predicted, so nothing is drawn.")
    measured, predicted = table["measured_log2"], table[column]
    moving = (measured != 0) & (predicted != 0)
    same = float((np.sign(measured) == np.sign(predicted))[moving].mean()) if moving.any() else None
    alt = (
        f"Hypothesis: {len(table):,} genes, {int(table['is_reliable'].sum()):,} of them trusted. The measured change "
        f"goes "
        f"up to {measured.abs().max():.2g} log2, what {style.label} predicts up to {predicted.abs().max():.2g}: "
        f"each axis has a scale of its own. {percent(same)} of the genes that move lie in the two corners of equal "
        "direction (top right and bottom left); 50 % would lie there by chance. Points that would cover each other "
        "are drawn once."
    )
    return Chart(figure, alt)
