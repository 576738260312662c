"""From ARCHS4's HDF5 to a store: every layout gives the same values, every bad file a sentence."""

import h5py
import numpy as np
import pytest

import train.ingest.matrix as train_matrix
from cellstate.errors import CellStateError
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import counts_to_tpm
from tests.unit.train.archs4_files import make_counts, write_archs4
from train.ingest import Filters, IngestSettings, ingest
from train.ingest.archs4 import open_archs4
from train.ingest.matrix import MOST_BLOCK, Matrix
from train.store import open_store

N = 10


@pytest.fixture(scope="module")
def counts_SA():
    return make_counts(N)


@pytest.fixture(scope="module")
def expected_SA(counts_SA):
    return np.log1p(counts_to_tpm(counts_SA.astype(float), gene_axis().length_bp))


def store_of(*files, out, settings=None, lines=None):
    settings = settings or IngestSettings()
    source = open_archs4(files, settings.filters.single_cell)
    return ingest(source, out, settings, (lines if lines is not None else []).append)


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"names": "ensembl_gene"},
        {"names": "gene_symbol", "samples_first": True},
        {"samples_first": True, "chunks": (900, 3), "shuffle": True},
        {"chunks": (5000, 3), "shuffle": True},
        {"chunks": (N_AXIS, 1)},
        {"chunks": (50, N)},
        {"chunks": (4000, 4), "compression": "lzf"},
        {"chunks": None},
        {"chunks": None, "samples_first": True},
        {"dtype": np.int64},
        {"dtype": np.float32},
        {"dtype": ">u4"},
    ],
    ids=str,
)
def test_every_layout_gives_the_same_values(tmp_path, counts_SA, expected_SA, kind):
    store = store_of(write_archs4(tmp_path / "a.h5", counts_SA, **kind), out=tmp_path / "store")
    np.testing.assert_allclose(store.log1p_SA, expected_SA, rtol=6e-4, atol=1e-6)
    assert store.manifest["complete"] and store.table["sample"].tolist() == [f"GSM{i + 1}" for i in range(N)]
    # Reads of genes outside the axis count for the library, not for TPM.
    np.testing.assert_array_equal(store.table["library_size"], counts_SA.sum(axis=1) + 3000)
    np.testing.assert_array_equal(store.table["detected_genes"], (counts_SA > 0).sum(axis=1))


def test_several_rows_of_a_gene_are_summed_and_genes_not_named_are_missing(tmp_path, counts_SA):
    symbols = list(gene_axis().symbol)
    symbols[5] = symbols[3]  # gene 5 is not measured any more, gene 3 twice: by symbol,
    symbols[9000] = gene_axis().ensembl[3]  # and a third time by its id
    symbols[17] = "no_gene"
    store = store_of(write_archs4(tmp_path / "a.h5", counts_SA, genes=symbols), out=tmp_path / "store")
    summed_SA = counts_SA.astype(float)
    summed_SA[:, 3] += summed_SA[:, 5] + summed_SA[:, 9000]
    summed_SA[:, [5, 9000, 17]] = np.nan
    expected_SA = np.log1p(counts_to_tpm(summed_SA, gene_axis().length_bp))
    np.testing.assert_allclose(store.log1p_SA, expected_SA, rtol=6e-4, atol=1e-6)
    assert np.isnan(store.log1p_SA[:, [5, 9000, 17]]).all() and not store.manifest["complete"]


def test_descriptions_of_the_samples_are_kept(tmp_path, counts_SA):
    kind = {"single_cell": np.linspace(0, 0.4, N), "series": [f"GSE{i},GSE{i + 1}" for i in range(N)]}
    table = store_of(write_archs4(tmp_path / "a.h5", counts_SA, **kind), out=tmp_path / "store").table
    assert table["title"][3] == "title 4 é" and table["characteristics"][9] == "characteristics_ch1 10 é"
    assert table["series"][2] == "GSE2,GSE3" and set(table["source"]) == {"a.h5"}
    np.testing.assert_allclose(table["single_cell_probability"], kind["single_cell"], rtol=1e-6)
    assert len(set(table["split"])) == 1  # all hang together


def test_each_filter_counts_what_it_removed(tmp_path, counts_SA):
    counts_SA = counts_SA.copy()
    counts_SA[1] //= 40  # few reads
    counts_SA[2, 4000:] = 0  # few genes
    counts_SA[6] = 0
    counts_SA[3] = np.random.default_rng(0).permutation(counts_SA[3])  # of another kind
    single_cell = [0.1, 0.1, 0.1, 0.1, 0.5, 0.9, 0.1, 0.1, 0.1, 0.1]
    path = write_archs4(tmp_path / "a.h5", counts_SA, single_cell=single_cell)
    store = store_of(path, out=tmp_path / "store")
    assert store.table["sample"].tolist() == ["GSM1", "GSM8", "GSM9", "GSM10"]
    assert store.table["title"].tolist()[1] == "title 8 é"
    removed = {"single_cell": 2, "library_size": 2, "detected_genes": 1, "median_correlation": 1, "repeated": 0}
    assert store.manifest["filters"] == removed and store.manifest["n_read"] == N
    assert store.manifest["sources"][0]["name"] == "a.h5" and len(store.manifest["sources"][0]["sha256"]) == 64
    lax = IngestSettings(Filters(single_cell=2, library_size=0, detected_genes=1, median_correlation=-1))
    everything = store_of(path, out=tmp_path / "all", settings=lax)
    # A sample without a gene is never taken.
    assert everything.table["sample"].tolist() == [f"GSM{i}" for i in (1, 2, 3, 4, 5, 6, 8, 9, 10)]


def test_the_same_sample_in_two_files_is_taken_once(tmp_path, counts_SA):
    first = write_archs4(tmp_path / "v1.h5", counts_SA[:6])
    second = write_archs4(tmp_path / "v2.h5", counts_SA, names="ensembl_gene")
    store = store_of(first, second, out=tmp_path / "store")
    assert store.table["source"].tolist() == ["v1.h5"] * 6 + ["v2.h5"] * 4
    assert store.table["title"].tolist()[6] == "title 7 é"
    assert store.manifest["filters"]["repeated"] == 6


def test_chunks_are_unpacked_once(tmp_path, counts_SA, monkeypatch):
    path = write_archs4(tmp_path / "a.h5", counts_SA, chunks=(6000, 3))
    seen = []
    unpacked = train_matrix._unpacked
    monkeypatch.setattr(train_matrix, "_unpacked", lambda d, at, f: seen.append(at) or unpacked(d, at, f))
    store_of(path, out=tmp_path / "store")
    assert len(seen) == len(set(seen)) == 4 * 4


def test_blocks_are_whole_chunks_within_bounds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for width in (1, 7, 100, 300, 2000, 5000):
            dataset = file.create_dataset(f"x{width}", (10, 9000), "u4", chunks=(5, width))
            blocks = Matrix(dataset, samples_first=False).blocks()
            assert [first for first, _ in blocks[1:]] == [end for _, end in blocks[:-1]]
            assert blocks[0][0] == 0 and blocks[-1][1] == 9000
            assert max(end - first for first, end in blocks) <= MOST_BLOCK
            cut = [first for first, _ in blocks if first % width]
            assert not cut if width <= MOST_BLOCK else all(first // width == (first - 1) // width for first in cut)


def _without(*names):
    def change(file):
        for name in names:
            del file[name]

    return change


def _set(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def _negative(file):
    values = file["data/expression"][()].astype(np.int32)
    values[5, 7] = -1
    _set("data/expression", values)(file)


def _fraction(file):
    values = file["data/expression"][()].astype(np.float32)
    values[5, 7] = 0.5
    _set("data/expression", values)(file)


@pytest.mark.parametrize(
    "change, message",
    [
        (_without("meta/samples/series_id"), "does not state the series"),
        (_set("meta/samples/series_id", np.array([b""] * N)), "does not state the series"),
        (_set("meta/genes/symbol", np.array([b"no_gene"] * (N_AXIS + 3))), "names 0 known human protein-coding"),
        (_without("meta/genes"), "does not name its genes"),
        (_without("meta/samples/geo_accession"), "names no samples"),
        (_set("meta/samples/geo_accession", np.array([b"GSM1"])), "1 samples"),
        (_without("data"), "no ARCHS4 file"),
        (_negative, "negative"),
        (_fraction, "no whole numbers"),
        (_set("meta/samples/singlecellprobability", np.ones(N)), "No sample is left of 10: single_cell removed 10"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_and_leaves_nothing(tmp_path, counts_SA, change, message):
    path = write_archs4(tmp_path / "a.h5", counts_SA, single_cell=[0.1] * N)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(CellStateError, match=message) as refusal:
        store_of(path, out=tmp_path / "out" / "store")
    assert refusal.value.hint and ". " not in refusal.value.message
    assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("out/.*"))


@pytest.mark.parametrize("cut, message", [(0.5, "damaged or cut short"), (0, "is no HDF5 file")])
def test_a_truncated_file_is_refused(tmp_path, counts_SA, cut, message):
    path = write_archs4(tmp_path / "a.h5", counts_SA)
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(CellStateError, match=message):
        store_of(path, out=tmp_path / "store")
    with pytest.raises(CellStateError, match="There is no file"):
        store_of(tmp_path / "none.h5", out=tmp_path / "store")
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5"}


def test_a_damaged_chunk_is_refused(tmp_path, counts_SA):
    path = write_archs4(tmp_path / "a.h5", counts_SA)
    with h5py.File(path) as file:
        chunk = file["data/expression"].id.get_chunk_info(5)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 100 : chunk.byte_offset + 200] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(CellStateError, match="damaged"):
        store_of(path, out=tmp_path / "store")
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5"}


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, counts_SA):
    path, out = write_archs4(tmp_path / "a.h5", counts_SA), tmp_path / "store"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(CellStateError, match="holds something else"):
        store_of(path, out=out)
    (out / "notes.txt").unlink()
    first = store_of(path, out=out)  # an empty folder will do
    lines = []
    assert store_of(path, out=out, lines=lines).manifest == first.manifest and lines == [f"already complete: {out}"]
    with pytest.raises(CellStateError, match="other sources or settings"):
        store_of(path, out=out, settings=IngestSettings(seed=1))
    assert open_store(out).manifest == first.manifest
