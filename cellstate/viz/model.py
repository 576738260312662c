"""How good a model is: predicted against true values, accuracy per TPM bin and its ceiling, and the training curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import bin_label, percent
from cellstate.viz.style import GREY, LOOKS, VIOLET, Chart, lay_out, look, tpm_ticks

#: Cells a side of the density: fine enough to look smooth, and the browser draws the same whatever the data's size.
CELLS = 120
#: Fraction of a bin's width that its bars take.
_GROUP = 0.78
_CEILING = "ceiling"
_LINES = (
    ("train_loss", "training samples", LOOKS["autoencoder"].colour, "solid", "circle"),
    ("validation_loss", "validation samples", VIOLET, "dash", "diamond"),
)


def density(truth_tpm: np.ndarray, predicted_tpm: np.ndarray, *, predictor: str, sample: str = "") -> Chart:
    """Draw the density of true against predicted expression.

    Parameters
    ----------
    truth_tpm, predicted_tpm : ndarray of equal shape
        TPM; pairs with NaN or infinity in either are left out.
    """
    known = np.isfinite(truth_tpm) & np.isfinite(predicted_tpm)
    truth = np.log1p(np.maximum(truth_tpm[known], 0))
    predicted = np.log1p(np.maximum(predicted_tpm[known], 0))
    limit = float(max(truth.max(initial=0), predicted.max(initial=0), 1.0))
    edges = np.linspace(0, limit, CELLS + 1)
    # float32 values at the very end may round past the last edge.
    counts, _, _ = np.histogram2d(np.minimum(truth, limit), np.minimum(predicted, limit), bins=(edges, edges))
    middle = (edges[:-1] + edges[1:]) / 2
    with np.errstate(divide="ignore"):
        log_counts = np.where(counts > 0, np.log10(counts), np.nan)
    top = int(np.floor(np.log10(max(counts.max(initial=1), 1))))
    figure = go.Figure(
        go.Heatmap(
            x=middle,
            y=middle,
            z=log_counts.T,
            customdata=np.dstack([*np.meshgrid(np.expm1(middle), np.expm1(middle)), counts.T]),
            hovertemplate="true %{customdata[0]:,.3~g} TPM<br>predicted %{customdata[1]:,.3~g} TPM"
            "<br>%{customdata[2]:,} values<extra></extra>",
            autocolorscale=True,
            colorbar={
                "title": {"text": "values", "side": "right"},
                "tickvals": list(range(top + 1)),
                "ticktext": [f"{10**power:,}" for power in range(top + 1)],
                "thickness": 12,
                "outlinewidth": 0,
            },
            hoverongaps=False,
        )
    )
    line = {"color": VIOLET, "dash": "dash", "width": 1.5}
    ends = [0, limit]
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, name="predicted = true", hoverinfo="skip")
    figure.update_traces(showlegend=True, selector={"type": "scatter"})
    name = look(predictor).label
    axes = ("true expression (TPM, log1p scale)", "predicted expression (TPM, log1p scale)")
    lay_out(figure, f"{name}: predicted against true", *axes, subtitle=sample, height=460)
    ticks = tpm_ticks(limit)
    figure.update_xaxes(**ticks, range=ends, showgrid=False)
    figure.update_yaxes(**ticks, range=ends, showgrid=False)
    n = int(known.sum())
    if not n:
        return Chart(figure, "No value is both measured and predicted, so nothing is drawn.")
    twice = float(np.mean(np.abs(truth - predicted) <= np.log(2)))
    alt = (
        f"{name}: {n:,} values, true against predicted expression. {percent(twice)} of the predictions are within a "
        "factor of two of the truth (TPM + 1). A stronger colour means more values; the dashed line is a perfect match."
    )
    return Chart(figure, alt)


def accuracy_bars(bins: Mapping[str, Sequence[Mapping]], ceiling: Sequence[float | None], *, tolerance: str) -> Chart:
    """Draw accuracy per bin of true TPM as grouped bars, with the counting-noise ceiling above them.

    Parameters
    ----------
    bins : mapping of predictor to list of bins
        Each bin with ``low``, ``high`` (None for infinity), ``n`` and ``accuracy`` (None where empty).
    ceiling : sequence of float or None
        Accuracy that counting noise allows in each bin; None where it is unknown.
    tolerance : str
        Text for the caption.
    """
    labels = [bin_label(b["low"], b["high"]) for b in next(iter(bins.values()))]
    accuracy = {predictor: [b["accuracy"] for b in values] for predictor, values in bins.items()}
    n = [b["n"] for b in next(iter(bins.values()))]
    figure = _grouped_bars(accuracy, labels, [f"of {values:,} values" for values in n])
    _ceiling(figure, ceiling)
    lay_out(figure, "Accuracy by expression level", "true expression (TPM)", "values within tolerance (%)", height=460)
    figure.update_yaxes(range=[0, 112], tickvals=[0, 20, 40, 60, 80, 100])
    rule = f"A value is within tolerance when it is within {tolerance} of the truth."
    line = "The line across each bin is the counting-noise ceiling."
    values = ". ".join(_by_bin(accuracy | {_CEILING: ceiling}, labels)) or "No bin holds a value"
    return Chart(figure, f"{rule} {values}. {line}", caption=f"{rule} {line}")


def ceiling_bars(fractions: Mapping[str, Sequence[float | None]], bins: Sequence[str], *, patients: str) -> Chart:
    """Draw accuracy as a fraction of the counting-noise ceiling, per bin of true TPM.

    Parameters
    ----------
    fractions : mapping of predictor to sequence of float or None
        One value a bin, 1 for the ceiling; None where a bin is empty. Predictors are keys of
        `cellstate.viz.style.LOOKS`.
    bins : sequence of str
    patients : str
        Which patients, for the subtitle.
    """
    figure = _grouped_bars(fractions, bins, ["of the ceiling"] * len(bins))
    figure.add_hline(y=100, line={"color": VIOLET, "dash": "dot", "width": 2})
    title = "Accuracy as a fraction of the counting-noise ceiling"
    lay_out(figure, title, "true expression (TPM)", "of the ceiling (%)", subtitle=patients)
    figure.update_yaxes(range=[0, 108])
    line = "The dotted line is the counting-noise ceiling."
    return Chart(figure, f"{patients}. {'. '.join(_by_bin(fractions, bins))}. {line}", caption=line)


def _grouped_bars(
    fractions: Mapping[str, Sequence[float | None]], labels: Sequence[str], of: Sequence[str]
) -> go.Figure:
    """Draw one group of bars for each bin, one bar for each method, in percent of what `of` names."""
    place, figure = np.arange(len(labels)), go.Figure()
    for predictor, values in fractions.items():
        style = look(predictor)
        figure.add_bar(
            x=place,
            y=[None if value is None else 100 * value for value in values],
            name=style.label,
            marker=style.bar,
            customdata=of,
            hovertemplate=f"%{{y:.1f}}% %{{customdata}}<extra>{style.label}</extra>",
        )
    figure.update_layout(barmode="group", bargap=1 - _GROUP, bargroupgap=0.06)
    figure.update_xaxes(tickvals=place, ticktext=labels, range=[-0.5, len(labels) - 0.5], zeroline=False)
    return figure.update_yaxes(ticksuffix="%")


def _by_bin(fractions: Mapping[str, Sequence[float | None]], labels: Sequence[str]) -> list[str]:
    """Return the values of each bin in words; an empty bin is left out."""
    texts = []
    for i, label in enumerate(labels):
        known = [
            f"{name if name == _CEILING else look(name).label} {percent(values[i])}"
            for name, values in fractions.items()
            if values[i] is not None
        ]
        texts += [f"{label} TPM: {', '.join(known)}"] if known else []
    return texts


def _ceiling(figure: go.Figure, ceiling: Sequence[float | None]) -> None:
    """Draw a line across the bars of each bin, with its height as text."""
    known = [(i, 100 * fraction) for i, fraction in enumerate(ceiling) if fraction is not None]
    figure.add_scatter(
        x=[x for i, _ in known for x in (i - _GROUP / 2, i, i + _GROUP / 2, None)],
        y=[y for _, percents in known for y in (percents, percents, percents, None)],
        mode="lines",
        name="Counting-noise ceiling",
        line={"color": VIOLET, "dash": "dot", "width": 3},
        hovertemplate="%{y:.1f}%<extra>ceiling</extra>",
    )
    figure.add_scatter(
        x=[i for i, _ in known],
        # Clear of the line.
        y=[percents + 4 for _, percents in known],
        mode="text",
        text=[f"{percents:.0f}%" for _, percents in known],
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
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
