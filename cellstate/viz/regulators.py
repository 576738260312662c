"""Regulators of one sample, as bars beside each regulator's own change, and of a cohort, as a heat map.

The browser draws the heat map (`cellstate.ui.components.drawings`), so that a click on a cell needs no
redrawing; this module decides what it shows.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from cellstate.formatting import escape_html, join_with_and, plural
from cellstate.viz.bar_panels import name_margin
from cellstate.viz.style import DIVERGING, GREY, LOOKS, Chart, lay_out

#: Regulators in each direction.
EACH = 10
#: Colours of the scale, an odd number so that one of them is that of 0.
LEVELS = 21
#: Level of a cell without a value.
NO_VALUE = 255
#: The scale ends at the activity that this fraction of the cells does not exceed, within these limits, in SD.
_WITHIN, _LEAST_LIMIT, _MOST_LIMIT = 0.98, 3.0, 10.0
_NAMED = 3
#: One colour a group; later groups begin again, and their names tell them apart.
GROUP_COLOURS = tuple(
    dict.fromkeys(LOOKS[name].colour for name in ("ridge", "coexpression", "elastic_net", "ridge_tf", "pca"))
)


def activity_bars(table: pd.DataFrame, reference: str, n: int = EACH) -> Chart:
    """Draw the most and the least active regulators of a sample.

    Parameters
    ----------
    table : DataFrame
        Columns gene, z, own_change; most active first. Where fdr is a column and not known, the figure says so.
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
        marker={"color": GREY, "size": 9, "symbol": "diamond", "line": {"color": "white", "width": 1}},
        customdata=names,
        hovertemplate="%{customdata}: own expression %{x:+.2f} SD<extra></extra>",
    )
    has_no_p = "fdr" in table and bool(table["fdr"].isna().all())
    # A longer subtitle would be cut.
    about = "bars: activity (no p); diamonds: own level" if has_no_p else "bars: activity; diamonds: own expression"
    height = max(280, 120 + 21 * len(rows))
    lay_out(
        figure,
        f"Regulators against the {escape_html(reference)}",
        "SD of normal samples",
        "",
        subtitle=about,
        height=height,
        margins=(name_margin(names), 44),
    )
    figure.update_layout(yaxis={"tickvals": at, "ticktext": names}, showlegend=False)
    if not len(rows):
        return Chart(figure, "No regulator was ranked.")
    alt = f"Hypothesis: most active against the {reference}: {join_with_and(up['gene'].head(5).tolist()) or 'none'}; "
    alt += f"least active: {join_with_and(down['gene'].iloc[::-1].head(5).tolist()) or 'none'}."
    return Chart(figure, alt, is_hypothesis=True)


@dataclass(frozen=True, eq=False)
class RegulatorHeatmap:
    """A heat map and its text alternative.

    Attributes
    ----------
    data : dict
        What the browser draws, as JSON: arrays are little-endian bytes in base64, one row a regulator.
    alt : str
        Plain text: what the heat map shows.
    title : str
        Short name, for screen readers.
    """

    data: dict[str, Any]
    alt: str
    title: str = "Activity of regulators in every sample"


def regulator_heatmap(
    samples: Sequence[str],
    genes: Sequence[str],
    z_SR: np.ndarray,
    *,
    groups: Sequence[str] = (),
    reference: str = "",
    spread: str = "normal samples",
) -> RegulatorHeatmap:
    """Draw the activity of regulators in the samples of a cohort, in the order given.

    Parameters
    ----------
    samples : sequence of str, length S
        From left to right.
    genes : sequence of str, length R
        From top to bottom.
    z_SR : ndarray
        Activity in SD; NaN where it is unknown.
    groups : sequence of str, optional
        Group of each sample, empty for none; drawn as a strip above the samples.
    reference : str
        What the samples were compared with, in words.
    spread : str
        Of what the activity is in SD.
    """
    z_SR = np.asarray(z_SR, np.float32).reshape(len(samples), len(genes))
    limit = _limit(z_SR)
    # Not by the order of samples: a group keeps its colour in every order.
    named = sorted({group for group in groups if group})
    data = {
        "samples": list(samples),
        "genes": list(genes),
        "z": _base64(z_SR.T, "<f4"),
        "level": _base64(levels(z_SR.T, limit), "u1"),
        "against": f"against the {reference}" if reference else "",
        "unit": f"activity (SD of {spread})",
        "limit": limit,
        "palette": sample_colorscale(DIVERGING, LEVELS, colortype="rgb"),
        "noValue": NO_VALUE,
        "grey": GREY,
        "groups": named,
        "group": [named.index(group) if group else -1 for group in groups],
        "groupColours": [GROUP_COLOURS[i % len(GROUP_COLOURS)] for i in range(len(named))],
    }
    against = f", against the {reference}" if reference else ""
    return RegulatorHeatmap(data, _alt(genes, z_SR, named, reference), f"{RegulatorHeatmap.title}{against}")


def levels(z: np.ndarray, limit: float) -> np.ndarray:
    """Return the level of each value on a scale from minus to plus the limit, as uint8; `NO_VALUE` for NaN."""
    half = (LEVELS - 1) / 2
    found = np.rint(half + half * np.clip(np.nan_to_num(z) / limit, -1, 1)).astype(np.uint8)
    return np.where(np.isnan(z), np.uint8(NO_VALUE), found)


def _limit(z: np.ndarray) -> float:
    known = np.abs(z[np.isfinite(z)])
    high = float(np.quantile(known, _WITHIN)) if len(known) else 0.0
    return float(np.clip(np.ceil(high), _LEAST_LIMIT, _MOST_LIMIT))


def _base64(values: np.ndarray, dtype: str) -> str:
    return b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def _alt(genes: Sequence[str], z_SR: np.ndarray, groups: Sequence[str], reference: str) -> str:
    if not z_SR.size:
        return "No regulator is shown."
    mean_R = np.nan_to_num(z_SR).mean(axis=0)
    order = np.argsort(-mean_R, kind="stable")
    up = [genes[r] for r in order if mean_R[r] > 0][:_NAMED]
    down = [genes[r] for r in order[::-1] if mean_R[r] < 0][:_NAMED]
    apart = f" in {plural(len(groups), 'group')}" if groups else ""
    return (
        f"Hypothesis: activity of {plural(len(genes), 'regulator')} in {plural(len(z_SR), 'sample')}{apart}, against "
        f"the {reference or 'reference'}. On average most active: {join_with_and(up) or 'none'}; least active: "
        f"{join_with_and(down) or 'none'}."
    )
