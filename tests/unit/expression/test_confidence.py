"""How sure the reader's decisions are, and that doubtful ones can be confirmed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.expression.reading import COLUMNS, ROWS, SURE, Decision, confirm
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples


def read(frame: pd.DataFrame, options: ReadOptions | None = None) -> Samples:
    return read_samples(frame.to_csv().encode(), name="table.csv", options=options or ReadOptions())


def decided(samples: Samples) -> dict[str, Decision]:
    return {decision.name: decision for decision in samples.report.decisions}


def test_a_clear_table_leaves_no_doubt(profile):
    for values_SF in (profile.tpm_SF, profile.counts_SF):
        found = decided(read(profile.frame(values_SF)))
        assert list(found) == ["unit", "names", "orientation", "samples"]
        assert all(SURE < one.confidence <= 1.0 for one in found.values())
        assert found["names"].value == "ensembl" and found["names"].confidence == 1.0
        assert found["orientation"].value == ROWS and found["orientation"].confidence == 1.0
        assert found["samples"].value == "2,3,4"
    turned = decided(read(profile.frame(profile.tpm_SF).T))
    assert turned["orientation"].value == COLUMNS and turned["orientation"].confidence == 1.0


def test_what_the_format_states_is_sure(profile):
    frame = pd.DataFrame(
        {
            "Name": profile.names("ensembl"),
            "Length": profile.length_bp,
            "EffectiveLength": profile.length_bp - 10.0,
            "TPM": profile.tpm_SF[0],
            "NumReads": profile.counts_SF[0],
        }
    )
    samples = read_samples(frame.to_csv(sep="\t", index=False).encode(), name="quant.sf")
    assert [one.confidence for one in samples.report.decisions] == [1.0] * 4


def test_a_guessed_unit_is_a_doubt_until_it_is_confirmed(profile):
    frame = profile.frame(profile.tpm_SF * np.array([[0.3], [0.35], [0.25]]))
    guessed = read(frame)
    [doubt] = guessed.report.doubts
    assert (doubt.name, doubt.value) == ("unit", "FPKM") and doubt.confidence < SURE
    assert doubt.reason == guessed.report.warnings[0]
    options = confirm(ReadOptions(), guessed.report)
    assert options == ReadOptions(unit="FPKM")
    confirmed = read(frame, options)
    assert not confirmed.report.doubts and decided(confirmed)["unit"].confidence == 1.0
    np.testing.assert_array_equal(confirmed.tpm_SA, guessed.tpm_SA)


def test_names_that_are_mostly_no_genes_are_a_doubt(profile):
    frame = profile.frame(profile.tpm_SF)
    strange = pd.DataFrame(1.5, index=[f"thing{i}" for i in range(3 * len(frame))], columns=frame.columns)
    mixed = read(pd.concat([frame, strange]))
    assert decided(mixed)["names"].confidence == pytest.approx(len(frame) / (4 * len(frame)), abs=0.06)
    options = confirm(ReadOptions(), mixed.report)
    assert options.id_type == "ensembl" and not read(pd.concat([frame, strange]), options).report.doubts


def test_columns_that_do_not_agree_are_a_doubt(profile):
    frame = profile.frame(profile.tpm_SF)[["tumour A", "normal"]]
    frame["normal"] = np.random.default_rng(0).permutation(frame["normal"].to_numpy())
    found = read(frame)
    assert decided(found)["samples"].is_doubt and "samples" in [doubt.name for doubt in found.report.doubts]
    options = confirm(ReadOptions(), found.report)
    assert options.columns == "2,3" and not read(frame, options).report.doubts


def test_genes_in_both_directions_are_a_doubt():
    symbols = gene_axis().symbol
    values = np.random.default_rng(0).lognormal(1, 1, (100, 90)).round(2)
    frame = pd.DataFrame(values, index=list(symbols[:100]), columns=list(symbols[200:290]))
    found = read_samples(frame.to_csv().encode())
    assert decided(found)["orientation"].is_doubt
    chosen = read_samples(frame.to_csv().encode(), options=ReadOptions(orientation=ROWS))
    assert decided(chosen)["orientation"].confidence == 1.0
