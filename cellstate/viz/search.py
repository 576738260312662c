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
from cellstate.viz.style import GREY, LOOKS, VIOLET, Chart, lay_out, look

#: Bars of a figure.
MAX_BARS = 20


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


def pair_bars(table: pd.DataFrame, gene: str | None = None, *, shown: str = INTERACTION, n: int = MAX_BARS) -> Chart:
    """Draw the interaction of the best pairs to both sides of zero, and beside it the scores alone and together.

    Parameters
    ----------
    table : DataFrame
        Columns a, b, `SCORE`, score_a, score_b and the shown quantity, best first.
    gene : str, optional
        A gene that every pair contains; the bars are then named after its partners.
    shown : str
        `INTERACTION` (deviation from the sum of both alone), or `COHORT_R` (partial correlation in the cohort).
    """
    what, unit = _PAIR_QUANTITIES[shown]
    rows = table.head(n).iloc[::-1]
    swapped = (rows["b"] == gene).to_numpy()
    first, second = (np.where(swapped, rows[one], rows[other]) for one, other in (("b", "a"), ("a", "b")))
    own, other = (np.where(swapped, rows[f"score_{x}"], rows[f"score_{y}"]) for x, y in (("b", "a"), ("a", "b")))
    names = [escape_html(b if gene is not None else f"{a} + {b}") for a, b in zip(first, second, strict=True)]
    # Two panels: an interaction is often a hundredth of the single scores.
    # The unit in a second line, so that the titles do not meet on a phone.
    titles = (f"{what.capitalize()}<br>({unit})", "Alone and together<br>(SD)")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=titles)
    alone = ("first alone", "second alone") if gene is None else (f"{escape_html(gene)} alone", "partner alone")
    parts = (
        (what, rows[shown], LOOKS["autoencoder"], 1),
        (alone[0], own, LOOKS["pca"], 2),
        (alone[1], other, LOOKS["coexpression"], 2),
    )
    for name, values, style, panel in parts:
        figure.add_bar(
            x=values,
            # By position: two pairs may have the same name.
            y=np.arange(len(rows)),
            customdata=names,
            orientation="h",
            name=name,
            marker=style.bar,
            hovertemplate=f"%{{customdata}}: %{{x:+.3g}} {unit if panel == 1 else 'SD'}<extra>{name}</extra>",
            row=1,
            col=panel,
        )
    figure.add_scatter(
        x=rows[SCORE],
        y=np.arange(len(rows)),
        customdata=names,
        mode="markers",
        name="together",
        marker={"color": VIOLET, "symbol": "diamond", "size": 8},
        hovertemplate="%{customdata}: %{x:+.3g} SD<extra>together</extra>",
        row=1,
        col=2,
    )
    title = "The best pairs" if gene is None else f"Partners of {escape_html(gene)}"
    lay_out(figure, title, "", "", height=max(300, 190 + 21 * len(rows)), margins=(name_margin(names), 44))
    figure.update_layout(barmode="relative", legend={"traceorder": "normal"}, margin={"t": 84})
    figure.update_xaxes(nticks=3, tickangle=0, tickformat=".2~g", zeroline=True, zerolinecolor=GREY, zerolinewidth=1)
    for panel, values in enumerate(([rows[shown]], [own, other, own + other, rows[SCORE]]), start=1):
        # Symmetric about zero: both sides are there, whatever the signs.
        edge = max(float(np.abs(np.nan_to_num(v)).max(initial=0)) for v in values) or 1.0
        figure.update_xaxes(range=[-1.05 * edge, 1.05 * edge], row=1, col=panel)
    figure.update_yaxes(tickvals=np.arange(len(rows)), ticktext=names, tickfont={"size": 11}, title=None)
    figure.update_annotations(font={"size": 12})
    if not len(rows):
        return Chart(figure, "No pair was found, so nothing is drawn.")
    best = zip(names[::-1][:3], rows[shown].iloc[::-1], strict=False)
    named = [f"{name} {digits(value, 2)}" for name, value in best]
    of = "the best pairs" if gene is None else f"{gene} and each partner"
    alt = (
        f"Hypothesis: {what} of {of} ({unit}), and on a scale of its own the scores alone and together (diamond) in "
        f"SD. The first are {', '.join(named)}."
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
    lay_out(figure, "Combination, step by step", "number of perturbations", "score toward the goal (SD)", height=400)
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
