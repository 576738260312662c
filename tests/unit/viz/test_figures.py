"""Figures are valid, say what they show in words, and take any numbers a file may bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.formatting import bin_label
from cellstate.viz import (
    PLOT_CONFIG,
    Chart,
    accuracy_bars,
    density,
    expression_change_scatter,
    expression_histogram,
    top_gene_bars,
    training_curve,
)
from cellstate.viz.model import CELLS
from cellstate.viz.points import thin
from cellstate.viz.style import LOOKS

HOSTILE = "<b>bold</b><img src=x onerror=alert(1)>"


def make_table(n: int = 200, reliable: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n)],
            "tpm_before": rng.lognormal(1, 2, n),
            "log2_fold_change": rng.normal(0, 0.1, n),
            "log2_fold_change_no_change": 0.0,
            "log2_fold_change_pca": rng.normal(0, 0.1, n),
            "is_perturbed": np.arange(n) == n - 1,
            "is_reliable": (rng.random(n) < 0.7) & reliable,
            "reason": "",
        }
    )
    return table.sort_values("log2_fold_change", key=lambda v: -v.abs(), ignore_index=True)


def check(chart: Chart, *, axes: bool = True) -> None:
    layout = chart.figure.to_dict()["layout"]
    assert layout["title"]["text"]
    assert chart.alt.endswith(".")
    if axes:
        assert layout["xaxis"]["title"]["text"]
    assert chart.figure.to_json()


def test_every_figure_has_title_axes_and_words() -> None:
    table = make_table()
    history = pd.DataFrame({"epoch": [0, 1, 2], "train_loss": [None, 0.5, 0.4], "validation_loss": [0.6, 0.5, 0.55]})
    bins: list[dict] = [
        {"low": 0.0, "high": 2.5, "n": 9, "accuracy": 0.5},
        {"low": 2.5, "high": None, "n": 0, "accuracy": None},
    ]
    check(expression_change_scatter(table, sample="S1"))
    check(top_gene_bars(table, ["no_change", "pca"]))
    check(density(table["tpm_before"].to_numpy(), table["tpm_before"].to_numpy(), predictor="autoencoder"))
    check(accuracy_bars({"autoencoder": bins, "gene_mean": bins}, [0.9, None], tolerance="20% plus 0.1 TPM"))
    check(expression_histogram(table["tpm_before"].to_numpy(), np.ones(len(table))))
    curve = training_curve(history)
    check(curve)
    assert "lowest at epoch 1" in curve.alt


@pytest.mark.parametrize(
    "truth",
    [np.zeros(10), np.full(10, np.nan), np.array([]), np.array([0.0, np.nan, np.inf, 5.0, 1e6]), np.full(3, -1e-9)],
    ids=["zeros", "nan", "empty", "mixed", "below zero"],
)
def test_density_takes_any_numbers(truth: np.ndarray) -> None:
    chart = density(truth, np.nan_to_num(truth, posinf=7.0) + 1, predictor="pca", sample="S1")
    check(chart)
    counts = chart.figure.data[0].customdata[..., 2]
    assert counts.sum() == np.isfinite(truth).sum()


def test_density_draws_the_same_amount_whatever_the_data() -> None:
    values = np.random.default_rng(0).lognormal(1, 2, 2_000_000).astype(np.float32)
    figure = density(values, values[::-1], predictor="autoencoder").figure
    assert figure.data[0].z.shape == (CELLS, CELLS)
    assert len(figure.to_json()) < 3_000_000


def test_density_counts_where_the_values_are() -> None:
    figure = density(np.array([0.0, 100.0]), np.array([0.0, 10.0]), predictor="autoencoder").figure
    down, across = np.nonzero(np.isfinite(figure.data[0].z))
    assert across.tolist() == [0, CELLS - 1]
    assert down.tolist() == [0, int(np.log1p(10) / np.log1p(100) * CELLS)]


@pytest.mark.parametrize("keep", [slice(0, 0), slice(0, 1)], ids=["no gene", "one gene"])
def test_shift_figures_take_few_genes(keep: slice) -> None:
    table = make_table()[keep].reset_index(drop=True)
    check(expression_change_scatter(table))
    check(top_gene_bars(table, ["pca"]), axes=False)


def test_top_genes_name_it_when_none_is_reliable() -> None:
    assert "none is reliable" in top_gene_bars(make_table(reliable=False), ["pca"]).figure.layout.title.text


def test_top_genes_give_a_panel_to_each_baseline_that_moves() -> None:
    figure = top_gene_bars(make_table(), ["no_change", "pca"]).figure
    assert [bar.name for bar in figure.data] == ["Autoencoder", "PCA"]
    assert figure.data[0].marker.color != figure.data[1].marker.color
    # One number says how far a panel reaches, to both sides.
    for bar, axis in zip(figure.data, (figure.layout.xaxis, figure.layout.xaxis2), strict=True):
        edge = np.abs(bar.x).max()
        assert axis.range == (-edge, edge) and axis.ticktext == (f"± {edge:.2g}",)


def test_whoever_leads_is_drawn_first_and_named() -> None:
    table = make_table().rename(columns={"log2_fold_change_pca": "log2_fold_change_autoencoder"})
    bars = top_gene_bars(table, ["no_change", "autoencoder"], predictor="ridge")
    assert [bar.name for bar in bars.figure.data] == ["Ridge", "Autoencoder"]
    assert "Hypothesis by Ridge" in bars.alt
    points = expression_change_scatter(table, predictor="ridge")
    assert points.figure.data[1].marker.color == LOOKS["ridge"].colour
    assert "Ridge" in points.figure.layout.title.subtitle.text and "Hypothesis by Ridge" in points.alt


def test_thinning_keeps_the_farthest_point_of_a_spot() -> None:
    x = np.array([0.0, 0.0, 0.0, 1.0])
    y = np.array([0.10, -0.11, 0.09, 5.0])
    nobody = np.zeros(4, bool)
    assert thin(x, y, nobody, grid=(10, 10)).tolist() == [1, 3]
    assert thin(x, y, np.array([True, False, True, False]), grid=(10, 10)).tolist() == [0, 3]
    assert thin(x[:0], y[:0], nobody[:0]).tolist() == []


def test_a_point_that_would_be_covered_is_counted_and_not_drawn() -> None:
    table = make_table()
    table.loc[1, ["tpm_before", "log2_fold_change"]] = table.loc[0, ["tpm_before", "log2_fold_change"]]
    table.loc[:1, "perturbed"] = False
    table.loc[:1, "is_reliable"] = [False, True]
    drawn = expression_change_scatter(table).figure
    names = [name for trace in drawn.data[:2] for name in trace.text]
    assert table["gene"][0] not in names and table["gene"][1] in names
    unreliable = int((~table["is_reliable"] & ~table["is_perturbed"]).sum())
    assert drawn.data[0].name == f"Less reliable ({unreliable:,}, {len(drawn.data[0].x):,} drawn)"


def test_a_point_carries_its_fold_change() -> None:
    table = make_table()
    for trace in expression_change_scatter(table).figure.data[:2]:
        rows = table.set_index("gene").loc[list(trace.text)]
        assert np.allclose(trace.y, rows["log2_fold_change"])
        assert np.allclose(trace.customdata[:, 1], 2 ** rows["log2_fold_change"])


def test_the_scatter_of_a_whole_genome_is_light() -> None:
    rng = np.random.default_rng(0)
    n = 19_000
    table = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n)],
            "tpm_before": rng.lognormal(1, 2, n).astype(np.float32),
            "log2_fold_change": rng.normal(0, 0.1, n).astype(np.float32),
            "is_perturbed": False,
            "is_reliable": rng.random(n) < 0.7,
            "reason": "not measured in this sample",
        }
    )
    assert len(expression_change_scatter(table).figure.to_json()) < 600_000


def test_the_ceiling_is_a_line_across_each_bin() -> None:
    bins: list[dict] = [
        {"low": 0.0, "high": 2.5, "n": 9, "accuracy": 0.5},
        {"low": 2.5, "high": 10, "n": 0, "accuracy": None},
        {"low": 10, "high": None, "n": 5, "accuracy": 0.7},
    ]
    chart = accuracy_bars({"autoencoder": bins, "pca": bins}, [0.9, None, 1.0], tolerance="20%")
    line, said = chart.figure.data[2:]
    assert list(said.text) == ["90%", "100%"] and list(said.x) == [0, 2]
    assert line.x[0] < 0 < line.x[2] and line.x[3] is None and line.y[:3] == (90, 90, 90)
    assert chart.figure.layout.xaxis.ticktext == ("0–2.5", "2.5–10", "10 and more")
    assert "Autoencoder 50%, PCA 50%, ceiling 90%" in chart.alt


def test_a_chart_knows_its_title_and_whether_it_is_a_hypothesis() -> None:
    chart = expression_change_scatter(make_table(), predictor="a & b")
    assert chart.title == "Expression change of every gene" and chart.is_hypothesis
    assert "a &amp; b" in chart.figure.layout.title.subtitle.text
    assert not density(np.ones(3), np.ones(3), predictor="autoencoder").is_hypothesis


def test_names_are_never_markup() -> None:
    table = make_table()
    table.loc[:, "gene"] = HOSTILE
    for chart in (
        expression_change_scatter(table, sample=HOSTILE),
        expression_histogram(table["tpm_before"].to_numpy(), np.ones(len(table)), sample=HOSTILE),
        density(np.ones(3), np.ones(3), predictor="autoencoder", sample=HOSTILE),
    ):
        subtitle = chart.figure.layout.title.subtitle.text
        assert "<" not in subtitle
        assert "&lt;b&gt;" in subtitle
    assert all("<" not in gene for gene in top_gene_bars(table, ["pca"]).figure.layout.yaxis.ticktext)


def test_toolbar_sends_nothing_to_a_cloud() -> None:
    assert PLOT_CONFIG["showSendToCloud"] is False
    assert PLOT_CONFIG["displaylogo"] is False
    assert "sendChartToCloud" in PLOT_CONFIG["modeBarButtonsToRemove"]


def test_bin_labels() -> None:
    assert bin_label(0.0, 2.5) == "0–2.5"
    assert bin_label(100.0, None) == bin_label(100.0, float("inf")) == "100 and more"
