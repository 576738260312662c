"""Two scenarios compared: the predicted change of every gene by one against that by the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import escape_html, shorten, signed
from cellstate.viz.columns import CHANGE_A, CHANGE_B, GENE, IS_PERTURBED, IS_RELIABLE
from cellstate.viz.points import add_names, thin, without_overlap
from cellstate.viz.style import GREY, LOOKS, Chart, lay_out

#: Genes that differ most and are named.
NAMED = 8
_MAX_AXIS_TITLE = 30
_DIFFERENCE = "difference"


def scenario_scatter(table: pd.DataFrame, *, a: str, b: str, sample: str = "") -> Chart:
    """Draw the predicted change by scenario B against that by scenario A; a point is a gene that neither perturbs.

    Parameters
    ----------
    table : DataFrame
        `GENE`, `CHANGE_A`, `CHANGE_B`, difference, `IS_PERTURBED` (empty where neither perturbs the gene) and
        `IS_RELIABLE`, the largest difference first.
    a, b : str
        Names of the scenarios.
    """
    rest = table[table[IS_PERTURBED] == ""]
    different = most_different(rest)
    others = rest.drop(different.index)
    x, y = others[CHANGE_A].to_numpy(float), others[CHANGE_B].to_numpy(float)
    keep = thin(x, y)
    figure = go.Figure()
    parts = (
        (f"Other genes ({len(others):,})", others.iloc[keep], GREY, "circle", 4, 0.5),
        ("Differ most", different, LOOKS["pca"].colour, "diamond", 9, 1.0),
    )
    for name, part, colour, symbol, size, opacity in parts:
        figure.add_scatter(
            x=part[CHANGE_A],
            y=part[CHANGE_B],
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": size, "opacity": opacity},
            customdata=np.column_stack([part[GENE], part[_DIFFERENCE]]) if len(part) else None,
            hovertemplate="<b>%{customdata[0]}</b><br>A %{x:+.3f} log2<br>B %{y:+.3f} log2"
            "<br>A − B %{customdata[1]:+.3f}<extra></extra>",
        )
    spots = [(part[CHANGE_A].to_numpy(float), part[CHANGE_B].to_numpy(float)) for part in (different, rest)]
    named = different.iloc[without_overlap(*spots)]
    # Above its point, on the side that faces the middle, so that none is cut at the frame.
    middle = (rest[CHANGE_A].min() + rest[CHANGE_A].max()) / 2
    sides = ["top left" if change > middle else "top right" for change in named[CHANGE_A]]
    add_names(figure, named[CHANGE_A], named[CHANGE_B], named[GENE], sides)
    axes = [f"{side}: {escape_html(shorten(name, _MAX_AXIS_TITLE))} (log2)" for side, name in (("A", a), ("B", b))]
    lay_out(figure, "Change of every gene: B against A", *axes, subtitle=sample, height=460)
    low, high = _common_range(rest)
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1},
        name="equal in both",
        hoverinfo="skip",
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    if not len(rest):
        return Chart(figure, "Every gene is perturbed by one of the scenarios, so nothing is drawn.")
    first = [
        f"{g[GENE]} (A {signed(g[CHANGE_A])}, B {signed(g[CHANGE_B])})" for g in different.head(3).to_dict("records")
    ]
    alt = (
        f"Hypothesis: predicted change (log2 of TPM + 1) of {len(rest):,} genes that neither scenario perturbs, B "
        "against A. "
    )
    alt += f"They differ most in {', '.join(first)}." if first else "No gene differs."
    return Chart(figure, alt, is_hypothesis=True)


def most_different(rest: pd.DataFrame) -> pd.DataFrame:
    """Return the genes that differ most, reliable ones where there are any; none where no gene differs."""
    reliable = rest[rest[IS_RELIABLE]]
    different = (reliable if len(reliable) else rest).head(NAMED)
    return different[different[_DIFFERENCE] != 0]


def _common_range(rest: pd.DataFrame) -> tuple[float, float]:
    """Return the range that both changes cover, so that the diagonal extends no axis."""
    if not len(rest):
        return 0.0, 0.0
    low, high = (rest[[CHANGE_A, CHANGE_B]].agg(end) for end in ("min", "max"))
    return float(low.max()), float(high.min())
