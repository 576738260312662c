"""The worked example of an experiment: checked, converted, named by group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellstate.cohorts import get_hoxa1
from cellstate.errors import DataError
from cellstate.io import read_samples


def test_six_samples_in_tpm(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "perturbation" / "GSE37704_featurecounts.csv"
    found = read_samples(get_hoxa1(tmp_path / "new" / "example.csv", source=source))
    before = read_samples(source)
    assert found.names == (*(f"control_{i}" for i in (1, 2, 3)), *(f"HOXA1_siRNA_{i}" for i in (1, 2, 3)))
    assert found.report.unit == "TPM"
    known = found.measured_SA.all(axis=0)
    assert known.sum() > 15_000
    np.testing.assert_allclose(found.tpm_SA[:, known], before.tpm_SA[:, known], rtol=1e-3, atol=1e-3)


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "counts.csv"
    other.write_text("ensgene,length,A\n")
    with pytest.raises(DataError) as raised:
        get_hoxa1(tmp_path / "out.csv", source=other)
    assert raised.value.code == "wrong_checksum" and not (tmp_path / "out.csv").exists()
    with pytest.raises(DataError):
        get_hoxa1(tmp_path / "out.csv", source=tmp_path / "none.csv")
