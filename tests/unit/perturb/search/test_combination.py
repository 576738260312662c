"""The beam finds what an exhaustive search finds, never ends behind greedy, and explains itself in sums that hold."""

from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError, PerturbationError, Stopped
from cellstate.gene_space import align
from cellstate.model.network import AutoEncoder
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search import combination as module
from cellstate.perturb.search.combination import COLUMNS, FIRST, CandidateSet, CandidateSets, combine, search
from cellstate.perturb.search.goal import Goal, Signature, gene_set_goal
from tests.unit.perturb.networks import GENES, make_network, make_warm, widen

NUMBERS = ["score", "gain", "fraction_of_distance", "alone"]


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("test").take([1])


@pytest.fixture(scope="module")
def sample(small_model, samples):
    return prepare_sample(small_model, samples)


@pytest.fixture(scope="module")
def goal(small_model):
    signs = dict(zip(small_model.space.symbols[:24], [1, -1, 1] * 8, strict=True))
    return gene_set_goal(small_model.space, signs, spec="genes", label="a goal")


@pytest.fixture(scope="module")
def exact(small_model, samples, goal):
    """Score of any set of perturbations in float64: both forward passes written out, the perturbed genes left out."""
    space = small_model.space
    wide = AutoEncoder(small_model.config).double()
    wide.load_state_dict({k: v.double() for k, v in small_model.network.state_dict().items()})
    log1p_G = np.log1p(align(samples, space).tpm_SG[0].astype(np.float64))
    with torch.inference_mode():
        before = wide(torch.from_numpy((log1p_G - space.mean_G) / space.scale_G)[None])

    def score(*perturbations: tuple[str, str]) -> float:
        moved, direction = log1p_G.copy(), goal.direction_G.astype(np.float64)
        for gene, action in perturbations:
            factor = {"ko": 0.0, "kd50": 0.5, "x2": 2.0, "x3": 3.0}[action]
            g = space.find(gene)
            moved[g], direction[g] = np.log1p(factor * np.expm1(log1p_G[g])), 0
        with torch.inference_mode():
            after = wide(torch.from_numpy((moved - space.mean_G) / space.scale_G)[None])
        return float((after - before)[0].numpy() @ direction)

    return score


def perturbations_of(steps):
    return list(zip(steps["gene"], steps["perturbation"], strict=True))


def test_every_number_of_every_step_is_exact(small_model, sample, goal, exact):
    found = combine(sample, goal, max_perturbations=4, perturbations=("kd50", "x2"))
    assert tuple(found.steps.columns) == tuple(found.greedy.columns) == COLUMNS
    assert found.sample == sample.name and found.goal is goal and not found.reached
    for table in (found.steps, found.greedy):
        perturbations = perturbations_of(table)
        assert len(perturbations) == 4 == len({gene for gene, _ in perturbations})
        scores = np.array([exact(*perturbations[: n + 1]) for n in range(4)])
        assert table["score"].to_numpy() == pytest.approx(scores, rel=1e-4)
        assert table["gain"].to_numpy() == pytest.approx(np.diff(scores, prepend=0), rel=1e-3)
        assert table["alone"].to_numpy() == pytest.approx([exact(one) for one in perturbations], rel=1e-4)
        assert np.allclose(table["gain"].cumsum(), table["score"], rtol=1e-12)
        assert np.allclose(table["fraction_of_distance"], table["score"] / goal.distance)
        # In the order for reading each step is the best of the perturbations that are left.
        for n in range(3):
            assert all(exact(*perturbations[:n], other) <= scores[n] + 1e-6 for other in perturbations[n + 1 :])
    assert found.sum_of_singles == pytest.approx(found.steps["alone"].sum())


def test_each_gene_gets_the_edit_that_suits_it(small_model, sample, goal):
    down, up = (
        combine(sample, goal, max_perturbations=1, perturbations=(perturbation,)).steps["gene"][0]
        for perturbation in ("ko", "x3")
    )
    genes = np.array([small_model.space.find(gene) for gene in (down, up)])
    found = combine(sample, goal, perturbations=("x3", "ko"), genes=genes)
    assert set(perturbations_of(found.steps)) == {(down, "ko"), (up, "x3")}


def test_a_wide_beam_finds_the_best_pair_of_all(small_model, sample, goal, exact):
    genes = np.arange(30, 48)
    symbols = [small_model.space.symbols[g] for g in genes]
    found = combine(sample, goal, max_perturbations=2, perturbations=("ko", "x3"), genes=genes, beam=36)
    scores = {
        pair: exact(*pair)
        for a, b in combinations(symbols, 2)
        for pair in product([(a, "ko"), (a, "x3")], [(b, "ko"), (b, "x3")])
    }
    best = max(scores, key=scores.__getitem__)
    assert set(perturbations_of(found.steps)) == set(best)
    assert found.steps["score"].iloc[-1] == pytest.approx(scores[best], rel=1e-4)


NETWORKS = [
    pytest.param(lambda: make_network("gelu"), id="gelu"),
    pytest.param(lambda: make_network("relu", residual=True), id="residual"),
    pytest.param(lambda: make_warm("relu", residual=False), id="warm"),
]


@pytest.fixture
def network_engine():
    """Make a scorer over a small network whose perturbations are large, so that they interact."""

    def make(network: AutoEncoder, seed: int = 7) -> AutoencoderScorer:
        rng, n_goal = np.random.default_rng(seed), 60
        direction_G = np.zeros(GENES, np.float32)
        direction_G[rng.choice(GENES, n_goal, replace=False)] = rng.normal(size=n_goal)
        direction_G /= np.linalg.norm(direction_G)
        tpm_G = np.expm1(rng.uniform(0.5, 6, GENES)).astype(np.float32)
        space: Any = SimpleNamespace(
            symbols=[f"G{g}" for g in range(GENES)],
            scale_G=np.full(GENES, 0.8, np.float32),
            mean_G=np.full(GENES, 3, np.float32),
        )
        model: Any = SimpleNamespace(network=network, space=space, device=torch.device("cpu"))
        z_1G = ((np.log1p(tpm_G) - space.mean_G) / space.scale_G)[None]
        sample = PreparedSample("S", model, z_1G, tpm_G, np.ones(GENES, bool), fingerprint="S")
        return AutoencoderScorer(sample, Goal("goal", "goal", Signature(direction_G), 50.0))

    return make


def brute(engine: AutoencoderScorer, sets: CandidateSets, every: list[CandidateSet]) -> np.ndarray:
    """Scores in float64: every set a forward pass of its own."""
    at = np.array(every)
    genes_EK, delta_EK = sets.gene_C[at], sets.delta_C[at].astype(float)
    z_EG = np.repeat(engine.sample.z_1G.astype(float), len(at), axis=0)
    direction_EG = np.repeat(engine.goal.direction_G[None].astype(float), len(at), axis=0)
    before_EG, rows = z_EG.copy(), np.arange(len(at))[:, None]
    z_EG[rows, genes_EK] += delta_EK
    direction_EG[rows, genes_EK] = 0
    wide = widen(engine.model.network)
    with torch.inference_mode():
        shift_EG = wide(torch.from_numpy(z_EG)) - wide(torch.from_numpy(before_EG))
    return (shift_EG.numpy() * direction_EG).sum(axis=1)


@pytest.mark.parametrize("make", NETWORKS)
def test_the_search_agrees_with_an_exhaustive_one_whatever_the_network(make, network_engine):
    engine = network_engine(make())
    sets = CandidateSets(
        engine.sample, engine.goal, engine, [Perturbation.pattern("ko"), Perturbation.pattern("x3")], np.arange(12)
    )
    best, _ = search(sets, 2, np.inf, 24, None)
    every = [pair for pair in combinations(range(24), 2) if len(set(sets.gene_C[list(pair)])) == 2]
    truth = dict(zip(every, brute(engine, sets, every), strict=True))
    assert best == max(truth, key=truth.__getitem__)
    assert sets.known[best] == pytest.approx(truth[best], rel=1e-4)
    assert set(sets.known) - {()} - {(c,) for c in range(24)} <= set(every)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("width", [1, 2, 8])
def test_the_beam_never_ends_behind_the_greedy_way(make, width, network_engine):
    engine = network_engine(make())
    for genes in (np.arange(100, 115), None):
        for wanted in (np.inf, 3.0):
            sets = CandidateSets(
                engine.sample, engine.goal, engine, [Perturbation.pattern("ko"), Perturbation.pattern("kd50")], genes
            )
            best, way = search(sets, 4, wanted, width, None)
            score, greedy = sets.known[best], sets.known[tuple(sorted(way))]
            if score >= wanted:
                assert len(best) <= len(way) or greedy < wanted
            else:
                assert score >= greedy
            if width == 1:
                assert best == tuple(sorted(way))
            # Greedy is greedy: no proposal of a step was better than the one that it took.
            for n in range(len(way)):
                before, taken = set(way[:n]), sets.known[tuple(sorted(way[: n + 1]))]
                [proposed] = sets.extensions([tuple(sorted(before))])
                assert taken == max(sets.scores(proposed))


def test_the_beam_is_worth_it_where_edits_cooperate(network_engine):
    engine = network_engine(make_network("gelu"), seed=0)
    sets = CandidateSets(
        engine.sample, engine.goal, engine, [Perturbation.pattern(text) for text in ("ko", "kd50", "x4")], None
    )
    best, way = search(sets, 5, np.inf, 8, None)
    assert sets.known[best] > 1.1 * sets.known[tuple(sorted(way))]


def test_the_smallest_set_that_reaches_the_share(small_model, sample, goal):
    whole = combine(sample, goal, max_perturbations=4)
    wanted = 0.999 * whole.steps["fraction_of_distance"].iloc[2]
    found = combine(sample, goal, max_perturbations=4, fraction=wanted)
    assert found.reached and len(found.steps) <= 3
    assert found.steps["fraction_of_distance"].iloc[-1] >= wanted > found.steps["fraction_of_distance"].iloc[:-1].max()
    assert found.greedy["fraction_of_distance"].iloc[-1] >= wanted or len(found.greedy) == 4
    easy = combine(sample, goal, fraction=1e-4)
    assert easy.reached and len(easy.steps) == len(easy.greedy) == 1 and easy.n_scored <= FIRST


def test_neither_the_order_of_edits_nor_of_genes_matters(small_model, sample, goal):
    genes = np.arange(20, 90)
    one = combine(sample, goal, max_perturbations=3, perturbations=("ko", "x3", "kd50"), genes=genes)
    other = combine(sample, goal, max_perturbations=3, perturbations=("kd50", "x3", "ko", "x3"), genes=genes[::-1])
    assert one.steps[["gene", "perturbation", *NUMBERS]].equals(other.steps[["gene", "perturbation", *NUMBERS]])
    assert one.n_scored == other.n_scored
    assert set(one.steps["gene"]) <= {small_model.space.symbols[g] for g in genes}


def test_edits_that_do_the_same_or_nothing_are_no_candidates(small_model, sample, goal):
    plain = combine(sample, goal, max_perturbations=2)
    also = combine(sample, goal, max_perturbations=2, perturbations=("ko", "kd100", "x1", "=0"))
    assert also.steps.equals(plain.steps) and also.n_scored == plain.n_scored
    assert set(also.steps["perturbation"]) == {"ko"}


def test_the_exact_scores_of_a_step_stay_few(small_model, sample, goal, monkeypatch):
    asked = []
    scores = AutoencoderScorer.scores

    def counted(self, genes_EK, delta_EK):
        asked.append(genes_EK.shape)
        assert len({tuple(sorted(zip(g, d, strict=True))) for g, d in zip(genes_EK, delta_EK, strict=True)}) == len(
            genes_EK
        )
        return scores(self, genes_EK, delta_EK)

    monkeypatch.setattr(AutoencoderScorer, "scores", counted)
    found = combine(sample, goal, max_perturbations=3, perturbations=("ko", "x3"))
    assert max(n for n, _ in asked) <= 256 and found.n_scored == sum(n for n, _ in asked)
    assert sum(n > 5 for n, _ in asked) == 3


def test_no_more_edits_than_genes(small_model, sample, goal):
    found = combine(sample, goal, max_perturbations=50, genes=np.array([40, 41, 42]))
    assert 1 <= len(found.steps) <= 3 and found.n_scored <= 7


def test_a_goal_that_nothing_approaches(small_model, sample, goal):
    best = combine(sample, goal, max_perturbations=1, genes=np.array([50]))
    away = Goal("away", "away", Signature(-goal.direction_G), goal.distance)
    worst = combine(sample, away, max_perturbations=3, genes=np.array([50]))
    empty = worst if len(best.steps) else best
    assert {len(best.steps), len(worst.steps)} == {0, 1}
    assert not empty.reached and not len(empty.greedy) and empty.sum_of_singles == 0 and empty.n_scored == 1
    assert tuple(empty.steps.columns) == COLUMNS and set(map(str, empty.steps[NUMBERS].dtypes)) == {"float64"}
    # A goal of one gene, and that gene alone to perturbation: it is left out, and rounding is no movement.
    alone = gene_set_goal(small_model.space, {small_model.space.symbols[50]: 1}, spec="one", label="one")
    for perturbations in (("ko",), ("x3",)):
        assert not len(combine(sample, alone, perturbations=perturbations, genes=np.array([50])).steps)
    # A perturbation that changes nothing.
    none = combine(sample, goal, perturbations=("x1",))
    assert not len(none.steps) and none.n_scored == 0


def test_each_step_is_told_in_a_sentence(small_model, sample, goal):
    steps = combine(sample, goal, max_perturbations=3, perturbations=("kd50",)).steps
    first, second, third = steps["sentence"]
    assert first.startswith(f"Lowering {steps['gene'][0]} by 50% moves the sample ") and first.endswith(
        " of the distance."
    )
    assert " SD to what the perturbation before it reaches; alone it would move " in second
    assert " SD to what the 2 perturbations before it reach; alone it would move " in third


@pytest.mark.parametrize(
    ("perturbation", "numbers", "sentence"),
    [
        (
            "ko",
            (0, 0.1234, 0.1234, 0.031),
            "Knocking out X moves the sample 0.12 SD along the goal, 3.1% of the distance.",
        ),
        (
            "ko",
            (2, 0.1249, 0.1, 0.5),
            "Knocking out X adds 0.12 SD to what the 2 perturbations before it reach; alone it would move 0.1 SD.",
        ),
        (
            "x3",
            (1, -0.02, -120.4, 0.5),
            "Multiplying X by 3 takes 0.02 SD from what the perturbation before it reaches; alone it would move 120 SD "
            "away from the goal.",
        ),
        ("=12.5", (0, 2, 2, 1.5), "Setting X to 12.5 TPM moves the sample 2 SD along the goal, 150% of the distance."),
        (
            "=q90",
            (0, 2, 2, 0.5),
            "Setting X to the cohort's 90th percentile moves the sample 2 SD along the goal, 50% of the distance.",
        ),
    ],
)
def test_the_words(perturbation, numbers, sentence):
    assert module._sentence(Perturbation.pattern(perturbation).on("X"), *numbers) == sentence


def test_progress_and_stopping(small_model, sample, goal):
    seen = []
    combine(sample, goal, max_perturbations=3, progress=lambda done, total, what: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def stop(done, total, what):
        if done == 1:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        combine(sample, goal, progress=stop)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_perturbations": 0}, "at most 0 perturbations"),
        ({"fraction": 0.0}, "0 is no fraction"),
        ({"fraction": float("nan")}, "nan is no fraction"),
        ({"fraction": -1.0}, "-1 is no fraction"),
        ({"beam": 0}, "follow up 0"),
        ({"perturbations": ()}, "no perturbation to try"),
    ],
)
def test_bad_input_is_one_sentence_with_a_hint(small_model, sample, goal, options, words):
    with pytest.raises(CellStateError, match=words) as caught:
        combine(sample, goal, **options)
    assert caught.value.hint


def test_an_edit_that_cannot_be_read(small_model, sample, goal):
    with pytest.raises(PerturbationError, match="'delete' is not a perturbation"):
        combine(sample, goal, perturbations=("ko", "delete"))
