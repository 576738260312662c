"""A predicted shift: every gene against its expression, and the genes that move most beside the rivals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.names import apart
from cellstate.viz.panels import bar_panels, name_room
from cellstate.viz.style import GREY, VIOLET, Chart, lay_out, listed, literal, look, tpm_ticks

RIVAL = "log2_fold_change_"
#: A point stands for all points in its cell of this grid, which is as large as a point: they would cover each other.
GRID = (100, 64)
#: Pixels left of and below the axes of `shift_scatter`: numbers, title and legend.
_ROOM = (64, 84)
#: Columns that `shift_scatter` takes of a table.
_DRAWN = ("gene", "tpm_before", "log2_fold_change", "is_reliable", "reason")
#: Smaller shifts (log2) are as good as none in a figure and in its sentence.
LEAST = 0.001
#: Most genes that are ringed and named, and that the sentence of the figure names.
MOST_NAMED, SAID = 40, 8


def thin(x: np.ndarray, y: np.ndarray, first: np.ndarray | None = None, grid: tuple[int, int] = GRID) -> np.ndarray:
    """Return which points to draw: of those that fall on the same spot, the one farthest from zero in y.

    Where some of them come ``first`` (bool, as long as x and y), it is one of these.
    """
    if len(x) == 0:
        return np.zeros(0, dtype=int)
    cells = [
        np.minimum((v - v.min()) / max(float(np.ptp(v)), 1e-12) * n, n - 1).astype(int)
        for v, n in zip((x, y), grid, strict=True)
    ]
    order = np.lexsort((-np.abs(y), np.zeros(len(y)) if first is None else ~first))
    _, found = np.unique((cells[0] * grid[1] + cells[1])[order], return_index=True)
    return np.sort(order[found])


def shift_scatter(
    table: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "", named: Collection[int] = ()
) -> Chart:
    """Draw the predicted shift of every gene that was not edited against its expression before.

    Parameters
    ----------
    table : DataFrame
        Columns gene, tpm_before, log2_fold_change, edited, trusted and reason, one row a gene.
    predictor : str, optional
        Whose shift ``log2_fold_change`` is: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    named : collection of int, optional
        Rows of the table whose points get a ring and their name, `MOST_NAMED` at most.
    """
    rest, style = table.loc[~table["is_perturbed"], list(_DRAWN)], look(predictor)
    figure = go.Figure()
    x, y = place(rest)
    trusted = rest["is_reliable"].to_numpy(bool)
    spots = thin(x, y, trusted)
    kinds = (
        ("Not trusted", ~trusted, GREY, "x-thin-open", 0.45),
        ("Trusted", trusted, style.colour, "circle", 0.7),
    )
    for name, which, colour, symbol, opacity in kinds:
        keep = spots[which[spots]]
        drawn, n = rest.iloc[keep], int(which.sum())
        figure.add_scatter(
            x=x[keep],
            y=y[keep],
            mode="markers",
            name=f"{name} ({n:,})" if len(keep) == n else f"{name} ({n:,}, {len(keep):,} drawn)",
            marker={"color": colour, "symbol": symbol, "size": 5, "opacity": opacity, "line": {"color": colour}},
            text=[literal(gene) for gene in drawn["gene"]],
            hovertext=None if name == "Trusted" else [literal(reason) for reason in drawn["reason"]],
            # The row is there for whoever asks which gene a point is.
            customdata=np.column_stack([drawn["tpm_before"], table.index.get_indexer(drawn.index)]).astype(np.float32),
            hovertemplate="<b>%{text}</b><br>%{customdata[0]:,.3~g} TPM before<br>shift %{y:+.3f} log2<br>"
            + ("is_reliable" if name == "Trusted" else "%{hovertext}")
            + "<extra></extra>",
        )
    ringed = rest.loc[rest.index.isin(table.index[list(named)])].head(MOST_NAMED)
    _ring(figure, ringed)
    limit = float(np.log1p(rest["tpm_before"].max())) if len(rest) else 1.0
    top = rest[rest["is_reliable"]].head(3)
    top = top.iloc[apart(place(top), place(rest))]
    figure.add_scatter(**_named(top[~top.index.isin(ringed.index)], 11), mode="text", showlegend=False)
    axes = ("expression before (TPM, log1p scale)", "predicted shift (log2 of TPM + 1)")
    below = f"{style.label}, {sample}" if sample else style.label
    lay_out(figure, "Shift of every gene", *axes, below=below, height=460, room=_ROOM)
    figure.update_xaxes(**tpm_ticks(limit), zeroline=False)
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    if not len(rest):
        return Chart(figure, "No gene is left that was not edited.")
    size = rest["log2_fold_change"].abs()
    alt = (
        f"Hypothesis by {style.label}: of {len(rest):,} genes that were not edited, half shift by less than "
        f"{max(size.median(), LEAST):.2g} log2 and none by more than {size.max():.2g}. "
        f"{int(trusted.sum()):,} are trusted. Of points that would cover each other one is drawn, a trusted one first; "
        "edited genes are set, not predicted, and are not drawn."
    )
    if len(ringed):
        alt += f" Ringed: {listed([str(gene) for gene in ringed['gene'].head(SAID)])}"
        alt += f" and {len(ringed) - SAID} more." if len(ringed) > SAID else "."
    return Chart(figure, alt)


def place(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return where `shift_scatter` draws the genes of a table: log1p TPM before, and log2 shift."""
    return np.log1p(table["tpm_before"].to_numpy(np.float32)), table["log2_fold_change"].to_numpy(np.float32)


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


def top_genes(table: pd.DataFrame, rivals: Sequence[str], *, predictor: str = "autoencoder", n: int = 15) -> Chart:
    """Draw the genes with the largest predicted shift, one panel a predictor, each on a scale of its own.

    Parameters
    ----------
    table : DataFrame
        As for `shift_scatter`, sorted by absolute shift, with one ``log2_fold_change_<rival>`` column a rival. Trusted
        genes are drawn; where none is trusted, all that were not edited.
    rivals : sequence of str
        Names of the rivals; one that moves none of these genes gets no panel.
    predictor : str, optional
        As for `shift_scatter`.
    """
    rest = table[~table["is_perturbed"]]
    trusted = bool(rest["is_reliable"].any())
    rows = (rest[rest["is_reliable"]] if trusted else rest).head(n).iloc[::-1]
    genes = [literal(gene) for gene in rows["gene"]]
    drawn = {predictor: "log2_fold_change"} | {r: RIVAL + r for r in rivals if (rows[RIVAL + r] != 0).any()}
    names = [look(name).label for name in drawn]
    figure = bar_panels(genes, {look(name): rows[column].to_numpy() for name, column in drawn.items()}, "log2", LEAST)
    which = "trusted genes" if trusted else "genes (none is trusted)"
    lay_out(figure, f"The {len(rows)} {which} that shift most", "", "", height=460, room=(name_room(genes), 44))
    figure.update_layout(margin_t=76, xaxis_title={"text": "shift up to (log2)", "standoff": 8})
    if not len(rows):
        return Chart(figure, "No gene is left that was not edited.")
    named = [f"{r.gene} {r.log2_fold_change:+.3f}" for r in rows.iloc[::-1].head(5).itertuples()]
    alt = f"Hypothesis by {look(predictor).label}: the largest shifts (log2 of TPM + 1) are {', '.join(named)}."
    if len(drawn) > 1:
        alt += f" Beside it, what {listed(names[1:])} say of the same genes. Each panel has its own scale."
    return Chart(figure, alt)
