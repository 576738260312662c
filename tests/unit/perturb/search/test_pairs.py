"""The screen of pairs: what it finds, that it goes on where it was, and that nobody's order matters."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError, ModelError, Stopped
from cellstate.model import ModelConfig, load_model
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predictors import autoencoder as engine_module
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search import pair_sweep as sweep_module
from cellstate.perturb.search.cohort_interaction import cohort_interactions
from cellstate.perturb.search.distributed import ProcessGroup
from cellstate.perturb.search.pairs import pairs
from tests.unit.perturb.questions import patient_samples, some_goal, without_cohort


@pytest.fixture(scope="module")
def bent(small_model):
    """The small model's genes with random weights of a smooth network: there the pairs do cooperate."""
    network = AutoEncoder(ModelConfig("bent", small_model.config.widths, "gelu"))
    initialise(network, 1)
    return replace(small_model, network=network.requires_grad_(False).eval(), config=network.config)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Several blocks, and no more pairs scored exactly than are shown."""
    monkeypatch.setattr(sweep_module, "ROWS", 50)
    monkeypatch.setattr(engine_module, "CHEAP", 0)


def all_synergies(model, samples, goal) -> dict[frozenset[str], float]:
    """Every pair by whole forward passes in float64, both genes left out."""
    engine = AutoencoderScorer(prepare_sample(model, samples), goal)
    n = len(model.space)
    delta_G = torch.from_numpy(candidate_changes(Perturbation.pattern("ko"), engine.sample, np.arange(n))).double()
    wide = AutoEncoder(model.config).double()
    wide.load_state_dict({k: v.double() for k, v in model.network.state_dict().items()})
    z, direction = torch.from_numpy(engine.sample.z_1G).double(), torch.from_numpy(goal.direction_G).double()
    found = {}
    with torch.inference_mode():
        before = wide(z)
        alone_GG = wide(z + torch.diag(delta_G)) - before
        for a in range(n):
            both_GG = wide(z + torch.diag(delta_G) + delta_G * torch.eye(n)[a].double()) - before
            rest_GG = both_GG - alone_GG - alone_GG[a]
            towards_G = rest_GG @ direction - rest_GG.diagonal() * direction - rest_GG[:, a] * direction[a]
            for b in range(a + 1, n):
                found[frozenset((model.space.ensembl[a], model.space.ensembl[b]))] = float(towards_G[b])
    return found


def keys(table) -> list[frozenset[str]]:
    return [frozenset(pair) for pair in zip(table["ensembl_a"], table["ensembl_b"], strict=True)]


@pytest.fixture(scope="module")
def truth(bent):
    return all_synergies(bent, patient_samples(), some_goal(bent))


def test_the_best_pairs_are_found_and_scored_exactly(bent, truth):
    result = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=1_000)
    assert result.n_pairs == len(truth) == len(bent.space) * (len(bent.space) - 1) // 2
    assert result.n_exact == len(result.table) == 1_000
    for key, interaction in zip(keys(result.table), result.table["interaction"], strict=True):
        assert interaction == pytest.approx(truth[key], rel=1e-3, abs=1e-6)
    best = sorted(truth, key=truth.get, reverse=True)[:100]
    # Knocking out one of 240 genes is a step far beyond first order; and 1,000 of 28,680 are kept.
    assert len(set(best) & set(keys(result.table))) >= 80


def test_a_small_network_scores_more_than_it_shows(bent, truth, monkeypatch):
    monkeypatch.setattr(engine_module, "CHEAP", 5e10)
    result = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=100)
    assert result.n_exact == 20_000 and len(result.table) == 100
    best = sorted(truth, key=truth.get, reverse=True)[:100]
    assert len(set(best) & set(keys(result.table))) >= 95


def test_pairs_by_what_the_cohort_shows(small_model):
    goal, n = some_goal(small_model), len(small_model.space)
    result = pairs(prepare_sample(small_model, patient_samples()), goal, by="cohort", top=100)
    table = result.table
    # Of every pair, with both genes left out; the proposals leave them in, so that a pair at the edge may be another.
    a_E, b_E = np.triu_indices(n, 1)
    expected_E = cohort_interactions(small_model, goal).exact(a_E, b_E)[0]
    best = sorted(expected_E, reverse=True)[:100]
    assert len(set(np.round(table["cohort_r"], 9)) & set(np.round(best, 9))) >= 90
    assert table["cohort_r"].is_monotonic_decreasing and table["cohort_p"].between(0, 1).all()
    assert np.allclose(table["score"], table["score_a"] + table["score_b"] + table["interaction"])
    # What is shown of a pair does not depend on what ranks it.
    network = pairs(prepare_sample(small_model, patient_samples()), goal, by="interaction", top=5_000).table
    both = network.merge(table, on=["ensembl_a", "ensembl_b"])
    assert len(both) and np.allclose(both["cohort_r_x"], both["cohort_r_y"])


def test_the_cohort_ranks_where_the_model_has_one(small_model):
    sample, goal = prepare_sample(small_model, patient_samples()), some_goal(small_model)
    found, by_cohort = pairs(sample, goal, top=50), pairs(sample, goal, by="cohort", top=50)
    assert found.by == "cohort" and found.table.equals(by_cohort.table)


def test_without_a_cohort_nothing_is_shown(small_model, tmp_path):
    without, goal = without_cohort(small_model, tmp_path / "model"), some_goal(small_model)
    found = pairs(prepare_sample(without, patient_samples()), goal, top=5)
    table = found.table
    assert found.by == "interaction"
    assert table["cohort_r"].isna().all() and table["cohort_p"].isna().all()
    with pytest.raises(CellStateError, match="carries no cohort"):
        pairs(prepare_sample(without, patient_samples()), goal, by="cohort")


def test_the_columns_add_up(bent):
    table = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=40).table
    assert np.allclose(table["score"], table["score_a"] + table["score_b"] + table["interaction"])
    assert table["interaction"].is_monotonic_decreasing
    assert np.allclose(table["fraction_of_distance"], table["score"] / some_goal(bent).distance)
    assert table["p"].between(0, 1).all() and table["fdr"].between(0, 1).all() and (table["fdr"] >= table["p"]).all()
    assert len(set(keys(table))) == len(table) and (table["a"] != table["b"]).all()


def test_ranked_by_their_whole_score(bent, monkeypatch):
    monkeypatch.setattr(engine_module, "CHEAP", 5e10)
    table = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="score", top=1_000).table
    assert table["score"].is_monotonic_decreasing
    engine = AutoencoderScorer(prepare_sample(bent, patient_samples()), some_goal(bent))
    n = len(bent.space)
    delta_G = candidate_changes(Perturbation.pattern("ko"), engine.sample, np.arange(n))
    a, b = np.triu_indices(n, 1)
    scores = engine.scores(np.stack([a, b], 1), np.stack([delta_G[a], delta_G[b]], 1))
    assert (table["score"] >= np.sort(scores)[-100]).sum() >= 95


def test_rows_and_partners(bent):
    rows, partners = np.arange(0, 12), np.arange(6, 40)
    result = pairs(
        prepare_sample(bent, patient_samples()),
        some_goal(bent),
        by="interaction",
        genes=rows,
        partners=partners,
        top=10_000,
    )
    position = {e: i for i, e in enumerate(bent.space.ensembl)}
    found = {frozenset((position[a], position[b])) for a, b in result.table[["ensembl_a", "ensembl_b"]].to_numpy()}
    expected = {frozenset((a, b)) for a in rows.tolist() for b in partners.tolist() if a != b}
    assert found == expected and result.n_pairs == len(expected)


def test_the_partners_of_one_gene(bent, truth, monkeypatch):
    monkeypatch.setattr(engine_module, "CHEAP", 5e10)
    anchor = 17
    table = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", anchor=anchor).table
    name = bent.space.ensembl[anchor]
    assert len(table) == 50 and (table["ensembl_a"] == name).all()
    partners = {key: value for key, value in truth.items() if name in key}
    best = sorted(partners, key=partners.get, reverse=True)[:10]
    assert len(set(best) & set(keys(table))) >= 9
    for key, interaction, alone in zip(keys(table), table["interaction"], table["score_a"], strict=True):
        assert interaction == pytest.approx(truth[key], rel=1e-3, abs=1e-6) and np.isfinite(alone)


def test_pair_a_b_is_pair_b_a(bent):
    engine = AutoencoderScorer(prepare_sample(bent, patient_samples()), some_goal(bent))
    delta_G = candidate_changes(Perturbation.pattern("ko"), engine.sample, np.arange(len(bent.space)))
    a, b = np.arange(0, 40), np.arange(60, 100)
    there, back = engine.pair_scores(a, b, delta_G), engine.pair_scores(b, a, delta_G)
    assert np.allclose(there.interaction_E, back.interaction_E, rtol=1e-4, atol=1e-8)
    assert np.allclose(there.a_E, back.b_E, rtol=1e-5)


def test_a_stopped_run_goes_on_and_ends_the_same(bent):
    whole = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=50)
    blocks = {}

    def stop(done, total, what):
        if done >= 100:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        pairs(
            prepare_sample(bent, patient_samples()),
            some_goal(bent),
            by="interaction",
            top=50,
            blocks=blocks,
            progress=stop,
        )
    assert 0 < len(blocks) < 5
    seen = []
    again = pairs(
        prepare_sample(bent, patient_samples()),
        some_goal(bent),
        by="interaction",
        top=50,
        blocks=blocks,
        progress=lambda *said: seen.append(said),
    )
    assert seen[0][1] == len(bent.space) - 100
    assert again.table.equals(whole.table)


def test_two_processes_give_the_blocks_of_one(bent):
    """The rows shared as two ranks share them, without the processes: what each does adds up to what one does."""
    one, shared = {}, {}
    whole = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=50, blocks=one)

    class Second(ProcessGroup):
        def share(self, value):
            return value

        def gather(self, value):
            return None

    assert (
        pairs(
            prepare_sample(bent, patient_samples()),
            some_goal(bent),
            by="interaction",
            top=50,
            blocks=shared,
            here=Second(1, 2),
        )
        is None
    )
    assert sorted(shared) == [1, 3]
    again = pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=50, blocks=shared)
    assert again.table.equals(whole.table)


def test_memory_holds_blocks_never_the_matrix(bent):
    blocks = {}
    pairs(prepare_sample(bent, patient_samples()), some_goal(bent), by="interaction", top=20, blocks=blocks)
    assert all(len(block.value_N) <= 40 for block in blocks.values())


def test_a_silent_gene_is_no_partner(bent):
    samples = patient_samples()
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[:, bent.space.axis_index_G[:3]] = 0
    result = pairs(prepare_sample(bent, replace(samples, tpm_SA=tpm_SA)), some_goal(bent), top=100)
    assert not set(bent.space.ensembl[:3]) & (set(result.table["ensembl_a"]) | set(result.table["ensembl_b"]))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"top": 0}, "score is 0"),
        ({"by": "luck"}, "ranked by 'luck'"),
        ({"perturbation": "foo"}, "not a perturbation"),
        ({"perturbation": "x1"}, "no pair"),
        ({"genes": np.array([5]), "partners": np.array([5])}, "no pair"),
    ],
)
def test_bad_input(bent, options, words):
    with pytest.raises(CellStateError, match=words) as caught:
        pairs(prepare_sample(bent, patient_samples()), some_goal(bent), **options)
    assert caught.value.hint


def test_weights_that_are_no_numbers(bent):
    broken = replace(bent, network=load_model(bent.folder, device="cpu").network)
    broken.network.layers[2].weight[0, 0] = float("inf")
    with pytest.raises(ModelError, match="not finite"):
        pairs(prepare_sample(broken, patient_samples()), some_goal(bent))
