"""Which columns of a table are samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.io import ReadOptions, read_samples
from cellstate.io.columns import is_about_genes, split_name
from tests.support.read_codes import raises_code, warning_codes


@pytest.mark.parametrize(
    ("name", "quantity", "sample"),
    [
        ("TPM", "TPM", ""),
        ("S1_TPM", "TPM", "S1"),
        ("TCGA-AA-07.tpm_unstranded", "TPM", "TCGA-AA-07"),
        ("fpkm_uq_unstranded", "FPKM-UQ", ""),
        ("FPKM (S1)", "FPKM", "S1"),
        ("TPM: S1", "TPM", "S1"),
        ("q2_FPKM", "FPKM", "q2"),
        ("q2_conf_lo", "", "q2"),
        ("A raw counts", "counts", "A"),
        ("est_counts", "counts", ""),
        ("S1_RPM", "CPM", "S1"),
        ("log2(TPM+1) A", "TPM", "A"),
        ("Coverage", "coverage", ""),
        ("stranded_first", "", ""),
    ],
)
def test_names_are_split_into_quantity_and_sample(name, quantity, sample):
    part = split_name(name)
    assert part is not None and (part.quantity, part.sample) == (quantity, sample)


@pytest.mark.parametrize("name", ["Ctrl_1", "ctrl count test", "read KO", "GSM1", "count5a"])
def test_names_of_samples_have_no_quantity(name):
    assert split_name(name) is None


def test_columns_about_genes_are_known_by_name():
    about = ["Gene start (bp)", "gene_chr", "Gene % GC content", "Transcript count", "Exon_Length_kb", "n_isoforms",
             "Entrez_ID", "U133PLUS2_PSID", "COSMIC_CGC_FLAG", "log2FoldChange", "padj", "CV"]  # fmt: skip
    assert all(map(is_about_genes, about))
    assert not any(map(is_about_genes, ["Ctrl_1", "T", "B", "KO_p", "SD_1", "end of trial", "GSM1234", "Rank_A"]))


def _blocks(profile, **of: np.ndarray) -> pd.DataFrame:
    """Return columns ``sample_quantity`` of several quantities."""
    frames = [profile.frame(values_SF).add_suffix(f"_{name}") for name, values_SF in of.items()]
    return pd.concat(frames, axis=1)


@pytest.mark.parametrize(
    ("quantities", "unit"),
    [(("count", "TPM"), "TPM"), (("count", "FPKM"), "counts"), (("FPKM", "conf_lo", "conf_hi"), "FPKM"),
     (("CPM", "count"), "counts"), (("raw", "normalized"), "counts")],
)  # fmt: skip
def test_one_quantity_of_each_sample_is_taken(profile, quantities, unit):
    of = {"TPM": profile.tpm_SF, "FPKM": profile.tpm_SF * 0.3, "conf_lo": profile.tpm_SF * 0.2,
          "conf_hi": profile.tpm_SF * 0.4, "count": profile.counts_SF, "raw": profile.counts_SF,
          "normalized": profile.counts_SF * 1.07, "CPM": profile.counts_SF / profile.counts_SF.sum(1)[:, None] * 1e6,
    }  # fmt: skip
    samples = read_samples(_blocks(profile, **{name: of[name] for name in quantities}).to_csv().encode())
    profile.assert_same(samples)
    assert samples.report.unit == unit and "columns_left_out" in warning_codes(samples)


def test_another_form_beside_the_samples_is_left_out(profile):
    frame = profile.frame(profile.counts_SF)
    profile.assert_same(read_samples(frame.join(frame.add_suffix("_norm") * 1.1).to_csv().encode()))


def test_table_of_one_sample_with_many_quantities(profile):
    table = profile.frame(profile.tpm_SF)[["tumour A"]].set_axis(["TPM"], axis="columns")
    table = table.assign(Reference=13, Strand=1, Start=7, End=9, Coverage=table.TPM / 9, FPKM=table.TPM * 0.3)
    samples = read_samples(table.to_csv(sep="\t").encode(), name="s1.tab")
    profile.assert_same(samples, names=("s1",))
    assert samples.report.unit == "TPM"


SUMMARIES = {
    "Mean": lambda f: f.mean(axis=1),
    "Max": lambda f: f.max(axis=1),
    "total": lambda f: f.sum(axis=1),
    "SD": lambda f: f.std(axis=1),
    "Mean_tumour": lambda f: f.iloc[:, :2].mean(axis=1),
    "tumour max": lambda f: f.iloc[:, :2].max(axis=1),
    "CV": lambda f: f.std(axis=1) / (f.mean(axis=1) + 1),
    "notes": lambda f: np.nan,
    "fold change": lambda f: f.iloc[:, 2] / (f.iloc[:, 0] + 1),
    "mappability of the locus": lambda f: np.random.default_rng(0).random(len(f)),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_columns_that_summarise_or_describe_are_no_samples(profile, name):
    frame = profile.frame(profile.counts_SF)
    frame[name] = SUMMARIES[name](frame)
    samples = read_samples(frame.to_csv().encode())
    profile.assert_same(samples)
    assert "columns_left_out" in warning_codes(samples)


OF_MANY = {
    "Mean": lambda f: f.mean(axis=1),
    "Median": lambda f: f.median(axis=1),
    "SD": lambda f: f.std(axis=1),
    "SD of the whole": lambda f: f.std(axis=1, ddof=0),
    "Total": lambda f: f.sum(axis=1),
}


@pytest.mark.parametrize("name", OF_MANY)
def test_columns_that_summarise_many_samples_are_no_samples(profile, name):
    """Among many samples a value between the others says nothing, so the summary itself is compared."""
    rng = np.random.default_rng(4)
    values_SF = np.repeat(profile.counts_SF, 5, axis=0) * rng.lognormal(0, 0.5, (15, 3000))
    frame = pd.DataFrame(values_SF.T, index=profile.names("ensembl"), columns=[f"patient {n}" for n in range(15)])
    named = frame.assign(**{name: OF_MANY[name](frame)})
    assert read_samples(named.to_csv().encode()).names == tuple(frame.columns)
    other = frame.assign(Mean=frame["patient 3"] * rng.lognormal(0, 0.1, 3000))
    assert read_samples(other.to_csv().encode()).names == (*frame.columns, "Mean")


@pytest.mark.parametrize(
    "names",
    [("Max", "Mean_1", "Total"), ("SD_1", "HFD_1", "SD_2"), ("T", "B", "NK"), ("TPM pilot", "count test", "read KO")],
)
def test_samples_may_be_called_like_a_summary_or_a_unit(profile, names):
    frame = profile.frame(profile.counts_SF).set_axis(names, axis="columns")
    profile.assert_same(read_samples(frame.to_csv().encode()), names=names)


def test_counts_beside_test_results_are_read(profile):
    frame = profile.frame(profile.counts_SF).assign(baseMean=7.5, log2FoldChange=1.5, lfcSE=0.2, stat=3.0, padj=0.01)
    profile.assert_same(read_samples(frame.to_csv().encode()))
    with raises_code("test_results"):
        read_samples(frame.drop(columns=list(profile.samples)).to_csv().encode())


def test_user_chooses_the_samples(profile):
    table = profile.frame(profile.counts_SF).assign(Mean=profile.counts_SF.mean(axis=0)).to_csv().encode()
    assert read_samples(table, options=ReadOptions(columns="4,5")).names == ("normal", "Mean")
    report = read_samples(table).report
    assert report.sample_columns == (2, 3, 4) and (5, "Mean") in report.number_columns
    with raises_code("unknown_option"):
        ReadOptions(columns="normal")
    with raises_code("unknown_option"):
        read_samples(table, options=ReadOptions(columns="1"))


def test_three_counts_of_star_without_a_header_are_one_sample(profile):
    both = profile.counts_SF[0].astype(int)
    for share, strand in ((0.5, "unstranded"), (0.97, "forward"), (0.02, "reverse")):
        first = np.round(both * share).astype(int)
        table = pd.DataFrame({"gene": profile.names("ensembl"), "both": both, "first": first, "second": both - first})
        text = table.to_csv(sep="\t", header=False, index=False).encode()
        samples = read_samples(text, name="s1_ReadsPerGene.out.tab")
        assert samples.names == ("s1",) and warning_codes(samples)[0] == "strand_choice"
        assert strand in samples.report.warnings[0]
