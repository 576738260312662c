"""An answer of the small model about one sample of a file with two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation.answer_evidence import prediction_evidence
from cellstate.evaluation.ood import ood_score_after, ood_scores
from cellstate.evaluation.reliability import change_over_error, reliability_table
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample
from cellstate.report.html_prediction import PredictionReport
from cellstate.report.provenance import SampleFile

#: Names as an unfriendly file may hold them.
NASTY = "</script><script>alert('p')</script><img src=https://example.org/x onerror=alert(1)> $(touch x) \"'`"


@pytest.fixture(scope="session")
def upload(cohort, tmp_path_factory) -> Path:
    """Two samples that the model was not trained on, the second with a name that is code."""
    samples = cohort.split("test").take([0, 1])
    genes = np.flatnonzero(~np.isnan(samples.tpm_SA[0]))
    frame = pd.DataFrame(samples.tpm_SA[:, genes].T, index=[gene_axis().ensembl[g] for g in genes])
    frame.columns = ["Quiet-Name", NASTY]
    path = tmp_path_factory.mktemp("upload") / "Patient-File.tsv"
    frame.to_csv(path, sep="\t")
    return path


@pytest.fixture(scope="session")
def perturbations(small_model) -> list[Perturbation]:
    """Two perturbations, one of an amount of more than six digits."""
    first, second = small_model.space.symbols[3], small_model.space.symbols[100]
    return [Perturbation(first, "knock-out"), Perturbation(second, "set", 12.34567891)]


@pytest.fixture(scope="session")
def source(upload) -> SampleFile:
    """The second sample of the upload."""
    return SampleFile(upload, upload.name, ReadOptions(unit="TPM"), NASTY, 1, 2)


@pytest.fixture(scope="session")
def answer(small_model, source, perturbations) -> PredictionReport:
    """What the perturbations do to it."""
    samples = read_samples(source.data, options=source.overrides).take([source.position])
    sample = prepare_sample(small_model, samples)
    prediction = predict(sample, perturbations, "autoencoder")
    before, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    words = [perturbation.label for perturbation in perturbations]
    error, evidence = change_over_error(small_model, table), prediction_evidence(prediction, before, after, table)
    return PredictionReport(prediction.predictor, words, table, before, after, error, evidence)
