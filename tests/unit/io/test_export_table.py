"""Export of a table as CSV, Parquet and h5ad: same numbers, context, no formulas."""

from __future__ import annotations

import io

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from cellstate.io.write import ABOUT, EXPORT_FORMATS, ExportTable

FRAME = pd.DataFrame(
    {
        "gene": ["TP53", "=1+1", "<b>x</b>"],
        "ensembl_id": ["E1", "E2", "E2"],
        "log2_fold_change": np.array([1 / 3, -0.2, np.nan], np.float32),
        "tpm": [1e-17, 2.0, 1 / 7],
        "rank": [1, 2, 3],
        "is_reliable": [True, False, True],
        "reason": ["", None, "@SUM(A1)"],
    }
)
TABLE = ExportTable(FRAME, ("ensembl_id",), "log2_fold_change", {"sample": "+S1", "kind": "hypothesis"})


def test_csv_has_no_formulas_and_keeps_every_digit() -> None:
    text = TABLE.csv().decode()
    assert text.splitlines()[0] == "gene,ensembl_id,log2_fold_change,tpm,rank,is_reliable,reason,sample,kind"
    assert "'=1+1," in text and "'@SUM" in text and ",'+S1,hypothesis" in text and ",-0.2," in text
    again = pd.read_csv(io.StringIO(text), float_precision="round_trip")
    assert (again["tpm"] == FRAME["tpm"]).all()
    assert again["log2_fold_change"].astype(np.float32).equals(FRAME["log2_fold_change"])


def test_parquet_keeps_the_frame_and_the_context() -> None:
    again = pd.read_parquet(io.BytesIO(TABLE.parquet()))
    pd.testing.assert_frame_equal(again[list(FRAME.columns)], FRAME)
    assert again.attrs == {"sample": "+S1", "kind": "hypothesis"} and set(again["sample"]) == {"+S1"}


def test_h5ad_has_one_sample_and_one_variable_per_row() -> None:
    with h5py.File(io.BytesIO(TABLE.h5ad())) as file:
        data = anndata.io.read_elem(file)
    assert data.shape == (1, 3) and list(data.obs_names) == ["+S1"] and list(data.var_names) == ["E1", "E2", "E2-1"]
    np.testing.assert_array_equal(data.X[0], FRAME["log2_fold_change"])
    np.testing.assert_array_equal(data.layers["tpm"][0], FRAME["tpm"])
    assert list(data.var["gene"]) == list(FRAME["gene"]) and list(data.var["rank"]) == [1, 2, 3]
    assert data.uns[ABOUT] == {"sample": "+S1", "kind": "hypothesis", "X": "log2_fold_change"}


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_table_without_a_sample_names_none(form: str) -> None:
    ending, _, make = EXPORT_FORMATS[form]
    exported = make(ExportTable(FRAME, ("gene", "ensembl_id"), "tpm", {"kind": "hypothesis"}))
    assert len(exported) > 100 and b"S1" not in exported and ending.islower()
