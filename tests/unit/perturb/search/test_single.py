"""The screen of single perturbations, against brute force by `perturb` on the same sample."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError, ModelError, PerturbationError, Stopped
from cellstate.evaluation.ood import ood_scores
from cellstate.evidence import PredictorId
from cellstate.model import create_model, load_model
from cellstate.model.cohort import load_profiles
from cellstate.perturb import sample as sample_module
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors import autoencoder as engine_module
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer, cohort_background
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.single import cohort_z, screen
from cellstate.samples import Samples
from tests.support.evidence_factories import favouring
from tests.unit.perturb.questions import patient_samples, some_goal

BASELINES = ("pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf")


def brute_force(model, samples, goal, gene: str, action: str) -> float:
    """Score of one perturbation from the table of `perturb`: z change along the goal, the perturbed gene left out."""
    shift = predict(prepare_sample(model, samples), [Perturbation.parse(f"{gene}={action}")])
    position = model.space.find(gene)
    z = torch.from_numpy(model.space.standardise(np.expm1(shift.log1p_before_G[None])))
    perturbed = z.double().clone()
    change = shift.log1p_after_G[position] - shift.log1p_before_G[position]
    perturbed[0, position] += change / model.space.scale_G[position]
    wide = load_model(model.folder, device="cpu").network.double()
    with torch.inference_mode():
        delta_G = (wide(perturbed) - wide(z.double()))[0].numpy()
    delta_G[position] = 0
    return float(delta_G @ goal.direction_G)


@pytest.fixture(scope="module")
def found(small_model):
    """Sixty perturbations scored exactly, as if the network were a large one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "CHEAP", 0)
        return screen(
            prepare_sample(small_model, patient_samples()), some_goal(small_model), perturbations=("ko", "x3"), top=60
        )


def test_a_small_network_scores_every_edit_exactly(small_model):
    result = screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), top=5)
    assert result.n_exact == len(result.table) and result.table["exact"].all()


@pytest.mark.parametrize("name", BASELINES)
def test_a_rival_ranks_by_its_own_shifts(small_model, name):
    """What each predictor says of a perturbation does not depend on who comes first."""
    goal, samples = some_goal(small_model), patient_samples()
    result = screen(prepare_sample(small_model, samples), goal, perturbations=("ko", "x3"), predictor=name)
    table = result.table
    assert result.predictor == name and table["exact"].all() and result.n_exact == len(table)
    assert table["score"].is_monotonic_decreasing
    assert {"score_autoencoder"} <= set(table) and f"score_{name}" not in set(table)
    usual = screen(prepare_sample(small_model, samples), goal, perturbations=("ko", "x3")).table.set_index(
        ["gene", "perturbation"]
    )
    at = table.set_index(["gene", "perturbation"]).loc[usual.index]
    assert np.allclose(at["score"], usual[f"score_{name}"])
    others = [c for c in at if c.startswith("score_") and c not in ("score_per_sd", "score_autoencoder")]
    assert len(others) == len(BASELINES) - 1 and np.allclose(at[others], usual[others])
    # Of the network stands what it says at first order.
    assert np.allclose(at["score_autoencoder"], usual["score"], rtol=0.2, atol=0.02)


def test_a_linear_predictor_knows_patients_apart_by_levels_alone(small_model):
    """Its effect is unusual where the level of the perturbed gene is: by as many spreads."""
    samples, goal = patient_samples(), some_goal(small_model)
    table = screen(prepare_sample(small_model, samples), goal, predictor="ridge").table.set_index("ensembl_id")
    profiles = load_profiles(small_model)
    here_G, space = np.log1p(prepare_sample(small_model, samples).tpm_G), small_model.space
    level_G = (here_G - profiles.log1p_SG.mean(axis=0)) / profiles.log1p_SG.std(axis=0, ddof=1)
    z_G = table.loc[list(space.ensembl), "z_patient"].to_numpy()
    moved_G = table.loc[list(space.ensembl), "score_per_sd"].to_numpy()
    told = np.isfinite(z_G) & (np.abs(moved_G) > 1e-6)
    assert told.sum() > 50
    assert np.allclose(np.abs(z_G[told]), np.abs(level_G[told]), rtol=1e-2, atol=1e-2)


def test_without_a_choice_the_evidence_decides(small_model):
    evidence = favouring(PredictorId.ELASTIC_NET)
    named = replace(small_model, record=replace(small_model.record, evidence=evidence))
    for model, default in ((named, "elastic_net"), (small_model, "autoencoder")):
        assert screen(prepare_sample(model, patient_samples()), some_goal(model)).predictor == default
    with pytest.raises(ModelError, match="no predictor 'oracle'"):
        screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), predictor="oracle")


def test_every_measured_gene_is_ranked_and_the_best_are_exact(small_model, found):
    table = found.table
    # One gene would come above one million TPM.
    too_high = prepare_sample(small_model, patient_samples()).tpm_G > 1e6 / 3
    assert len(table) == 2 * len(small_model.space) - too_high.sum() < 2 * len(small_model.space)
    assert table["score"].is_monotonic_decreasing
    assert found.n_exact == table["exact"].sum() == 60
    assert set(table["perturbation"]) == {"ko", "x3"}
    assert np.isfinite(
        table[["score", "score_per_sd", "fraction_of_distance", "p", "fdr", "score_pca", "score_coexpression"]]
    ).all(None)


def test_exact_scores_are_those_of_whole_forward_passes(small_model, found):
    exact = found.table[found.table["exact"]]
    for row in exact.iloc[[0, 7, 30, 59]].itertuples():
        truth = brute_force(small_model, patient_samples(), found.goal, row.gene, row.perturbation)
        assert row.score == pytest.approx(truth, rel=1e-3, abs=1e-7)


def test_first_order_scores_follow_whole_forward_passes(small_model, found):
    rest = found.table[~found.table["exact"]].iloc[::40]
    truth = [brute_force(small_model, patient_samples(), found.goal, r.gene, r.perturbation) for r in rest.itertuples()]
    assert np.corrcoef(rest["score"], truth)[0, 1] > 0.99


def test_per_unit_and_share(found):
    best = found.table.iloc[0]
    assert best["fraction_of_distance"] == pytest.approx(best["score"] / found.goal.distance)
    assert abs(best["score_per_sd"]) < abs(best["score"]) or best["tpm_before"] < 10


def test_a_rival_scores_what_it_predicts(small_model, found):
    row = found.table[found.table["perturbation"] == "ko"].iloc[5]
    shift = predict(prepare_sample(small_model, patient_samples()), [Perturbation(row["gene"], "knock-out")])
    for rival in ("pca", "coexpression"):
        delta_G = (shift.baseline_log1p_after[rival] - shift.log1p_before_G) / small_model.space.scale_G
        delta_G[shift.is_perturbed_G] = 0
        # TPM stop at 0 in a shift, which a linear score does not know.
        assert row[f"score_{rival}"] == pytest.approx(float(delta_G @ found.goal.direction_G), rel=0.3, abs=0.02)


def test_unmeasured_genes_are_not_tried(small_model):
    samples = patient_samples()
    gone = small_model.space.axis_index_G[:30]
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, gone] = np.nan
    table = screen(prepare_sample(small_model, replace(samples, tpm_SA=tpm_SA)), some_goal(small_model)).table
    assert len(table) == len(small_model.space) - 30
    assert not set(table["ensembl_id"]) & set(small_model.space.ensembl[:30])


def test_a_silent_gene_cannot_be_knocked_out(small_model):
    samples = patient_samples()
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[4]] = 0
    table = screen(prepare_sample(small_model, replace(samples, tpm_SA=tpm_SA)), some_goal(small_model)).table
    row = table[table["ensembl_id"] == small_model.space.ensembl[4]].iloc[0]
    assert row["score"] == row["score_per_sd"] == 0 and row["p"] == 1


def test_candidates_may_be_a_list(small_model):
    wanted = np.array([3, 9, 11])
    table = screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), genes=wanted).table
    assert set(table["ensembl_id"]) == {small_model.space.ensembl[g] for g in wanted}
    whole = screen(prepare_sample(small_model, patient_samples()), some_goal(small_model)).table.set_index("ensembl_id")
    # The null is made of all genes either way.
    assert np.allclose(table["p"], whole.loc[table["ensembl_id"], "p"])


def test_a_dose_that_changes_nothing_scores_nothing(small_model):
    table = screen(
        prepare_sample(small_model, patient_samples()), some_goal(small_model), perturbations=("x1", "kd0")
    ).table
    assert not table["score"].any() and (table["p"] == 1).all()


def test_the_patient_beside_the_cohort(small_model):
    """z_patient is the patient's effect in standard deviations of the cohort's, each computed alone."""
    goal, pattern = some_goal(small_model), Perturbation.pattern("ko")
    known = cohort_background(small_model, goal)
    engine = AutoencoderScorer(prepare_sample(small_model, patient_samples()), goal)
    genes = np.arange(len(small_model.space))
    slopes = engine.cohort_slopes()
    z_E = cohort_z(engine.sample, pattern, genes, slopes.cohort_SG, slopes.sample_G)
    assert len(known.slope_SG) == 48 and cohort_background(small_model, goal) is known
    here = candidate_changes(pattern, engine.sample, genes) * (engine.gradient()[0] - known.own_G)
    from cellstate.model.cohort import load_profiles

    log1p_SG = load_profiles(small_model).log1p_SG
    effect_SG = -log1p_SG / small_model.space.scale_G * known.slope_SG
    assert np.allclose(z_E, (here - effect_SG.mean(0)) / effect_SG.std(0, ddof=1), rtol=1e-3, atol=1e-3)


def test_a_patient_of_another_kind_stands_out(small_model):
    goal = some_goal(small_model)
    samples = patient_samples()
    usual = screen(prepare_sample(small_model, samples), goal, top=1).table.set_index("gene")["z_patient"]
    gene = usual.abs().idxmin()
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[small_model.space.find(gene)]] *= 200
    unusual = screen(prepare_sample(small_model, replace(samples, tpm_SA=tpm_SA)), goal, top=1).table.set_index("gene")[
        "z_patient"
    ]
    assert abs(unusual[gene]) > abs(usual[gene]) + 2


def test_a_model_without_a_cohort(tmp_path):
    create_model(tmp_path / "m", "demo")
    model = load_model(tmp_path / "m", device="cpu")
    result = screen(prepare_sample(model, patient_samples()), some_goal(model, 100), top=5)
    assert result.n_cohort == 0 and result.table["z_patient"].isna().all()
    assert "score_pca" not in result.table


def test_progress_and_stopping(small_model):
    said = []
    screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), progress=lambda *s: said.append(s))
    assert said[-1][0] == said[-1][1] > 0

    def stop(done, total, what):
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), progress=stop)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"top": 0}, "re-score is 0"),
        ({"perturbations": ()}, "no perturbation"),
        ({"perturbations": ("foo",)}, "not a perturbation"),
        ({"genes": np.array([], int)}, "measures none"),
    ],
)
def test_bad_input(small_model, options, words):
    with pytest.raises(CellStateError, match=words) as caught:
        screen(prepare_sample(small_model, patient_samples()), some_goal(small_model), **options)
    assert caught.value.hint
    assert isinstance(caught.value, PerturbationError) or "foo" not in str(options)


def test_two_samples_are_too_many(small_model):
    from tests.support.factories import make_samples

    with pytest.raises(CellStateError, match="one sample, not 2"):
        screen(prepare_sample(small_model, make_samples(2)), some_goal(small_model))


def test_weights_that_are_no_numbers(tmp_path, small_model):
    broken = replace(small_model, network=load_model(small_model.folder, device="cpu").network)
    broken.network.layers[1].weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        screen(prepare_sample(broken, patient_samples()), some_goal(small_model))
    assert isinstance(patient_samples(), Samples)


def test_genes_that_would_pass_one_million_tpm_are_not_tried(small_model):
    samples = patient_samples()
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, small_model.space.axis_index_G[4]] = np.nansum(tpm_SA)
    sample, goal = prepare_sample(small_model, replace(samples, tpm_SA=tpm_SA)), some_goal(small_model)
    table = screen(sample, goal, perturbations=("x3", "ko")).table
    tried = table[table["ensembl_id"] == small_model.space.ensembl[4]]
    assert tried["perturbation"].tolist() == ["ko"] and table["tpm_after"].max() <= 1e6
    with pytest.raises(CellStateError, match="one million"):
        screen(sample, goal, perturbations=("x3",), genes=np.array([4]))


def test_a_screen_prepares_its_sample_once(small_model, monkeypatch):
    counted = {"align": 0, "impute_missing": 0}
    for name in counted:
        function = getattr(sample_module, name)

        def count(*arguments, _name=name, _function=function):
            counted[_name] += 1
            return _function(*arguments)

        monkeypatch.setattr(sample_module, name, count)
    samples = patient_samples()
    samples.tpm_SA[0, small_model.space.axis_index_G[3]] = np.nan
    sample = prepare_sample(small_model, samples)
    screen(sample, some_goal(small_model), genes=np.arange(4))
    ood_scores([sample])
    assert counted == {"align": 1, "impute_missing": 1}
