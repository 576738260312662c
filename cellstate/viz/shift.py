"""A predicted shift: every gene against its expression, and the genes that move most beside the rivals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cellstate.viz.style import GREY, Chart, lay_out, listed, literal, look, tpm_ticks

RIVAL = "delta_log2_"
#: A point stands for all points of the same kind in its cell of this grid: they would cover each other anyway.
GRID = (220, 160)


def thin(x: np.ndarray, y: np.ndarray, grid: tuple[int, int] = GRID) -> np.ndarray:
    """Return which points to draw: of those that fall on the same spot, the one farthest from zero in y."""
    if len(x) == 0:
        return np.zeros(0, dtype=int)
    cells = [
        np.minimum((v - v.min()) / max(float(np.ptp(v)), 1e-12) * n, n - 1).astype(int)
        for v, n in zip((x, y), grid, strict=True)
    ]
    order = np.argsort(-np.abs(y), kind="stable")
    _, first = np.unique((cells[0] * grid[1] + cells[1])[order], return_index=True)
    return np.sort(order[first])


def shift_scatter(table: pd.DataFrame, *, predictor: str = "network", sample: str = "") -> Chart:
    """Draw the predicted shift of every gene that was not edited against its expression before.

    Parameters
    ----------
    table : DataFrame
        Columns gene, tpm_before, delta_log2, edited, trusted and reason, one row a gene.
    predictor : str, optional
        Whose shift ``delta_log2`` is: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    """
    rest, style = table[~table["edited"]], look(predictor)
    figure = go.Figure()
    kinds = (
        ("Not trusted", rest[~rest["trusted"]], GREY, "x-thin-open", 0.45),
        ("Trusted", rest[rest["trusted"]], style.colour, "circle", 0.7),
    )
    for name, part, colour, symbol, opacity in kinds:
        x = np.log1p(part["tpm_before"].to_numpy(float))
        y = part["delta_log2"].to_numpy(float)
        keep = thin(x, y)
        drawn = part.iloc[keep]
        said = drawn["reason"].where(drawn["reason"] != "", "trusted") if len(drawn) else drawn["reason"]
        figure.add_scatter(
            x=x[keep],
            y=y[keep],
            mode="markers",
            name=f"{name} ({len(part):,})",
            marker={"color": colour, "symbol": symbol, "size": 5, "opacity": opacity, "line": {"color": colour}},
            customdata=np.column_stack([drawn["gene"], drawn["tpm_before"], said]) if len(drawn) else None,
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:,.3~g} TPM before"
            "<br>shift %{y:+.3f} log2<br>%{customdata[2]}<extra></extra>",
        )
    top = rest[rest["trusted"]].head(3)
    figure.add_scatter(
        x=np.log1p(top["tpm_before"]),
        y=top["delta_log2"],
        mode="text",
        text=[literal(gene) for gene in top["gene"]],
        textposition=["top center" if d > 0 else "bottom center" for d in top["delta_log2"]],
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    limit = float(np.log1p(rest["tpm_before"].max())) if len(rest) else 1.0
    axes = ("expression before (TPM, log1p scale)", "predicted shift (log2 of TPM + 1)")
    lay_out(figure, f"{style.label}: shift of every gene", *axes, below=sample, height=460)
    figure.update_xaxes(**tpm_ticks(limit), zeroline=False)
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    if not len(rest):
        return Chart(figure, "No gene is left that was not edited.")
    size = rest["delta_log2"].abs()
    alt = (
        f"Hypothesis by {style.label}: of {len(rest):,} genes that were not edited, half shift by less than "
        f"{size.median():.2g} log2 and none by more than {size.max():.2g}. {int(rest['trusted'].sum()):,} are trusted. "
        "Points that would cover each other are drawn once; edited genes are set, not predicted, and are not drawn."
    )
    return Chart(figure, alt)


def top_genes(table: pd.DataFrame, rivals: Sequence[str], *, predictor: str = "network", n: int = 15) -> Chart:
    """Draw the genes with the largest predicted shift, one panel a predictor, each on a scale of its own.

    Parameters
    ----------
    table : DataFrame
        As for `shift_scatter`, sorted by absolute shift, with one ``delta_log2_<rival>`` column a rival. Trusted
        genes are drawn; where none is trusted, all that were not edited.
    rivals : sequence of str
        Names of the rivals; one that moves none of these genes gets no panel.
    predictor : str, optional
        As for `shift_scatter`.
    """
    rest = table[~table["edited"]]
    trusted = bool(rest["trusted"].any())
    rows = (rest[rest["trusted"]] if trusted else rest).head(n).iloc[::-1]
    genes = [literal(gene) for gene in rows["gene"]]
    drawn = {predictor: "delta_log2"} | {r: RIVAL + r for r in rivals if (rows[RIVAL + r] != 0).any()}
    names = [look(name).label for name in drawn]
    # On a phone a panel is narrower than a name.
    narrow = [name.replace("-", "-<br>").replace(" ", "<br>", 1) for name in names]
    figure = make_subplots(1, len(drawn), shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=narrow)
    for position, (name, column) in enumerate(drawn.items(), start=1):
        style = look(name)
        figure.add_bar(
            x=rows[column],
            y=genes,
            orientation="h",
            name=style.label,
            marker={"color": style.colour, "pattern": {"shape": style.pattern, "solidity": 0.25}},
            hovertemplate="%{y}: %{x:+.3f} log2<extra>" + style.label + "</extra>",
            showlegend=False,
            row=1,
            col=position,
        )
    which = "trusted genes" if trusted else "genes (none is trusted)"
    lay_out(figure, f"The {len(rows)} {which} that shift most", "shift (log2)", "", height=460)
    figure.update_xaxes(nticks=3, tickangle=0, zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(type="category", tickfont={"size": 11}, dtick=1, title=None)
    figure.update_annotations(font={"size": 12})
    figure.update_layout(margin_t=76)
    for position in range(2, len(drawn) + 1):
        figure.update_xaxes(title=None, col=position)
    if not len(rows):
        return Chart(figure, "No gene is left that was not edited.")
    named = [f"{r.gene} {r.delta_log2:+.3f}" for r in rows.iloc[::-1].head(5).itertuples()]
    alt = f"Hypothesis by {look(predictor).label}: the largest shifts (log2 of TPM + 1) are {', '.join(named)}."
    if len(drawn) > 1:
        alt += f" Beside it, what {listed(names[1:])} say of the same genes. Each panel has its own scale."
    return Chart(figure, alt)
