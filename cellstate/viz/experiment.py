"""Comparison with an experiment: predicted against measured change of every gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, percent
from cellstate.viz.columns import GENE, IS_RELIABLE, REASON
from cellstate.viz.points import add_names, thin, without_overlap
from cellstate.viz.style import GREY, Chart, lay_out, look

#: Genes with the largest measured change that are named.
NAMED = 3
_MEASURED, _PREDICTED = "measured_log2", "predicted_log2"


def experiment_scatter(table: pd.DataFrame, *, predictor: str = "autoencoder", perturbations: str = "") -> Chart:
    """Draw the predicted log2 change of every compared gene against the measured one.

    Parameters
    ----------
    table : DataFrame
        `GENE`, measured_log2, `IS_RELIABLE`, `REASON` and the method's column: ``predicted_log2_<name>``, or where it
        is missing ``predicted_log2``, that of the default method. One row a gene, largest measured change first.
    perturbations : str, optional
        Text for the subtitle.
    """
    style = look(predictor)
    column = f"{_PREDICTED}_{predictor}"
    column = column if column in table else _PREDICTED
    finite = np.isfinite(table[[_MEASURED, column]].to_numpy(float)).all(axis=1)
    table = table[finite]
    figure = go.Figure()
    kinds = (
        ("Less reliable", table[~table[IS_RELIABLE]], GREY, "x-thin-open", 0.5),
        ("Reliable", table[table[IS_RELIABLE]], style.colour, style.symbol, 0.7),
    )
    for name, part, colour, symbol, opacity in kinds:
        x, y = part[_MEASURED].to_numpy(float), part[column].to_numpy(float)
        drawn = part.iloc[thin(x, y)]
        figure.add_scatter(
            x=drawn[_MEASURED],
            y=drawn[column],
            mode="markers",
            name=f"{name} ({len(part):,})",
            marker={"color": colour, "symbol": symbol, "size": 5, "opacity": opacity, "line": {"color": colour}},
            text=[escape_html(gene) for gene in drawn[GENE]],
            customdata=[escape_html(reason) or "reliable" for reason in drawn[REASON]],
            hovertemplate="<b>%{text}</b><br>measured %{x:+.2f} log2<br>predicted %{y:+.4f} log2"
            "<br>%{customdata}<extra></extra>",
        )
    top = table.head(NAMED)
    spots = [(part[_MEASURED].to_numpy(float), part[column].to_numpy(float)) for part in (top, table)]
    top = top.iloc[without_overlap(*spots)]
    # A name stands on the side of its point that faces the middle, so that none is cut at the frame.
    sides = ["middle left" if change > 0 else "middle right" for change in top[_MEASURED]]
    add_names(figure, top[_MEASURED], top[column], top[GENE], sides)
    axes = ("measured change (log2 of TPM + 1)", "predicted change (log2 of TPM + 1)")
    lay_out(figure, f"{style.label}: predicted against measured", *axes, subtitle=perturbations, height=460)
    # One scale for both axes: a prediction that is much smaller than what was measured looks so.
    edge = 1.05 * max(1e-6, float(np.abs(table[[_MEASURED, column]].to_numpy(float)).max(initial=0)))
    figure.add_shape(type="line", x0=-edge, y0=-edge, x1=edge, y1=edge, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(range=[-edge, edge], constrain="domain")
    figure.update_yaxes(range=[-edge, edge], scaleanchor="x", scaleratio=1, constrain="domain")
    for draw, update in ((figure.add_hline, figure.update_yaxes), (figure.add_vline, figure.update_xaxes)):
        update(zeroline=False)
        draw(0, line={"color": GREY, "width": 1})
    if not len(table):
        return Chart(figure, "No gene is both measured and predicted, so nothing is drawn.")
    measured, predicted = table[_MEASURED], table[column]
    changed = (measured != 0) & (predicted != 0)
    same = float((np.sign(measured) == np.sign(predicted))[changed].mean()) if changed.any() else None
    agreement = (
        f"{percent(same)} of the genes that change have the same direction in both (top right and bottom left); 50% is "
        "chance."
    )
    alt = (
        f"Hypothesis: {len(table):,} genes, {int(table[IS_RELIABLE].sum()):,} of them reliable. The measured change "
        f"goes up to {digits(measured.abs().max(), 2)} log2, the change predicted by {style.label} up to "
        f"{digits(predicted.abs().max(), 2)}; both axes have one scale, and the dotted line is a perfect prediction. "
        f"{agreement} Of points that would cover each other one is drawn."
    )
    caption = f"Hypothesis. The dotted line is a perfect prediction. {agreement}"
    return Chart(figure, alt, is_hypothesis=True, caption=caption)
