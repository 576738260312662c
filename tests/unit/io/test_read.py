"""Selection of samples with ``FILE#NAME``, and lazy imports of the readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cellstate.io
from cellstate.files import resource_path
from cellstate.io import ReadOptions, read_samples, read_selection, split_selection
from tests.support.read_codes import raises_code


@pytest.fixture
def file(profile, tmp_path) -> Path:
    path = tmp_path / "batch#2.csv"
    profile.frame(profile.tpm_SF).set_axis(["a", "b,c", "d"], axis="columns").to_csv(path)
    return path


@pytest.mark.parametrize(
    ("selection", "names"),
    [("", ("a", "b,c", "d")), ("#", ("a", "b,c", "d")), ("#d", ("d",)), ("# d ,a", ("d", "a")), ("#b,c", ("b,c",))],
)
def test_selected_samples(file, selection, names):
    assert read_selection(f"{file}{selection}").names == names


def test_a_path_and_options_are_accepted(file):
    samples = read_selection(file, options=ReadOptions(unit="FPKM"))
    assert samples.report.unit == "FPKM" and samples.names == read_samples(file).names


def test_an_unknown_sample_is_refused(file):
    with raises_code("unknown_sample"):
        read_selection(f"{file}#e")
    with raises_code("unreadable_file"):
        read_selection("nowhere.csv#a")


def test_a_number_sign_in_a_file_name_does_not_split(file):
    assert split_selection(str(file)) == (str(file), "")
    assert split_selection(f"{file}#a#b") == (str(file), "a#b")
    assert split_selection("nowhere.csv#a#b") == ("nowhere.csv", "a#b")


def test_every_public_name_can_be_imported():
    assert all(getattr(cellstate.io, name) is not None for name in cellstate.io.__all__)
    with pytest.raises(AttributeError):
        cellstate.io.no_such_name  # noqa: B018


def test_a_plain_table_is_read_without_heavy_libraries(profile, tmp_path):
    profile.frame(profile.tpm_SF).to_csv(tmp_path / "table.csv")
    code = (
        "import sys; from cellstate.io import read_samples; assert len(read_samples(sys.argv[1])) == 3\n"
        "print(*{'pandas', 'torch', 'plotly', 'scipy', 'h5py', 'anndata', 'streamlit'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "table.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=resource_path())
    assert done.stdout.strip() == ""
