"""Columns about patients beside genes in columns."""

from __future__ import annotations

import pytest

from cellstate.io import read_samples
from cellstate.io.columns import genes_in_header, is_clinical
from tests.support.read_codes import warning_codes

CLINICAL = {"OS": [12.5, 24.1, 7.2], "RIN": [8.1, 7.9, 9.0], "PI": [1, 2, 3], "SD": [0.1, 0.2, 0.3], "END": [5, 6, 7],
            "OS.time": [1230, 2410, 720], "ER": [0, 1, 1]}  # fmt: skip


@pytest.mark.parametrize("log", [True, False])
def test_clinical_columns_are_annotations(profile, log):
    import numpy as np

    values_SF = np.log2(profile.tpm_SF + 1) if log else profile.counts_SF
    frame = profile.frame(values_SF, "symbol").T
    clean = read_samples(frame.to_csv().encode())
    for name, values in CLINICAL.items():
        frame.insert(0, name, values)
    frame.insert(0, "sex", ["M", "F", "F"])
    samples = read_samples(frame.to_csv(index_label="patient").encode())
    profile.assert_same(samples)
    assert samples.report.unit == clean.report.unit and "sample_annotations" in warning_codes(samples)
    found = dict(samples.report.annotations)
    assert set(found) == {*CLINICAL, "sex"} and found["sex"] == ("M", "F", "F")
    assert [float(text) for text in found["OS"]] == CLINICAL["OS"]


def test_approved_symbols_are_always_genes():
    names = ["GC", "SET", "AR", "TP53", "OS", "MID1", "T"]
    assert genes_in_header(names).tolist() == [True, True, True, True, False, True, False]


def test_names_of_clinical_columns():
    assert all(map(is_clinical, ["OS", "os_time", "PFS (months)", "RIN", "Age", "Stage", "tumor_stage_2"][:6]))
    assert not any(map(is_clinical, ["TP53", "2007-03-05", "MYC", "score_x"]))
