"""What every figure shares: colours, symbols, patterns, axes in TPM and the toolbar.

Colours are Okabe and Ito's, chosen so that each has a contrast of at least 3 to 1 on white and on the dark theme's
background; a symbol or a pattern says the same where colour does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go

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


@dataclass(frozen=True)
class Look:
    """How one predictor is drawn, the same in every figure."""

    label: str
    colour: str
    pattern: str
    symbol: str

    @property
    def bar(self) -> dict[str, Any]:
        """How a bar is filled: the pattern inside an outline, so that its end is seen."""
        pattern = {"shape": self.pattern, "solidity": 0.25}
        return {"color": self.colour, "line": {"color": self.colour, "width": 1}, "pattern": pattern}


LOOKS: Mapping[str, Look] = {
    "autoencoder": Look("Autoencoder", "#0072B2", "", "circle"),
    "likeliest": Look("Autoencoder, likeliest value", "#0072B2", "|", "circle-open"),
    "pca": Look("PCA", "#D55E00", "/", "diamond"),
    "coexpression": Look("Co-expression", "#009E73", ".", "square"),
    "ridge": Look("Ridge", "#E69F00", "\\", "triangle-up"),
    "elastic_net": Look("Elastic net", VIOLET, "+", "star"),
    "ridge_tf": Look("Ridge on TFs", "#56B4E9", "-", "triangle-down"),
    "gene_mean": Look("Gene mean", GREY, "x", "x"),
    "no_change": Look("No change", GREY, "x", "x"),
}
#: Blue below 0, orange above; 0 is seen on white and on the dark theme alike.
DIVERGING = [[0.0, "#0072B2"], [0.35, "#8DB9D6"], [0.5, "#C9CFD6"], [0.65, "#E5A884"], [1.0, "#D55E00"]]
_UNKNOWN = Look("", GREY, "+", "hexagon")

#: Characters of a name that fit on a phone.
_LONGEST = 44
_TPM_TICKS = (0, 1, 10, 100, 1_000, 10_000, 100_000)


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure and the sentence that stands in for it.

    Attributes
    ----------
    figure : plotly Figure
    alt : str
        Plain text: what the figure shows, for captions and screen readers.
    """

    figure: go.Figure
    alt: str

    @property
    def title(self) -> str:
        """What the figure is called, plain text."""
        return unescape(self.figure.layout.title.text or "")

    @property
    def is_hypothesis(self) -> bool:
        """Whether a prediction is drawn; its sentence says so first."""
        return self.alt.startswith("Hypothesis")


def look(predictor: str) -> Look:
    """Return how a predictor is drawn; one without a look of its own is drawn in violet under its own name."""
    # Model folders and benchmarks say "network".
    predictor = "autoencoder" if predictor == "network" else predictor
    return LOOKS.get(predictor) or Look(predictor.replace("_", " "), *list(vars(_UNKNOWN).values())[1:])


def literal(text: str) -> str:
    """Return text that plotly shows as it stands: a name from a file is never taken for markup."""
    return escape(text, quote=False)


def cut(name: str, most: int) -> str:
    """Return a name with at most so many characters; what is missing shows as an ellipsis."""
    return name if len(name) <= most else name[: most - 1] + "…"


def lay_out(
    figure: go.Figure,
    title: str,
    x: str,
    y: str,
    *,
    below: str = "",
    height: int = 420,
    room: tuple[int, int] | None = None,
) -> go.Figure:
    """Give a figure its title, a name from a file below it, axis titles and a legend at the foot that may wrap.

    With ``room``, pixels left of and below the axes, the browser does not measure what stands there: that takes it as
    long again as to draw the figure.
    """
    left, foot = room or (10, 10)
    figure.update_layout(
        title={
            "text": title,
            "subtitle": {"text": literal(cut(below, _LONGEST)), "font": {"size": 12}},
            "x": 0,
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
            "font": {"size": 16},
        },
        height=height,
        margin={"l": left, "r": 10, "t": 64 if below else 56, "b": foot},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"},
        hoverlabel={"align": "left"},
        dragmode="zoom",
    )
    figure.update_xaxes(title={"text": x, "standoff": 8}, automargin=room is None)
    figure.update_yaxes(title={"text": y, "standoff": 8}, automargin=room is None)
    return figure


def listed(names: Sequence[str]) -> str:
    """Join names as a sentence does: commas, and *and* before the last."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def percent(share: float | None, digits: int = 0) -> str:
    """Return ``47 %``, a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def digits(value: float, n: int = 3) -> str:
    """Return a number in n digits, never with an exponent, as it would be said."""
    return np.format_float_positional(value, precision=n, fractional=False, trim="-", unique=False)


def tpm_ticks(limit_log1p: float) -> dict[str, Sequence]:
    """Return ticks in TPM for an axis of log1p TPM that ends at `limit_log1p`."""
    shown = [t for t in _TPM_TICKS if np.log1p(t) <= limit_log1p + 0.05]
    return {"tickvals": [float(np.log1p(t)) for t in shown], "ticktext": [f"{t:,}" for t in shown]}
