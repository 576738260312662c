"""The Human Protein Atlas cohort: atomic storage, licence, all profiles for training."""

import gzip
import hashlib

import numpy as np
import pytest

from cellstate.cohorts import get_hpa, hpa, open_cohort
from cellstate.errors import DataError
from cellstate.genes import gene_axis
from tests.support.read_codes import raises_code

PROFILES = ["A-431", "HeLa", "adipose tissue", "B-cells", "colon"]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A small table made as the real one is: Ensembl ids, one of them unknown, one decimal."""
    values = np.random.default_rng(0).gamma(1, 20, (300, len(PROFILES))).round(1)
    rows = [[gene, *map(str, row)] for gene, row in zip(gene_axis().ensembl[100:400], values, strict=True)]
    rows.append(["ENSG99999999999", *["7"] * len(PROFILES)])
    text = "\n".join("\t".join(row) for row in [["GeneID", *PROFILES], *rows]).encode()
    path = tmp_path / "table.tsv.gz"
    path.write_bytes(gzip.compress(text))
    monkeypatch.setattr(hpa, "HPA_SHA256", hashlib.sha256(text).hexdigest())
    return path


def test_profiles_on_the_axis(table, tmp_path):
    cohort = get_hpa(tmp_path / "c", source=table)
    tpm_SA = np.asarray(cohort.tpm_SA)
    assert (~np.isnan(tpm_SA)).any(axis=0).nonzero()[0].tolist() == list(range(100, 400))
    assert np.nansum(tpm_SA, axis=1).mean() == pytest.approx(1e6, rel=1e-4)
    assert cohort.table["name"].tolist() == PROFILES
    assert cohort.table["batch"].tolist() == ["cell line"] * 2 + ["tissue or blood cells"] * 3
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()
    levels_FS = np.array([line.split("\t")[1:] for line in lines[1:301]], dtype=float)
    assert np.allclose(tpm_SA[:, 100:400] / tpm_SA[0, 100], levels_FS.T / levels_FS[0, 0], rtol=1e-4)


def test_the_manifest_names_licence_and_source_and_holds_nothing_out(table, tmp_path):
    manifest = get_hpa(tmp_path / "c", source=table).manifest
    assert manifest["licence"] == "CC BY-SA 4.0"
    assert "Human Protein Atlas" in manifest["attribution"]
    assert manifest["splits"] == {"train": len(PROFILES)}
    assert (manifest["n_samples"], manifest["n_genes"]) == (5, 300)


def test_an_unpacked_table_is_the_same_cohort(table, tmp_path):
    plain = tmp_path / "table.tsv"
    plain.write_bytes(gzip.decompress(table.read_bytes()))
    packed = get_hpa(tmp_path / "a", source=table)
    assert get_hpa(tmp_path / "b", source=plain).manifest == packed.manifest


def test_a_fetched_table_is_checked_too(table, tmp_path, monkeypatch):
    monkeypatch.setattr(hpa, "HPA_URL", table.as_uri())
    assert len(get_hpa(tmp_path / "c").table) == len(PROFILES)
    monkeypatch.setattr(hpa, "HPA_SHA256", "0" * 64)
    with raises_code("wrong_checksum", DataError):
        get_hpa(tmp_path / "d")


def test_a_failing_download_hints_at_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr(hpa, "HPA_URL", (tmp_path / "nowhere.tsv.gz").as_uri())
    with raises_code("download_failed", DataError) as caught:
        get_hpa(tmp_path / "c")
    assert "--from FILE" in caught.value.hint and "proteinatlas.org" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_another_file_is_refused_and_leaves_nothing(tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("GeneID\tHeLa\n")
    with raises_code("wrong_checksum", DataError):
        get_hpa(tmp_path / "c", source=other)
    other.write_bytes(gzip.compress(b"GeneID\tHeLa\n" * 100)[:-12])
    with raises_code("damaged_file", DataError):
        get_hpa(tmp_path / "c", source=other)
    with raises_code("missing_file", DataError):
        get_hpa(tmp_path / "c", source=tmp_path / "none.tsv")
    assert [p.name for p in tmp_path.iterdir()] == ["other.tsv"]


def test_repeating_changes_nothing_and_another_cohort_is_refused(table, tmp_path, cohort):
    first = get_hpa(tmp_path / "c", source=table)
    lines: list[str] = []
    assert get_hpa(tmp_path / "c", source=table, report_progress=lines.append).manifest == first.manifest
    assert lines == [f"already complete: {first.path}"]
    with raises_code("other_cohort", DataError):
        get_hpa(cohort.path, source=table)


def test_the_real_table(shared_data, tmp_path):
    cohort = get_hpa(tmp_path / "c", source=shared_data / "reference" / "RNAtableExtended.tsv.gz")
    assert cohort.manifest["n_samples"] == 130
    assert cohort.manifest["n_genes"] > 18_500
    assert cohort.table["batch"].value_counts().to_dict() == {"cell line": 69, "tissue or blood cells": 61}
    liver, albumin = cohort.table["name"].tolist().index("liver"), gene_axis().find("ALB")
    assert np.nanargmax(cohort.tpm_SA[:, albumin]) == liver
    assert len(open_cohort(cohort.path).split("train")) == 130
