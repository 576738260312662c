"""How well gradients rank perturbations and pairs, and what bfloat16 leaves of it: parts of `benchmarks.engine`."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.report import at_least, at_most, measured
from cellstate import load_model, predict, read_samples
from cellstate.evidence import Criterion
from cellstate.files import resource_path
from cellstate.model import Model, ModelConfig
from cellstate.model.cohort import load_profiles
from cellstate.model.network import AutoEncoder
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.predictors.propagate import backward, base_pass, readout
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.goal import Goal, gene_set_goal
from train.warm_start import pca_map, warm_start

PATIENTS, PAIRS, RESCORED = 20, 20_000, 1_000
QUICK_PAIRS = 1_000
KO = Perturbation.pattern("ko")


def demo_criteria(*, quick: bool) -> list[Criterion]:
    """Ranking of single perturbations and pairs, and the time of a perturbation, by the shipped model."""
    model = load_model(device="cpu")
    n, n_pairs, steps = (1, QUICK_PAIRS, 5) if quick else (PATIENTS, PAIRS, 150)
    single, recall = rankings(model, n, min(n, 5), n_pairs)
    curved_single, curved_recall = rankings(curved_model(model, steps), n, min(n, 5), n_pairs)
    samples = read_samples(sorted(resource_path("data", "examples").glob("*.tsv.gz"))[0])
    perturbation = Perturbation("TP53", "knock-out")
    predict(prepare_sample(model, samples), [perturbation])
    times = []
    for _ in range(9):
        start = time.perf_counter()
        predict(prepare_sample(model, samples), [perturbation])
        times.append(time.perf_counter() - start)
    print(f"{n} patients for single perturbations, {len(recall)} for pairs.")
    spearman, top = "singles_lowest_spearman_with_exact", "singles_fewest_of_exact_top50"
    pair = "pairs_fewest_of_exact_top100"
    return [
        at_most("demo.one_perturbation_by_every_method", 1e3 * float(np.median(times)), "ms", 20),
        at_least(f"demo.{spearman}", min(s for s, _ in single), "", 0.99),
        at_least(f"demo.{top}", min(t for _, t in single), "", 45),
        at_least(f"demo.{pair}", min(recall), "", 80),
        measured("demo.pairs_median_of_exact_top100", float(np.median(recall))),
        at_least(f"curved.{spearman}", min(s for s, _ in curved_single), "", 0.99),
        at_least(f"curved.{top}", min(t for _, t in curved_single), "", 45),
        at_least(f"curved.{pair}", min(curved_recall), "", 80),
    ]


def rankings(model: Model, n_single: int, n_with_pairs: int, n_pairs: int) -> tuple[list[tuple[float, int]], list[int]]:
    """Return `ranking` and `pair_recall` of some cohort patients, each with a goal of its own."""
    engines = [AutoencoderScorer(cohort_patient(model, i), set_goal(model, i)) for i in range(n_single)]
    return [ranking(engine) for engine in engines], [pair_recall(engine, n_pairs) for engine in engines[:n_with_pairs]]


def curved_model(model: Model, steps: int) -> Model:
    """The demo model's genes with a network that bends everywhere: PCA with a GELU network beside it.

    The shipped network is PCA but for a few units near the jump of their slope, so most of its pairs do not cooperate
    at all. This one learns to predict hidden genes, for which no linear map is best; only its curvature counts here.
    """
    known, profiles = load_components(model), load_profiles(model)
    assert known is not None and profiles is not None
    network = AutoEncoder(ModelConfig("curved", model.config.widths, "gelu", residual=True))
    warm_start(network, *pca_map(known.pca_LG, known.pca_variance_L), 0)
    z_SG, draw = torch.from_numpy(profiles.z_SG), torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(steps):
        z_BG = z_SG[torch.randint(len(z_SG), (32,), generator=draw)]
        seen_BG = torch.rand(z_BG.shape, generator=draw) > torch.rand(len(z_BG), 1, generator=draw) * 0.8
        optimiser.zero_grad()
        ((network(z_BG * seen_BG) - z_BG) ** 2).mean().backward()
        optimiser.step()
    return replace(model, network=network.requires_grad_(False).eval(), config=network.config)


def cohort_patient(model: Model, row: int) -> PreparedSample:
    """One patient of the model's cohort."""
    profiles = load_profiles(model)
    assert profiles is not None
    tpm_G = np.expm1(profiles.log1p_SG[row])
    return PreparedSample(f"cohort {row}", model, profiles.z_SG[row : row + 1], tpm_G, np.ones(len(tpm_G), bool))


def set_goal(model: Model, seed: int) -> Goal:
    """A random set of 100 genes, half of them down."""
    chosen = np.random.default_rng((7, seed)).choice(len(model.space), 100, replace=False)
    signs = {model.space.ensembl[g]: 1 if i % 2 else -1 for i, g in enumerate(chosen)}
    return gene_set_goal(model.space, signs, spec="random", label="100 genes")


def ranking(engine: AutoencoderScorer) -> tuple[float, int]:
    """Spearman of first-order with exact scores over all genes, and how many of the exact top 50 it finds."""
    genes = np.arange(len(engine.model.space))
    delta_G = candidate_changes(KO, engine.sample, genes)
    proposed, exact = delta_G * engine.first_order(delta_G), engine.scores(genes[:, None], delta_G[:, None])
    top = [set(np.argsort(-v, kind="stable")[:50]) for v in (proposed, exact)]
    return float(spearmanr(proposed, exact).statistic), len(top[0] & top[1])


def pair_recall(engine: AutoencoderScorer, n_pairs: int) -> int:
    """Return how many of the 100 best of random pairs remain after proposal by gradient and exact re-scoring.

    The truth is four whole forward passes in float64.
    """
    rng = np.random.default_rng(11)
    genes = np.flatnonzero(candidate_changes(KO, engine.sample, np.arange(len(engine.model.space))))
    delta_G = np.zeros(len(engine.model.space), np.float32)
    delta_G[genes] = candidate_changes(KO, engine.sample, genes)
    pair_E2 = np.sort(np.stack([rng.choice(genes, n_pairs), rng.choice(genes, n_pairs)], axis=1), axis=1)
    pair_E2 = np.unique(pair_E2[pair_E2[:, 0] != pair_E2[:, 1]], axis=0)
    proposed_E, before = np.zeros(len(pair_E2)), engine.smoothed(delta_G)
    for first, second in ((0, 1), (1, 0)):
        order = np.argsort(pair_E2[:, first], kind="stable")
        for part in np.array_split(order, 40):
            rows, row_E = np.unique(pair_E2[part, first], return_inverse=True)
            change = engine.gradient_change(
                torch.from_numpy(rows)[:, None], torch.from_numpy(delta_G[rows])[:, None], before
            )
            partner_E = pair_E2[part, second]
            proposed_E[part] += 0.5 * delta_G[partner_E] * change.numpy()[row_E, partner_E]
    best = np.sort(np.argsort(-proposed_E, kind="stable")[:RESCORED])
    scored = engine.pair_scores(pair_E2[best, 0], pair_E2[best, 1], delta_G).interaction_E
    found = set(best[np.argsort(-scored, kind="stable")[:100]])
    truth = set(np.argsort(-brute_force(engine, pair_E2, delta_G), kind="stable")[:100])
    return len(found & truth)


def brute_force(engine: AutoencoderScorer, pair_E2: np.ndarray, delta_G: np.ndarray, batch: int = 1_000) -> np.ndarray:
    """Interaction of pairs by whole forward passes in float64, both genes left out of the score."""
    network = copy.deepcopy(engine.model.network).double()
    direction = torch.from_numpy(engine.goal.direction_G).double()
    z = torch.from_numpy(engine.sample.z_1G).double()
    parts = []
    with torch.inference_mode():
        before = network(z)
        for start in range(0, len(pair_E2), batch):
            pair = torch.from_numpy(pair_E2[start : start + batch])
            row = torch.arange(len(pair))

            def shift(*which: int, pair=pair, row=row) -> torch.Tensor:
                perturbed = z.repeat(len(pair), 1)
                for k in which:
                    perturbed[row, pair[:, k]] += torch.from_numpy(delta_G).double()[pair[:, k]]
                return network(perturbed) - before

            rest = shift(0, 1) - shift(0) - shift(1)
            own = sum(rest[row, pair[:, k]] * direction[pair[:, k]] for k in (0, 1))
            parts.append(rest @ direction - own)
    return torch.cat(parts).numpy()


def low_precision(
    model: Model, patient: PreparedSample, engine: AutoencoderScorer, delta_G: np.ndarray, n: int = 4
) -> dict[str, float]:
    """Spearman of bfloat16 interactions of some rows with float32 of the same weights, and of the plain difference."""
    rows = np.arange(n) * 4_000 + 5
    genes, delta = torch.from_numpy(rows)[:, None], torch.from_numpy(delta_G[rows])[:, None]
    found = engine.gradient_change(genes, delta).numpy() * delta_G
    z = torch.from_numpy(patient.z_1G)
    perturbed = z.repeat(n, 1)
    perturbed[torch.arange(n), genes[:, 0]] += delta[:, 0]
    with torch.inference_mode():
        goal = readout(model.network, torch.from_numpy(engine.goal.direction_G))
        plain = [backward(model.network, base_pass(model.network, x), goal).input_SG for x in (perturbed, z)]
    naive = (plain[0] - plain[1]).numpy() * delta_G
    wide = load_model(model.folder, device="cpu", dtype="float32")
    truth = AutoencoderScorer(replace(patient, model=wide), engine.goal).gradient_change(genes, delta).numpy() * delta_G

    def worst(values: np.ndarray) -> float:
        if not truth.any(axis=1).all():
            return float("nan")
        return min(float(spearmanr(values[i], truth[i]).statistic) for i in range(n))

    return {"spearman_rows": worst(found), "spearman_rows_naive": worst(naive)}
