"""Do p-values of single perturbations find what is there, and nothing where nothing is?

    python -m benchmarks.null_calibration [--model DIR] [--predictor NAME] [--quick]

p says how unusual an effect is for a goal of this size and co-expression
(`cellstate.perturb.search.null_models`). Here, for one patient of the model's cohort and all measured genes:

- **Positive control.** The goal is the method's own answer for a gene X, X left out: is X called at FDR < 10 %? Also
  where half of the goal's energy, and three quarters, is the same answer on shuffled genes.
- **Random co-expressed goals.** The genes most correlated with a random gene over the cohort, all up, or up and down by
  the sign of their correlation: no gene was perturbed, so a call is false, even if genes of a module explain it best.
- **Random goals.** Random genes, half of them down, and random directions of the training samples' variation: is any
  gene called, and is p uniform? Over the genes of one goal p is a rank for 95 % of them, so that such a test can hardly
  fail; the sharper one draws one gene of each goal. Both are Kolmogorov-Smirnov tests.

No figure of the null was chosen on the seeds used here.

Shape suffixes: S samples, G genes, R goals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np
from scipy.stats import kstest

from benchmarks.engine_ranking import cohort_patient
from benchmarks.report import at_least, at_most, measured, show
from cellstate import load_model
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Criterion
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import Predictor
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.predictors.registry import available_predictors, resolve_predictor
from cellstate.perturb.search.goal import Goal, Signature
from cellstate.perturb.search.null_models import benjamini_hochberg
from cellstate.perturb.search.single import gene_p

CONTROLS, NOISY, GOALS, RANDOM = 100, 25, 20, 40
QUICK = 4
CALLED = 0.1
#: Genes of a co-expressed goal, and of a random one.
SET_SIZES, SET_SIZE = (20, 50, 100, 300), 100
#: Fractions of a noisy positive control's energy that are the method's answer.
SIGNAL = (0.5, 0.25)
_SEED = 2026


class Calibration:
    """p-values of one method on goals of which the answer is known.

    Parameters
    ----------
    model : Model
        With a cohort and the components of its training samples.
    predictor : Predictor
    """

    def __init__(self, model: Model, predictor: Predictor) -> None:
        self.model, self.predictor = model, predictor
        self.patient = cohort_patient(model, 0)

    def p(self, direction_G: np.ndarray) -> np.ndarray:
        """Return p of every gene on one goal; 1 without any effect."""
        direction_G = (direction_G / np.linalg.norm(direction_G)).astype(np.float32)
        goal = Goal("direction", "direction", Signature(direction_G), 1.0)
        return gene_p(self.patient, goal, self.predictor.scorer(self.patient, goal))

    def called(self, direction_RG: Iterable[np.ndarray]) -> np.ndarray:
        """Return which genes are called on each goal, shape (R, G)."""
        return np.array([benjamini_hochberg(self.p(direction_G)) < CALLED for direction_G in direction_RG])

    def answer(self, gene: int) -> np.ndarray:
        """Return the predicted change of every other gene when one gene rises by one SD, shape (G,)."""
        delta_11, after_11 = np.ones((1, 1), np.float32), np.full((1, 1), np.nan, np.float32)
        change_G = self.predictor.predict_change(self.patient, InputChange(np.array([gene]), delta_11, after_11))[0]
        return np.where(np.arange(len(change_G)) == gene, 0, change_G).astype(np.float64)


def noisy(answer_G: np.ndarray, signal: float, rng: np.random.Generator) -> np.ndarray:
    """Mix a direction with itself on shuffled genes; ``signal`` is the energy that stays in its place."""
    return np.sqrt(signal) * answer_G + np.sqrt(1 - signal) * rng.permutation(answer_G)


def coexpressed(z_SG: np.ndarray, size: int, n: int, rng: np.random.Generator, *, signed: bool = False) -> np.ndarray:
    """Return random co-expressed goals, shape (R, G): a random gene with those most correlated with it."""
    unit_SG = z_SG - z_SG.mean(axis=0)
    unit_SG /= np.maximum(np.linalg.norm(unit_SG, axis=0), 1e-9)
    direction_RG = np.zeros((n, z_SG.shape[1]))
    for row_G, centre in zip(direction_RG, rng.choice(np.flatnonzero(unit_SG.any(axis=0)), n), strict=True):
        r_G = unit_SG[:, centre] @ unit_SG
        chosen = np.argsort(-np.abs(r_G) if signed else -r_G, kind="stable")[:size]
        row_G[chosen] = np.sign(r_G[chosen]) if signed else 1
    return direction_RG


def random_sets(n_genes: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return goals of random genes, half of them down, shape (R, G)."""
    direction_RG = np.zeros((n, n_genes))
    for row_G in direction_RG:
        size = min(SET_SIZE, n_genes // 2)
        row_G[rng.choice(n_genes, size, replace=False)] = np.where(np.arange(size) % 2, 1, -1)
    return direction_RG


def criteria(model: Model, predictor: Predictor, *, quick: bool, claims: bool) -> list[Criterion]:
    """Return every figure of one method; thresholds where it is the model's default."""
    found, rng = Calibration(model, predictor), np.random.default_rng(_SEED)
    name, profiles, known = f"{model.folder.name}.{predictor.spec.id}", load_profiles(model), load_components(model)
    assert profiles is not None and known is not None
    n_genes = len(model.space)
    counts = (CONTROLS, NOISY, GOALS, RANDOM)
    n_controls, n_noisy, n_goals, n_random = (min(n, QUICK) if quick else n for n in counts)

    def least(what: str, value: float, threshold: float) -> Criterion:
        return at_least(f"{name}.{what}", value, "", threshold) if claims else measured(f"{name}.{what}", value)

    def most(what: str, value: float, threshold: float) -> Criterion:
        return at_most(f"{name}.{what}", value, "", threshold) if claims else measured(f"{name}.{what}", value)

    candidates = np.flatnonzero(found.patient.tpm_G >= 1)
    genes = rng.permutation(candidates)[: 2 * n_controls]
    answers = [(gene, answer_G) for gene in genes if (answer_G := found.answer(gene)).any()][:n_controls]
    own = np.mean([found.called([answer_G])[0, gene] for gene, answer_G in answers])
    rows = [least("positive_control_called", own, 0.8)]
    for signal in SIGNAL:
        share = np.mean([found.called([noisy(answer_G, signal, rng)])[0, gene] for gene, answer_G in answers[:n_noisy]])
        rows.append(measured(f"{name}.positive_control_called_with_{100 * signal:.0f}_percent_of_its_energy", share))
    for size in SET_SIZES:
        for signed in (False, True):
            called_RG = found.called(coexpressed(profiles.z_SG, size, n_goals, rng, signed=signed))
            kind = "up_and_down" if signed else "up"
            share = called_RG.any(axis=1).mean()
            rows.append(most(f"coexpressed_goals_of_{size}_{kind}_with_a_call", share, 0.05))
    variation_RP = rng.normal(size=(n_random, len(known.variance_P))) * np.sqrt(known.variance_P)
    kinds = {
        "random_goals": random_sets(n_genes, n_random, rng),
        "random_variation": variation_RP @ known.components_PG,
    }
    for kind, direction_RG in kinds.items():
        p_RG = np.array([found.p(direction_G) for direction_G in direction_RG])
        called = float(np.mean([(benjamini_hochberg(p_G) < CALLED).any() for p_G in p_RG]))
        some_RG = [p_G[p_G < 1] for p_G in p_RG]
        one_R = [rng.choice(p_G) for p_G in some_RG]
        rows += [
            most(f"{kind}_with_a_call", called, 0.05),
            least(f"{kind}_ks_p_of_one_gene_each", kstest(one_R, "uniform").pvalue, 0.01),
            least(f"{kind}_lowest_ks_p_of_a_goal", min(kstest(p_G, "uniform").pvalue for p_G in some_RG), 0.01),
            measured(f"{name}.{kind}_fraction_of_p_below_0_001", float(np.mean(np.concatenate(some_RG) < 1e-3))),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} goals each: a smoke run that claims nothing")
    parser.add_argument("--model", help="model folder, or the name of a shipped one (default: coadread)")
    parser.add_argument("--predictor", help="prediction method (default: the model's, with criteria)")
    options = parser.parse_args()
    try:
        model = load_model(options.model, device="cpu")
        chosen = resolve_predictor(model, options.predictor)
    except CellStateError as error:
        parser.error(str(error))
    is_default = chosen == resolve_predictor(model, None)
    rows = criteria(model, available_predictors(model)[chosen], quick=options.quick, claims=is_default)
    show(Benchmark.NULL_CALIBRATION, criteria=rows, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
