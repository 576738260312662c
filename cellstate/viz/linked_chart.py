"""Linked chart of a prediction: every gene in a scatter plot above bars of the most changed genes of all methods.

A box drawn in the scatter plot ranks the genes inside it in the bars, and a click on a point or a bar names the gene
in the scatter plot. Both happen in the browser, without a request to the server.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from cellstate.formatting import fold_change, join_with_and
from cellstate.viz.columns import CHANGE, CHANGE_OF, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_AFTER, TPM_BEFORE
from cellstate.viz.expression_change import coordinates, scatter_sentence
from cellstate.viz.points import thin, without_overlap
from cellstate.viz.style import GREY, VIOLET, look, tpm_ticks

#: Names of the selections, as `selected_rows` reads them: a box, and genes that were clicked.
BOX, CLICKED = "box", "clicked"
#: Genes in the bars.
MAX_BARS = 15
#: So many genes with the largest changes are always drawn. Of the others one is drawn in each cell of
#: `cellstate.viz.points.GRID`, as it would cover the rest: the reliable one with the largest change.
ALWAYS_DRAWN = 500
#: Largest number of ticked genes that are ringed and named.
MAX_NAMED = 40
_SCATTER_HEIGHT, _ROW_HEIGHT = 330, 17
#: Ticks beyond the largest expression are not drawn.
_MAX_LOG1P = float(np.log1p(1e6))
#: Distance of the centres of two panels, where a panel reaches from -1 to 1.
_PANEL_STEP = 2.3
_RELIABLE, _LESS_RELIABLE = "Reliable", "Less reliable"
# Short names of the drawn columns: each row travels to the browser.
_X, _NAMED, _RING, _STATUS, _FOLD = "x", "named", "ring", "status", "fold"
_GENE_TIP = alt.Tooltip(f"{GENE}:N", title="gene")
_TPM_TIPS = [
    alt.Tooltip(f"{column}:Q", title=title, format=",.3~g")
    for column, title in ((TPM_BEFORE, "TPM before"), (TPM_AFTER, "TPM after"))
]
_STATUS_TIPS = [alt.Tooltip(f"{_STATUS}:N", title="reliability"), alt.Tooltip(f"{REASON}:N", title="reason")]


@dataclass(frozen=True, eq=False)
class LinkedChart:
    """A linked chart and its text alternative.

    Attributes
    ----------
    spec : dict
        Vega-Lite specification, built with Altair; its data are `points`.
    points : DataFrame
        One row for each drawn gene.
    alt : str
        Plain text: what the chart shows, for captions.
    title : str
        Short name, for screen readers.
    """

    spec: dict[str, Any]
    points: pd.DataFrame
    alt: str
    title: str = "Expression change of every gene, and the most changed genes"


def linked_chart(
    table: pd.DataFrame,
    baselines: Sequence[str],
    *,
    predictor: str = "autoencoder",
    ticked: Collection[int] = (),
) -> LinkedChart:
    """Draw every gene's change against its expression, linked with bars of the most changed genes of each method.

    Parameters
    ----------
    table : DataFrame
        `GENE`, `TPM_BEFORE`, `TPM_AFTER`, `CHANGE`, `IS_PERTURBED`, `IS_RELIABLE` and `REASON` of
        `cellstate.viz.columns`, and `CHANGE_OF` + name for each baseline; largest absolute change first.
    baselines : sequence of str
        Names of the baselines; one that changes no gene gets no panel.
    ticked : collection of int, optional
        Positions in the table of genes that get a ring and their name, `MAX_NAMED` at most.
    """
    rest = table[~table[IS_PERTURBED]]
    columns = {predictor: CHANGE} | {b: CHANGE_OF + b for b in baselines if (rest[CHANGE_OF + b] != 0).any()}
    labels = {column: look(name).label for name, column in columns.items()}
    points = _points(table, rest, labels, ticked)
    spec = json.loads(_spec(tuple(columns), bool(rest[IS_RELIABLE].any())))
    return LinkedChart(spec, points, _alt(rest, predictor, list(labels.values())))


@cache
def _spec(methods: tuple[str, ...], any_reliable: bool) -> str:
    """Return the specification as JSON, without data: Altair takes half a second to validate it."""
    box = alt.selection_interval(name=BOX, encodings=["x", "y"])
    clicked = alt.selection_point(name=CLICKED, fields=[GENE], toggle="true", clear="dblclick", empty=False)
    scatter = _scatter(methods[0], box, clicked)
    bars = _bars(methods, box, clicked, any_reliable=any_reliable)
    chart = alt.vconcat(scatter, bars, spacing=18).resolve_scale(color="independent", shape="independent")
    # The same clicks count in both views; adding the selection to each would make Altair warn of a duplicate.
    views = [layer.name for view in chart.vconcat for layer in view.layer if layer.name is not alt.Undefined]
    next(one for one in chart.params if one.name == CLICKED).views = views
    chart = chart.configure_view(strokeWidth=0)
    chart = chart.properties(
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        # No menu of Vega: it offers to open the chart, with its data, in an editor on another server.
        usermeta={"embedOptions": {"actions": False}},
    )
    return json.dumps(chart.to_dict())


def drawn_rows(rest: pd.DataFrame) -> np.ndarray:
    """Return the rising positions of the genes that are drawn: `ALWAYS_DRAWN`, and one in each cell of the grid."""
    x, y = coordinates(rest)
    keep = thin(x, y, rest[IS_RELIABLE].to_numpy(bool))
    return np.union1d(keep, np.argsort(-np.abs(y), kind="stable")[:ALWAYS_DRAWN])


def _points(
    table: pd.DataFrame, rest: pd.DataFrame, labels: Mapping[str, str], ticked: Collection[int]
) -> pd.DataFrame:
    """Return one row for each drawn gene, with one column of changes for each method, named by its label."""
    ringed = table.index[sorted(ticked)][:MAX_NAMED]
    keep = rest.index[drawn_rows(rest)].union(rest.index.intersection(ringed), sort=False)
    rows = rest.loc[keep]
    x, y = coordinates(rows)
    top = rest[rest[IS_RELIABLE]].head(3)
    top = top.iloc[without_overlap(coordinates(top), coordinates(rest))]
    reliable = rows[IS_RELIABLE].to_numpy(bool)
    points = pd.DataFrame(
        {
            GENE: rows[GENE].astype(str),
            _X: x,
            TPM_BEFORE: rows[TPM_BEFORE].astype(np.float32),
            TPM_AFTER: rows[TPM_AFTER].astype(np.float32),
            _FOLD: np.exp2(y),
            _STATUS: np.where(reliable, _RELIABLE, _LESS_RELIABLE),
            REASON: rows[REASON].astype(str),
            _RING: rows.index.isin(ringed),
            _NAMED: rows.index.isin(ringed) | rows.index.isin(top.index),
        }
    )
    for column, label in labels.items():
        points[label] = rows[column].astype(np.float32)
    return points


def _scatter(predictor: str, box: alt.Parameter, clicked: alt.Parameter) -> alt.LayerChart | alt.FacetChart:
    label, colour = look(predictor).label, look(predictor).colour
    ticks = tpm_ticks(_MAX_LOG1P)
    x_axis = alt.Axis(values=ticks["tickvals"], labelExpr=_label_expr(ticks["tickvals"], ticks["ticktext"]), grid=False)
    x = alt.X(
        f"{_X}:Q", title="expression before (TPM, log1p scale)", axis=x_axis, scale=alt.Scale(nice=False, padding=8)
    )
    y = alt.Y(f"{_field(label)}:Q", title=f"predicted change by {label} (log2)", scale=alt.Scale(padding=12))
    domain = [_RELIABLE, _LESS_RELIABLE]
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolOpacity=1, offset=4)
    dots = (
        alt.Chart()
        .mark_point(size=22, strokeWidth=1.1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(f"{_STATUS}:N", scale=alt.Scale(domain=domain, range=[colour, GREY]), legend=legend),
            fill=alt.condition(f"datum.{_STATUS} == '{_RELIABLE}'", alt.value(colour), alt.value("transparent")),
            shape=alt.Shape(f"{_STATUS}:N", scale=alt.Scale(domain=domain, range=["circle", "cross"]), legend=legend),
            opacity=alt.condition(box, alt.value(0.65), alt.value(0.15)),
            tooltip=[_GENE_TIP, *_change_tips(_field(label), f"{label} (log2)", _FOLD), *_TPM_TIPS, *_STATUS_TIPS],
        )
        .add_params(box, clicked)
        .properties(name="scatter")
    )
    zero = alt.Chart().mark_rule(color=GREY, strokeWidth=1).encode(y=alt.datum(0))
    ring = alt.Chart().mark_point(size=140, strokeWidth=2.5, color=VIOLET, filled=False).encode(x=x, y=y)
    name = (
        alt.Chart()
        .mark_text(fontSize=12, fontWeight="bold", dy=alt.expr(f"datum[{label!r}] < 0 ? 13 : -12"), color=VIOLET)
        .encode(x=x, y=y, text=f"{GENE}:N")
    )
    return alt.layer(
        zero,
        dots,
        ring.transform_filter(_any_of(clicked, _RING)),
        name.transform_filter(_any_of(clicked, _NAMED)),
    ).properties(height=_SCATTER_HEIGHT)


def _bars(
    methods: Sequence[str], box: alt.Parameter, clicked: alt.Parameter, *, any_reliable: bool
) -> alt.LayerChart | alt.FacetChart:
    """Draw all panels in one view: panel i has its zero at i steps, and its own largest change at distance 1."""
    labels = [look(method).label for method in methods]
    centres = [i * _PANEL_STEP for i in range(len(methods))]
    base = alt.Chart().transform_filter(box)
    if any_reliable:
        base = base.transform_filter(f"datum.{_STATUS} == '{_RELIABLE}'")
    base = (
        base.transform_calculate(size=f"abs(datum[{labels[0]!r}])")
        .transform_window(rank="row_number()", sort=[alt.SortField("size", order="descending")])
        .transform_filter(f"datum.rank <= {MAX_BARS}")
        .transform_fold([*labels], as_=["method", "change"])
        .transform_calculate(absolute="abs(datum.change)", factor="pow(2, datum.change)")
        .transform_joinaggregate(limit="max(absolute)", groupby=["method"])
        .transform_calculate(
            centre=f"indexof({labels}, datum.method) * {_PANEL_STEP}",
            end="datum.centre + (datum.limit > 0 ? datum.change / datum.limit : 0)",
        )
    )
    y = alt.Y(
        f"{GENE}:N",
        sort=alt.EncodingSortField("rank", op="min"),
        title=None,
        axis=alt.Axis(domain=False, ticks=False, labelOverlap=False, labelFlush=False, labelBound=False),
    )
    axis = alt.Axis(
        orient="top", values=centres, labelExpr=_label_expr(centres, [label.split(" ", 1) for label in labels]),
        title=None, grid=True, ticks=False, domain=False, labelOverlap=False, labelFontSize=11, labelFontWeight="bold",
    )  # fmt: skip
    scale = alt.Scale(domain=[-1.05, centres[-1] + 1.05], nice=False, zero=False)
    colour = alt.Color(
        "method:N", scale=alt.Scale(domain=labels, range=[look(method).colour for method in methods]), legend=None
    )
    bars = (
        base.mark_bar(size=_ROW_HEIGHT - 4)
        .encode(
            x=alt.X("centre:Q", axis=axis, scale=scale),
            x2="end:Q",
            y=y,
            color=colour,
            opacity=alt.condition(clicked, alt.value(0.9), alt.value(0.35), empty=True),
            tooltip=[
                _GENE_TIP,
                alt.Tooltip("method:N", title="method"),
                *_change_tips("change", "change (log2)", "factor"),
                *_TPM_TIPS[:1],
                *_STATUS_TIPS[:1],
            ],
        )
        .properties(name="bars")
    )
    limits = (
        base.transform_aggregate(limit="max(absolute)", centre="max(centre)", groupby=["method"])
        .transform_calculate(text="'±' + format(datum.limit, '.2~g')")
        .mark_text(fontSize=11, baseline="top", dy=5, color=GREY)
        .encode(x=alt.X("centre:Q", axis=axis, scale=scale), y=alt.value("height"), text="text:N")
    )
    title = alt.TitleParams(
        f"Most changed {'reliable genes' if any_reliable else 'genes (none is reliable)'}, in the box if one is drawn",
        subtitle="log2; each method has its own scale, with its limit below",
        anchor="start", fontSize=13, subtitleFontSize=11, subtitleColor=GREY, offset=6,
    )  # fmt: skip
    return alt.layer(bars, limits).properties(height=MAX_BARS * _ROW_HEIGHT, title=title)


def _change_tips(log2: str, title: str, factor: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(f"{log2}:Q", title=title, format="+.3~g"),
        alt.Tooltip(f"{factor}:Q", title="fold change (×)", format=".3~g"),
    ]


def _any_of(clicked: alt.Parameter, column: str) -> dict[str, Any]:
    return {"or": [{"param": clicked.name, "empty": False}, f"datum.{column}"]}


def _field(label: str) -> str:
    """Return a column's name as Vega-Lite reads it: dots and brackets would be paths."""
    return label.replace(".", "\\.").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _label_expr(values: Sequence[float], texts: Sequence[str | list[str]]) -> str:
    """Return a Vega expression that writes the text, or the lines, of a tick."""
    cases = "".join(f"abs(datum.value - {v}) < 1e-6 ? {t!r} : " for v, t in zip(values, texts, strict=True))
    return cases + "''"


def _alt(rest: pd.DataFrame, predictor: str, labels: Sequence[str]) -> str:
    if not len(rest):
        return "Every gene is perturbed, so nothing is drawn."
    top = rest[rest[IS_RELIABLE]] if rest[IS_RELIABLE].any() else rest
    largest = [f"{gene} {fold_change(change)}" for gene, change in top.head(3)[[GENE, CHANGE]].to_numpy()]
    text = f"{scatter_sentence(rest, predictor)} The largest changes are {'; '.join(largest)}."
    if len(labels) > 1:
        text += f" Beside them, the predictions by {join_with_and(labels[1:])}, each with its own scale."
    return text


def selected_rows(table: pd.DataFrame, selection: Mapping[str, Any]) -> np.ndarray | None:
    """Return the rows that a selection in the chart means, rising, or None where nothing is selected.

    A box means every gene inside it that was not perturbed, drawn or not; clicked genes count only without a box.

    Parameters
    ----------
    table : DataFrame
    selection : mapping
        State of `BOX` (ranges of both axes) and `CLICKED` (records with a gene), as Streamlit reports it.
    """
    box = selection.get(BOX) or {}
    predicted = ~table[IS_PERTURBED].to_numpy(bool)
    if len(box) == 2:
        x, y = coordinates(table)
        x_low, x_high = sorted(map(float, box[_X]))
        y_low, y_high = sorted(map(float, next(limits for name, limits in box.items() if name != _X)))
        return np.flatnonzero(predicted & (x >= x_low) & (x <= x_high) & (y >= y_low) & (y <= y_high))
    names = [one[GENE] for one in selection.get(CLICKED) or [] if GENE in one]
    return np.flatnonzero(predicted & table[GENE].isin(names)) if names else None
