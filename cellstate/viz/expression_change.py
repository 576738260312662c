"""A predicted expression change: every gene against its expression, and the most changed genes beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, fold_change, join_with_and
from cellstate.viz.bar_panels import bar_panels, name_margin
from cellstate.viz.columns import CHANGE, CHANGE_OF, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_BEFORE
from cellstate.viz.points import add_names, thin, without_overlap
from cellstate.viz.style import GREY, Chart, lay_out, look, tpm_ticks

#: Pixels left of and below the axes of `expression_change_scatter`: numbers, title and legend.
_MARGINS = (64, 84)
_DRAWN = (GENE, TPM_BEFORE, CHANGE, IS_RELIABLE, REASON)
#: Smaller changes (log2) are shown as this one.
SMALLEST_SHOWN = 0.001


def expression_change_scatter(table: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "") -> Chart:
    """Draw the predicted change of every gene that was not perturbed against its expression before.

    Parameters
    ----------
    table : DataFrame
        `GENE`, `TPM_BEFORE`, `CHANGE`, `IS_PERTURBED`, `IS_RELIABLE` and `REASON` of `cellstate.viz.columns`, one row
        a gene.
    """
    rest, style = table.loc[~table[IS_PERTURBED], list(_DRAWN)], look(predictor)
    figure = go.Figure()
    x, y = coordinates(rest)
    reliable = rest[IS_RELIABLE].to_numpy(bool)
    spots = thin(x, y, reliable)
    kinds = (
        ("Less reliable", ~reliable, GREY, "x-thin-open", 0.45),
        ("Reliable", reliable, style.colour, "circle", 0.7),
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
            text=[escape_html(gene) for gene in drawn[GENE]],
            hovertext=None if name == "Reliable" else [escape_html(reason) for reason in drawn[REASON]],
            customdata=np.column_stack([drawn[TPM_BEFORE], np.exp2(y[keep])]).astype(np.float32),
            hovertemplate="<b>%{text}</b><br>%{customdata[0]:,.3~g} TPM before<br>%{y:+.3~g} log2, "
            "%{customdata[1]:.3~g}×<br>" + ("reliable" if name == "Reliable" else "%{hovertext}") + "<extra></extra>",
        )
    _name_top_genes(figure, rest)
    axes = ("expression before (TPM, log1p scale)", "predicted change (log2 of TPM + 1)")
    subtitle = f"{style.label}, {sample}" if sample else style.label
    lay_out(figure, "Expression change of every gene", *axes, subtitle=subtitle, height=460, margins=_MARGINS)
    limit = float(np.log1p(rest[TPM_BEFORE].max())) if len(rest) else 1.0
    figure.update_xaxes(**tpm_ticks(limit), zeroline=False)
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    if not len(rest):
        return Chart(figure, "Every gene is perturbed, so nothing is drawn.")
    return Chart(figure, scatter_sentence(rest, predictor), is_hypothesis=True)


def scatter_sentence(rest: pd.DataFrame, predictor: str) -> str:
    """Return the text alternative of a scatter plot of the genes that were not perturbed."""
    size = rest[CHANGE].abs()
    return (
        f"Hypothesis by {look(predictor).label}: half of the {len(rest):,} genes that were not perturbed change by "
        f"less than {digits(max(size.median(), SMALLEST_SHOWN), 2)} log2, none by more than {digits(size.max(), 2)}. "
        f"{int(rest[IS_RELIABLE].sum()):,} are reliable. Of points that would cover each other one is drawn, a "
        "reliable one first. Perturbed genes are set, not predicted, and are not drawn."
    )


def coordinates(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of each gene in the scatter plot: log1p TPM before, and log2 change."""
    return np.log1p(table[TPM_BEFORE].to_numpy(np.float32)), table[CHANGE].to_numpy(np.float32)


def _name_top_genes(figure: go.Figure, rest: pd.DataFrame) -> None:
    """Write the names of the most changed reliable genes above or below their points, on the outer side."""
    top = rest[rest[IS_RELIABLE]].head(3)
    top = top.iloc[without_overlap(coordinates(top), coordinates(rest))]
    x, y = coordinates(top)
    add_names(figure, x, y, top[GENE], ["top center" if change > 0 else "bottom center" for change in y])


def top_gene_bars(
    table: pd.DataFrame, baselines: Sequence[str], *, predictor: str = "autoencoder", n: int = 15
) -> Chart:
    """Draw the most changed genes, one panel for each prediction method, each with its own scale.

    Parameters
    ----------
    table : DataFrame
        As for `expression_change_scatter`, sorted by absolute change, with one column `CHANGE_OF` + name for each
        baseline. Reliable genes are drawn; where none is reliable, all that were not perturbed.
    baselines : sequence of str
        Names of the baselines; one that changes none of these genes gets no panel.
    """
    rest = table[~table[IS_PERTURBED]]
    any_reliable = bool(rest[IS_RELIABLE].any())
    rows = (rest[rest[IS_RELIABLE]] if any_reliable else rest).head(n).iloc[::-1]
    genes = [escape_html(gene) for gene in rows[GENE]]
    columns = {predictor: CHANGE} | {b: CHANGE_OF + b for b in baselines if (rows[CHANGE_OF + b] != 0).any()}
    labels = [look(name).label for name in columns]
    values = {look(name): rows[column].to_numpy() for name, column in columns.items()}
    figure = bar_panels(genes, values, "log2", SMALLEST_SHOWN)
    which = "reliable genes" if any_reliable else "genes (none is reliable)"
    title = f"The {len(rows)} most changed {which}"
    lay_out(figure, title, "", "", height=460, margins=(name_margin(genes), 44))
    figure.update_layout(margin_t=76, xaxis_title={"text": "change up to (log2)", "standoff": 8})
    if not len(rows):
        return Chart(figure, "Every gene is perturbed, so nothing is drawn.")
    largest = [f"{gene} {fold_change(value)}" for gene, value in rows.iloc[::-1].head(3)[[GENE, CHANGE]].to_numpy()]
    alt = f"Hypothesis by {labels[0]}: the largest changes are {'; '.join(largest)}."
    if len(columns) > 1:
        alt += f" Beside it, the predictions by {join_with_and(labels[1:])}. Each panel has its own scale."
    return Chart(figure, alt, is_hypothesis=True)
