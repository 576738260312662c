"""Dots with intervals: one figure a method, beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cellstate.formatting import decimal, escape_html
from cellstate.viz.style import GREY, LOOKS, Chart, lay_out

_ROW_HEIGHT, _BESIDE = 24, 80
_OWN = LOOKS["autoencoder"].colour


@dataclass(frozen=True)
class Dot:
    """One figure.

    Attributes
    ----------
    label : str
    value : float
    low, high : float or None
        Of its 95% interval.
    is_own : bool
        Whether it is what the figure is about; others are references.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    is_own: bool = False


def dots(rows: Sequence[Dot], axis: str, *, chance: float | None = None) -> Chart:
    """Draw one row a figure, its value at the right, with a dotted line at chance."""
    figure = go.Figure()
    for kind, colour in ((True, _OWN), (False, GREY)):
        chosen = [(len(rows) - i, row) for i, row in enumerate(rows) if row.is_own is kind]
        if not chosen:
            continue
        ends = [(row.low, row.high) if row.low is not None and row.high is not None else None for _, row in chosen]
        figure.add_scatter(
            x=[row.value for _, row in chosen],
            y=[place for place, _ in chosen],
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": "circle" if kind else "diamond"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [end[1] - row.value if end else 0.0 for end, (_, row) in zip(ends, chosen, strict=True)],
                "arrayminus": [row.value - end[0] if end else 0.0 for end, (_, row) in zip(ends, chosen, strict=True)],
                "color": colour,
                "thickness": 1.5,
                "width": 0,
            },
            text=[escape_html(row.label) for _, row in chosen],
            hovertemplate="%{text}: %{x:.3f}<extra></extra>",
            showlegend=False,
        )
    for i, row in enumerate(rows):
        figure.add_annotation(
            x=1.01,
            xref="paper",
            xanchor="left",
            y=len(rows) - i,
            text=decimal(row.value, 2),
            showarrow=False,
            font={"size": 12},
        )
    if chance is not None:
        figure.add_vline(x=chance, line={"color": GREY, "dash": "dot", "width": 1.5})
    title = axis[:1].upper() + axis[1:]
    lay_out(figure, title, "", "", height=_ROW_HEIGHT * len(rows) + _BESIDE)
    figure.update_layout(margin={"l": 10, "r": 44, "t": 34, "b": 10}, dragmode=False, title_font_size=13)
    figure.update_yaxes(
        tickvals=[len(rows) - i for i in range(len(rows))],
        ticktext=[escape_html(row.label) for row in rows],
        range=[0.4, len(rows) + 0.6],
        showgrid=False,
        zeroline=False,
    )
    # Level on a narrow page too: fewer labels instead of turned ones.
    figure.update_xaxes(zeroline=False, nticks=4, tickangle=0)
    text = "; ".join(f"{row.label} {decimal(row.value, 2)}" for row in rows)
    said = "" if chance is None else f" Chance is {chance:g}, the dotted line."
    return Chart(figure, f"{title}: {text}.{said}")
