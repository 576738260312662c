"""Repair of gene names that a spreadsheet turned into dates: on request, and only if one gene is possible."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellstate.genes import gene_axis, repairable_dates
from cellstate.io import ReadOptions, read_samples
from tests.support.read_codes import warning_codes

AXIS = gene_axis()
REPAIR = ReadOptions(repair_dates=True)
_DATES = ("1-Mar", "Mar-01", "2-Mar", "3-Mar", "9-Mar", "03/09/2023", "09/02/2023", "2-Sep", "Sep-02", "1-Dec", "2-Apr",
          "04/02/2023", "4-Feb", "3-Oct", "4-Oct", "13-Sep", "15-Sep", "31-Jan")  # fmt: skip
_NAMES = ("TP53", "MARCHF1", "MTARC1", "MARCHF2", "MTARC2", "SCN1A", "SEPTIN2", "SEPTIN3", "MARCHF9", "POU5F1",
          "MARCH3", "SLC22A3", "DELEC1", "FAM215A", "ADGRV1", "unknown thing")  # fmt: skip


@pytest.mark.parametrize(
    ("names", "repaired"),
    [
        (["2-Sep"], {"2-Sep": "SEPTIN2"}),
        (["15-Sep", "4-Oct"], {"15-Sep": "SELENOF", "4-Oct": "POU5F1"}),
        (["2-Sep", "2-Sep"], {"2-Sep": "SEPTIN2"}),  # one gene twice
        (["2-Sep", "Sep-02"], {"2-Sep": "SEPTIN2", "Sep-02": "SEPTIN2"}),
        (["2-Sep", "SEPTIN2"], {}),  # the file names it otherwise
        (["1-Mar"], {}),  # MARCHF1 or MTARC1
        (["1-Mar", "1-Mar"], {}),
        (["1-Mar", "MTARC1"], {"1-Mar": "MARCHF1"}),
        (["1-Mar", "MARC1"], {"1-Mar": "MARCHF1"}),
        (["1-Mar", "ENSG00000186205"], {"1-Mar": "MARCHF1"}),  # MTARC1 by its id
        (["1-Mar", "1-Mar", "MTARC1"], {}),  # one of them may be MTARC1 again
        (["1-Mar", "Mar-01", "MTARC1"], {}),
        (["1-Mar", "MTARC1", "MARCHF1"], {}),
        (["03/09/2023"], {}),  # the third of September or the ninth of March
        (["03/09/2023", "MARCHF9"], {"03/09/2023": "SEPTIN3"}),
        (["03/09/2023", "MARCHF9", "3-Sep"], {"3-Sep": "SEPTIN3"}),
        (["1-Dec"], {}),  # outside the axis
        (["04/02/2023"], {}),  # ADGRV1, or FAM215A outside the axis
        (["04/02/2023", "FAM215A"], {}),  # which is never excluded
        (["31-Jan"], {}),
    ],
)
def test_repairable_dates(names, repaired):
    assert {name: AXIS.symbol[gene] for name, gene in repairable_dates(AXIS.resolve(names)).items()} == repaired


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(_DATES + _NAMES), max_size=12))
def test_repaired_dates_have_one_meaning(names):
    resolution = AXIS.resolve(names)
    found = repairable_dates(resolution)
    named = set(resolution.index[resolution.index >= 0].tolist())
    rows = Counter(names)
    for name, gene in found.items():
        meant = AXIS.meanings(name)
        assert gene in meant and gene not in named and meant - named == {gene}
        claims = [other for other in rows.elements() if other in _DATES and AXIS.meanings(other) & meant]
        assert len(meant) == 1 or claims == [name]
    repaired = resolution.repaired(found)
    assert repaired.with_status("repaired") == [name for name in names if name in found]
    assert sum(repaired.counts().values()) == len(names)
    assert (repaired.index >= 0).sum() == (resolution.index >= 0).sum() + sum(rows[name] for name in found)
    assert list(dict.fromkeys(resolution.with_status("date"))) == list(dict.fromkeys(n for n in names if n in _DATES))


@pytest.fixture
def dated(profile):
    """A table whose first four names are dates; it lacks other genes that these could mean."""
    frame = profile.frame(profile.tpm_SF, "symbol")
    keep = ~frame.index.isin(["SEPTIN2", "SEPTIN7", "MARCHF5", "MARCHF1", "MTARC1"])
    frame = frame[keep]
    frame.index = ["2-Sep", "7-Sep", "2007-03-05 00:00:00", "1-Mar", *frame.index[4:]]
    return frame


def test_file_is_repaired_on_request_only(dated):
    data = dated.to_csv().encode()
    before, after = read_samples(data), read_samples(data, options=REPAIR)
    assert before.report.repaired == () and before.report.status_counts["date"] == 4
    assert before.report.dates == after.report.dates
    assert dict(after.report.dates)["1-Mar"] == ("MARCHF1", "MTARC1")
    assert after.report.repaired == (("2-Sep", "SEPTIN2"), ("7-Sep", "SEPTIN7"), ("2007-03-05 00:00:00", "MARCHF5"))
    assert (after.report.status_counts["repaired"], after.report.status_counts["date"]) == (3, 1)
    assert sum(after.report.status_counts.values()) == after.report.n_genes_read
    assert after.report.unmatched == ("1-Mar",) and after.report.id_type == "symbol"
    assert warning_codes(after)[:2] == ["repaired_dates", "date_names"]
    assert "repaired_dates" not in warning_codes(before)
    at = [AXIS.find(symbol) for _, symbol in after.report.repaired]
    assert np.isnan(before.tpm_SA[:, at]).all()
    ratio = after.tpm_SA[:, at].T / dated.iloc[:3].to_numpy()
    np.testing.assert_allclose(ratio[~np.isnan(ratio)], 1.0, rtol=0.02)


def test_dates_in_the_header_are_repaired(dated):
    flat = read_samples(dated.T.to_csv().encode(), options=REPAIR)
    np.testing.assert_array_equal(flat.tpm_SA, read_samples(dated.to_csv().encode(), options=REPAIR).tpm_SA)
    assert len(flat.report.repaired) == 3


def test_duplicates_are_sorted_by_number(profile):
    frame = profile.frame(profile.tpm_SF, "symbol")
    first, second, *rest = frame.index[:3000]
    frame.index = [first, second, first, second, first, *rest[3:]]
    report = read_samples(frame.to_csv().encode()).report
    assert report.duplicates == ((first, 3), (second, 2)) and report.n_duplicates == 3


def test_chosen_options():
    assert ReadOptions().chosen() == {}
    assert ReadOptions(unit="TPM", repair_dates=True).chosen() == {"unit": "TPM", "repair_dates": True}
