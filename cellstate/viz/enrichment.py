"""Gene sets that move together in a predicted shift, by the leading predictor and all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.style import GREY, Chart, cut, lay_out, literal, look, percent

#: Up to this false discovery rate a set's bar is filled.
CLEAR_FDR = 0.05
_LONGEST = 30


def pathway_bars(table: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "", n: int = 15) -> Chart:
    """Draw the normalised enrichment scores of the sets that move most, with the other predictors' as symbols.

    Parameters
    ----------
    table : DataFrame
        Columns set, nes and fdr, and ``nes_<rival>`` for each other predictor; largest absolute NES first.
    predictor : str, optional
        Whose scores ``nes`` are: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    n : int, optional
        Most sets that are drawn.
    """
    rows, style = table.head(n).iloc[::-1], look(predictor)
    y, clear = np.arange(len(rows)), (rows["fdr"] <= CLEAR_FDR).to_numpy()
    names = [literal(name) for name in short_names(rows["set"])]
    figure = go.Figure()
    kinds = (
        (f"{style.label}, FDR up to {percent(CLEAR_FDR)}", clear, style.bar),
        (
            f"{style.label}, less clear",
            ~clear,
            {"color": "rgba(0,0,0,0)", "line": {"color": style.colour, "width": 1.5}},
        ),
    )
    for name, which, marker in kinds:
        if which.any():
            figure.add_bar(
                x=rows["nes"][which],
                y=y[which],
                orientation="h",
                name=name,
                marker=marker,
                customdata=np.column_stack(
                    [np.array([literal(title) for title in rows["set"][which]], object), rows["fdr"][which]]
                ),
                hovertemplate="%{customdata[0]}<br>NES %{x:+.2f}, FDR %{customdata[1]:.2g}<extra>"
                + style.label
                + "</extra>",
            )
    for column in (name for name in table if name.startswith("nes_")):
        rival = look(column.removeprefix("nes_"))
        figure.add_scatter(
            x=rows[column],
            y=y,
            mode="markers",
            name=rival.label,
            marker={"color": rival.colour, "symbol": rival.symbol, "size": 8, "line": {"color": GREY, "width": 0.5}},
            hovertemplate="NES %{x:+.2f}<extra>" + rival.label + "</extra>",
        )
    height = 200 + 24 * len(rows)
    lay_out(figure, "Gene sets that move together", "NES", "", below=sample, height=height)
    figure.update_layout(bargap=0.3, barmode="overlay")
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(tickvals=y, ticktext=names, title=None, tickfont={"size": 11}, showgrid=False)
    if not len(rows):
        return Chart(figure, "No gene set was tested, so nothing is drawn.")
    said = ", ".join(f"{row.set} {row.nes:+.2f}" for row in rows.iloc[::-1].head(3).itertuples())
    alt = (
        f"Hypothesis by {style.label}: the {len(rows)} of {len(table):,} gene sets with the largest normalised "
        f"enrichment score (NES), up right and down left; the first are {said}. With an FDR of {percent(CLEAR_FDR)} or "
        f"less: {int(clear.sum())}. Symbols are the other predictors."
    )
    return Chart(figure, alt)


def short_names(names: Sequence[str]) -> list[str]:
    """Return names of gene sets without the words that all of them begin with, cut to a length."""
    words = [name.split("_") for name in names]
    while len(words) > 1 and all(len(one) > 1 and one[0] == words[0][0] for one in words):
        words = [one[1:] for one in words]
    return [cut("_".join(one), _LONGEST) for one in words]
