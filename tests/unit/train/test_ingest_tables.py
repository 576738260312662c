"""From any files that CellState reads to a store, large h5ad files in parts."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from cellstate.errors import CellStateError
from cellstate.genes import N_AXIS, gene_axis
from cellstate.io import read_samples
from cellstate.samples import counts_to_tpm
from tests.unit.train.archs4_files import make_counts
from train.ingest import Filters, IngestSettings, ingest
from train.ingest.tables import open_tables, parts_of

N = 12


@pytest.fixture(scope="module")
def counts_SA():
    return make_counts(N)


@pytest.fixture(scope="module")
def expected_SA(counts_SA):
    return np.log1p(counts_to_tpm(counts_SA.astype(float), gene_axis().length_bp))


def write_csv(path, counts_SA, first=0):
    names = [f"P{first + i}" for i in range(len(counts_SA))]
    pd.DataFrame(counts_SA.T, index=gene_axis().symbol, columns=names).to_csv(path)
    return path


def _var(n_genes):
    return pd.DataFrame({"symbol": gene_axis().symbol[:n_genes]}, index=gene_axis().ensembl[:n_genes])


def write_h5ad(path, matrix, *, raw=None, layers=None):
    obs = pd.DataFrame({"age": range(matrix.shape[0])}, index=[f"P{i}" for i in range(matrix.shape[0])])
    var = _var(N_AXIS)
    data = anndata.AnnData(matrix, obs, var, layers=layers)
    if raw is not None:
        data.raw = anndata.AnnData(raw, obs, var)
    data.write_h5ad(path)
    return path


def store_of(files, out, about=None, settings=None, lines=None):
    return ingest(
        open_tables(files, about), out, settings or IngestSettings(), (lines if lines is not None else []).append
    )


def test_several_files_become_one_store(tmp_path, counts_SA, expected_SA):
    files = [write_csv(tmp_path / "a.csv", counts_SA[:5]), write_h5ad(tmp_path / "b.h5ad", counts_SA[5:].astype("f4"))]
    about = tmp_path / "samples.tsv"
    about.write_text("sample\tseries\tbatch\tage\n" + "".join(f"P{i}\tS{i // 3}\tb{i % 2}\t{i}\n" for i in range(5)))
    with pytest.raises(CellStateError, match=r"not in the table of series: a\.csv:P0"):
        store_of(files, tmp_path / "store", about)
    files[0] = write_csv(tmp_path / "a.csv", counts_SA[:5], first=7)
    about.write_text("sample\tseries\tbatch\tage\n" + "".join(f"P{i}\tS{i // 3};X{i}\tb\t{i}\n" for i in range(N)))
    store = store_of(files, tmp_path / "store", about)
    np.testing.assert_allclose(store.log1p_SA, expected_SA, rtol=6e-4, atol=1e-4)
    table = store.table
    assert table["sample"].tolist() == [f"P{(i + 7) % N}" for i in range(N)]
    assert table["source"].tolist() == ["a.csv"] * 5 + ["b.h5ad"] * 7
    assert table["series"][0] == "S2;X7" and table["age"][0] == "7" and table["batch"][0] == "b"
    assert table.groupby(table["series"].str[:2])["split"].nunique().eq(1).all()
    assert [source["name"] for source in store.manifest["sources"]] == ["a.csv", "b.h5ad", "samples.tsv"]
    np.testing.assert_array_equal(table["library_size"], counts_SA.sum(axis=1))


def test_without_a_table_each_sample_is_split_alone_and_names_are_unique(tmp_path, counts_SA):
    for folder, rows in (("x", slice(0, 6)), ("y", slice(6, 12))):
        (tmp_path / folder).mkdir()
        write_csv(tmp_path / folder / "quant.csv", counts_SA[rows])
    table = store_of([tmp_path / "x" / "quant.csv", tmp_path / "y" / "quant.csv"], tmp_path / "store").table
    assert table["sample"].tolist() == [f"{x}/quant.csv:P{i}" for x in "xy" for i in range(6)]
    assert (table["series"] == "").all() and set(table["split"]) == {"train", "validation", "test"}


def test_given_splits_are_kept(tmp_path, counts_SA):
    path, about = write_csv(tmp_path / "a.csv", counts_SA), tmp_path / "about.csv"
    given = ["test", "validation"] + [""] * (N - 2)
    pd.DataFrame({"name": [f"P{i}" for i in range(N)], "series": "", "split": given}).to_csv(about, index=False)
    table = store_of([path], tmp_path / "store", about).table
    assert table["split"][:2].tolist() == given[:2] and "train" in set(table["split"][2:])


@pytest.mark.parametrize(
    "text, message",
    [
        ("sample,age\nP0,1\n", "lacks a column series"),
        ("id,series\nP0,1\n", "lacks a column sample"),
        ("sample,series\nP0,1\nP0,2\n", "sample 'P0' twice"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_bad_table_of_series_is_refused_before_anything_is_read(tmp_path, text, message):
    (tmp_path / "about.csv").write_text(text)
    with pytest.raises(CellStateError, match=message):
        open_tables([tmp_path / "about.csv"], tmp_path / "about.csv")


def test_a_file_that_is_no_expression_profile_is_named_and_nothing_is_left(tmp_path, counts_SA):
    files = [write_csv(tmp_path / "a.csv", counts_SA), tmp_path / "b.csv"]
    files[1].write_text("gene,x\nTP53,many\nMYC,few\n")
    out = tmp_path / "out" / "store"
    with pytest.raises(CellStateError, match=r"b\.csv: ") as refusal:
        store_of(files, out)
    assert refusal.value.hint and not list(out.parent.glob("*")) and not list(out.parent.glob(".*"))
    with pytest.raises(CellStateError, match="There is no file"):
        store_of([tmp_path / "none.csv"], out)


def _log(counts_SA):
    tpm_SA = counts_to_tpm(counts_SA.astype(float), gene_axis().length_bp)
    return np.log2(tpm_SA + 1).astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    [
        {"matrix": _log},
        {"matrix": lambda x: csr_matrix(_log(x)), "raw": lambda x: csr_matrix(x.astype("f4"))},
        {"matrix": lambda x: _log(x) - 1, "layers": lambda x: {"counts": csr_matrix(x.astype("f4"))}},
    ],
    ids=["log2", "counts in raw", "counts in a layer"],
)
def test_a_large_h5ad_file_is_read_in_parts_as_it_is_whole(tmp_path, counts_SA, monkeypatch, kind):
    more = {name: kind[name](counts_SA) for name in ("raw", "layers") if name in kind}
    path = write_h5ad(tmp_path / "a.h5ad", kind["matrix"](counts_SA), **more)
    whole = read_samples(path)
    monkeypatch.setattr("train.ingest.tables.PART_VALUES", 7 * N_AXIS)
    parts = parts_of(path, "a.h5ad")
    assert [(part.first, part.end) for part in parts] == [(0, 7), (7, 12)]
    last, first = parts[1].read(), parts[0].read()  # the last first: the unit is still that of the whole file
    assert (*first.names, *last.names) == whole.names
    assert first.report.unit == last.report.unit == whole.report.unit
    np.testing.assert_allclose(np.concatenate([first.tpm_SA, last.tpm_SA]), whole.tpm_SA, rtol=1e-5)


def test_parts_of_an_h5ad_file_become_one_store(tmp_path, counts_SA, expected_SA, monkeypatch):
    monkeypatch.setattr("train.ingest.tables.PART_VALUES", 7 * N_AXIS)
    store = store_of([write_h5ad(tmp_path / "a.h5ad", csr_matrix(counts_SA.astype("f4")))], tmp_path / "store")
    np.testing.assert_allclose(store.log1p_SA, expected_SA, rtol=6e-4, atol=1e-4)
    assert store.table["position"].tolist() == list(range(N))


def test_files_that_are_not_stored_by_rows_are_read_whole(tmp_path, counts_SA, monkeypatch):
    monkeypatch.setattr("train.ingest.tables.PART_VALUES", 5 * N_AXIS)
    by_column = write_h5ad(tmp_path / "a.h5ad", csc_matrix(counts_SA.astype("f4")))
    cut = tmp_path / "cut.h5ad"
    cut.write_bytes(by_column.read_bytes()[:5000])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(3)
    for path in (by_column, cut, tmp_path / "other.h5", tmp_path / "none.h5ad"):
        assert [(part.first, part.end) for part in parts_of(path, "a")] == [(0, 0)]
    np.testing.assert_array_equal(parts_of(by_column, "a")[0].read().library_size_S, counts_SA.sum(axis=1))


def test_missing_genes_stay_missing_and_filters_use_what_is_known(tmp_path, counts_SA):
    tpm_SA = counts_to_tpm(counts_SA[:, :15000].astype(float), gene_axis().length_bp[:15000])
    path = tmp_path / "tpm.h5ad"
    anndata.AnnData(tpm_SA, pd.DataFrame(index=list("abcdefghijkl")), _var(15000)).write_h5ad(path)
    store = store_of([path], tmp_path / "store")
    assert np.isnan(store.log1p_SA[:, 15000:]).all() and not np.isnan(store.log1p_SA[:, :15000]).any()
    assert not store.manifest["complete"] and store.table["library_size"].isna().all()
    with pytest.raises(CellStateError, match="No sample is left of 12: detected_genes removed 12"):
        store_of([path], tmp_path / "none", settings=IngestSettings(Filters(detected_genes=15001)))
