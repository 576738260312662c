"""Training curve: the loss of each epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.style import GREY, LOOKS, VIOLET, Chart, lay_out

_LINES = (
    ("train_loss", "training samples", LOOKS["autoencoder"].colour, "solid", "circle"),
    ("validation_loss", "validation samples", VIOLET, "dash", "diamond"),
)


def training_curve(history: pd.DataFrame) -> Chart:
    """Draw the loss of each epoch on the training and the validation samples.

    A star marks the best epoch on the validation samples, and a line their loss before the first step.

    Parameters
    ----------
    history : DataFrame
        Columns epoch, train_loss (missing before the first epoch) and validation_loss (missing where it is not finite).
    """
    losses = history["validation_loss"].astype(float).set_axis(history["epoch"])
    known = losses[np.isfinite(losses)]
    figure = go.Figure()
    before = known.get(0)
    if before is not None:
        ends = [history["epoch"].min(), max(1, history["epoch"].max())]
        line = {"color": GREY, "dash": "dot", "width": 2}
        hover = "before training: %{y:.5f}<extra></extra>"
        figure.add_scatter(x=ends, y=[before] * 2, mode="lines", name="before training", line=line, hovertemplate=hover)
    for column, name, colour, dash, symbol in _LINES:
        figure.add_scatter(
            x=history["epoch"],
            y=history[column].astype(float),
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": 7},
            hovertemplate="epoch %{x}: %{y:.5f}<extra>" + name + "</extra>",
        )
    best = None if known.empty else int(known.idxmin())
    if best is not None:
        figure.add_scatter(
            x=[best],
            y=[known.loc[best]],
            mode="markers",
            name="best epoch",
            marker={"symbol": "star", "size": 15, "color": VIOLET, "line": {"width": 1, "color": "white"}},
            hovertemplate="best: epoch %{x}, %{y:.5f}<extra></extra>",
        )
    lay_out(figure, "Loss during training", "epoch", "mean squared error (z)", height=400)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(tickformat="d")
    return Chart(figure, _alt(known, best))


def _alt(known: pd.Series, best: int | None) -> str:
    if best is None:
        return "No epoch is recorded."
    text = f"The validation loss is lowest at epoch {best}, with {known.loc[best]:.4f}"
    if best == 0:
        text = f"The validation loss is lowest before training, with {known.loc[best]:.4f}"
    elif 0 in known.index:
        text += f", from {known.loc[0]:.4f} before training"
    last = known.index[-1]
    if last != best:
        text += f"; training ends at epoch {last} with {known.iloc[-1]:.4f}"
    return text + "."
