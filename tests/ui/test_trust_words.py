"""Sentences about trust: distance before and after an edit, share of the ceiling, coverage of the intervals."""

import pandas as pd

from cellstate.evaluate.distance import Distance
from cellstate.ui.accuracy import ceiling_sentence, interval_sentence
from cellstate.ui.shifts import cloud_sentence, size_sentence

BINS = [{"low": 0.0, "high": 2.5, "share_of_ceiling": 0.774}, {"low": 2.5, "high": None, "share_of_ceiling": None}]


def test_distance_is_told_before_and_after_and_leaving_the_cloud_is_said():
    near, far = Distance(1.0, False, ""), Distance(6.5, True, "")
    assert "1.00 before" in cloud_sentence(near, near) and "extrapolated" not in cloud_sentence(near, near)
    assert "6.50 as predicted" in cloud_sentence(near, far) and "extrapolated" in cloud_sentence(near, far)
    assert "extrapolated" not in cloud_sentence(far, far)
    assert cloud_sentence(Distance(None, False, ""), Distance(None, False, "")) == ""


def test_share_of_the_ceiling():
    assert ceiling_sentence({"bins": BINS}) == "Of what counting noise allows, it hits 77 % at 0–2.5 TPM."
    # A model folder of before has no such figure.
    assert ceiling_sentence({"bins": [{"low": 0.0, "high": None}]}) == ""


def test_coverage_names_the_bins_that_fall_short():
    covered = {"nominal": 0.9, "overall": 0.9012, "bins": [0.91, 0.62]}
    said = interval_sentence({"bins": BINS, "interval_coverage": covered})
    assert "90 % intervals hold 90.1 %" in said and "Too few: 62.0 % at 2.5 and more TPM" in said
    assert "Too few" not in interval_sentence({"bins": BINS, "interval_coverage": covered | {"bins": [0.91, None]}})
    assert interval_sentence({"bins": BINS, "interval_coverage": None}) == interval_sentence({"bins": BINS}) == ""


def test_a_shift_within_the_error_is_said_to_be():
    table = pd.DataFrame({"log2_fold_change": [0.3, -0.1], "is_perturbed": False})
    assert "more than 3.9 % of the error" in size_sentence(table, 0.039)
    assert "error" not in size_sentence(table, 1.2) and "error" not in size_sentence(table)
