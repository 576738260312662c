"""The legend of a figure, to be copied into a manuscript or onto a slide. Plain text."""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape

from cellstate.formatting import one_line
from cellstate.viz.style import Chart

_HYPOTHESIS = "A prediction is a hypothesis: how genes go together in the training samples, with no claim of cause."


def chart_legend(chart: Chart, model: str) -> str:
    """Return the legend of a figure: title, sample or perturbation, what it shows with numbers, axes, units and model.

    Parameters
    ----------
    chart : Chart
    model : str
        Name of the model.
    """
    layout = chart.figure.layout
    subtitle = layout.title.subtitle.text or ""
    axes = [
        f"{name} axis: {unescape(title)}"
        for name, title in (("x", layout.xaxis.title.text), ("y", layout.yaxis.title.text))
        if title
    ]
    return legend(chart.title, chart.alt, model, about=unescape(subtitle), axes=axes, is_hypothesis=chart.is_hypothesis)


def legend(
    title: str, shows: str, model: str, *, about: str = "", axes: Sequence[str] = (), is_hypothesis: bool = True
) -> str:
    """Return a legend from its parts.

    Parameters
    ----------
    title, shows : str
        Title and text alternative of the figure; the latter names the number of genes or samples.
    model : str
    about : str
        The sample, or what was done to it.
    axes : sequence of str
        What each axis shows, with its unit.
    is_hypothesis : bool
        Whether the figure shows a prediction.
    """
    shows = shows.removeprefix("Hypothesis: ").removeprefix("Hypothesis by ")
    parts = [title, about, shows[:1].upper() + shows[1:], "; ".join(axes), f"CellState, model {model}"]
    if is_hypothesis:
        parts.append(_HYPOTHESIS)
    return " ".join(f"{one_line(part).rstrip('.')}." for part in parts if part)
