"""Steps on the workbench pages, shared by their tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from cellstate.genes import gene_axis
from cellstate.perturb.perturbations import Perturbation
from tests.app.conftest import check, open_sample, session_of
from tests.support.factories import make_samples


def cached(app: AppTest, kind: str) -> Any:
    """What the session computed last of a kind."""
    return session_of(app)._cache[kind][1]


def specs(app: AppTest) -> list[str]:
    """The perturbations that are switched on."""
    return [one.spec for one in session_of(app).perturbations]


def perturb(app: AppTest, *perturbations: str, section: str = "Table") -> AppTest:
    """Open the workbench with these perturbations alone."""
    session_of(app).put(map(Perturbation.parse, perturbations))
    app.session_state["prediction-section"] = section
    app.switch_page("pages/workbench.py").run()
    check(app)
    return app


def a_table(names: list[str], n_genes: int = 4_000) -> pd.DataFrame:
    """TPM that sum to one million, so that their unit is sure."""
    tpm_SA = make_samples(len(names)).tpm_SA[:, :n_genes]
    tpm_SA = tpm_SA * (1e6 / tpm_SA.sum(axis=1, keepdims=True))
    return pd.DataFrame(np.round(tpm_SA.T, 2), index=gene_axis().symbol[:n_genes], columns=names)


def a_file(names: list[str], n_genes: int = 15_000) -> bytes:
    return a_table(names, n_genes).to_csv().encode()


def upload(app: AppTest, name: str, data: bytes | pd.DataFrame) -> AppTest:
    """Upload a file on the workbench, and open what it shows of the sample."""
    open_sample(app)
    app.file_uploader[0].upload(name, data if isinstance(data, bytes) else data.to_csv().encode())
    app.run()
    return open_sample(app)


def submit(app: AppTest, label: str) -> AppTest:
    """Press the button with a label, with the sample's details open afterwards."""
    next(button for button in app.button if button.label == label).click().run()
    return open_sample(app)
