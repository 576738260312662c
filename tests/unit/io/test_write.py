"""Writing of tables: no formulas, atomic files, errors."""

from __future__ import annotations

import os
import threading

import pandas as pd
import pytest

from cellstate.errors import CellStateError
from cellstate.io import check_writable, to_csv, write_table
from cellstate.io.write import escape_formula

FRAME = pd.DataFrame({"gene": ["TP53"], "score": [1.5]})


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


@pytest.mark.parametrize("text", ["＝1+1", "＠x", "\u00a0=1", "\n=1", "\r=1", " \t-1", "=", "+49 30", "-"])
def test_full_width_signs_and_blanks_are_escaped(text):
    assert to_csv(pd.DataFrame({"a": [text]})).lstrip('a\n"').startswith("'")


@pytest.mark.parametrize("text", ["TP53", "a=1", "1-2", "’=1", "", " x"])
def test_other_text_is_unchanged(text):
    assert escape_formula(text) == text


def test_stopped_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = write_table(FRAME, tmp_path / "out.csv")
    before = path.read_bytes()

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_table(FRAME * 2, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["out.csv"]


def test_link_stays_a_link_and_a_pipe_is_written(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_table(FRAME, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() == "gene,score\nTP53,1.5\n"
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_table(FRAME, tmp_path / "pipe")
    reader.join()
    assert received == ["gene,score\nTP53,1.5\n"] and (tmp_path / "pipe").is_fifo()


def test_paths_that_cannot_be_written(tmp_path):
    for path, words in ((tmp_path / "none" / "out.csv", "no folder"), (tmp_path, "is a folder")):
        with pytest.raises(CellStateError, match=words):
            check_writable(path)
        with pytest.raises(CellStateError, match="cannot be written"):
            write_table(FRAME, path)
    check_writable(tmp_path / "out.csv")
    assert os.listdir(tmp_path) == []
