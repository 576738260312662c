"""The gene table agrees with its provenance."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cellstate.files import resource_path
from cellstate.genes import AXIS_VERSION, N_AXIS, gene_axis, transcription_factors

GENES = resource_path("data", "genes")
PROVENANCE = json.loads((GENES / "provenance.json").read_text())


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(GENES / f"axis-v{AXIS_VERSION}.tsv.gz", sep="\t", keep_default_na=False, dtype={"entrez": str})


def test_ids_symbols_and_lengths(table: pd.DataFrame) -> None:
    assert len(table) == len(gene_axis()) == N_AXIS == PROVENANCE["n_genes"] == 19_383
    assert table["ensembl_id"].is_monotonic_increasing and table["ensembl_id"].is_unique
    assert all(re.fullmatch(r"ENSG\d{11}", e) for e in table["ensembl_id"])
    assert table["symbol"].is_unique and (table["symbol"] != "").all()
    assert table.loc[table["entrez"] != "", "entrez"].is_unique
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


def test_transcription_factors_are_those_of_the_published_list(shared_data: Path) -> None:
    axis, factors = gene_axis(), transcription_factors()
    symbols = {axis.symbol[i] for i in factors}
    assert len(factors) == PROVENANCE["n_transcription_factors"] == 1628
    assert {"TP53", "MYC", "CDX2", "HOXA1", "HOMEZ"} <= symbols
    assert not {"GAPDH", "KRAS", "RPL15"} & symbols
    lambert = pd.read_csv(shared_data / "reference" / "human_TF_Lambert_2018.csv")
    called = lambert[lambert["isTF?"] == "Yes"]
    # HOMEZ has another Ensembl id there; the others that are left out are no genes of the axis.
    assert {axis.ensembl[i] for i in factors} - set(called["ID"]) == {axis.ensembl[axis.find("HOMEZ")]}
    assert set(called["ID"]) & set(axis.ensembl) <= {axis.ensembl[i] for i in factors}


@pytest.mark.parametrize("name", sorted(PROVENANCE["sha256"]))
def test_file_is_unaltered(name: str) -> None:
    assert hashlib.sha256((GENES / name).read_bytes()).hexdigest() == PROVENANCE["sha256"][name]


def test_rebuilding_gives_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    annotation, reference = shared_data / "annotation", shared_data / "reference"
    if not annotation.is_dir():
        pytest.skip("the annotation that the gene table is built from is not there")
    folders = ["--annotation", str(annotation), "--reference", str(reference), "--out", str(tmp_path)]
    command = [sys.executable, str(GENES / "build.py"), *folders]
    subprocess.run(command, check=True, capture_output=True)
    for name in (*PROVENANCE["sha256"], "provenance.json"):
        assert (tmp_path / name).read_bytes() == (GENES / name).read_bytes(), name
