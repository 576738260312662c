"""A dose curve: how the genes that respond most, and the goal, follow the level of one edited gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.style import GREY, LOOKS, VIOLET, Chart, digits, lay_out, literal, tpm_ticks

_COLOURS = (*(LOOKS[name].colour for name in ("autoencoder", "pca", "coexpression")), VIOLET, GREY)
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")
_DASHES = ("solid", "dash", "dot")
_TICKS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def dose_lines(
    table: pd.DataFrame,
    *,
    gene: str,
    present_tpm: float,
    usual_tpm: tuple[float, float] | None = None,
    sample: str = "",
) -> Chart:
    """Draw the shift of the genes that respond most against the level of the edited gene.

    Parameters
    ----------
    table : DataFrame
        Columns gene, level_tpm (of the edited gene), tpm and log2_fold_change, one row a gene and dose, by rank and
        dose.
    gene : str
        The edited gene.
    present_tpm : float
        Its level in the sample, marked by a line.
    usual_tpm : tuple of float, optional
        Lowest and highest level in the training cohort, drawn as a band.
    sample : str, optional
        Named in the title.
    """
    figure = go.Figure()
    furthest: list[str] = []
    for rank, (name, rows) in enumerate(table.groupby("gene", sort=False)):
        round_, place = divmod(rank, len(_COLOURS))
        figure.add_scatter(
            x=np.log1p(rows["level_tpm"]),
            y=rows["log2_fold_change"],
            mode="lines+markers",
            name=literal(str(name)),
            line={"color": _COLOURS[place], "width": 2, "dash": _DASHES[round_ % len(_DASHES)]},
            # Another symbol each round, so that no two genes look the same.
            marker={"symbol": _SYMBOLS[(place + round_) % len(_SYMBOLS)], "size": 7},
            customdata=np.column_stack([rows["level_tpm"], rows["tpm"]]),
            hovertemplate="%{customdata[0]:,.3~g} TPM of " + literal(gene) + "<br>%{y:+.3f} log2, to "
            "%{customdata[1]:,.3~g} TPM<extra>" + literal(str(name)) + "</extra>",
        )
        widest = rows.loc[rows["log2_fold_change"].abs().idxmax()]
        furthest.append(f"{name} {widest['log2_fold_change']:+.3f} at {digits(widest['level_tpm'])} TPM")
    axes = (f"{literal(gene)} (TPM, log1p scale)", "predicted shift (log2 of TPM + 1)")
    lay_out(figure, f"Genes that follow {literal(gene)}", *axes, below=sample, height=460)
    if not len(table):
        return Chart(figure, f"No gene follows {gene} at any dose, so nothing is drawn.")
    doses = table["level_tpm"]
    _mark(figure, float(doses.max()), present_tpm, usual_tpm)
    alt = (
        f"Hypothesis: shifts (log2 of TPM + 1) as {gene} is set from {digits(doses.min())} to "
        f"{digits(doses.max())} TPM; in this sample it is at {digits(present_tpm)}. The largest are "
        f"{', '.join(furthest[:3])}."
    )
    return Chart(figure, alt + _outside(doses, usual_tpm))


def dose_score(
    doses: pd.DataFrame, *, gene: str, present_tpm: float, usual_tpm: tuple[float, float] | None = None
) -> Chart:
    """Draw the movement along a goal against the level of the edited gene.

    Parameters
    ----------
    doses : DataFrame
        Columns tpm, score (S along the goal) and share, one row a dose, rising.
    gene, present_tpm, usual_tpm
        As for `dose_lines`.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=np.log1p(doses["tpm"]),
        y=doses["score"],
        mode="lines+markers",
        line={"color": LOOKS["autoencoder"].colour, "width": 2},
        marker={"symbol": LOOKS["autoencoder"].symbol, "size": 7},
        customdata=np.column_stack([doses["tpm"], 100 * doses["fraction_of_distance"]]),
        hovertemplate="%{customdata[0]:,.3~g} TPM: %{y:+.3g} S, %{customdata[1]:.3~g} % of the way<extra></extra>",
        showlegend=False,
    )
    axes = (f"{literal(gene)} (TPM, log1p scale)", "movement along the goal (S)")
    lay_out(figure, f"The goal as {literal(gene)} changes", *axes, height=360)
    if not len(doses):
        return Chart(figure, "No dose was tried, so nothing is drawn.")
    _mark(figure, float(doses["tpm"].max()), present_tpm, usual_tpm)
    best = doses.loc[doses["score"].idxmax()]
    alt = f"Hypothesis: movement along the goal as {gene} is set to {len(doses)} levels. "
    if best["score"] > 0:
        way = f"{digits(best['score'])} S, {digits(100 * best['fraction_of_distance'], 2)} % of the way."
        alt += f"It is furthest at {digits(best['tpm'])} TPM: {way}"
    else:
        alt += "No level moves the sample toward the goal."
    return Chart(figure, alt + _outside(doses["tpm"], usual_tpm))


def _mark(figure: go.Figure, top_tpm: float, present_tpm: float, usual_tpm: tuple[float, float] | None) -> None:
    """Draw what both figures share: the axis in TPM, no change, the present level, and the cohort's range."""
    limit = float(np.log1p(top_tpm))
    ticks = tpm_ticks(limit)
    if top_tpm < 10:
        shown = [t for t in _TICKS if t <= top_tpm and (t == 0 or np.log1p(t) > limit / 12)]
        ticks = {"tickvals": [float(np.log1p(t)) for t in shown], "ticktext": [f"{t:g}" for t in shown]}
    margin = 0.03 * limit
    figure.update_xaxes(**ticks, zeroline=False, range=[-margin, limit + margin])
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    line = {"color": GREY, "width": 1.5, "dash": "dot"}
    figure.add_vline(x=float(np.log1p(present_tpm)), line=line, annotation_text="now", annotation_position="top")
    if usual_tpm is not None and usual_tpm[0] < top_tpm:
        low, high = (float(np.log1p(min(t, top_tpm))) for t in usual_tpm)
        figure.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.15, line_width=0, layer="below")


def _outside(tpm: pd.Series, usual_tpm: tuple[float, float] | None) -> str:
    if usual_tpm is None:
        return ""
    low, high = usual_tpm
    levels = tpm.drop_duplicates()
    beyond = int(((levels < low) | (levels > high)).sum())
    text = f" The shaded band, {digits(low)} to {digits(high)} TPM, is the range of the training cohort"
    return text + (f"; {beyond} of the levels lie outside, where no patient was seen." if beyond else ".")
