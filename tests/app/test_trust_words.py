"""Sentences about reliability: distance before and after a perturbation, and size within the error."""

import pandas as pd

from cellstate.evaluate.distance import Distance
from cellstate.ui.workbench.prediction import cloud_sentence, size_sentence


def test_distance_is_told_before_and_after_and_leaving_the_cloud_is_said():
    near, far = Distance(1.0, False, ""), Distance(6.5, True, "")
    assert "1.00 before" in cloud_sentence(near, near) and "extrapolated" not in cloud_sentence(near, near)
    assert "6.50 as predicted" in cloud_sentence(near, far) and "extrapolated" in cloud_sentence(near, far)
    assert "extrapolated" not in cloud_sentence(far, far)
    assert cloud_sentence(Distance(None, False, ""), Distance(None, False, "")) == ""


def test_a_shift_within_the_error_is_said_to_be():
    table = pd.DataFrame({"log2_fold_change": [0.3, -0.1], "is_perturbed": False})
    assert "more than 3.9% of the error" in size_sentence(table, 0.039)
    assert "error" not in size_sentence(table, 1.2) and "error" not in size_sentence(table)
