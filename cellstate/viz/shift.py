"""A predicted shift: every gene against its expression, and the genes that move most beside the rivals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.style import GREY, VIOLET, Chart, Look, lay_out, listed, literal, look, tpm_ticks

RIVAL = "delta_log2_"
#: A point stands for all points of the same kind in its cell of this grid: they would cover each other anyway.
GRID = (130, 90)
#: Pixels left of and below the axes of `shift_scatter`: numbers, title and legend.
_ROOM = (64, 84)
#: Pixels left of the bars of `top_genes`, without and for each letter of the longest name.
_NAME_PX, _LETTER_PX = 14, 7
#: Between two panels, as a share of the figure's width.
_GAP = 0.05
#: What a name takes in `shift_scatter`, as shares of the room of all points.
_NAME_ROOM = np.array([0.16, 0.06])
#: Most genes that are ringed and named, and that the sentence of the figure names.
MOST_NAMED, SAID = 40, 8


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


def shift_scatter(
    table: pd.DataFrame, *, predictor: str = "network", sample: str = "", named: Collection[int] = ()
) -> Chart:
    """Draw the predicted shift of every gene that was not edited against its expression before.

    Parameters
    ----------
    table : DataFrame
        Columns gene, tpm_before, delta_log2, edited, trusted and reason, one row a gene.
    predictor : str, optional
        Whose shift ``delta_log2`` is: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    named : collection of int, optional
        Rows of the table whose points get a ring and their name, `MOST_NAMED` at most.
    """
    rest, style = table[~table["edited"]], look(predictor)
    figure = go.Figure()
    kinds = (
        ("Not trusted", ~rest["trusted"], GREY, "x-thin-open", 0.45),
        ("Trusted", rest["trusted"], style.colour, "circle", 0.7),
    )
    for name, which, colour, symbol, opacity in kinds:
        part = rest[which]
        x, y = place(part)
        keep = thin(x, y)
        drawn = part.iloc[keep]
        figure.add_scatter(
            x=x[keep],
            y=y[keep],
            mode="markers",
            name=f"{name} ({len(part):,})",
            marker={"color": colour, "symbol": symbol, "size": 5, "opacity": opacity, "line": {"color": colour}},
            text=[literal(gene) for gene in drawn["gene"]],
            hovertext=None if name == "Trusted" else [literal(reason) for reason in drawn["reason"]],
            # The row is there for whoever asks which gene a point is.
            customdata=np.column_stack([drawn["tpm_before"], table.index.get_indexer(drawn.index)]).astype(np.float32),
            hovertemplate="<b>%{text}</b><br>%{customdata[0]:,.3~g} TPM before<br>shift %{y:+.3f} log2<br>"
            + ("trusted" if name == "Trusted" else "%{hovertext}")
            + "<extra></extra>",
        )
    ringed = rest.loc[rest.index.isin(table.index[list(named)])].head(MOST_NAMED)
    _ring(figure, ringed)
    limit = float(np.log1p(rest["tpm_before"].max())) if len(rest) else 1.0
    top = _apart(rest[rest["trusted"]].head(3), rest)
    figure.add_scatter(**_named(top[~top.index.isin(ringed.index)], 11), mode="text", showlegend=False)
    axes = ("expression before (TPM, log1p scale)", "predicted shift (log2 of TPM + 1)")
    lay_out(figure, f"{style.label}: shift of every gene", *axes, below=sample, height=460, room=_ROOM)
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
    if len(ringed):
        alt += f" Ringed: {listed([str(gene) for gene in ringed['gene'].head(SAID)])}"
        alt += f" and {len(ringed) - SAID} more." if len(ringed) > SAID else "."
    return Chart(figure, alt)


def _panels(genes: Sequence[str], shifts: Mapping[Look, np.ndarray]) -> go.Figure:
    """Draw bars of the same genes in one panel a predictor, which share the axis of genes.

    Made in one piece: plotly's own helpers check the whole figure at each step, which takes longer than a prediction.
    """
    n = len(shifts)
    width = (1 - _GAP * (n - 1)) / n
    data, layout, titles = [], {}, []
    for panel, (style, shift) in enumerate(shifts.items()):
        number = str(panel + 1) if panel else ""
        start = panel * (width + _GAP)
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": shift,
                "y": genes,
                "xaxis": f"x{number}",
                "name": style.label,
                "marker": style.bar,
                "hovertemplate": "%{y}: %{x:+.3f} log2<extra>" + style.label + "</extra>",
                "showlegend": False,
            }
        )
        layout[f"xaxis{number}"] = {
            "domain": [start, min(start + width, 1)],
            "anchor": "y",
            "nticks": 3,
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
    gene_axis = {"type": "category", "tickfont": {"size": 11}, "dtick": 1}
    return go.Figure({"data": data, "layout": layout | {"yaxis": gene_axis, "annotations": titles}})


def place(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return where `shift_scatter` draws the genes of a table: log1p TPM before, and log2 shift."""
    return np.log1p(table["tpm_before"].to_numpy(np.float32)), table["delta_log2"].to_numpy(np.float32)


def _apart(rows: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose names would not cover the name of a row before, by the room that all points take."""
    room = np.array([max(float(np.ptp(v)), 1e-12) for v in place(every)]) if len(every) else np.ones(2)
    spots = np.column_stack(place(rows)) / room
    kept: list[int] = []
    for row, spot in enumerate(spots):
        if not any((np.abs(spot - spots[other]) < _NAME_ROOM).all() for other in kept):
            kept.append(row)
    return rows.iloc[kept]


def _ring(figure: go.Figure, rows: pd.DataFrame) -> None:
    if len(rows):
        figure.add_scatter(
            **_named(rows, 12),
            mode="markers+text",
            name="Selected",
            marker={"color": VIOLET, "symbol": "circle-open", "size": 12, "line": {"width": 2.5}},
        )


def _named(rows: pd.DataFrame, size: int) -> dict[str, Any]:
    """Return where points stand and what they are called, above or below, away from the middle."""
    x, y = place(rows)
    return {
        "x": x,
        "y": y,
        "text": [literal(gene) for gene in rows["gene"]],
        "textposition": ["top center" if shift > 0 else "bottom center" for shift in y],
        "textfont": {"size": size},
        "hoverinfo": "skip",
    }


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
    figure = _panels(genes, {look(name): rows[column].to_numpy() for name, column in drawn.items()})
    which = "trusted genes" if trusted else "genes (none is trusted)"
    left = _NAME_PX + _LETTER_PX * max(map(len, genes), default=0)
    lay_out(figure, f"The {len(rows)} {which} that shift most", "", "", height=460, room=(left, 44))
    figure.update_layout(margin_t=76, xaxis_title={"text": "shift (log2)", "standoff": 8})
    if not len(rows):
        return Chart(figure, "No gene is left that was not edited.")
    named = [f"{r.gene} {r.delta_log2:+.3f}" for r in rows.iloc[::-1].head(5).itertuples()]
    alt = f"Hypothesis by {look(predictor).label}: the largest shifts (log2 of TPM + 1) are {', '.join(named)}."
    if len(drawn) > 1:
        alt += f" Beside it, what {listed(names[1:])} say of the same genes. Each panel has its own scale."
    return Chart(figure, alt)
