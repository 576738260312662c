"""Tables that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import pandas as pd

from cellstate.io import to_csv, write_table


def test_formulas_become_text_and_numbers_stay(tmp_path):
    frame = pd.DataFrame({"=1+1": ["=HYPERLINK(1)", "@x", "TP53", None], "delta": [-1.5, 2.0, -0.0, float("nan")]})
    path = write_table(frame, tmp_path / "out.csv")
    assert path.read_bytes().decode().split("\n") == [
        "'=1+1,delta", "'=HYPERLINK(1),-1.5", "'@x,2.0", "TP53,-0.0", ",", ""
    ]  # fmt: skip
    assert frame.columns[0] == "=1+1" and frame.iloc[0, 0] == "=HYPERLINK(1)"


def test_mixed_columns_and_index():
    frame = pd.DataFrame({"a": [-1, "-cmd", "\tx"]}, index=["+s", "t", " =u"], dtype=object)
    text = to_csv(frame, index=True)
    assert text.startswith(",a\n'+s,-1\nt,'-cmd\n' =u,") and "'\tx" in text
