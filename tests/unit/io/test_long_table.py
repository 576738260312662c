"""Long tables become one row a sample, or are refused; they are never summed into one sample."""

from __future__ import annotations

import pandas as pd
import pytest

from cellstate.io import read_samples
from tests.support.read_codes import raises_code, warning_codes


def _long(profile, values_SF, *, sample: str = "sample", value: str = "TPM", kind: str = "ensembl") -> pd.DataFrame:
    frame = profile.frame(values_SF, kind).reset_index()
    return frame.melt("gene", var_name=sample, value_name=value)


@pytest.mark.parametrize("sample", ["sample", "Tissue", "icgc_donor_id", "which"])
def test_long_table_is_pivoted(profile, sample):
    samples = read_samples(_long(profile, profile.tpm_SF, sample=sample).to_csv(index=False).encode())
    profile.assert_same(samples)
    assert samples.report.unit == "TPM" and "long_table" in warning_codes(samples)


def test_preferred_quantity_is_taken(profile):
    table = _long(profile, profile.counts_SF, value="est_counts").assign(eff_len=900.5, len=1000)
    table["tpm"] = profile.tpm_SF.ravel()
    samples = read_samples(table.to_csv(index=False).encode())
    profile.assert_same(samples)
    assert samples.report.unit == "TPM"


def test_other_columns_about_samples_and_genes_do_not_matter(profile):
    table = _long(profile, profile.counts_SF, sample="Sample", value="Counts").assign(Age="60-69", Death_Hardy=0)
    table["Gene_Name"] = profile.names("symbol") * 3
    samples = read_samples(table.to_csv(index=False, sep="\t").encode())
    profile.assert_same(samples)
    assert samples.report.unit == "counts"


def test_long_table_of_one_sample_is_named_by_its_column(profile):
    table = _long(profile, profile.tpm_SF)
    one = table[table["sample"] == "tumour B"]
    samples = read_samples(one.to_csv(index=False).encode(), name="x.csv")
    assert samples.names == ("tumour B",)


def test_unclear_long_tables_are_refused(profile):
    table = _long(profile, profile.tpm_SF, value="x").assign(y=1.5 * profile.tpm_SF.ravel())
    with raises_code("long_table"):
        read_samples(table.to_csv(index=False).encode())
    repeated = pd.concat([_long(profile, profile.tpm_SF)] * 2)
    with raises_code("long_table"):
        read_samples(repeated.to_csv(index=False).encode())


def test_transcripts_of_a_gene_are_still_summed(profile):
    table = pd.concat([profile.frame(profile.counts_SF / 2, "symbol")] * 2)
    table.insert(0, "transcript", [f"T{n}" for n in range(len(table))])
    table.insert(1, "biotype", "protein_coding")
    samples = read_samples(table.to_csv().encode())
    profile.assert_same(samples)
    assert "duplicate_genes" in warning_codes(samples)
