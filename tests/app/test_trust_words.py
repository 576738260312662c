"""Sentences about reliability: share of the counting-noise ceiling, coverage of the intervals."""

from cellstate.evidence import PredictorId
from cellstate.model.record import CeilingBin, Coverage, EvaluationRecord, Quality
from cellstate.ui.evidence.reconstruction import ceiling_sentence, interval_sentence


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


def test_share_of_the_ceiling():
    said = ceiling_sentence(evaluated())
    assert "77% at 0–2.5 TPM" in said and "2.5 and more" not in said
    assert ceiling_sentence(evaluated(share=None)) == ""


def test_coverage_names_the_bins_that_fall_short():
    said = interval_sentence(evaluated(Coverage(nominal=0.9, overall=0.9012, bins=(0.91, 0.62))))
    assert "90%" in said and "90.1%" in said and "62.0% at 2.5 and more TPM" in said
    enough = interval_sentence(evaluated(Coverage(nominal=0.9, overall=0.9012, bins=(0.91, None))))
    assert "90.1%" in enough and "TPM" not in enough
    assert interval_sentence(evaluated()) == ""
