"""The shipped gene table is what its provenance says."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cellstate.genes import AXIS_VERSION, N_AXIS, gene_axis
from cellstate.paths import shipped

GENES = shipped("data", "genes")
PROVENANCE = json.loads((GENES / "provenance.json").read_text())


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(GENES / f"axis-v{AXIS_VERSION}.tsv.gz", sep="\t", keep_default_na=False, dtype={"entrez": str})


def test_axis_has_the_width_of_the_published_network(table: pd.DataFrame) -> None:
    assert len(table) == len(gene_axis()) == N_AXIS == PROVENANCE["n_genes"] == 19_383


def test_ids_are_sorted_unique_and_well_formed(table: pd.DataFrame) -> None:
    assert table["ensembl_id"].is_monotonic_increasing
    assert table["ensembl_id"].is_unique
    assert all(re.fullmatch(r"ENSG\d{11}", e) for e in table["ensembl_id"])


def test_symbols_and_entrez_ids_are_unique(table: pd.DataFrame) -> None:
    assert table["symbol"].is_unique
    assert (table["symbol"] != "").all()
    assert table.loc[table["entrez"] != "", "entrez"].is_unique


def test_lengths_are_positive_and_plausible(table: pd.DataFrame) -> None:
    assert table["exon_length_bp"].between(50, 120_000).all()


def test_tiers_are_those_of_the_provenance(table: pd.DataFrame) -> None:
    assert table["tier"].value_counts().to_dict() == {int(t): n for t, n in PROVENANCE["genes_per_tier"].items()}


def test_no_gene_is_both_on_the_axis_and_outside(table: pd.DataFrame) -> None:
    outside = pd.read_csv(GENES / f"outside-v{AXIS_VERSION}.tsv.gz", sep="\t", keep_default_na=False)
    assert not set(outside["symbol"]) & set(table["symbol"])
    assert not set(outside["ensembl_id"]) & set(table["ensembl_id"])


def test_transcripts_point_at_the_axis() -> None:
    transcripts = pd.read_csv(GENES / f"transcripts-v{AXIS_VERSION}.tsv.gz", sep="\t")
    assert len(transcripts) == PROVENANCE["n_transcripts"]
    assert transcripts["transcript_id"].is_unique
    assert transcripts["gene"].between(0, N_AXIS - 1).all()


@pytest.mark.parametrize("name", sorted(PROVENANCE["sha256"]))
def test_file_is_unaltered(name: str) -> None:
    assert hashlib.sha256((GENES / name).read_bytes()).hexdigest() == PROVENANCE["sha256"][name]


def test_rebuilding_gives_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    annotation = shared_data / "annotation"
    if not annotation.is_dir():
        pytest.skip("the annotation that the gene table is built from is not there")
    command = [sys.executable, str(GENES / "build.py"), "--annotation", str(annotation), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for name in (*PROVENANCE["sha256"], "provenance.json"):
        assert (tmp_path / name).read_bytes() == (GENES / name).read_bytes(), name
