"""Results of a search toward a goal: single perturbations, interacting pairs, and combinations step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cellstate.formatting import digits, escape_html, join_with_and
from cellstate.viz.bar_panels import bar_panels, name_margin
from cellstate.viz.columns import COHORT_R, FRACTION, INTERACTION, SCORE, SCORE_OF
from cellstate.viz.style import DIVERGING, GREY, LOOKS, VIOLET, Chart, colour_bar, lay_out, look

#: Genes on each side of the map of pairs, and bars of a figure.
MAX_MAP_GENES, MAX_BARS = 30, 20


def screen_bars(
    table: pd.DataFrame, action: str, baselines: Sequence[str], *, predictor: str = "autoencoder", n: int = MAX_BARS
) -> Chart:
    """Draw the best single perturbations toward a goal, one panel for each prediction method, each with its own scale.

    Parameters
    ----------
    table : DataFrame
        Columns name (of the perturbation, short), `SCORE` (SD along the goal), exact, and `SCORE_OF` + name for each
        baseline; best first.
    action : str
        Perturbation of each gene where all have the same; empty where the names say it.
    baselines : sequence of str
        Names of the baselines; one whose scores are all zero gets no panel.
    """
    rows = table.head(n).iloc[::-1]
    names = [
        ("" if exact else "≈ ") + escape_html(name) for name, exact in zip(rows["name"], rows["exact"], strict=True)
    ]
    drawn = {predictor: SCORE} | {b: SCORE_OF + b for b in baselines if (rows[SCORE_OF + b].fillna(0) != 0).any()}
    titles = [look(name).label for name in drawn]
    figure = bar_panels(names, {look(name): rows[column].to_numpy() for name, column in drawn.items()}, "SD")
    height = max(260, 150 + 21 * len(rows))
    title = f"The {len(rows)} best perturbations toward the goal"
    subtitle = f"each gene {action}" if action else ""
    lay_out(figure, title, "", "", subtitle=subtitle, height=height, margins=(name_margin(names), 44))
    # The titles of the panels stand below that of the figure.
    figure.update_layout(margin_t=104, xaxis_title={"text": "up to (SD)", "standoff": 8})
    if not len(rows):
        return Chart(figure, "No perturbation was scored.")
    named = [f"{name} {digits(score)}" for name, score in rows.iloc[::-1].head(5)[["name", SCORE]].to_numpy()]
    each = f" with each gene {action}" if action else ""
    alt = f"Hypothesis: score toward the goal in SD{each}; the best by {look(predictor).label} are {', '.join(named)}."
    if len(drawn) > 1:
        alt += f" Beside it, the scores by {join_with_and(titles[1:])}. Each panel has its own scale."
    if not rows["exact"].all():
        alt += " ≈ marks a first-order estimate."
    return Chart(figure, alt, is_hypothesis=True)


#: Quantities that a figure of pairs can show: label and unit.
_PAIR_QUANTITIES = {INTERACTION: ("interaction", "SD"), COHORT_R: ("interaction in the cohort", "partial r")}


def interaction_map(table: pd.DataFrame, *, shown: str = INTERACTION, n: int = MAX_MAP_GENES) -> Chart:
    """Draw the interaction of the best pairs, gene against gene; a pair that is not in the table stays empty.

    Parameters
    ----------
    table : DataFrame
        Columns a, b, `SCORE` and the shown quantity, best first.
    shown : str
        `INTERACTION` (deviation from the sum of both alone), or `COHORT_R` (partial correlation in the cohort).
    """
    genes: list[str] = []
    for pair in zip(table["a"], table["b"], strict=True):
        new = [gene for gene in dict.fromkeys(pair) if gene not in genes]
        if len(genes) + len(new) > n:
            break
        genes += new
    # Genes of many pairs stand together, so that groups are visible.
    inside = table[table["a"].isin(genes) & table["b"].isin(genes)]
    often = pd.concat([inside["a"], inside["b"]]).value_counts()
    genes.sort(key=lambda gene: -int(often[gene]))
    place = {gene: i for i, gene in enumerate(genes)}
    z = np.full((len(genes), len(genes)), np.nan)
    score = z.copy()
    for a, b, value, joint in zip(inside["a"], inside["b"], inside[shown], inside[SCORE], strict=True):
        i, j = place[a], place[b]
        z[i, j] = z[j, i] = value
        score[i, j] = score[j, i] = joint
    what, unit = _PAIR_QUANTITIES[shown]
    limit = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 1.0
    names = [escape_html(gene) for gene in genes]
    figure = go.Figure()
    figure.add_heatmap(
        z=z,
        x=names,
        y=names,
        zmin=-limit,
        zmax=limit,
        xgap=1,
        ygap=1,
        colorscale=DIVERGING,
        customdata=score,
        colorbar=colour_bar(f"{what} ({unit})", ".2~g"),
        hovertemplate=f"%{{x}} and %{{y}}<br>{what} %{{z:+.3g}} {unit}<br>"
        "joint score %{customdata:+.3g} SD<extra></extra>",
        hoverongaps=False,
    )
    lay_out(figure, f"{what.capitalize()} of the best pairs", "", "", height=max(380, 230 + 17 * len(genes)))
    # Names that would cover each other are left out below; every name stands at the side.
    figure.update_xaxes(type="category", title=None, tickangle=-90, tickfont={"size": 10}, showgrid=False)
    figure.update_yaxes(
        type="category", title=None, autorange="reversed", tickfont={"size": 10}, dtick=1, showgrid=False
    )
    if not len(genes):
        return Chart(figure, "No pair was found, so nothing is drawn.")
    best = table.head(3)
    named = [f"{a} and {b} {digits(value, 2)}" for a, b, value in best[["a", "b", shown]].to_numpy()]
    alt = (
        f"Hypothesis: {what} of {len(inside):,} pairs among {len(genes)} genes ({unit}); the first are "
        f"{', '.join(named)}. An empty square is a pair that is not among the best; its interaction may not be zero."
    )
    return Chart(figure, alt, is_hypothesis=True)


def partner_bars(table: pd.DataFrame, gene: str, *, shown: str = INTERACTION, n: int = MAX_BARS) -> Chart:
    """Draw the interaction of one gene with its best partners, and the scores of both alone and together.

    Parameters
    ----------
    table : DataFrame
        As for `interaction_map`, with score_a and score_b; every pair contains ``gene``.
    gene : str
    shown : str
        As for `interaction_map`.
    """
    what, unit = _PAIR_QUANTITIES[shown]
    rows = table.head(n).iloc[::-1]
    first = rows["a"] == gene
    partners = [escape_html(name) for name in np.where(first, rows["b"], rows["a"])]
    alone = np.where(first, rows["score_b"], rows["score_a"])
    own = np.where(first, rows["score_a"], rows["score_b"])
    # Two panels: an interaction is often a hundredth of the single scores.
    titles = (f"{what.capitalize()} ({unit})", "Alone and together (SD)")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=titles)
    parts = (
        (what, rows[shown], LOOKS["autoencoder"], 1),
        ("partner alone", alone, LOOKS["coexpression"], 2),
        (f"{escape_html(gene)} alone", own, LOOKS["pca"], 2),
    )
    for name, values, style, panel in parts:
        figure.add_bar(
            x=values,
            y=partners,
            orientation="h",
            name=name,
            marker=style.bar,
            hovertemplate=f"%{{y}}: %{{x:+.3g}} {unit if panel == 1 else 'SD'}<extra>{name}</extra>",
            row=1,
            col=panel,
        )
    figure.add_scatter(
        x=rows[SCORE],
        y=partners,
        mode="markers",
        name="together",
        marker={"color": VIOLET, "symbol": "diamond", "size": 8},
        hovertemplate="%{y}: %{x:+.3g} SD<extra>together</extra>",
        row=1,
        col=2,
    )
    height = max(300, 190 + 21 * len(rows))
    lay_out(figure, f"Partners of {escape_html(gene)}", "", "", height=height)
    figure.update_layout(barmode="relative", legend={"traceorder": "normal"}, margin={"t": 72})
    figure.update_xaxes(nticks=3, tickangle=0, tickformat=".2~g", zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(type="category", tickfont={"size": 11}, dtick=1, title=None)
    figure.update_annotations(font={"size": 12})
    if not len(rows):
        return Chart(figure, "No pair was found, so nothing is drawn.")
    best = zip(partners[::-1][:3], rows[shown].iloc[::-1], strict=False)
    named = [f"{name} {digits(value, 2)}" for name, value in best]
    alt = (
        f"Hypothesis: {what} of {gene} and each partner ({unit}), and on a scale of its own the scores alone and "
        f"together (diamond) in SD. The first are {', '.join(named)}."
    )
    return Chart(figure, alt, is_hypothesis=True)


def combination_steps(
    steps: pd.DataFrame, greedy: pd.DataFrame, *, sum_of_singles: float, wanted: float, distance: float
) -> Chart:
    """Draw the score after each step of a combination, beside the greedy one and the sum of the single scores.

    Parameters
    ----------
    steps, greedy : DataFrame
        Columns name (of the perturbation, short), `SCORE` (SD, after this step), `FRACTION` and gain.
    sum_of_singles : float
        Sum of the scores of the chosen perturbations alone, in SD.
    wanted : float
        Wanted fraction of the distance to the goal; drawn where it fits.
    distance : float
        Distance to the goal, in SD.
    """
    figure = go.Figure()
    # The chosen line is broad, so that it is visible below an equal greedy line.
    ways = (
        ("Chosen", steps, LOOKS["autoencoder"], {"width": 6}, 13),
        ("Greedy: the best perturbation at each step", greedy, LOOKS["pca"], {"width": 2, "dash": "dash"}, 7),
    )
    highest = 0.0
    for name, way, style, line, size in ways:
        highest = max(highest, float(way[SCORE].max()) if len(way) else 0.0)
        figure.add_scatter(
            x=np.arange(len(way) + 1),
            y=[0.0, *way[SCORE]],
            mode="lines+markers",
            name=name,
            line={"color": style.colour, **line},
            marker={"symbol": style.symbol, "size": size},
            customdata=np.column_stack(
                [["no perturbation", *(escape_html(t) for t in way["name"])], [0.0, *(100 * way[FRACTION])]]
            ),
            hovertemplate="%{customdata[0]}<br>%{y:+.3g} SD, %{customdata[1]:.3~g}% of the distance to the goal"
            "<extra></extra>",
        )
    if len(steps):
        figure.add_scatter(
            x=[len(steps)],
            y=[sum_of_singles],
            mode="markers",
            name="Sum of the single scores",
            marker={"color": VIOLET, "symbol": "x-open", "size": 12, "line": {"width": 3}},
            hovertemplate="%{y:+.3g} SD<extra>sum of the single scores</extra>",
        )
    aim = wanted * distance
    if 0 < aim <= 2.5 * max(highest, sum_of_singles):
        figure.add_hline(y=aim, line={"color": GREY, "width": 1.5, "dash": "dot"}, annotation_text="wanted")
    lay_out(figure, "Combination, step by step", "perturbations", "score toward the goal (SD)", height=400)
    figure.update_xaxes(dtick=1, tickformat="d")
    figure.update_yaxes(rangemode="tozero")
    if not len(steps):
        return Chart(figure, "No perturbation moves the sample toward the goal, so nothing is drawn.")
    last = steps.iloc[-1]
    alt = (
        f"Hypothesis: after {len(steps)} perturbations the score is {digits(last[SCORE])} SD, "
        f"{digits(100 * last[FRACTION], 2)}% of the distance to the goal; the greedy search reaches "
        f"{digits(greedy[SCORE].iloc[-1] if len(greedy) else 0.0)} SD, and the sum of the single scores is "
        f"{digits(sum_of_singles)} SD."
    )
    return Chart(figure, alt, is_hypothesis=True)
