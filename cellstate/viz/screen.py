"""What a search for regulators found: the best single edits beside the rivals, pairs, and combinations step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cellstate.viz.panels import bar_panels, name_room
from cellstate.viz.style import DIVERGING, GREY, LOOKS, VIOLET, Chart, digits, lay_out, listed, literal, look

SCORE = "score_"
#: Genes on each side of the map of pairs, and bars of a figure.
MAP_GENES, BARS = 30, 20


def regulator_bars(
    table: pd.DataFrame, action: str, rivals: Sequence[str], *, predictor: str = "autoencoder", n: int = BARS
) -> Chart:
    """Draw the edits that move a sample furthest toward a goal, one panel a predictor, each on a scale of its own.

    Parameters
    ----------
    table : DataFrame
        Columns name (the edit, short), score (S along the goal), exact, and ``score_<rival>`` for each rival; best
        first.
    action : str
        What is done to each gene, where it is the same for all; empty where names say it.
    rivals : sequence of str
        The other predictors; one that moves none of these edits gets no panel.
    predictor : str
        Whose scores rank the edits.
    """
    rows = table.head(n).iloc[::-1]
    names = [("" if exact else "≈ ") + literal(name) for name, exact in zip(rows["name"], rows["exact"], strict=True)]
    drawn = {predictor: "score"} | {r: SCORE + r for r in rivals if (rows[SCORE + r].fillna(0) != 0).any()}
    titles = [look(name).label for name in drawn]
    figure = bar_panels(names, {look(name): rows[column].to_numpy() for name, column in drawn.items()}, "S")
    height = max(260, 150 + 21 * len(rows))
    title = f"The {len(rows)} edits that move furthest toward the goal"
    below = f"each gene {action}" if action else ""
    lay_out(figure, title, "", "", below=below, height=height, room=(name_room(names), 44))
    # The panels' titles stand below those of the figure.
    figure.update_layout(margin_t=104, xaxis_title={"text": "up to (S)", "standoff": 8})
    if not len(rows):
        return Chart(figure, "No edit was tried.")
    named = [f"{r.name} {digits(r.score)}" for r in rows.iloc[::-1].head(5).itertuples(index=False)]
    each = f" with each gene {action}" if action else ""
    alt = f"Hypothesis: movement along the goal in S{each}; the best by {look(predictor).label} are {', '.join(named)}."
    if len(drawn) > 1:
        alt += f" Beside it, what {listed(titles[1:])} say of the same edits. Each panel has its own scale."
    if not rows["exact"].all():
        alt += " A name after ≈ has its score to first order only."
    return Chart(figure, alt)


#: What a figure of pairs can show, in words, and its unit.
_SHOWN = {"interaction": ("interaction", "S"), "cohort_r": ("what patients show", "r")}


def synergy_map(table: pd.DataFrame, *, shown: str = "interaction", n: int = MAP_GENES) -> Chart:
    """Draw what the best pairs do together, gene against gene; a pair that is not in the table stays empty.

    Parameters
    ----------
    table : DataFrame
        Columns a, b, score and what is shown, best first.
    shown : str
        ``interaction``, or ``cohort_r``: what the cohort's patients show.
    n : int
        Most genes on each side: those of the best pairs.
    """
    genes: list[str] = []
    for pair in zip(table["a"], table["b"], strict=True):
        new = [gene for gene in dict.fromkeys(pair) if gene not in genes]
        if len(genes) + len(new) > n:
            break
        genes += new
    # Genes that cooperate with many stand together, so that groups are seen.
    inside = table[table["a"].isin(genes) & table["b"].isin(genes)]
    often = pd.concat([inside["a"], inside["b"]]).value_counts()
    genes.sort(key=lambda gene: -int(often[gene]))
    place = {gene: i for i, gene in enumerate(genes)}
    z = np.full((len(genes), len(genes)), np.nan)
    score = z.copy()
    for row in inside.itertuples():
        i, j = place[row.a], place[row.b]
        z[i, j] = z[j, i] = getattr(row, shown)
        score[i, j] = score[j, i] = row.score
    what, unit = _SHOWN[shown]
    limit = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 1.0
    names = [literal(gene) for gene in genes]
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
        colorbar={
            "title": {"text": f"{what} ({unit})", "side": "bottom"},
            "orientation": "h",
            "thickness": 12,
            "nticks": 5,
            "tickformat": ".2~g",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
        },
        hovertemplate=f"%{{x}} and %{{y}}<br>{what} %{{z:+.3g}} {unit}<br>"
        "together %{customdata:+.3g} S<extra></extra>",
        hoverongaps=False,
    )
    lay_out(figure, f"{what.capitalize()} of the best pairs", "", "", height=max(380, 230 + 17 * len(genes)))
    # Names that would cover each other are left out; every name stands at the side.
    figure.update_xaxes(type="category", title=None, tickangle=-90, tickfont={"size": 10}, showgrid=False)
    figure.update_yaxes(
        type="category", title=None, autorange="reversed", tickfont={"size": 10}, dtick=1, showgrid=False
    )
    if not len(genes):
        return Chart(figure, "No pair was found, so nothing is drawn.")
    best = table.head(3)
    named = [f"{r.a} and {r.b} {digits(getattr(r, shown), 2)}" for r in best.itertuples()]
    alt = (
        f"Hypothesis: {what} of {len(inside):,} pairs among {len(genes)} genes ({unit}, along the goal); the first "
        f"are {', '.join(named)}. An empty square is a pair that is not among the best, not one with nothing to show."
    )
    return Chart(figure, alt)


def partner_bars(table: pd.DataFrame, gene: str, *, shown: str = "interaction", n: int = BARS) -> Chart:
    """Draw what one gene and its best partners do alone and together.

    Parameters
    ----------
    table : DataFrame
        As for `synergy_map`, with score_a and score_b; every pair holds ``gene``.
    gene : str
    shown : str
        As for `synergy_map`.
    """
    what, unit = _SHOWN[shown]
    rows = table.head(n).iloc[::-1]
    first = rows["a"] == gene
    partners = [literal(name) for name in np.where(first, rows["b"], rows["a"])]
    alone = np.where(first, rows["score_b"], rows["score_a"])
    own = np.where(first, rows["score_a"], rows["score_b"])
    # Two panels, as a interaction is often a hundredth of what each edit does alone.
    titles = (f"{what.capitalize()} ({unit})", "Alone and together (S)")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=titles)
    parts = (
        (what, rows[shown], LOOKS["autoencoder"], 1),
        ("partner alone", alone, LOOKS["coexpression"], 2),
        (f"{literal(gene)} alone", own, LOOKS["pca"], 2),
    )
    for name, values, style, panel in parts:
        figure.add_bar(
            x=values,
            y=partners,
            orientation="h",
            name=name,
            marker=style.bar,
            hovertemplate=f"%{{y}}: %{{x:+.3g}} {unit if panel == 1 else 'S'}<extra>{name}</extra>",
            row=1,
            col=panel,
        )
    figure.add_scatter(
        x=rows["score"],
        y=partners,
        mode="markers",
        name="together",
        marker={"color": VIOLET, "symbol": "diamond", "size": 8},
        hovertemplate="%{y}: %{x:+.3g} S<extra>together</extra>",
        row=1,
        col=2,
    )
    height = max(300, 190 + 21 * len(rows))
    lay_out(figure, f"Partners of {literal(gene)}", "", "", height=height)
    figure.update_layout(barmode="relative", legend={"traceorder": "normal"}, margin={"t": 72})
    figure.update_xaxes(nticks=3, tickangle=0, tickformat=".2~g", zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(type="category", tickfont={"size": 11}, dtick=1, title=None)
    figure.update_annotations(font={"size": 12})
    if not len(rows):
        return Chart(figure, "No pair was found, so nothing is drawn.")
    best = zip(partners[::-1][:3], rows[shown].iloc[::-1], strict=False)
    named = [f"{name} {digits(value, 2)}" for name, value in best]
    alt = (
        f"Hypothesis: {what} of {gene} and each partner ({unit}), and on a scale of its own what they do alone and "
        f"together (diamond), in S along the goal. The first are {', '.join(named)}."
    )
    return Chart(figure, alt)


def combination_steps(
    steps: pd.DataFrame, greedy: pd.DataFrame, *, sum_of_singles: float, wanted: float, distance: float
) -> Chart:
    """Draw the score after each step of a combination, beside the greedy way and the sum of the single edits.

    Parameters
    ----------
    steps, greedy : DataFrame
        Columns name (the edit, short), score (SD, after this step), fraction_of_distance and gain.
    sum_of_singles : float
        What the chosen edits would reach if each acted alone, in S.
    wanted : float
        Share of the distance asked for; drawn where it is in reach.
    distance : float
        What counts as 100 %, in S.
    """
    figure = go.Figure()
    # The chosen way is broad, so that it is seen below a greedy way that is the same.
    ways = (
        ("Chosen", steps, LOOKS["autoencoder"], {"width": 6}, 13),
        ("Greedy: the best edit each time", greedy, LOOKS["pca"], {"width": 2, "dash": "dash"}, 7),
    )
    highest = 0.0
    for name, way, style, line, size in ways:
        highest = max(highest, float(way["score"].max()) if len(way) else 0.0)
        figure.add_scatter(
            x=np.arange(len(way) + 1),
            y=[0.0, *way["score"]],
            mode="lines+markers",
            name=name,
            line={"color": style.colour, **line},
            marker={"symbol": style.symbol, "size": size},
            customdata=np.column_stack(
                [["nothing edited", *(literal(t) for t in way["name"])], [0.0, *(100 * way["fraction_of_distance"])]]
            ),
            hovertemplate="%{customdata[0]}<br>%{y:+.3g} S, %{customdata[1]:.3~g} % of the way<extra></extra>",
        )
    if len(steps):
        figure.add_scatter(
            x=[len(steps)],
            y=[sum_of_singles],
            mode="markers",
            name="Sum of the single edits",
            marker={"color": VIOLET, "symbol": "x-open", "size": 12, "line": {"width": 3}},
            hovertemplate="%{y:+.3g} S<extra>sum of the single edits</extra>",
        )
    aim = wanted * distance
    if 0 < aim <= 2.5 * max(highest, sum_of_singles):
        figure.add_hline(y=aim, line={"color": GREY, "width": 1.5, "dash": "dot"}, annotation_text="asked for")
    lay_out(figure, "The way, edit by edit", "edits made", "movement along the goal (S)", height=400)
    figure.update_xaxes(dtick=1, tickformat="d")
    figure.update_yaxes(rangemode="tozero")
    if not len(steps):
        return Chart(figure, "No edit moves the sample toward the goal, so nothing is drawn.")
    last = steps.iloc[-1]
    alt = (
        f"Hypothesis: after {len(steps)} edits the sample has moved {digits(last['score'])} S along the goal, "
        f"{digits(100 * last['fraction_of_distance'], 2)} % of the way; the greedy way reaches "
        f"{digits(greedy['score'].iloc[-1] if len(greedy) else 0.0)} S, and the sum of the single edits would be "
        f"{digits(sum_of_singles)} S."
    )
    return Chart(figure, alt)
