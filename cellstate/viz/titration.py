"""Expression titration: the most responsive genes, and the goal, against the level of one perturbed gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, signed
from cellstate.viz.columns import CHANGE, FRACTION, GENE, SCORE, TITRATED_TPM
from cellstate.viz.style import GREY, LOOKS, VIOLET, Chart, lay_out, tpm_ticks

_COLOURS = (*(LOOKS[name].colour for name in ("autoencoder", "pca", "coexpression")), VIOLET, GREY)
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")
_DASHES = ("solid", "dash", "dot")


def titration_lines(
    table: pd.DataFrame,
    *,
    gene: str,
    present_tpm: float,
    usual_tpm: tuple[float, float] | None = None,
    sample: str = "",
) -> Chart:
    """Draw the change of the most responsive genes against the level of the perturbed gene.

    Parameters
    ----------
    table : DataFrame
        `GENE`, `TITRATED_TPM` (of the perturbed gene), tpm and `CHANGE`; one row a gene and level, by rank and level.
    gene : str
        The perturbed gene.
    present_tpm : float
        Its level in the sample, drawn as a line.
    usual_tpm : tuple of float, optional
        Lowest and highest level in the training cohort, drawn as a band.
    """
    figure = go.Figure()
    largest: list[str] = []
    for rank, (responder, rows) in enumerate(table.groupby(GENE, sort=False)):
        round_, place = divmod(rank, len(_COLOURS))
        figure.add_scatter(
            x=np.log1p(rows[TITRATED_TPM]),
            y=rows[CHANGE],
            mode="lines+markers",
            name=escape_html(str(responder)),
            line={"color": _COLOURS[place], "width": 2, "dash": _DASHES[round_ % len(_DASHES)]},
            # Another symbol in each round of colours, so that no two genes look the same.
            marker={"symbol": _SYMBOLS[(place + round_) % len(_SYMBOLS)], "size": 7},
            customdata=np.column_stack([rows[TITRATED_TPM], rows["tpm"]]),
            hovertemplate="%{customdata[0]:,.3~g} TPM of " + escape_html(gene) + "<br>%{y:+.3f} log2, to "
            "%{customdata[1]:,.3~g} TPM<extra>" + escape_html(str(responder)) + "</extra>",
        )
        widest = rows.loc[rows[CHANGE].abs().idxmax()]
        largest.append(f"{responder} {signed(widest[CHANGE])} at {digits(widest[TITRATED_TPM])} TPM")
    name = escape_html(gene)
    axes = (f"{name} (TPM, log1p scale)", "predicted expression change (log2 of TPM + 1)")
    lay_out(figure, f"Response to the level of {name}", *axes, subtitle=sample, height=460)
    if not len(table):
        return Chart(figure, f"No gene responds to {gene} at any level, so nothing is drawn.")
    levels = table[TITRATED_TPM]
    _draw_reference(figure, float(levels.max()), present_tpm, usual_tpm)
    alt = (
        f"Hypothesis: change (log2 of TPM + 1) as {gene} is set from {digits(levels.min())} to "
        f"{digits(levels.max())} TPM; in this sample it is at {digits(present_tpm)}. The largest are "
        f"{', '.join(largest[:3])}."
    )
    return Chart(figure, alt + _cohort_range(levels, usual_tpm), is_hypothesis=True)


def titration_score(
    levels: pd.DataFrame, *, gene: str, present_tpm: float, usual_tpm: tuple[float, float] | None = None
) -> Chart:
    """Draw the score toward a goal against the level of the perturbed gene.

    Parameters
    ----------
    levels : DataFrame
        Columns tpm, `SCORE` (SD along the goal) and `FRACTION` (of the distance to the goal); rising levels.
    gene, present_tpm, usual_tpm
        As for `titration_lines`.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=np.log1p(levels["tpm"]),
        y=levels[SCORE],
        mode="lines+markers",
        line={"color": LOOKS["autoencoder"].colour, "width": 2},
        marker={"symbol": LOOKS["autoencoder"].symbol, "size": 7},
        customdata=np.column_stack([levels["tpm"], 100 * levels[FRACTION]]),
        hovertemplate="%{customdata[0]:,.3~g} TPM: %{y:+.3~g} SD, %{customdata[1]:.3~g}% of the distance to the goal"
        "<extra></extra>",
        showlegend=False,
    )
    axes = (f"{escape_html(gene)} (TPM, log1p scale)", "score toward the goal (SD)")
    lay_out(figure, f"Score toward the goal against the level of {escape_html(gene)}", *axes, height=360)
    if not len(levels):
        return Chart(figure, "No level was computed, so nothing is drawn.")
    _draw_reference(figure, float(levels["tpm"].max()), present_tpm, usual_tpm)
    best = levels.loc[levels[SCORE].idxmax()]
    alt = f"Hypothesis: score toward the goal as {gene} is set to {len(levels)} levels. "
    if best[SCORE] > 0:
        reached = f"{digits(best[SCORE])} SD, {digits(100 * best[FRACTION], 2)}% of the distance to the goal."
        alt += f"It is highest at {digits(best['tpm'])} TPM: {reached}"
    else:
        alt += "No level moves the sample toward the goal."
    return Chart(figure, alt + _cohort_range(levels["tpm"], usual_tpm), is_hypothesis=True)


def _draw_reference(
    figure: go.Figure, top_tpm: float, present_tpm: float, usual_tpm: tuple[float, float] | None
) -> None:
    """Draw the axis in TPM, the line of no change, the present level, and the cohort's range."""
    limit = float(np.log1p(top_tpm))
    margin = 0.03 * limit
    figure.update_xaxes(**tpm_ticks(limit), zeroline=False, range=[-margin, limit + margin])
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    line = {"color": GREY, "width": 1.5, "dash": "dot"}
    figure.add_vline(x=float(np.log1p(present_tpm)), line=line, annotation_text="now", annotation_position="top")
    if usual_tpm is not None and usual_tpm[0] < top_tpm:
        low, high = (float(np.log1p(min(t, top_tpm))) for t in usual_tpm)
        figure.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.15, line_width=0, layer="below")


def _cohort_range(tpm: pd.Series, usual_tpm: tuple[float, float] | None) -> str:
    if usual_tpm is None:
        return ""
    low, high = usual_tpm
    levels = tpm.drop_duplicates()
    beyond = int(((levels < low) | (levels > high)).sum())
    text = f" The shaded band, {digits(low)} to {digits(high)} TPM, is the range of the training cohort"
    return text + (f"; {beyond} of the levels lie outside it: no training profile has them." if beyond else ".")
