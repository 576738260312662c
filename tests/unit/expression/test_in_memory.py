"""AnnData objects in and out: the rules of files hold for them too."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from cellstate.errors import ReadError
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.samples import Samples, counts_to_tpm
from tests.support.factories import as_csv, make_samples

N_GENES = 300


def annotated(values_SF: np.ndarray, names: list[str] | None = None, **more) -> anndata.AnnData:
    """Return an AnnData of the first genes of the axis, by symbol where no names are given."""
    names = list(gene_axis().symbol[: values_SF.shape[1]]) if names is None else names
    obs = pd.DataFrame(index=pd.Index([f"S{i + 1}" for i in range(len(values_SF))], dtype=object))
    return anndata.AnnData(X=values_SF, obs=obs, var=pd.DataFrame(index=pd.Index(names, dtype=object)), **more)


@pytest.fixture
def counts_SF() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 500, (3, N_GENES)).astype(np.float32)


def test_what_is_written_is_read_back() -> None:
    samples = make_samples(3, missing_fraction=0.3)
    samples.tpm_SA[0, np.flatnonzero(samples.measured_SA[0])[:5]] = np.nan  # measured in the other samples only
    adata = samples.to_anndata()
    assert adata.shape == (3, samples.n_measured)
    assert adata.var["symbol"].iloc[0] == gene_axis().symbol[gene_axis().ensembl.index(adata.var_names[0])]
    back = Samples.from_anndata(adata)
    assert back.names == samples.names
    np.testing.assert_array_equal(back.measured_SA, samples.measured_SA)
    np.testing.assert_allclose(back.tpm_SA[1:], samples.tpm_SA[1:], rtol=1e-5)
    np.testing.assert_array_equal(back.library_size_S, samples.library_size_S)
    assert (back.report.format, back.report.unit, back.report.id_type) == ("AnnData", "TPM", "ensembl")


def test_what_is_written_is_a_copy() -> None:
    samples = make_samples(1)
    before_SA = samples.tpm_SA.copy()
    adata = samples.to_anndata()
    adata.X[:] = 0
    adata.obs["library_size"] = 0.0
    np.testing.assert_array_equal(samples.tpm_SA, before_SA)
    assert samples.library_size_S.min() > 0


def test_an_anndata_means_what_the_same_file_means() -> None:
    samples = make_samples(2)
    of_file = read_samples(as_csv(samples), name="two.csv")
    of_object = Samples.from_anndata(annotated(samples.tpm_SA))
    np.testing.assert_allclose(of_object.tpm_SA, of_file.tpm_SA, rtol=1e-6)
    assert of_object.report.status_counts == of_file.report.status_counts


@pytest.mark.parametrize("pack", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, lambda m: m.astype(np.int64)])
def test_counts_of_a_layer_become_tpm(counts_SF: np.ndarray, pack) -> None:
    adata = annotated(np.zeros_like(counts_SF), layers={"counts": pack(counts_SF)})
    samples = Samples.from_anndata(adata, layer="counts", unit="counts")
    expected_SF = counts_to_tpm(counts_SF.astype(np.float64), gene_axis().length_bp[:N_GENES])
    np.testing.assert_allclose(samples.tpm_SA[:, :N_GENES], expected_SF, rtol=1e-5)
    assert np.isnan(samples.tpm_SA[:, N_GENES:]).all()
    np.testing.assert_allclose(samples.library_size_S, counts_SF.sum(axis=1))
    assert not np.asarray(adata.X).any()


def test_a_unit_that_is_not_given_is_detected(counts_SF: np.ndarray) -> None:
    assert Samples.from_anndata(annotated(counts_SF), unit=None).report.unit == "counts"


def test_logarithms_are_undone(counts_SF: np.ndarray) -> None:
    of_logs = Samples.from_anndata(annotated(np.log1p(counts_SF)), unit="log1p TPM")
    plain = Samples.from_anndata(annotated(counts_SF))
    np.testing.assert_allclose(of_logs.tpm_SA, plain.tpm_SA, rtol=1e-4, atol=1e-3)


def test_the_column_of_var_that_names_genes_is_used(counts_SF: np.ndarray) -> None:
    adata = annotated(counts_SF, [f"feature {i}" for i in range(N_GENES)])
    adata.var["gene_ids"] = list(gene_axis().ensembl[:N_GENES])
    adata.var["n_cells"] = np.arange(N_GENES)
    assert Samples.from_anndata(adata).report.id_type == "ensembl"


def test_the_resolver_of_files_finds_older_names() -> None:
    names = ["p53", "HER2", *gene_axis().symbol[:N_GENES]]
    adata = annotated(np.ones((1, len(names)), np.float32), [name.upper() for name in names])
    samples = Samples.from_anndata(adata)
    measured = {gene_axis().symbol[g] for g in np.flatnonzero(samples.measured_SA[0])}
    assert {"TP53", "ERBB2"} <= measured


def _without_x(counts_SF: np.ndarray) -> anndata.AnnData:
    adata = annotated(counts_SF, layers={"counts": counts_SF})
    adata.X = None
    return adata


@pytest.mark.parametrize(
    ("make", "options", "code"),
    [
        (annotated, {"layer": "tpm"}, "no_matrix"),
        (_without_x, {}, "no_matrix"),
        (annotated, {"unit": "furlongs"}, "unknown_option"),
        (lambda x: annotated(-x), {}, "negative_values"),
        (lambda x: annotated(x * np.array([[1], [0], [1]], np.float32)), {}, "empty_sample"),
        (lambda x: annotated(x, [f"feature {i}" for i in range(N_GENES)]), {}, "no_known_genes"),
        (lambda x: annotated(x[:0]), {}, "no_values"),
    ],
)
def test_bad_input_is_one_error_with_a_hint(counts_SF: np.ndarray, make, options: dict, code: str) -> None:
    with pytest.raises(ReadError) as error:
        Samples.from_anndata(make(counts_SF), **options)
    assert error.value.code == code and error.value.hint
