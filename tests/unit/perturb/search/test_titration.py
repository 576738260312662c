"""A dose curve says what the same perturbations one by one say, and nothing at the present level."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError, GeneError, GoalError, ModelError, PerturbationError
from cellstate.gene_space import align
from cellstate.model.cohort import load_profiles
from cellstate.model.network import AutoEncoder
from cellstate.perturb import sample as sample_module
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.goal import gene_set_goal, toward_goal
from cellstate.perturb.search.titration import LEVELS, MULTIPLES, UNEXPRESSED, titrate


@pytest.fixture(scope="module")
def sample(cohort):
    return cohort.split("test").take([2])


@pytest.fixture(scope="module")
def goal(small_model):
    signs = dict.fromkeys(small_model.space.symbols[:20], 1)
    return gene_set_goal(small_model.space, signs, spec="genes", label="a goal")


def silence(sample, small_model, gene: int):
    """The same sample with one gene not expressed."""
    tpm_SA = sample.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[gene]] = 0
    return replace(sample, tpm_SA=tpm_SA)


def test_each_dose_is_the_network_s_difference(small_model, sample, goal):
    space, gene = small_model.space, 3
    curve = titrate(prepare_sample(small_model, sample), space.symbols[gene], goal=goal)
    tpm_G = align(sample, space).tpm_SG[0].astype(np.float64)
    wide = AutoEncoder(small_model.config).double()
    wide.load_state_dict({k: v.double() for k, v in small_model.network.state_dict().items()})
    moved_DG = np.repeat(np.log1p(tpm_G)[None], len(MULTIPLES), axis=0)
    moved_DG[:, gene] = np.log1p(tpm_G[gene] * np.array(MULTIPLES))
    with torch.inference_mode():
        out_DG = wide(torch.from_numpy((moved_DG - space.mean_G) / space.scale_G)).numpy()
    dz_DG = out_DG - out_DG[MULTIPLES.index(1)]
    log1p_DG = np.maximum(np.log1p(tpm_G) + dz_DG * space.scale_G, 0)
    log1p_DG[:, gene] = moved_DG[:, gene]
    truth_DG = (log1p_DG - np.log1p(tpm_G)) / np.log(2)
    assert curve.tpm_D == pytest.approx(tpm_G[gene] * np.array(MULTIPLES), rel=1e-6)
    assert curve.log2_fold_change_DG.shape == (9, len(space)) and np.allclose(
        curve.log2_fold_change_DG, truth_DG, atol=1e-5
    )
    direction_G = goal.direction_G.astype(float)
    direction_G[gene] = 0
    assert curve.score_D == pytest.approx(dz_DG @ direction_G, rel=1e-4, abs=1e-6)
    others = np.arange(len(space)) != gene
    assert np.abs(curve.log2_fold_change_DG[:, others]).max() > 0.01


def test_it_agrees_with_single_edits_and_with_the_engine(small_model, sample, goal):
    symbol = small_model.space.symbols[3]
    curve = titrate(prepare_sample(small_model, sample), symbol, goal=goal)
    for dose, perturbation in ((0, "ko"), (3, "kd50"), (6, "x4")):
        shift = predict(prepare_sample(small_model, sample), [Perturbation.parse(f"{symbol}={perturbation}")])
        assert np.allclose(curve.log2_fold_change_DG[dose], shift.log2_fold_change_G, atol=1e-5)
        engine = AutoencoderScorer(prepare_sample(small_model, sample), goal)
        delta = candidate_changes(Perturbation.pattern(perturbation), engine.sample, np.array([3]))
        assert curve.score_D[dose] == pytest.approx(engine.scores(np.array([[3]]), delta[:, None])[0], abs=1e-6)


@pytest.mark.parametrize("multiples", [None, [0, 3], [1, 5, 1], (2.5,), np.array([0.1, 10])])
def test_the_present_level_is_a_dose_and_moves_nothing(small_model, sample, goal, multiples):
    for gene in range(0, 40, 7):
        curve = titrate(
            prepare_sample(small_model, sample), small_model.space.symbols[gene], multiples=multiples, goal=goal
        )
        [at] = np.flatnonzero(curve.tpm_D == curve.present_tpm)
        assert not curve.log2_fold_change_DG[at].any() and curve.score_D[at] == 0
        assert (np.diff(curve.tpm_D) > 0).all()
        assert curve.levels()["present"].tolist() == [d == at for d in range(len(curve.tpm_D))]


def test_a_gene_that_is_not_expressed_is_set_to_levels(small_model, sample):
    symbol = small_model.space.symbols[11]
    curve = titrate(prepare_sample(small_model, silence(sample, small_model, 11)), symbol)
    assert curve.present_tpm == 0 and curve.tpm_D.tolist() == list(LEVELS) and len(curve.tpm_D) >= 9
    assert not curve.log2_fold_change_DG[0].any() and curve.log2_fold_change_DG[-1].any()
    assert curve.log2_fold_change_DG[:, 11] == pytest.approx(np.log2(1 + curve.tpm_D), rel=1e-5)
    with pytest.raises(PerturbationError, match=f"{symbol} is not expressed in this sample"):
        titrate(prepare_sample(small_model, silence(sample, small_model, 11)), symbol, multiples=[0, 2])


def test_a_gene_that_is_hardly_expressed_keeps_its_level_among_the_doses(small_model, sample):
    tpm_SA = sample.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[11]] = 0.03
    curve = titrate(prepare_sample(small_model, replace(sample, tpm_SA=tpm_SA)), small_model.space.symbols[11])
    assert len(curve.tpm_D) == 10 and 0 < curve.present_tpm < UNEXPRESSED
    assert not curve.log2_fold_change_DG[curve.tpm_D == curve.present_tpm].any()


def test_the_responders_are_those_that_move_most_at_any_dose(small_model, sample):
    curve = titrate(prepare_sample(small_model, sample), small_model.space.symbols[3])
    table = curve.responders(5)
    assert len(table) == 5 * 9 and table["rank"].tolist() == [r for r in range(5) for _ in range(9)]
    assert table["level_tpm"].tolist() == curve.tpm_D.tolist() * 5
    largest = np.abs(np.delete(curve.log2_fold_change_DG, 3, axis=1)).max(axis=0)
    shown = table.groupby("gene", sort=False)["log2_fold_change"].apply(lambda v: v.abs().max())
    assert shown.to_numpy() == pytest.approx(np.sort(largest)[::-1][:5])
    assert small_model.space.symbols[3] not in set(table["gene"])
    row = table.iloc[7]
    gene = small_model.space.find(row["gene"])
    assert row["ensembl_id"] == small_model.space.ensembl[gene] and row["is_measured"]
    before = align(sample, small_model.space).tpm_SG[0, gene]
    assert np.log2((1 + row["tpm"]) / (1 + before)) == pytest.approx(row["log2_fold_change"], abs=1e-4)
    assert len(curve.responders(0)) == 0


def test_a_gene_that_was_not_measured_starts_from_the_model_s_prediction(small_model, cohort):
    sample = cohort.split("older_test").take([0])
    missing = int(np.flatnonzero(np.isnan(align(sample, small_model.space).tpm_SG[0]))[0])
    curve = titrate(prepare_sample(small_model, sample), small_model.space.symbols[missing])
    predicted = prepare_sample(small_model, sample).tpm_G[missing]
    assert curve.present_tpm == pytest.approx(predicted, rel=1e-5)
    assert not curve.measured_G[missing]


def test_the_range_of_the_cohort(small_model, sample, monkeypatch):
    profiles = load_profiles(small_model)
    assert profiles is not None
    curve = titrate(prepare_sample(small_model, sample), small_model.space.symbols[3])
    seen = np.expm1(profiles.log1p_SG[:, 3])
    assert curve.usual_tpm == pytest.approx((seen.min(), seen.max()), rel=1e-5)
    monkeypatch.setattr(sample_module, "load_profiles", lambda model: None)
    assert titrate(prepare_sample(small_model, sample), small_model.space.symbols[3]).usual_tpm is None


def test_without_a_goal_there_is_no_score(small_model, sample, goal):
    symbol = small_model.space.symbols[3]
    assert list(titrate(prepare_sample(small_model, sample), symbol).levels().columns) == ["tpm", "present"]
    table = titrate(prepare_sample(small_model, sample), symbol, goal=goal).levels()
    assert np.allclose(table["fraction_of_distance"], table["score"] / goal.distance)


@pytest.mark.parametrize("multiples", [[], [-1, 1], [np.nan], [np.inf], [[0, 1]]])
def test_multiples_that_are_no_amounts(small_model, sample, multiples):
    with pytest.raises(PerturbationError, match="multiple of the present one") as caught:
        titrate(prepare_sample(small_model, sample), small_model.space.symbols[3], multiples=multiples)
    assert caught.value.hint


def test_bad_input(small_model, sample, cohort):
    with pytest.raises(GeneError):
        titrate(prepare_sample(small_model, sample), "NOSUCHGENE")
    with pytest.raises(CellStateError, match="one sample, not 2"):
        titrate(prepare_sample(small_model, cohort.split("test").take([0, 1])), small_model.space.symbols[3])


def test_weights_that_give_no_number(small_model, sample):
    broken = AutoEncoder(small_model.config)
    broken.load_state_dict(small_model.network.state_dict())
    with torch.no_grad():
        broken.weight(0)[0, 3] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        titrate(prepare_sample(replace(small_model, network=broken), sample), small_model.space.symbols[3])


def test_levels_stop_at_one_million_tpm(small_model, sample):
    tpm_SA = sample.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[3]] = tpm_SA[np.isfinite(tpm_SA)].sum() / 2
    loud, symbol = prepare_sample(small_model, replace(sample, tpm_SA=tpm_SA)), small_model.space.symbols[3]
    curve = titrate(loud, symbol)
    assert curve.present_tpm > 1e6 / 8 and curve.tpm_D.max() <= 1e6 and len(curve.tpm_D) < len(MULTIPLES)
    with pytest.raises(PerturbationError, match=symbol) as caught:
        titrate(loud, symbol, multiples=[1, 16])
    assert caught.value.hint


def test_a_goal_made_for_another_sample_is_refused(small_model, sample, cohort):
    other = prepare_sample(small_model, cohort.split("test").take([0]))
    goal = toward_goal(other, cohort.split("test").take([1]), spec="s", label="l")
    with pytest.raises(GoalError):
        titrate(prepare_sample(small_model, sample), small_model.space.symbols[3], goal=goal)
