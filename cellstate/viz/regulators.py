"""Regulators of one sample: activity in both directions, with each regulator's own change beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import escape_html, join_with_and
from cellstate.viz.bar_panels import name_margin
from cellstate.viz.style import DIVERGING, GREY, Chart, lay_out

#: Regulators in each direction.
EACH = 10


def activity_bars(table: pd.DataFrame, reference: str, n: int = EACH) -> Chart:
    """Draw the most and the least active regulators of a sample.

    Parameters
    ----------
    table : DataFrame
        Columns gene, z, own_change; most active first.
    reference : str
        What the sample was compared with, in words.
    n : int
        Regulators in each direction.
    """
    known = table.dropna(subset="z")
    up, down = known[known["z"] > 0].head(n), known[known["z"] < 0].tail(n)
    rows = pd.concat([up, down]).iloc[::-1]
    names = [escape_html(gene) for gene in rows["gene"]]
    at = np.arange(len(rows))
    figure = go.Figure()
    figure.add_bar(
        x=rows["z"],
        y=at,
        orientation="h",
        name="activity",
        marker_color=[DIVERGING[-1 if z > 0 else 0][1] for z in rows["z"]],
        customdata=names,
        hovertemplate="%{customdata}: activity %{x:+.2f} SD<extra></extra>",
    )
    figure.add_scatter(
        x=rows["own_change"],
        y=at,
        mode="markers",
        name="own expression",
        marker={"color": GREY, "size": 9, "symbol": "diamond"},
        customdata=names,
        hovertemplate="%{customdata}: own expression %{x:+.2f} SD<extra></extra>",
    )
    height = max(280, 120 + 21 * len(rows))
    lay_out(
        figure,
        f"Regulators against the {escape_html(reference)}",
        "SD",
        "",
        subtitle="bars: activity; diamonds: own expression",
        height=height,
        margins=(name_margin(names), 44),
    )
    figure.update_layout(yaxis={"tickvals": at, "ticktext": names}, showlegend=False)
    if not len(rows):
        return Chart(figure, "No regulator was ranked.")
    alt = f"Hypothesis: most active against the {reference}: {join_with_and(up['gene'].head(5).tolist()) or 'none'}; "
    alt += f"least active: {join_with_and(down['gene'].iloc[::-1].head(5).tolist()) or 'none'}."
    return Chart(figure, alt, is_hypothesis=True)
