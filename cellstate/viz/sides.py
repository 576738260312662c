"""Two sets of edits side by side: what each does to every gene, one against the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.shift import thin
from cellstate.viz.style import GREY, LOOKS, Chart, cut, lay_out, literal

#: Genes that differ most, drawn apart and named.
NAMED = 8
_AXIS = 30


def sides_scatter(table: pd.DataFrame, *, a: str, b: str, sample: str = "") -> Chart:
    """Draw the shift that one set of edits causes against that of another, each gene that neither edits a point.

    Parameters
    ----------
    table : DataFrame
        Columns gene, log2_fold_change_a, log2_fold_change_b, difference, edited (empty where neither edits the gene)
        and trusted, the largest difference first.
    a, b : str
        What the sets are called.
    sample : str, optional
        Named in the title.
    """
    rest = table[table["edited"] == ""]
    apart = differing(rest)
    others = rest.drop(apart.index)
    x, y = others["log2_fold_change_a"].to_numpy(float), others["log2_fold_change_b"].to_numpy(float)
    keep = thin(x, y)
    figure = go.Figure()
    parts = (
        (f"Other genes ({len(others):,})", others.iloc[keep], GREY, "circle", 4, 0.5),
        ("Differ most", apart, LOOKS["pca"].colour, "diamond", 9, 1.0),
    )
    for name, part, colour, symbol, size, opacity in parts:
        figure.add_scatter(
            x=part["log2_fold_change_a"],
            y=part["log2_fold_change_b"],
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": size, "opacity": opacity},
            customdata=np.column_stack([part["gene"], part["difference"]]) if len(part) else None,
            hovertemplate="<b>%{customdata[0]}</b><br>A %{x:+.3f} log2<br>B %{y:+.3f} log2"
            "<br>A − B %{customdata[1]:+.3f}<extra></extra>",
        )
    for gene in apart.itertuples():
        # A name stands on the side of its point that is away from the middle of the figure.
        right = gene.log2_fold_change_a < apart["log2_fold_change_a"].median()
        figure.add_annotation(
            x=gene.log2_fold_change_a,
            y=gene.log2_fold_change_b,
            text=literal(gene.gene),
            showarrow=False,
            xanchor="right" if right else "left",
            xshift=-8 if right else 8,
            font={"size": 11},
        )
    axes = [f"{side}: {literal(cut(name, _AXIS))} (log2)" for side, name in (("A", a), ("B", b))]
    lay_out(figure, "Every gene under B against A", *axes, below=sample, height=460)
    low, high = _range(rest)
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1},
        name="the same under both",
        hoverinfo="skip",
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    if not len(rest):
        return Chart(figure, "No gene is left that neither set edits.")
    named = [
        f"{g.gene} (A {g.log2_fold_change_a:+.3f}, B {g.log2_fold_change_b:+.3f})" for g in apart.head(3).itertuples()
    ]
    alt = f"Hypothesis: predicted shift (log2 of TPM + 1) of {len(rest):,} genes that neither set edits, B against A. "
    alt += f"They differ most in {', '.join(named)}." if named else "No gene differs."
    return Chart(figure, alt)


def differing(rest: pd.DataFrame) -> pd.DataFrame:
    """Return the genes that differ most, trusted ones where there are any; none where nothing differs."""
    trusted = rest[rest["is_reliable"]]
    apart = (trusted if len(trusted) else rest).head(NAMED)
    return apart[apart["difference"] != 0]


def _range(rest: pd.DataFrame) -> tuple[float, float]:
    """Return where both shifts reach alike, so that the line of sameness stretches no axis."""
    if not len(rest):
        return 0.0, 0.0
    low, high = (rest[["log2_fold_change_a", "log2_fold_change_b"]].agg(end) for end in ("min", "max"))
    return float(low.max()), float(high.min())
