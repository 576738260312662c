"""Shared style of all figures: colours, symbols, axes in TPM and the toolbar.

Colours are Okabe and Ito's. Each has a contrast of at least 3 to 1 on white and on the dark theme's background, and a
symbol or a label carries the same information.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cellstate.formatting import escape_html, shorten

#: The toolbar: no logo, no upload to a cloud, and a download that stays sharp in print.
PLOT_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "filename": "cellstate"},
    "responsive": True,
}

GREY = "#7D8894"
VIOLET = "#B5588F"
#: A predicted fall and rise, distinguishable with every kind of colour vision, on white and on the dark theme.
DOWN, UP = "#2479B5", "#D64A2E"


@dataclass(frozen=True)
class Look:
    """Style of one prediction method, the same in every figure."""

    label: str
    colour: str
    symbol: str

    @property
    def bar(self) -> dict[str, Any]:
        """Marker of a bar; one that only outlines its symbol is drawn as an outline."""
        is_open = self.symbol.endswith("-open")
        fill = f"rgba{(*bytes.fromhex(self.colour[1:]), 0.25)}" if is_open else self.colour
        return {"color": fill, "line": {"color": self.colour, "width": 1}}


LOOKS: Mapping[str, Look] = {
    "autoencoder": Look("Autoencoder", "#0072B2", "circle"),
    "conditional_mode": Look("Autoencoder, conditional mode", "#0072B2", "circle-open"),
    "pca": Look("PCA", "#D55E00", "diamond"),
    "coexpression": Look("Co-expression", "#009E73", "square"),
    "whitened_coexpression": Look("Whitened co-expression", "#44AA99", "cross"),
    "ridge": Look("Ridge", "#E69F00", "triangle-up"),
    "elastic_net": Look("Elastic net", VIOLET, "star"),
    "ridge_tf": Look("Ridge on TFs", "#56B4E9", "triangle-down"),
    "gene_mean": Look("Gene mean", GREY, "x"),
    "no_change": Look("No change", GREY, "x"),
}
#: Blue below 0, orange above; the grey of 0 is visible on white and on the dark theme.
DIVERGING = [[0.0, "#0072B2"], [0.35, "#8DB9D6"], [0.5, "#C9CFD6"], [0.65, "#E5A884"], [1.0, "#D55E00"]]
_UNKNOWN = Look("", GREY, "hexagon")

#: Characters of a subtitle that fit on a phone.
_MAX_SUBTITLE = 44
_TPM_TICKS = (0, 1, 10, 100, 1_000, 10_000, 100_000)
#: For axes that end below 10 TPM.
_SMALL_TPM_TICKS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure and its text alternative.

    Attributes
    ----------
    figure : plotly Figure
    alt : str
        Plain text: what the figure shows, for captions and screen readers.
    is_hypothesis : bool
        Whether the figure shows a prediction.
    caption : str
        Shorter caption of a figure whose numbers stand beside it; where it is empty, `alt` is the caption.
    """

    figure: go.Figure
    alt: str
    is_hypothesis: bool = False
    caption: str = ""

    @property
    def title(self) -> str:
        """Title of the figure, plain text."""
        return unescape(self.figure.layout.title.text or "")


def look(predictor: str) -> Look:
    """Return the style of a prediction method; an unknown one is grey and keeps its own name."""
    return LOOKS.get(predictor) or Look(predictor.replace("_", " "), *list(vars(_UNKNOWN).values())[1:])


def lay_out(
    figure: go.Figure,
    title: str,
    x: str,
    y: str,
    *,
    subtitle: str = "",
    height: int = 420,
    margins: tuple[int, int] | None = None,
) -> go.Figure:
    """Set a figure's title, subtitle, axis titles, and a legend at the foot that may wrap.

    Parameters
    ----------
    figure : plotly Figure
    title, x, y : str
        Titles of the figure and its axes.
    subtitle : str, optional
        May be a name from a file: it is escaped and cut.
    height : int, optional
        Pixels.
    margins : (int, int), optional
        Pixels left of and below the axes, at least. With them the browser does not measure the labels on the left,
        which may be many: that halves the time to draw.
    """
    left, foot = margins or (10, 10)
    figure.update_layout(
        title={
            "text": title,
            "subtitle": {"text": escape_html(shorten(subtitle, _MAX_SUBTITLE)), "font": {"size": 12}},
            "x": 0,
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
            "font": {"size": 16},
        },
        height=height,
        margin={"l": left, "r": 10, "t": 64 if subtitle else 56, "b": foot},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"},
        hoverlabel={"align": "left"},
        dragmode="zoom",
    )
    # A legend of several lines, as on a phone, would else lie on these labels.
    figure.update_xaxes(title={"text": x, "standoff": 8}, automargin=True)
    figure.update_yaxes(title={"text": y, "standoff": 16}, automargin=margins is None)
    return figure


def colour_bar(title: str, tickformat: str) -> dict[str, Any]:
    """Return a horizontal colour bar at the foot of a figure."""
    return {
        "title": {"text": title, "side": "bottom"},
        "orientation": "h",
        "thickness": 12,
        "nticks": 5,
        "tickformat": tickformat,
        "yref": "container",
        "y": 0,
        "yanchor": "bottom",
    }


def tpm_ticks(limit_log1p: float) -> dict[str, Sequence]:
    """Return ticks in TPM for an axis of log1p TPM that ends at `limit_log1p`."""
    if limit_log1p < np.log1p(10):
        shown = [t for t in _SMALL_TPM_TICKS if np.log1p(t) <= limit_log1p and not 0 < np.log1p(t) <= limit_log1p / 12]
        return {"tickvals": [float(np.log1p(t)) for t in shown], "ticktext": [f"{t:g}" for t in shown]}
    shown = [t for t in _TPM_TICKS if np.log1p(t) <= limit_log1p + 0.05]
    return {"tickvals": [float(np.log1p(t)) for t in shown], "ticktext": [f"{t:,}" for t in shown]}
