"""Real public files with known content."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.errors import ReadError
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples
from tests.support.read_codes import warning_codes


def _pearson(a_A: np.ndarray, b_A: np.ndarray) -> float:
    both = ~np.isnan(a_A) & ~np.isnan(b_A)
    return float(np.corrcoef(np.log1p(a_A[both]), np.log1p(b_A[both]))[0, 1])


@pytest.fixture(scope="module")
def geuvadis(shared_data) -> dict[str, Samples]:
    endings = {"salmon": "salmon.quant.sf", "kallisto": "kallisto.abundance.tsv", "rsem": "rsem.genes.results"}
    return {t: read_samples(shared_data / "uploads" / f"ERR188021.{end}.gz") for t, end in endings.items()}


def test_three_quantifiers_are_recognised(geuvadis):
    for tool, samples in geuvadis.items():
        assert (samples.report.format, samples.report.unit, samples.names) == (tool, "TPM", ("ERR188021",))
        assert samples.measured_SA.sum() > 19_000
    assert geuvadis["salmon"].library_size_S[0] == pytest.approx(28_694_460, rel=1e-6)


def test_salmon_and_kallisto_agree(geuvadis):
    assert _pearson(geuvadis["salmon"].tpm_SA[0], geuvadis["kallisto"].tpm_SA[0]) >= 0.97


def test_rsem_agrees_as_far_as_its_few_reads_allow(geuvadis, shared_data):
    """The RSEM file was made from 36,567 reads; salmon's 28.7 million drawn down to as many are no nearer the truth."""
    salmon, rsem = geuvadis["salmon"], geuvadis["rsem"]
    assert rsem.library_size_S[0] == pytest.approx(36_567, abs=1) and "low_depth" in warning_codes(rsem)
    reads = read_samples(shared_data / "uploads" / "ERR188021.salmon.quant.sf.gz", options=ReadOptions(unit="counts"))
    np.testing.assert_allclose(np.nan_to_num(reads.tpm_SA), np.nan_to_num(salmon.tpm_SA), rtol=0.02, atol=0.5)
    weight_A = np.nan_to_num(salmon.tpm_SA[0]).astype(float) * gene_axis().length_bp
    thinned_A = np.random.default_rng(0).multinomial(36_567, weight_A / weight_A.sum()) / gene_axis().length_bp
    limit = _pearson(salmon.tpm_SA[0], thinned_A * 1e6 / thinned_A.sum())
    assert _pearson(salmon.tpm_SA[0], rsem.tpm_SA[0]) >= 0.95 * limit


def test_star_takes_the_forward_strand_and_is_shallow(shared_data):
    samples = read_samples(shared_data / "uploads" / "ERR458837.star.ReadsPerGene.out.tab.gz")
    assert (samples.report.format, samples.report.unit, samples.report.id_type) == ("star", "counts", "ensembl")
    assert samples.library_size_S[0] == 56_513
    assert {"strand_choice", "low_depth"} <= set(warning_codes(samples))
    assert "forward" in samples.report.warnings[0]


def test_sparse_gct_is_flagged(shared_data):
    samples = read_samples(shared_data / "uploads" / "rnaseqc.gene_tpm.gct.gz")
    assert (samples.report.format, samples.report.unit) == ("gct 1.2", "TPM")
    assert "low_depth" in warning_codes(samples)


def test_partial_table_of_many_samples(shared_data):
    samples = read_samples(shared_data / "uploads" / "hapmap_lcl_counts.csv.gz")
    assert len(samples) == 85 and samples.report.unit == "counts" and samples.measured_SA.any(axis=0).sum() == 9_954
    assert "few_genes" in warning_codes(samples)
    assert np.isnan(samples.tpm_SA[0]).sum() == 19_383 - 9_954


def test_coverage_is_recognised_and_shallow_hearts_are_named(shared_data):
    samples = read_samples(shared_data / "uploads" / "SRP021193.raw_counts.tsv.gz")
    report = samples.report
    assert (report.unit, report.id_type, len(samples)) == ("coverage", "symbol", 12)
    assert {"base_coverage", "lengths_with_introns", "low_depth"} <= set(warning_codes(samples))
    shallow = samples.report.warnings[warning_codes(samples).index("low_depth")]
    assert shallow.startswith("6 ") and all(name in shallow for name in ("CASE_4", "CASE_5", "CASE_6"))
    raw = pd.read_csv(shared_data / "uploads" / "SRP021193.raw_counts.tsv.gz", sep="\t")
    np.testing.assert_allclose(samples.library_size_S[0], raw["CASE_1"].sum() / 100)
    one = read_samples(raw[["CASE_4", "width"]].to_csv(sep="\t", index_label=False).encode())
    assert one.report.unit == "coverage"


def test_exonic_lengths_bring_coverage_nearer_to_other_cells_of_the_line(shared_data):
    """SRP049988 are A549 cells: the nearest of 130 tissues and lines in the Human Protein Atlas."""
    cells = read_samples(shared_data / "perturbation" / "SRP049988.raw_counts.tsv.gz")
    atlas = read_samples(shared_data / "reference" / "RNAtableExtended.tsv.gz")
    assert cells.report.unit == "coverage" and len(cells) == 10 and len(atlas) == 130
    assert atlas.report.unit == "FPKM" and "uncertain_unit" in warning_codes(atlas)
    nearest = max(range(130), key=lambda i: _pearson(cells.tpm_SA[0], atlas.tpm_SA[i]))
    assert atlas.names[nearest] == "A549"
    assert _pearson(cells.tpm_SA[0], atlas.tpm_SA[nearest]) > 0.85


def test_featurecounts_like_table_uses_its_lengths(shared_data):
    path = shared_data / "perturbation" / "GSE37704_featurecounts.csv"
    samples = read_samples(path)
    raw = pd.read_csv(path, index_col=0)
    assert samples.names == tuple(raw.columns[1:]) and samples.report.unit == "counts"
    np.testing.assert_allclose(samples.library_size_S, raw.iloc[:, 1:].sum())
    index = gene_axis().resolve(raw.index).index
    rate = (raw["SRR493366"] / raw["length"]).to_numpy()[index >= 0]
    np.testing.assert_allclose(samples.tpm_SA[0, index[index >= 0]], rate / rate.sum() * 1e6, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "uploads/SRP021193.colData.tsv",
        "uploads/hapmap_lcl_coldata.csv",
        "perturbation/GSE37704_metadata.csv",
        "reference/h.all.v7.0.symbols.gmt",
        "reference/human_TF_Lambert_2018.csv",
        "reference/collectri.csv.gz",
        "annotation/hgnc_version.json",
        "annotation/grch38_tx2gene.csv.gz",
    ],
)
def test_other_files_are_refused(shared_data, name):
    with pytest.raises(ReadError):
        read_samples(shared_data / name)
