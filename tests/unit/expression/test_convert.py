"""What is made of the numbers of a table: small negative values, samples that are shallow or lack genes, lengths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.expression.convert import FEW_DETECTED, FEW_READS
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from tests.support.read_codes import raises_code, warning_codes


def csv(values_FS: np.ndarray, names: list[str] | None = None) -> bytes:
    """Return a table of the first genes of the axis in rows."""
    frame = pd.DataFrame(values_FS, index=pd.Index(gene_axis().ensembl[: len(values_FS)], name="gene"))
    frame.columns = names or [f"sample {n}" for n in range(frame.shape[1])]
    return frame.to_csv().encode()


def levels(n_genes: int, n_detected: int, total: float = 1e6, seed: int = 0) -> np.ndarray:
    """Return one sample: TPM of so many genes, with the usual share of weakly expressed ones among the detected."""
    rng = np.random.default_rng(seed)
    level_F = np.zeros(n_genes)
    level_F[rng.permutation(n_genes)[:n_detected]] = rng.lognormal(0.0, 2.5, n_detected)
    return level_F * total / level_F.sum()


@pytest.mark.parametrize("lowest, share, code", [
    (-0.99, 0.019, ""), (-1.01, 0.019, "negative_values"), (-1.0, 0.019, "negative_values"),
    (-0.99, 0.021, "negative_values"),
])  # fmt: skip
def test_few_small_negative_values_are_noise(profile, lowest: float, share: float, code: str) -> None:
    values_FS = profile.tpm_SF.T.copy()
    rng = np.random.default_rng(1)
    chosen = rng.choice(values_FS.size, round(share * values_FS.size), replace=False)
    values_FS.flat[chosen] = -rng.uniform(0.01, 0.9, len(chosen))
    values_FS.flat[chosen[0]] = lowest
    table = profile.frame(values_FS.T).to_csv().encode()
    if code:
        with raises_code(code):
            read_samples(table, options=ReadOptions(unit="TPM"))
        return
    samples = read_samples(table, options=ReadOptions(unit="TPM"))
    assert "negative_noise" in warning_codes(samples)
    position = profile.positions[chosen[0] // 3]
    assert samples.tpm_SA[chosen[0] % 3, position] == 0


def test_a_file_of_few_genes_is_not_shallow_for_that() -> None:
    few = read_samples(csv(levels(2 * FEW_DETECTED, FEW_DETECTED - 100)[:, None]), options=ReadOptions(unit="TPM"))
    assert "low_depth" not in warning_codes(few)
    many = read_samples(
        csv(levels(2 * FEW_DETECTED + 2000, FEW_DETECTED - 100)[:, None]), options=ReadOptions(unit="TPM")
    )
    assert "low_depth" in warning_codes(many)
    enough = read_samples(csv(levels(2 * FEW_DETECTED + 2000, 10_000)[:, None]), options=ReadOptions(unit="TPM"))
    assert "low_depth" not in warning_codes(enough)


def test_few_reads_are_shallow_and_the_samples_are_named() -> None:
    """Exactly as many as asked for are enough."""
    counts_FS = np.floor(np.stack([levels(9000, 8000, 3e6, seed) for seed in range(3)], axis=1))
    for sample, total in enumerate((FEW_READS, FEW_READS - 1, 2 * FEW_READS)):
        counts_FS[:, sample] = np.floor(counts_FS[:, sample] * 0.3)
        counts_FS[0, sample] += total - counts_FS[:, sample].sum()
    samples = read_samples(csv(counts_FS), options=ReadOptions(unit="counts"))
    assert samples.library_size_S.tolist() == [FEW_READS, FEW_READS - 1, 2 * FEW_READS]
    told = str(samples.report.warnings[warning_codes(samples).index("low_depth")])
    assert "sample 1" in told and "sample 0" not in told and "sample 2" not in told


def test_weak_genes_tell_the_depth_of_tpm() -> None:
    """Of few reads, many genes are silent and none is weakly expressed; either alone says nothing."""
    n = 2 * FEW_DETECTED + 2000
    strong_F = 5.0 + np.arange(n) % 100
    silent_F, weak_F = np.arange(n) % 2 == 0, np.arange(n) % 5 == 1
    samples = {
        "few reads": np.where(silent_F, 0, strong_F),
        "silent genes": np.where(silent_F, 0, np.where(weak_F, 0.005, strong_F)),
        "no weak genes": strong_F,
    }
    table = csv(np.stack([level_F / level_F.sum() * 1e6 for level_F in samples.values()], axis=1), list(samples))
    read = read_samples(table, options=ReadOptions(unit="TPM"))
    told = str(read.report.warnings[warning_codes(read).index("low_depth")])
    assert [name for name in samples if name in told] == ["few reads"]


@pytest.mark.parametrize("missing, is_told", [(0.049, False), (0.051, True), (0.3, True)])
def test_a_sample_without_a_twentieth_of_the_genes_is_named(profile, missing: float, is_told: bool) -> None:
    frame = profile.frame(profile.tpm_SF)
    frame.iloc[: round(missing * len(frame)), 1] = np.nan
    samples = read_samples(frame.to_csv().encode())
    assert ("uneven_coverage" in warning_codes(samples)) == is_told
