"""How far a sample is from the training samples, and why."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from cellstate.evaluation.ood import (
    OOD_LIMIT,
    SENTENCES,
    ood_reference,
    ood_score_after,
    ood_scores,
    residual_rms,
    shrunk_covariance,
)
from cellstate.evaluation.ood import part_scores as scores_of
from cellstate.gene_space import align
from cellstate.genes import gene_axis
from cellstate.model import ModelRecord, create_model, load_model
from cellstate.model.impute import impute_missing
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample, prepare_samples
from cellstate.samples import Samples
from tests.support.factories import make_samples


def changed(samples: Samples, tpm_SA: np.ndarray) -> Samples:
    return replace(samples, tpm_SA=tpm_SA.astype(np.float32))


def shuffled(samples: Samples) -> Samples:
    tpm_SA = samples.tpm_SA.copy()
    genes = np.flatnonzero(~np.isnan(tpm_SA[0]))
    tpm_SA[:, genes] = tpm_SA[:, np.random.default_rng(0).permutation(genes)]
    return changed(samples, tpm_SA)


def as_counts(samples: Samples) -> Samples:
    return changed(samples, samples.tpm_SA * gene_axis().length_bp)


def with_missing(samples: Samples, share: float) -> Samples:
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, np.random.default_rng(1).random(tpm_SA.shape[1]) < share] = np.nan
    return changed(samples, tpm_SA)


def part_scores(model, tpm_SG: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of TPM on the model's genes and scale."""
    z_SG = impute_missing(model.reconstruct, model.space.standardise(tpm_SG), ~np.isnan(tpm_SG))
    return scores_of(model, z_SG, tpm_SG)


def test_held_out_samples_are_near(small_model, cohort):
    judged = ood_scores(prepare_samples(small_model, cohort.split("test")))
    assert not any(d.is_ood for d in judged) and all(0 <= d.score <= OOD_LIMIT for d in judged)
    # A tenth of the genes missing is no reason by itself.
    tpm_SG = align(cohort.split("older_test"), small_model.space).tpm_SG
    assert (part_scores(small_model, tpm_SG)["missing"] < OOD_LIMIT).all()


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (shuffled, "residual"),
        (lambda s: changed(s, np.log1p(np.log2(s.tpm_SA + 1))), "levels"),
        (as_counts, "length"),
        (lambda s: with_missing(s, 0.4), "missing"),
    ],
)
def test_unusual_samples_are_flagged(small_model, cohort, spoil, part):
    spoilt = spoil(cohort.split("test"))
    for judged in ood_scores(prepare_samples(small_model, spoilt)):
        assert judged.is_ood and judged.score > OOD_LIMIT
    assert (part_scores(small_model, align(spoilt, small_model.space).tpm_SG)[part] > OOD_LIMIT).all()


def test_the_sentence_names_the_largest_part(small_model, cohort):
    for spoilt in (shuffled(cohort.split("test")), with_missing(cohort.split("test"), 0.4)):
        found = part_scores(small_model, align(spoilt, small_model.space).tpm_SG)
        for s, judged in enumerate(ood_scores(prepare_samples(small_model, spoilt))):
            part = max(found, key=lambda name: found[name][s])
            assert SENTENCES[part] in judged.sentence and judged.score == pytest.approx(found[part][s])


def test_an_unusual_state_is_flagged_even_where_reconstruction_is_good(small_model, cohort):
    """The profile is a reconstruction, scaled to five times its distance from the training mean."""
    space = small_model.space
    z_SG = 5 * small_model.reconstruct(space.standardise(align(cohort.split("test"), space).tpm_SG))
    found = part_scores(small_model, np.expm1(space.log1p_tpm(z_SG)))
    assert (found["state"] > OOD_LIMIT).all()


def test_parts_with_a_limit_by_principle(small_model, cohort):
    """Counts lie twice the limit of `length` away; a quarter missing is past the limit of a fifth."""
    near = align(cohort.split("test"), small_model.space).tpm_SG
    counts = align(as_counts(cohort.split("test")), small_model.space).tpm_SG
    moved = part_scores(small_model, counts)["length"] / OOD_LIMIT
    assert moved.mean() == pytest.approx(2, abs=0.3)
    assert part_scores(small_model, near)["missing"] == pytest.approx(np.zeros(len(near)))
    near[:, :60] = np.nan
    assert part_scores(small_model, near)["missing"] / OOD_LIMIT == pytest.approx(np.full(len(near), 0.25 / 0.2))


def test_the_reference_is_the_validation_patients_and_nothing_else(small_model, cohort):
    kept = small_model.record.calibration.ood
    again = ood_reference(prepare_samples(small_model, cohort.split("validation")))
    parts = ("residual", "state", "levels")
    for part in parts:
        one, other = getattr(again, part), getattr(kept, part)
        assert (one.median, one.robust_sd) == pytest.approx((other.median, other.robust_sd), rel=1e-4)
    found = part_scores(small_model, align(cohort.split("validation"), small_model.space).tpm_SG)
    for part in parts:
        assert np.median(found[part]) == pytest.approx(0, abs=1e-3)


def test_a_model_that_was_not_calibrated_knows_nothing(small_model, cohort, tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model, samples = load_model(tmp_path / "demo", device="cpu"), make_samples(1)
    (sample,) = prepare_samples(model, samples)
    prediction = predict(sample, [Perturbation(model.space.symbols[0], "knock-out")])
    for judged in (*ood_scores([sample]), ood_score_after(prediction)):
        assert (judged.score, judged.is_ood) == (None, False)
    old = replace(small_model, record=ModelRecord())
    assert ood_scores(prepare_samples(old, cohort.split("test").take([0])))[0].score is None


def test_a_perturbation_out_of_distribution_is_flagged(small_model, cohort):
    sample, space = prepare_sample(small_model, cohort.split("test").take([0])), small_model.space
    (before,) = ood_scores([sample])
    small = ood_score_after(predict(sample, [Perturbation(space.symbols[0], "multiply", 1.01)]))
    assert small.score == pytest.approx(before.score, abs=0.05) and not small.is_ood
    many = [
        Perturbation(symbol, "multiply", float(min(200, 9e5 / sample.tpm_G[gene])))
        for gene, symbol in enumerate(space.symbols[:80])
    ]
    large = ood_score_after(predict(sample, many))
    assert large.is_ood and large.score > before.score


@pytest.mark.parametrize("n", [6, 40, 4000])
def test_the_covariance_is_scikit_learn_s(n):
    rng = np.random.default_rng(0)
    x_SL = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12))
    assert shrunk_covariance(x_SL) == pytest.approx(LedoitWolf().fit(x_SL).covariance_, rel=1e-6, abs=1e-9)


def test_the_residual_counts_measured_genes_only():
    z, hat = np.array([[1.0, 5.0, 9.0]]), np.array([[0.0, 5.0, 0.0]])
    assert residual_rms(z, hat, np.array([[True, True, False]])) == pytest.approx([np.sqrt(0.5)])
