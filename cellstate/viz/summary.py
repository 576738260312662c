"""How a sample's expression is distributed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cellstate.viz.style import LOOKS, Chart, lay_out, percent, tpm_ticks

N_BINS = 48


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
    lay_out(figure, "Expression of the measured genes", *axes, below=sample, height=460)
    figure.update_layout(bargap=0)
    figure.update_xaxes(**tpm_ticks(limit))
    n = len(log1p)
    silent = float(np.mean(log1p == 0)) if n else 0.0
    middle_tpm = float(np.expm1(np.median(log1p))) if n else 0.0
    alt = f"{n:,} measured genes; {percent(silent)} are silent and the median is {middle_tpm:.3g} TPM."
    return Chart(figure, alt + " A sample like the training samples follows the dashed line, but for more zeros.")
