"""The command called in this process, and files to call it with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellstate.cli import main
from cellstate.genes import gene_axis


@pytest.fixture
def run(capsys):
    """Run a command; returns the document with ``--json``, else what was printed."""

    def call(*arguments, status=0):
        assert main([str(a) for a in arguments]) == status
        captured = capsys.readouterr()
        return json.loads(captured.out) if "--json" in arguments else captured

    return call


def refusal(captured) -> str:
    """Return the one error message that a command printed; it comes with a hint, and nothing on standard output."""
    errors, hints = (
        [line for line in captured.err.splitlines() if line.startswith(kind)] for kind in ("error:", "hint:")
    )
    assert captured.out == "" and len(errors) == len(hints) == 1
    return errors[0]


@pytest.fixture(scope="session")
def table(cohort, tmp_path_factory) -> Path:
    """An upload of two samples, never trained on."""
    samples = cohort.split("test").take([0, 1])
    genes = np.flatnonzero(~np.isnan(samples.tpm_SA[0]))
    frame = pd.DataFrame(samples.tpm_SA[:, genes].T, index=[gene_axis().ensembl[g] for g in genes])
    frame.columns = list(samples.names)
    path = tmp_path_factory.mktemp("upload") / "two.csv"
    frame.to_csv(path)
    return path
