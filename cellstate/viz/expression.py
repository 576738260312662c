"""Expression of one sample beside the cohort's: all measured genes, and one gene."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, percent
from cellstate.viz.style import GREY, LOOKS, Chart, lay_out, tpm_ticks

N_BINS = 48
#: Bins and height in pixels of `level_strip`.
_STRIP_BINS, _STRIP_HEIGHT = 40, 130


def expression_histogram(tpm_G: np.ndarray, typical_log1p_G: np.ndarray, *, sample: str = "") -> Chart:
    """Draw a sample's expression beside the training cohort's mean of the same genes.

    Parameters
    ----------
    tpm_G : ndarray, shape (G,)
        TPM, NaN where not measured.
    typical_log1p_G : ndarray, shape (G,)
        Mean log1p TPM of the training samples.
    """
    known = np.isfinite(tpm_G)
    log1p = np.log1p(np.maximum(tpm_G[known], 0))
    typical = np.asarray(typical_log1p_G)[known]
    limit = float(max(log1p.max(initial=0), typical.max(initial=0), 1.0))
    edges = np.linspace(0, limit, N_BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    mine, theirs = (np.histogram(np.clip(v, 0, limit), bins=edges)[0] for v in (log1p, typical))
    figure = go.Figure()
    figure.add_bar(
        x=middle,
        y=mine,
        width=limit / N_BINS,
        name="this sample",
        marker={"color": LOOKS["autoencoder"].colour, "opacity": 0.75, "line": {"width": 0}},
        customdata=np.expm1(middle),
        hovertemplate="about %{customdata:,.3~g} TPM: %{y:,} genes<extra>this sample</extra>",
    )
    figure.add_scatter(
        x=middle,
        y=theirs,
        mode="lines",
        line={"color": LOOKS["pca"].colour, "width": 2.5, "shape": "hvh", "dash": "dash"},
        name="training mean",
        customdata=np.expm1(middle),
        hovertemplate="about %{customdata:,.3~g} TPM: %{y:,} genes<extra>training mean</extra>",
    )
    axes = ("expression (TPM, log1p scale)", "genes")
    lay_out(figure, "Expression of the measured genes", *axes, subtitle=sample, height=460)
    figure.update_layout(bargap=0)
    figure.update_xaxes(**tpm_ticks(limit))
    n = len(log1p)
    silent = float(np.mean(log1p == 0)) if n else 0.0
    middle_tpm = float(np.expm1(np.median(log1p))) if n else 0.0
    alt = f"{n:,} measured genes; {percent(silent)} are not expressed and the median is {digits(middle_tpm)} TPM."
    return Chart(figure, alt + " A sample like the training samples follows the dashed line, with more zeros.")


def level_strip(cohort_tpm: np.ndarray, *, gene: str, now_tpm: float, after_tpm: float) -> Chart:
    """Draw the level of a gene in a sample, now and perturbed, above the histogram of the cohort.

    Parameters
    ----------
    cohort_tpm : ndarray, shape (S,)
        Levels of the gene in the model's cohort; at least one.
    gene : str
    now_tpm, after_tpm : float
        Level in the sample, now and after the perturbation.
    """
    now, after = float(np.log1p(now_tpm)), float(np.log1p(after_tpm))
    log1p_S = np.log1p(cohort_tpm)
    limit = max(now, after, float(log1p_S.max()), float(np.log1p(1.0)))
    count, edge = np.histogram(log1p_S, bins=_STRIP_BINS, range=(0, limit))
    top = float(count.max())
    style = LOOKS["autoencoder"]
    figure = go.Figure()
    figure.add_bar(
        x=(edge[:-1] + edge[1:]) / 2, y=count, width=limit / _STRIP_BINS, marker={"color": GREY, "opacity": 0.45}
    )
    for x, name, colour, dash, symbol, height in (
        (now, "now", GREY, "dot", "circle-open", 1.2),
        (after, "perturbed", style.colour, "solid", "diamond", 1.5),
    ):
        figure.add_scatter(
            x=[x, x],
            y=[0, height * top],
            mode="lines+markers+text",
            # The label stands on the side that has space.
            text=["", f"\u2002{name}\u2002"],
            textposition="middle left" if x > limit / 2 else "middle right",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": [0, 10], "color": colour, "line": {"width": 2, "color": colour}},
        )
    margin = 0.03 * limit
    edges = dict.fromkeys("lrtb", 4)
    figure.update_layout(height=_STRIP_HEIGHT, margin=edges, showlegend=False, dragmode=False)
    reach = [-margin, limit + margin]
    figure.update_xaxes(**tpm_ticks(limit), range=reach, zeroline=False, title=None, automargin=True)
    figure.update_yaxes(visible=False, range=[0, 1.75 * top], fixedrange=True)
    low, high = (digits(float(end)) for end in (cohort_tpm.min(), cohort_tpm.max()))
    alt = (
        f"{escape_html(gene)} in TPM on a log1p scale: {digits(now_tpm)} in this sample, {digits(after_tpm)} when "
        f"perturbed; the {len(cohort_tpm):,} patients of the model's cohort lie between {low} and {high}."
    )
    return Chart(figure, alt)
