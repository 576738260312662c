"""Sentences about trust: distance before and after an edit, share of the ceiling, coverage of the intervals."""

import pandas as pd

from cellstate.evaluation.ood import OodScore
from cellstate.evidence import PredictorId
from cellstate.model.record import CeilingBin, Coverage, EvaluationRecord, Quality
from cellstate.report.narrative.prediction import size_sentence
from cellstate.ui.evidence.reconstruction import ceiling_sentence, interval_sentence
from cellstate.ui.workbench.prediction import cloud_sentence


def evaluated(coverage: Coverage | None = None, share: float | None = 0.774) -> EvaluationRecord:
    """An evaluation of two bins, of which the second is empty."""
    first = CeilingBin(low=0.0, high=2.5, n=9, accuracy=0.7, ceiling=0.9, share_of_ceiling=share)
    second = CeilingBin(low=2.5, high=None, n=0, accuracy=None, ceiling=None, share_of_ceiling=None)
    r2 = {"r2_pooled": 0.9, "r2_gene_median": None, "r2_sample_median": None}
    mean = Quality(**r2, bins=(first, second))
    return EvaluationRecord(
        **r2,
        bins=(first, second),
        n_samples=1,
        n_values=9,
        interval_coverage=coverage,
        baselines={PredictorId.GENE_MEAN: mean},
    )


def test_distance_is_told_before_and_after_and_leaving_the_cloud_is_said():
    near, far = OodScore(1.0, False, ""), OodScore(6.5, True, "")
    assert "1.00 before" in cloud_sentence(near, near) and "extrapolated" not in cloud_sentence(near, near)
    assert "6.50 as predicted" in cloud_sentence(near, far) and "extrapolated" in cloud_sentence(near, far)
    assert "extrapolated" not in cloud_sentence(far, far)
    assert cloud_sentence(OodScore(None, False, ""), OodScore(None, False, "")) == ""


def test_share_of_the_ceiling():
    said = ceiling_sentence(evaluated())
    assert "77 % at 0–2.5 TPM" in said and "2.5 and more" not in said
    assert ceiling_sentence(evaluated(share=None)) == ""


def test_coverage_names_the_bins_that_fall_short():
    said = interval_sentence(evaluated(Coverage(nominal=0.9, overall=0.9012, bins=(0.91, 0.62))))
    assert "90 %" in said and "90.1 %" in said and "62.0 % at 2.5 and more TPM" in said
    enough = interval_sentence(evaluated(Coverage(nominal=0.9, overall=0.9012, bins=(0.91, None))))
    assert "90.1 %" in enough and "TPM" not in enough
    assert interval_sentence(evaluated()) == ""


def test_a_shift_within_the_error_is_said_to_be():
    table = pd.DataFrame({"log2_fold_change": [0.3, -0.1], "is_perturbed": False})
    assert "more than 3.9% of the error" in size_sentence(table, 0.039)
    assert "error" not in size_sentence(table, 1.2) and "error" not in size_sentence(table)
