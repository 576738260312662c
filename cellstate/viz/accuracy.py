"""Predicted against true: a density of all values, and accuracy per TPM bin beside the rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cellstate.viz.style import VIOLET, Chart, lay_out, look, percent, tpm_ticks

#: Cells a side of the density: fine enough to look smooth, and the browser draws the same whatever the data's size.
CELLS = 120
#: Share of a bin's width that its bars take.
_GROUP = 0.78


def density(truth_tpm: np.ndarray, predicted_tpm: np.ndarray, *, predictor: str, sample: str = "") -> Chart:
    """Draw how often each pair of true and predicted expression occurs.

    Parameters
    ----------
    truth_tpm, predicted_tpm : ndarray of equal shape
        TPM; pairs with NaN or infinity in either are left out.
    predictor : str
        Key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
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
    figure.add_scatter(
        x=[0, limit],
        y=[0, limit],
        mode="lines",
        line={"color": VIOLET, "dash": "dash", "width": 1.5},
        name="predicted = true",
        hoverinfo="skip",
        showlegend=True,
    )
    name = look(predictor).label
    lay_out(
        figure,
        f"{name}: predicted against true",
        "true expression (TPM, log1p scale)",
        "predicted expression (TPM, log1p scale)",
        below=sample,
        height=460,
    )
    ticks = tpm_ticks(limit)
    figure.update_xaxes(**ticks, range=[0, limit], showgrid=False)
    figure.update_yaxes(**ticks, range=[0, limit], showgrid=False)
    n = int(known.sum())
    if not n:
        return Chart(figure, "No value is both measured and predicted, so nothing is drawn.")
    twice = float(np.mean(np.abs(truth - predicted) <= np.log(2)))
    alt = (
        f"{name}: {n:,} values, true against predicted expression. {percent(twice)} of the predictions are within a "
        "factor of two of the truth (TPM + 1). The stronger the colour, the more values; the dashed line is a perfect "
        "match."
    )
    return Chart(figure, alt)


def bin_label(low: float, high: float | None) -> str:
    """Return a bin in words: ``2.5–10`` or ``100 and more``."""
    return f"{low:g} and more" if high is None or np.isinf(high) else f"{low:g}–{high:g}"


def accuracy_bars(bins: Mapping[str, Sequence[Mapping]], ceiling: Sequence[float | None], *, tolerance: str) -> Chart:
    """Draw accuracy per bin of true TPM as grouped bars with the noise ceiling above them.

    Parameters
    ----------
    bins : mapping of predictor to list of bins
        Each bin with ``low``, ``high`` (None for infinity), ``n`` and ``accuracy`` (None where empty).
    ceiling : sequence of float or None
        Accuracy that counting noise allows, per bin.
    tolerance : str
        In words, for the caption.
    """
    first = next(iter(bins.values()))
    labels = [bin_label(b["low"], b["high"]) for b in first]
    place = np.arange(len(labels))
    figure = go.Figure()
    for predictor, values in bins.items():
        style = look(predictor)
        figure.add_bar(
            x=place,
            y=[None if b["accuracy"] is None else 100 * b["accuracy"] for b in values],
            name=style.label,
            marker=style.bar,
            customdata=[b["n"] for b in values],
            hovertemplate="%{y:.1f} % of %{customdata:,} values<extra>" + style.label + "</extra>",
        )
    _ceiling(figure, ceiling)
    lay_out(figure, "Accuracy by expression level", "true expression (TPM)", "values hit (%)")
    figure.update_layout(height=460, barmode="group", bargap=1 - _GROUP, bargroupgap=0.06)
    figure.update_yaxes(range=[0, 112], tickvals=[0, 20, 40, 60, 80, 100], ticksuffix=" %")
    figure.update_xaxes(tickvals=place, ticktext=labels, range=[-0.5, len(labels) - 0.5], zeroline=False)
    parts = []
    for i, label in enumerate(labels):
        said = [f"{look(p).label} {percent(v[i]['accuracy'])}" for p, v in bins.items() if v[i]["accuracy"] is not None]
        if ceiling[i] is not None:
            said.append(f"ceiling {percent(ceiling[i])}")
        if said:
            parts.append(f"{label} TPM: {', '.join(said)}")
    alt = f"A value is hit when it is within {tolerance} of the truth. " + (". ".join(parts) or "No bin holds a value")
    return Chart(figure, alt + ". The ceiling, a line across each bin, is what counting noise allows.")


def _ceiling(figure: go.Figure, ceiling: Sequence[float | None]) -> None:
    """Draw a line across all bars of each bin, with its height in words."""
    known = [(i, 100 * share) for i, share in enumerate(ceiling) if share is not None]
    figure.add_scatter(
        x=[x for i, _ in known for x in (i - _GROUP / 2, i, i + _GROUP / 2, None)],
        y=[y for _, percents in known for y in (percents, percents, percents, None)],
        mode="lines",
        name="Ceiling (counting noise)",
        line={"color": VIOLET, "dash": "dot", "width": 3},
        hovertemplate="%{y:.1f} %<extra>ceiling</extra>",
    )
    figure.add_scatter(
        x=[i for i, _ in known],
        y=[percents for _, percents in known],
        mode="text",
        text=[f"{percents:.0f} %" for _, percents in known],
        textposition="top center",
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
