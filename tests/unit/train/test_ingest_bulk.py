"""A corpus file becomes a store: masks, splits by component, test patients left out; anything else is refused."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from cellstate.cli import main
from cellstate.errors import DataError
from cellstate.files import resource_path
from cellstate.genes import gene_axis
from train.ingest.bulk import STEPS, import_bulk
from train.store import open_store

GENES, SETS, PER_SET = 1_500, 6, 8
TABLES = resource_path("data", "corpora", "human_bulk")


def corpus(path: Path, **changed) -> Path:
    """Write a corpus of made-up data sets; ``changed`` arrays replace those of the layout, None leaves one out."""
    rng = np.random.default_rng(0)
    n = SETS * PER_SET
    log1p_SF = np.clip(rng.normal(2, 1.5, (1, GENES)) + rng.normal(0, 1, (n, GENES)), 0, 9)
    dataset_S = np.repeat(np.arange(SETS), PER_SET)
    measured_DF = rng.random((SETS, GENES)) < 0.97
    log1p_SF[~measured_DF[dataset_S]] = 0
    arrays = {
        "log1p_tpm_x200": np.rint(log1p_SF * STEPS).astype(np.uint16),
        "measured": measured_DF,
        "ensembl": np.array(gene_axis().ensembl[:GENES], "S15"),
        "symbol": np.array(gene_axis().symbol[:GENES], "S15"),
        "dataset_index": dataset_S,
        "dataset_names": np.array([f"set {d}" for d in range(SETS)], "S20"),
        "sample": np.array([f"sample {s}" for s in range(n)], "S20"),
        "tissue_class": np.array(["lung", "liver"] * (n // 2), "S20"),
        "state": np.array(["normal"] * n, "S20"),
        # The first two sets share a patient.
        "group": np.array(["patient" if s in (0, PER_SET) else "" for s in range(n)], "S20"),
    }
    with h5py.File(path, "w") as file:
        for name, values in (arrays | changed).items():
            if values is not None:
                file[name] = values
    return path


def test_values_masks_and_labels_are_those_of_the_file(tmp_path):
    source = corpus(tmp_path / "corpus.h5")
    store = import_bulk(source, tmp_path / "store")
    assert len(store) == SETS * PER_SET and set(store.table["split"]) > {"train"}
    assert store.table["tissue"].tolist() == ["lung", "liver"] * (SETS * PER_SET // 2)
    with h5py.File(source) as file:
        measured_SF = file["measured"][:][file["dataset_index"][:]]
        expected_SF = np.where(measured_SF, file["log1p_tpm_x200"][:] / STEPS, np.nan)
    np.testing.assert_allclose(store.log1p_SA[:, :GENES], expected_SF, rtol=1e-3)
    assert np.isnan(store.log1p_SA[:, GENES:]).all()
    assert store.table["detected_genes"].tolist() == (expected_SF > 0).sum(axis=1).tolist()
    # Made once; another file is refused.
    assert import_bulk(source, tmp_path / "store").manifest == store.manifest
    with pytest.raises(DataError, match="another store"):
        import_bulk(corpus(tmp_path / "other.h5", state=np.array(["x"] * SETS * PER_SET, "S3")), tmp_path / "store")


def test_what_shares_a_data_set_a_patient_or_a_profile_is_on_one_side(tmp_path):
    source = corpus(tmp_path / "corpus.h5")
    with h5py.File(source, "a") as file:
        # One sample of the third set stands in the fourth again.
        file["log1p_tpm_x200"][3 * PER_SET] = file["log1p_tpm_x200"][2 * PER_SET]
        file["measured"][3] = file["measured"][2]
    table = import_bulk(source, tmp_path / "store").table
    assert table.groupby("series")["split"].nunique().max() == 1
    split = table.groupby("series")["split"].first()
    assert split["set 0"] == split["set 1"] and split["set 2"] == split["set 3"]
    assert (table["duplicate_group"] != "").sum() == 2


def test_patients_of_the_colorectal_test_sets_are_left_out(tmp_path):
    patient = (TABLES / "excluded_patients.txt").read_text().split()[0]
    groups = np.array([f"{patient}-01" if s == 5 else "" for s in range(SETS * PER_SET)], "S20")
    store = import_bulk(corpus(tmp_path / "corpus.h5", group=groups), tmp_path / "store")
    assert len(store) == SETS * PER_SET - 1 and "sample 5" not in set(store.table["sample"])
    assert store.manifest["filters"] == {"excluded patients": 1}


def test_the_committed_split_divides_no_component_and_no_patient():
    with (TABLES / "splits.tsv").open() as lines:
        datasets = list(csv.DictReader(lines, delimiter="\t"))
    sides = defaultdict(set)
    for row in datasets:
        sides["component", row["component"]].add(row["split"])
    excluded = set((TABLES / "excluded_patients.txt").read_text().split())
    with gzip.open(TABLES / "samples.tsv.gz", "rt") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            assert (row["split"] == "excluded") == (row["group"][:12] in excluded)
            if row["group"] and row["split"] != "excluded":
                sides["group", row["group"]].add(row["split"])
    assert {len(split) for split in sides.values()} == {1}
    assert sum(row["split"] == "test" for row in datasets) >= 15


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"measured": None}, "lacks the array 'measured'"),
        ({"measured": np.ones((SETS, 10), bool)}, "do not fit each other"),
        ({"ensembl": np.array([f"ENSMUSG{i:011}" for i in range(GENES)], "S20")}, "only 0 human protein-coding genes"),
        ({"ensembl": np.array([gene_axis().ensembl[0]] * GENES, "S15")}, "holds only 1|a gene twice"),
        ({"dataset_index": np.full(SETS * PER_SET, SETS)}, "samples of no data set"),
        ({"sample": np.array(["same"] * SETS * PER_SET, "S9")}, "a sample twice"),
    ],
)
def test_a_file_that_is_no_corpus_is_refused(tmp_path, changed, sentence):
    with pytest.raises(DataError, match=sentence):
        import_bulk(corpus(tmp_path / "corpus.h5", **changed), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_truncated_file_is_one_sentence_of_the_command(tmp_path, capsys):
    source = corpus(tmp_path / "corpus.h5")
    source.write_bytes(source.read_bytes()[:5_000])
    assert main(["data", "get", "human-bulk", "--from", str(source), "--out", str(tmp_path / "store")]) == 2
    assert "truncated" in capsys.readouterr().err and not (tmp_path / "store").exists()
    assert main(["data", "get", "human-bulk"]) == 2
    assert "imported from a file" in capsys.readouterr().err


def test_the_command_imports_a_corpus(tmp_path, capsys):
    source = corpus(tmp_path / "corpus.h5")
    assert main(["data", "get", "human-bulk", "--from", str(source), "--out", str(tmp_path / "store")]) == 0
    assert f"{SETS * PER_SET} samples" in capsys.readouterr().out
    assert len(open_store(tmp_path / "store")) == SETS * PER_SET
