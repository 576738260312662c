"""Bars of the same rows side by side: one panel for each prediction method, each with its own scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cellstate.viz.style import GREY, Look

#: Gap between two panels, as a fraction of the figure's width.
_GAP = 0.05
#: Pixels left of the bars, without and for each letter of the longest name.
_NAME_PX, _LETTER_PX = 14, 7


def bar_panels(names: Sequence[str], values: Mapping[Look, np.ndarray], unit: str, least: float = 0.0) -> go.Figure:
    """Draw bars in panels that share the axis of names.

    Each panel is symmetric about zero, and one number below it gives its limit. The figure is built as one
    dictionary: plotly's helpers validate the whole figure at each step, which takes longer than a prediction.

    Parameters
    ----------
    names : sequence of str
        From bottom to top, as plotly draws them; two may be equal.
    values : mapping of Look to ndarray
        One panel for each, as long as the names.
    unit : str
        Of the values, for the tooltips.
    least : float
        Smallest limit of a panel.
    """
    n = len(values)
    width = (1 - _GAP * (n - 1)) / n
    data, layout, titles = [], {}, []
    for panel, (style, value) in enumerate(values.items()):
        number = str(panel + 1) if panel else ""
        start = panel * (width + _GAP)
        edge = max(float(np.nanmax(np.abs(value), initial=0)), least) or 1.0
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": value,
                # By position: two rows may have the same name.
                "y": np.arange(len(names)),
                "xaxis": f"x{number}",
                "name": style.label,
                "marker": style.bar,
                "customdata": names,
                "hovertemplate": f"%{{customdata}}: %{{x:+.3g}} {unit}<extra>{style.label}</extra>",
                "showlegend": False,
            }
        )
        layout[f"xaxis{number}"] = {
            "domain": [start, min(start + width, 1)],
            "anchor": "y",
            "range": [-edge, edge],
            "tickvals": [0],
            "ticktext": [f"± {edge:.2g}"],
            "tickangle": 0,
            "zeroline": True,
            "zerolinecolor": GREY,
        }
        titles.append(
            {
                # On a phone a panel is narrower than a name.
                "text": style.label.replace("-", "-<br>").replace(" ", "<br>", 1),
                "x": start + width / 2,
                "y": 1,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "center",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 12},
            }
        )
    name_axis = {"tickvals": np.arange(len(names)), "ticktext": names, "tickfont": {"size": 11}, "zeroline": False}
    return go.Figure({"data": data, "layout": layout | {"yaxis": name_axis, "annotations": titles}})


def name_margin(names: Sequence[str]) -> int:
    """Return the pixels that names need left of the bars."""
    return _NAME_PX + _LETTER_PX * max(map(len, names), default=0)
