"""Do the two ways to rank pairs find planted ones: the autoencoder's interaction, and the cohort's patients?

Asked as a user asks, along a goal: the programme of a planted pair is the leaves that raising both truly moves most,
and of all pairs of genes the planted one is the right answer. And without a goal, by what a product says of any gene.

Shape suffixes: S samples, G genes, N pairs of genes (a < b), Q questions.
"""

from __future__ import annotations

import numpy as np

from benchmarks.change_metrics import CALLED
from benchmarks.simulated_predictors import Fitted, Network, Training, known_of
from benchmarks.simulator import World
from cellstate.evidence import Stratum
from cellstate.perturb.search.cohort_interaction import CohortInteractions, Levels
from cellstate.perturb.search.null_models import benjamini_hochberg, pair_p

#: Leaves of a programme: the goal of a question.
PROGRAMME = 20
#: A planted pair is sought along its own goal, among the highest of all pairs, or of pairs of regulators alone.
ALONG, TOP = "along a goal", 20
#: The same by what both genes do together, interaction or not: the first cooperating sets of a method.
JOINT = "joint effect along a goal"
AMONG = {Stratum.ALL_PAIRS: "", Stratum.REGULATOR_PAIRS: " of regulators"}
FALSE = f"{ALONG}, false among called"


def programmes(moved_QG: np.ndarray) -> np.ndarray:
    """Return the genes that each perturbation truly moves most, as directions of +1 and -1, shape (Q, G)."""
    strongest = np.argsort(-np.abs(moved_QG), axis=1)[:, :PROGRAMME]
    direction_QG = np.zeros_like(moved_QG, dtype=np.float64)
    np.put_along_axis(direction_QG, strongest, np.sign(np.take_along_axis(moved_QG, strongest, 1)), 1)
    return direction_QG


class PairQuestions:
    """Which two genes, raised together, do most beyond their sum for a programme?"""

    def __init__(self, world: World, a_N: np.ndarray, b_N: np.ndarray) -> None:
        self.a_N, self.b_N, self.level_G = a_N, b_N, world.mean_G
        planted_Q2 = np.sort(world.network.pairs_P2, axis=1)
        moved_QG = world.true_shift(planted_Q2, "oe").mean(axis=0)
        moved_QG[:, : world.design.n_regulators] = 0
        self.direction_QG = programmes(moved_QG)
        number_GG = np.zeros((world.design.n_genes,) * 2, np.int64)
        number_GG[a_N, b_N] = np.arange(len(a_N))
        self.right_Q = number_GG[tuple(planted_Q2.T)]
        self.among = dict(zip(AMONG.values(), (np.ones(len(a_N), bool), b_N < world.design.n_regulators), strict=True))

    def recovery(self, score_QN: np.ndarray, question: str = ALONG) -> dict[str, float]:
        """Return how the right pairs rank: among all pairs, and among pairs of regulators."""
        row = {}
        for among, chosen_N in self.among.items():
            own_Q1 = np.take_along_axis(score_QN, self.right_Q[:, None], axis=1)
            # Ties count against the right one.
            better_Q = (score_QN[:, chosen_N] >= own_Q1).sum(axis=1) - 1
            row[f"{question}, AUROC{among}"] = float(1 - (better_Q / (chosen_N.sum() - 1)).mean())
            row[f"{question}, in top {TOP}{among}"] = float((better_Q < TOP).mean())
        return row

    def discoveries(self, score_QN: np.ndarray) -> dict[str, float]:
        """Return what the product's FDR, by pairs of matched expression, calls along a goal, and how much is false.

        A pair is false where it was not planted, for whatever goal; NaN where nothing is called.
        """
        planted_N = np.zeros(len(self.a_N), bool)
        planted_N[self.right_Q] = True
        row = {}
        for among, chosen_N in self.among.items():
            pair = self.a_N[chosen_N], self.b_N[chosen_N]
            called_QN = np.zeros(score_QN.shape, bool)
            for called_N, score_N in zip(called_QN, score_QN, strict=True):
                p_N = pair_p(*pair, score_N[chosen_N], *pair, score_N[chosen_N], self.level_G)
                # The product's table begins with the highest: a pair that works against the goal is no find.
                called_N[chosen_N] = (benjamini_hochberg(p_N) <= CALLED) & (score_N[chosen_N] > 0)
            false_N = ~planted_N[np.nonzero(called_QN)[1]]
            row[f"{ALONG}, called{among}"] = float(called_QN.sum(axis=1).mean())
            row[f"{FALSE}{among}"] = float(false_N.mean()) if len(false_N) else float("nan")
            right_Q1 = np.take_along_axis(called_QN, self.right_Q[:, None], axis=1)
            row[f"{ALONG}, right pair called{among}"] = float(right_Q1.mean())
        return row


def network_scores(
    network: Network, world: World, questions: PairQuestions, n_patients: int, a_N: np.ndarray, b_N: np.ndarray
) -> np.ndarray:
    """Return the interaction of raising each pair along each programme, mean over test patients, shape (Q, N)."""
    z_SG, change_SG = world.z(world.test)[:n_patients], world.measured_change("oe")[:n_patients]
    beyond = network.beyond(z_SG, change_SG, a_N, b_N)
    return np.sum([questions.direction_QG @ beyond_NG.T for beyond_NG in beyond], axis=0)


def joint_scores(fitted: Fitted, world: World, questions: PairQuestions, n_patients: int) -> np.ndarray:
    """Return what raising each pair does along each programme by adding up, mean over test patients, shape (Q, N).

    Neither gene of a pair counts in the programme itself: its own level is given.
    """
    z_SG, change_SG = world.z(world.test)[:n_patients], world.measured_change("oe")[:n_patients]
    shift_GG = fitted.shift(z_SG, change_SG).mean(axis=0)
    np.fill_diagonal(shift_GG, 0)
    a_N, b_N, direction_QG = questions.a_N, questions.b_N, questions.direction_QG
    along_QG = direction_QG @ shift_GG.T
    own_QN = direction_QG[:, b_N] * shift_GG[a_N, b_N] + direction_QG[:, a_N] * shift_GG[b_N, a_N]
    return along_QG[:, a_N] + along_QG[:, b_N] - own_QN


def cohort_scores(levels: Levels, direction_QG: np.ndarray, a_N: np.ndarray, b_N: np.ndarray) -> np.ndarray:
    """Return what patients show of each pair along each direction, shape (Q, N)."""
    genes = np.arange(direction_QG.shape[1])
    return np.stack(
        [CohortInteractions(levels, direction_G).rows(genes).numpy()[a_N, b_N] for direction_G in direction_QG]
    )


def cohort_sizes(levels: Levels, a_N: np.ndarray, b_N: np.ndarray) -> np.ndarray:
    """Return what patients show of each pair for any gene: fourth powers summed over all other genes, shape (N,)."""
    total_N = np.zeros(len(a_N))
    for gene, direction_G in enumerate(np.eye(levels.score_SG.shape[1])):
        shown_N = cohort_scores(levels, direction_G[None], a_N, b_N)[0]
        total_N += np.where((a_N == gene) | (b_N == gene), 0, shown_N) ** 4
    return total_N


def levels_of(training: Training) -> Levels:
    """Return the training patients as the test of two genes needs them."""
    return Levels.of(training.z_SG, known_of(training).effect_GG)
