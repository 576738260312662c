"""The linked charts: the genes that the browser gets, and what a selection means."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pandas as pd
import pytest

from cellstate.viz.expression_change import coordinates
from cellstate.viz.linked_chart import MAX_NAMED, LinkedChart, linked_chart, selected_rows
from tests.unit.viz.test_figures import make_table as make_small_table


def make_table(n: int = 200, reliable: bool = True) -> pd.DataFrame:
    table = make_small_table(n, reliable)
    return table.assign(tpm_after=table["tpm_before"] * 2 ** table["log2_fold_change"])


def draw(table: pd.DataFrame, **more: object) -> LinkedChart:
    return linked_chart(table, np.arange(len(table)) % 3, 3, **more)  # type: ignore[arg-type]


def array(drawn: LinkedChart, name: str, dtype: str) -> np.ndarray:
    return np.frombuffer(b64decode(drawn.data[name]), dtype)


def test_every_gene_that_was_not_perturbed_is_drawn_in_the_order_of_the_table() -> None:
    table = make_table(19_000)
    drawn, rest = draw(table), table[~table["is_perturbed"]]
    assert drawn.data["genes"].split("\n") == list(rest["gene"])
    x, y = coordinates(rest)
    assert np.array_equal(array(drawn, "x", "<f4"), x) and np.array_equal(array(drawn, "y", "<f4"), y)
    assert np.allclose(array(drawn, "after", "<f4"), rest["tpm_after"])
    assert "18,999" in drawn.alt


def test_the_number_of_agreeing_methods_is_that_of_the_same_row() -> None:
    table = make_table()
    expected = (np.arange(len(table)) % 3)[~table["is_perturbed"]]
    assert array(draw(table), "same", "u1").tolist() == expected.tolist() and draw(table).data["methods"] == 3


def test_a_gene_that_is_less_reliable_carries_its_reason() -> None:
    table = make_table()
    drawn, rest = draw(table), table[~table["is_perturbed"]]
    reasons = [drawn.data["reasons"][code] for code in array(drawn, "reason", "u1")]
    assert reasons == list(rest["reason"].where(~rest["is_reliable"], ""))
    assert not any(array(draw(make_table().assign(is_reliable=True)), "reason", "u1"))


def test_ticked_genes_are_named_by_their_place_among_the_drawn_ones() -> None:
    table = make_table()
    perturbed = int(np.flatnonzero(table["is_perturbed"])[0])
    drawn = draw(table, ticked={perturbed, 3, 7})
    names = drawn.data["genes"].split("\n")
    assert {names[i] for i in drawn.data["ticked"]} == set(table["gene"].iloc[[3, 7]])
    assert len(draw(table, ticked=range(60)).data["ticked"]) == MAX_NAMED


@pytest.mark.parametrize("keep", [slice(0, 0), slice(0, 1)], ids=["no gene", "one gene"])
def test_few_genes_are_drawn(keep: slice) -> None:
    drawn = draw(make_table()[keep].reset_index(drop=True))
    assert drawn.data["ticks"]["values"] and drawn.alt.endswith(".")


def test_nothing_selected_means_no_choice() -> None:
    assert selected_rows(make_table(), {}) is None
    assert selected_rows(make_table(), {"box": None, "clicked": []}) is None


def test_a_box_means_every_gene_inside() -> None:
    table = make_table()
    table.loc[3, ["tpm_before", "log2_fold_change"]] = table.loc[2, ["tpm_before", "log2_fold_change"]]
    x, y = coordinates(table)
    box = [float(x[2]) - 0.3, float(x[2]) + 0.3, float(y[2]) - 0.01, float(y[2]) + 0.01]
    inside = (np.abs(x - x[2]) <= 0.3) & (np.abs(y - y[2]) <= 0.01) & ~table["is_perturbed"].to_numpy()
    rows = selected_rows(table, {"box": box, "clicked": [table["gene"][0]]})
    assert rows is not None and rows.tolist() == np.flatnonzero(inside).tolist() and {2, 3} <= set(rows)


def test_clicked_genes_are_their_rows() -> None:
    table = make_table()
    perturbed = table.loc[table["is_perturbed"], "gene"].iloc[0]
    rows = selected_rows(table, {"box": None, "clicked": [table["gene"][4], table["gene"][1], perturbed]})
    assert rows is not None and rows.tolist() == [1, 4]
