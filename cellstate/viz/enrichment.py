"""Gene set enrichment of a predicted expression change, by the default method and the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import escape_html, percent, shorten, signed
from cellstate.viz.style import GREY, Chart, lay_out, look

#: Bars of sets up to this false discovery rate are filled.
CLEAR_FDR = 0.05
_MAX_NAME = 30


def pathway_bars(table: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "", n: int = 15) -> Chart:
    """Draw the normalised enrichment scores of the sets that change most, with those of other methods as symbols.

    Parameters
    ----------
    table : DataFrame
        Columns set, nes and fdr, and ``nes_<name>`` for each other method; largest absolute NES first.
    """
    rows, style = table.head(n).iloc[::-1], look(predictor)
    y, clear = np.arange(len(rows)), (rows["fdr"] <= CLEAR_FDR).to_numpy()
    names = [escape_html(name) for name in short_names(rows["set"])]
    figure = go.Figure()
    outline = {"color": "rgba(0,0,0,0)", "line": {"color": style.colour, "width": 1.5}}
    kinds = (
        (f"{style.label}, FDR ≤ {percent(CLEAR_FDR)}", clear, style.bar),
        (f"{style.label}, FDR > {percent(CLEAR_FDR)}", ~clear, outline),
    )
    for name, which, marker in kinds:
        if which.any():
            figure.add_bar(
                x=rows["nes"][which],
                y=y[which],
                orientation="h",
                name=name,
                marker=marker,
                hovertext=[escape_html(title) for title in rows["set"][which]],
                customdata=rows["fdr"][which],
                hovertemplate="%{hovertext}<br>NES %{x:+.2f}, FDR %{customdata:.2g}<extra>" + style.label + "</extra>",
            )
    for column in (name for name in table if name.startswith("nes_")):
        other = look(column.removeprefix("nes_"))
        figure.add_scatter(
            x=rows[column],
            y=y,
            mode="markers",
            name=other.label,
            marker={"color": other.colour, "symbol": other.symbol, "size": 8, "line": {"color": GREY, "width": 0.5}},
            hovertemplate="NES %{x:+.2f}<extra>" + other.label + "</extra>",
        )
    height = 200 + 24 * len(rows)
    lay_out(figure, "Gene set enrichment", "NES", "", subtitle=sample, height=height)
    figure.update_layout(bargap=0.3, barmode="overlay")
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(tickvals=y, ticktext=names, title=None, tickfont={"size": 11}, showgrid=False)
    if not len(rows):
        return Chart(figure, "No gene set was tested, so nothing is drawn.")
    first = ", ".join(f"{row.set} {signed(row.nes)}" for row in rows.iloc[::-1].head(3).itertuples())
    alt = (
        f"Hypothesis by {style.label}: the {len(rows)} of {len(table):,} gene sets with the largest normalised "
        f"enrichment score (NES), up right and down left; the first are {first}. With an FDR of {percent(CLEAR_FDR)} "
        f"or less: {int(clear.sum())}. Symbols show the other prediction methods."
    )
    return Chart(figure, alt, is_hypothesis=True)


def short_names(names: Sequence[str], n: int = _MAX_NAME) -> list[str]:
    """Return names of gene sets without the prefix that all of them share, cut to `n` characters."""
    words = [name.split("_") for name in names]
    while len(words) > 1 and all(len(one) > 1 and one[0] == words[0][0] for one in words):
        words = [one[1:] for one in words]
    return [shorten("_".join(one), n) for one in words]
