"""The level of one gene in one sample, among the levels of the model's cohort."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cellstate.viz.style import GREY, LOOKS, Chart, digits, literal, tpm_ticks

_BINS, _HEIGHT = 40, 130
_SMALL_TICKS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def level_strip(cohort_tpm: np.ndarray, *, gene: str, now_tpm: float, after_tpm: float) -> Chart:
    """Draw where a gene is in a sample, and where an edit puts it, above the histogram of the cohort.

    Parameters
    ----------
    cohort_tpm : ndarray, shape (S,)
        Levels of the gene in the model's cohort; at least one.
    gene : str
    now_tpm, after_tpm : float
        Level in the sample, and after the edit.
    """
    now, after = float(np.log1p(now_tpm)), float(np.log1p(after_tpm))
    log1p_S = np.log1p(cohort_tpm)
    limit = max(now, after, float(log1p_S.max()), float(np.log1p(1.0)))
    count, edge = np.histogram(log1p_S, bins=_BINS, range=(0, limit))
    top = float(count.max())
    style = LOOKS["autoencoder"]
    figure = go.Figure()
    figure.add_bar(x=(edge[:-1] + edge[1:]) / 2, y=count, width=limit / _BINS, marker={"color": GREY, "opacity": 0.45})
    for x, colour, dash, symbol, height in (
        (now, GREY, "dot", "circle-open", 1.2),
        (after, style.colour, "solid", "diamond", 1.5),
    ):
        figure.add_scatter(
            x=[x, x],
            y=[0, height * top],
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": [0, 10], "color": colour, "line": {"width": 2, "color": colour}},
        )
    for x, text, height in ((now, "now", 1.2), (after, "edited", 1.5)):
        # Words stand on the side where there is room.
        left = x > limit / 2
        figure.add_annotation(
            x=x, y=height * top, text=text, showarrow=False, xanchor="right" if left else "left",
            xshift=-8 if left else 8, font={"size": 12},
        )  # fmt: skip
    ticks = tpm_ticks(limit)
    if limit < np.log1p(10):
        shown = [t for t in _SMALL_TICKS if np.log1p(t) <= limit]
        ticks = {"tickvals": [float(np.log1p(t)) for t in shown], "ticktext": [f"{t:g}" for t in shown]}
    margin = 0.03 * limit
    figure.update_layout(height=_HEIGHT, margin={"l": 4, "r": 4, "t": 4, "b": 4}, showlegend=False, dragmode=False)
    figure.update_xaxes(**ticks, range=[-margin, limit + margin], zeroline=False, title=None, automargin=True)
    figure.update_yaxes(visible=False, range=[0, 1.75 * top], fixedrange=True)
    alt = (
        f"{literal(gene)} in TPM on a log1p scale: {_said(now_tpm)} in this sample, {_said(after_tpm)} when edited; "
        f"the {len(cohort_tpm):,} patients of the model's cohort lie between {_said(float(cohort_tpm.min()))} and "
        f"{_said(float(cohort_tpm.max()))}."
    )
    return Chart(figure, alt)


def _said(tpm: float) -> str:
    return digits(tpm) if tpm else "0"
