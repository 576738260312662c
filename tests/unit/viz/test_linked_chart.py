"""The linked chart: drawn genes, bars of every method, and what a selection means."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cellstate.viz.expression_change import coordinates
from cellstate.viz.linked_chart import (
    ALWAYS_DRAWN,
    BOX,
    CLICKED,
    MAX_NAMED,
    LinkedChart,
    drawn_rows,
    linked_chart,
    selected_rows,
)
from tests.unit.viz.test_figures import make_table as make_small_table

BASELINES = ["no_change", "pca"]


def make_table(n: int = 200, reliable: bool = True) -> pd.DataFrame:
    table = make_small_table(n, reliable)
    return table.assign(tpm_after=table["tpm_before"] * 2 ** table["log2_fold_change"])


def spec(drawn: LinkedChart) -> dict:
    return drawn.spec


def points(drawn: LinkedChart) -> pd.DataFrame:
    return drawn.points


def test_scatter_and_bars_share_the_clicks_and_the_box_filters_the_bars() -> None:
    found = spec(linked_chart(make_table(), BASELINES))
    scatter, bars = found["vconcat"]
    params = {one["name"]: one for one in found["params"]}
    assert set(params) == {BOX, CLICKED}
    views = [layer["name"] for view in (scatter, bars) for layer in view["layer"] if "name" in layer]
    assert params[CLICKED]["views"] == views and params[BOX]["views"] == views[:1]
    assert all({"filter": {"param": BOX}} in layer["transform"] for layer in bars["layer"])


def test_a_method_that_changes_no_gene_has_no_panel() -> None:
    drawn = linked_chart(make_table(), BASELINES, predictor="ridge")
    (fold,) = [one["fold"] for one in spec(drawn)["vconcat"][1]["layer"][0]["transform"] if "fold" in one]
    assert fold == ["Ridge", "PCA"]
    assert {"Ridge", "PCA"} <= set(points(drawn)) and "No change" not in points(drawn)


def test_only_reliable_genes_are_ranked_where_there_are_any() -> None:
    filters = [
        json.dumps(spec(linked_chart(make_table(reliable=reliable), BASELINES))["vconcat"][1]["layer"][0]["transform"])
        for reliable in (True, False)
    ]
    assert "'Reliable'" in filters[0] and "'Reliable'" not in filters[1]


def test_perturbed_genes_are_not_drawn() -> None:
    table = make_table()
    drawn = points(linked_chart(table, BASELINES))
    assert set(drawn["gene"]) == set(table.loc[~table["is_perturbed"], "gene"])


def test_a_whole_genome_is_thinned_and_keeps_the_largest_changes() -> None:
    table = make_table(19_000)
    rest = table[~table["is_perturbed"]]
    keep = drawn_rows(rest)
    assert ALWAYS_DRAWN < len(keep) < 6_000
    assert set(range(ALWAYS_DRAWN)) <= set(keep.tolist())
    # A hidden gene shares a cell with a drawn one, which is at least as reliable.
    drawn = linked_chart(table, BASELINES)
    assert len(points(drawn)) == len(keep)
    assert "19,000" not in drawn.alt and "18,999" in drawn.alt


def test_ticked_genes_are_ringed_and_named_although_they_would_be_hidden() -> None:
    table = make_table(19_000)
    hidden = np.setdiff1d(np.arange(18_000), drawn_rows(table[~table["is_perturbed"]]))[:3]
    drawn = points(linked_chart(table, BASELINES, ticked=hidden.tolist()))
    assert set(drawn.loc[drawn["ring"], "gene"]) == set(table["gene"].iloc[hidden])
    assert drawn.loc[drawn["ring"], "named"].all() and drawn["named"].sum() <= 6
    many = points(linked_chart(table, BASELINES, ticked=range(60)))
    assert many["ring"].sum() in (MAX_NAMED - 1, MAX_NAMED)


def test_no_menu_sends_the_chart_to_an_editor_elsewhere() -> None:
    assert spec(linked_chart(make_table(), BASELINES))["usermeta"] == {"embedOptions": {"actions": False}}


@pytest.mark.parametrize("keep", [slice(0, 0), slice(0, 1)], ids=["no gene", "one gene"])
def test_few_genes_are_drawn(keep: slice) -> None:
    drawn = linked_chart(make_table()[keep].reset_index(drop=True), BASELINES)
    assert spec(drawn)["vconcat"] and drawn.alt.endswith(".")


def test_nothing_selected_means_no_choice() -> None:
    assert selected_rows(make_table(), {}) is None
    assert selected_rows(make_table(), {BOX: {}, CLICKED: []}) is None


def test_a_box_means_every_gene_inside_also_those_that_are_not_drawn() -> None:
    table = make_table()
    table.loc[3, ["tpm_before", "log2_fold_change"]] = table.loc[2, ["tpm_before", "log2_fold_change"]]
    x, y = coordinates(table)
    box = {"x": [float(x[2]) + 0.3, float(x[2]) - 0.3], "Autoencoder": [float(y[2]) - 0.01, float(y[2]) + 0.01]}
    inside = (np.abs(x - x[2]) <= 0.3) & (np.abs(y - y[2]) <= 0.01) & ~table["is_perturbed"].to_numpy()
    for order in (box, dict(reversed(box.items()))):
        rows = selected_rows(table, {BOX: order, CLICKED: [{"gene": table["gene"][0]}]})
        assert rows is not None and rows.tolist() == np.flatnonzero(inside).tolist() and {2, 3} <= set(rows)


def test_clicked_genes_are_their_rows() -> None:
    table = make_table()
    perturbed = table.loc[table["is_perturbed"], "gene"].iloc[0]
    clicked = [{"gene": table["gene"][4]}, {"gene": table["gene"][1]}, {"gene": perturbed}]
    rows = selected_rows(table, {BOX: {}, CLICKED: clicked})
    assert rows is not None and rows.tolist() == [1, 4]
