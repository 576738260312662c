"""Predicted changes against a simulated truth: every predictor, every metric.

    python -m benchmarks.simulated [--quick] [--seeds 0 1 2]

Predictors learn from the measured training patients of each world alone; what they are asked, and held against, is in
`simulator`, `simulated_predictors` and `shift_metrics`. Hyper-parameters were chosen on the seeds from 100 on.

Shape suffixes: S samples, G genes, E perturbations, N pairs, Q questions.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.change_metrics import (
    CALLED,
    CHANGE_METRICS,
    MOVES,
    PAIR_METRICS,
    Changes,
    ScoredPairs,
    auroc,
    right_in_top_five,
)
from benchmarks.report import show
from benchmarks.simulated_goals import (
    ALONG,
    AMONG,
    FALSE,
    JOINT,
    TOP,
    PairQuestions,
    cohort_scores,
    cohort_sizes,
    joint_scores,
    levels_of,
    network_scores,
    programmes,
)
from benchmarks.simulated_pairs import Interactions, interactions
from benchmarks.simulated_predictors import DEFAULT, PREDICTORS, Fitted, Network, Training
from benchmarks.simulated_sets import DESIGNED, SetQuestions
from benchmarks.simulator import Design, World, simulate
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId, Stratum
from cellstate.labels import predictor_label

SEEDS = (0, 1, 2)
#: A world that a quick run can afford.
SMALL = replace(
    Design(), n_masters=6, n_tfs=20, n_leaves=80, n_train=160, n_test=4, n_pairs=6, specific_masters=2, specific_tfs=3
)
#: A candidate for pairs that is no part of the product.
PAIRS_CANDIDATE = PredictorId.PRODUCTS
AUTOENCODER, COHORT = PredictorId.AUTOENCODER, PredictorId.COHORT
AMONG_REGULATORS = "interaction AUROC among regulators"
#: Test patients in whom pairs are asked about.
PAIR_PATIENTS = 4
Table = dict[str, dict[str, float]]


def measure(world: World) -> Table:
    """Return every metric of every method in one world; ``truth`` and ``exchanged`` rows included."""
    genes = world.design.n_genes
    gene_G = np.arange(genes)
    true_SGG = world.true_shift(gene_G[:, None], "ko")
    training, z_SG, change_SG = Training.of(world), world.z(world.test), world.measured_change("ko")
    questions = Questions(world, true_SGG)
    a_N, b_N = np.triu_indices(genes, 1)
    planted_GG = np.zeros((genes, genes), bool)
    planted_GG[tuple(world.network.pairs_P2.T)] = True
    planted_N, regulators_N = planted_GG[a_N, b_N], b_N < world.design.n_regulators

    asked = PairQuestions(world, a_N, b_N)
    combined = SetQuestions(world, questions.patient_Q, questions.direction_QG)

    table: Table = {PredictorId.TRUTH: _shift_metrics(world, true_SGG, true_SGG) | questions.recovery(true_SGG)}
    for predictor in PREDICTORS:
        fitted = predictor.fit(training)
        shift_SGG = fitted.shift(z_SG, change_SG)
        row = _shift_metrics(world, shift_SGG, true_SGG) | questions.recovery(shift_SGG) | combined.reached(fitted)
        row |= asked.recovery(joint_scores(fitted, world, asked, PAIR_PATIENTS), JOINT)
        row |= {f"{kind} {name}": value for kind in ("kd", "oe") for name, value in _dose(world, fitted, kind).items()}
        if isinstance(fitted, Network):
            score_N = fitted.interaction(z_SG[:PAIR_PATIENTS], change_SG[:PAIR_PATIENTS], a_N, b_N)
            row |= _pair_metrics(ScoredPairs(score_N, planted_N), regulators_N)
            score_QN = network_scores(fitted, world, asked, PAIR_PATIENTS, a_N, b_N)
            row |= asked.recovery(score_QN) | asked.discoveries(score_QN)
        table[predictor.id] = row
    table[PredictorId.RANDOM] = combined.by_chance()
    levels = levels_of(training)
    table[COHORT] = _pair_metrics(ScoredPairs(cohort_sizes(levels, a_N, b_N), planted_N), regulators_N)
    score_QN = cohort_scores(levels, asked.direction_QG, a_N, b_N)
    table[COHORT] |= asked.recovery(score_QN) | asked.discoveries(score_QN)
    found = interactions(training)
    for name, score_Q, fdr_Q in (
        ("products, each alone", found.alone_Q, None),
        ("products, all together", found.together_Q, found.fdr_Q),
        (PAIRS_CANDIDATE, found.score_Q, found.fdr_Q),
    ):
        table[name] = _pair_metrics(_all_pairs(found, score_Q, fdr_Q, planted_N), regulators_N)
    called_Q = found.fdr_Q <= CALLED
    if called_Q.any():
        interaction_N = true_interaction(world, true_SGG, np.stack([found.a_Q, found.b_Q], axis=1)[called_Q])
        table[PAIRS_CANDIDATE]["called that cooperate"] = float((interaction_N >= MOVES).mean())
    else:
        table[PAIRS_CANDIDATE]["called that cooperate"] = float("nan")
    return table


class Questions:
    """Which knock-out lowers the programme of a regulator that only the patient's own subtype uses?

    A programme is the leaves that this regulator truly moves most. The right answer is the knock-out that truly moves
    the patient farthest, where that is a gene of the subtype's own. Exchanged, the same question is asked of a patient
    of the other subtype and held against the same answer: there it is wrong, and truly not among the best five.
    """

    def __init__(self, world: World, true_SGG: np.ndarray) -> None:
        subtype_S, silenced_2G = world.test.subtype_S, world.network.silenced_2G < 0
        # A leaf of the programme moves it by being knocked out: that is no regulation, and no score counts it.
        true_SGG = _others(true_SGG)
        leaf_G = np.arange(world.design.n_genes) >= world.design.n_regulators
        # The first patient of one subtype changes with the first of the other, and so on.
        order = np.argsort(subtype_S, kind="stable")
        other_S = np.empty_like(order)
        other_S[order] = np.roll(order, len(order) // 2)
        asked = []
        for s, subtype in enumerate(subtype_S):
            for regulator in np.flatnonzero(silenced_2G[1 - subtype]):
                response_G = np.where(leaf_G, true_SGG[subtype_S == subtype, regulator].mean(axis=0), 0)
                direction_G = programmes(response_G[None])[0]
                best = int((true_SGG[s] @ direction_G).argmax())
                elsewhere_G = true_SGG[other_S[s]] @ direction_G
                if silenced_2G[1 - subtype][best] and (elsewhere_G > elsewhere_G[best]).sum() >= 5:
                    asked.append((s, other_S[s], direction_G, best))
        self.patient_Q, self.exchanged_Q, self.direction_QG, self.right_Q = map(np.array, zip(*asked, strict=True))

    def recovery(self, shift_SGG: np.ndarray) -> dict[str, float]:
        """Return the metrics of patients, as asked and exchanged."""
        others_SGG, row = _others(shift_SGG), {}
        for suffix, patient_Q in (("", self.patient_Q), (", exchanged", self.exchanged_Q)):
            movement_QE = np.einsum("qeg,qg->qe", others_SGG[patient_Q], self.direction_QG)
            row["right in top 5" + suffix] = right_in_top_five(movement_QE, self.right_Q)
        return row


def _others(shift_SGG: np.ndarray) -> np.ndarray:
    """Return shifts without those of the perturbed genes themselves."""
    others_SGG = shift_SGG.copy()
    perturbations = np.arange(shift_SGG.shape[1])
    others_SGG[:, perturbations, perturbations] = 0
    return others_SGG


def _shift_metrics(world: World, predicted_SGG: np.ndarray, true_SGG: np.ndarray) -> dict[str, float]:
    gene_G = np.arange(world.design.n_genes)
    change_SG, regulator_G = world.measured_change("ko"), gene_G < world.design.n_regulators
    shifts = Changes(predicted_SGG, true_SGG, gene_G, change_SG, regulator_G)
    return {metric.name: metric.function(shifts) for metric in CHANGE_METRICS}


def _dose(world: World, fitted: Fitted, kind: str) -> dict[str, float]:
    """Pearson-delta and sign accuracy of knock-down or over-expression of the regulators."""
    regulator_E = np.arange(world.design.n_regulators)
    change_SG = world.measured_change(kind)
    predicted_SEG = fitted.shift(world.z(world.test), change_SG)[:, regulator_E]
    true_SEG = world.true_shift(regulator_E[:, None], kind)
    shifts = Changes(predicted_SEG, true_SEG, regulator_E, change_SG[:, regulator_E], np.ones(len(regulator_E), bool))
    wanted = ("Pearson-delta", "sign accuracy")
    return {metric.name: metric.function(shifts) for metric in CHANGE_METRICS if metric.name in wanted}


def _pair_metrics(pairs: ScoredPairs, regulators_N: np.ndarray) -> dict[str, float]:
    row = {metric.name: metric.function(pairs) for metric in PAIR_METRICS}
    # Among all pairs it is enough to know the regulators; among theirs it takes more.
    return row | {AMONG_REGULATORS: auroc(pairs.score_N[regulators_N], pairs.planted_N[regulators_N])}


def true_interaction(world: World, single_SGG: np.ndarray, pairs_N2: np.ndarray) -> np.ndarray:
    """Root mean square of what two knock-outs truly do beyond their sum, in S, mean over test patients, shape (N,)."""
    beyond_SNG = world.true_shift(pairs_N2, "ko") - single_SGG[:, pairs_N2[:, 0]] - single_SGG[:, pairs_N2[:, 1]]
    for gene_N in pairs_N2.T:
        beyond_SNG[:, np.arange(len(pairs_N2)), gene_N] = 0
    return np.sqrt((beyond_SNG**2).mean(axis=2)).mean(axis=0)


def _all_pairs(
    found: Interactions, score_Q: np.ndarray, fdr_Q: np.ndarray | None, planted_N: np.ndarray
) -> ScoredPairs:
    """Put all other pairs below those that were scored, by how likely both genes are regulators; none is called."""
    score_GG = np.outer(found.likely_G, found.likely_G) - 1
    score_GG[found.a_Q, found.b_Q] = score_Q
    fdr_GG = np.ones_like(score_GG)
    if fdr_Q is not None:
        fdr_GG[found.a_Q, found.b_Q] = fdr_Q
    upper = np.triu_indices(len(score_GG), 1)
    return ScoredPairs(score_GG[upper], planted_N, None if fdr_Q is None else fdr_GG[upper])


def mean_table(tables: list[Table]) -> Table:
    """Average every cell over worlds; a cell that is NaN in a world is left out there, NaN where it always is."""
    merged: Table = {}
    for row in tables[0]:
        merged[row] = {}
        for column in tables[0][row]:
            values = [table[row][column] for table in tables if not np.isnan(table[row][column])]
            merged[row][column] = float(np.mean(values)) if values else float("nan")
    return merged


def print_table(table: Table) -> None:
    """Print metrics in columns, predictors in rows."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    print(f"| method | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for name, row in table.items():
        print(f"| {predictor_label(name)} | {' | '.join(f'{row[c]:.3f}' if c in row else '' for c in columns)} |")
    print()


def record_of(predictor: PredictorId, metric: Metric, value: float, **more: Any) -> EvidenceRecord:
    """Return a record of this benchmark; NaN is a missing value, which passes no threshold."""
    return EvidenceRecord(
        benchmark=Benchmark.SIMULATED,
        dataset=Dataset.SIMULATION,
        predictor=predictor,
        metric=metric,
        value=float(value),
        **more,
    )


def records_of(table: Table) -> list[EvidenceRecord]:
    """Return the criteria of the default method, beside every method's main figures.

    A linear method knows no interaction: the product ranks pairs by its autoencoder, or by its cohort. Beside them
    stands a candidate that is no part of the product.
    """
    leading, pairs = table[DEFAULT], table[PAIRS_CANDIDATE]
    linear = [p.id for p in PREDICTORS if p.linear_baseline]
    baseline = max(linear, key=lambda name: table[name]["Pearson-delta"])
    gain = leading["Pearson-delta"] - table[baseline]["Pearson-delta"]
    other, own = Metric.OTHER_SUBTYPE_REGULATOR_TOP5, Metric.SUBTYPE_REGULATOR_TOP5
    return [
        *(
            record_of(p.id, metric, table[p.id][column], threshold=threshold if p.id is DEFAULT else None)
            for metric, column, threshold in (
                (Metric.PEARSON_DELTA, "Pearson-delta", None),
                (Metric.REGULATOR_AUROC, "AUROC per SD", 0.95),
                (Metric.COMBINATION_OF_3_SHARE, DESIGNED, 0.7),
                (Metric.LEAF_EFFECT_RATIO, "leaf effect", 0.15),
                (own, "right in top 5", 0.85),
                (other, "right in top 5, exchanged", 0.1),
                (Metric.JOINT_PAIR_TOP20, f"{JOINT}, in top {TOP}", 0.5),
            )
            for p in PREDICTORS
        ),
        record_of(PredictorId.RANDOM, Metric.COMBINATION_OF_3_SHARE, table[PredictorId.RANDOM][DESIGNED]),
        record_of(DEFAULT, Metric.REGULATOR_PRECISION_TOP20, leading["precision@20"], threshold=0.9),
        record_of(DEFAULT, Metric.PEARSON_DELTA_GAIN, gain, threshold=0.02, reference=baseline),
        *_planted(AUTOENCODER, table[AUTOENCODER]),
        *_planted(COHORT, table[COHORT]),
        *_toward_goals(AUTOENCODER, table[AUTOENCODER]),
        *_toward_goals(COHORT, table[COHORT]),
        *_planted(PAIRS_CANDIDATE, pairs),
        record_of(PAIRS_CANDIDATE, Metric.PLANTED_PAIR_FDR, pairs["interaction FDR"], threshold=0.15),
        record_of(PAIRS_CANDIDATE, Metric.PLANTED_PAIR_POWER, pairs["interaction power"]),
        record_of(PAIRS_CANDIDATE, Metric.COOPERATING_SHARE, pairs["called that cooperate"]),
        record_of(PredictorId.TRUTH, other, table[PredictorId.TRUTH]["right in top 5, exchanged"]),
    ]


def _planted(name: PredictorId, row: dict[str, float]) -> list[EvidenceRecord]:
    """Return how one way to find pairs ranks those that were planted."""
    regulators, auroc_of = Stratum.REGULATOR_PAIRS, Metric.PLANTED_PAIR_AUROC
    return [
        record_of(name, auroc_of, row["interaction AUROC"], stratum=Stratum.ALL_PAIRS),
        record_of(name, auroc_of, row[AMONG_REGULATORS], stratum=regulators, threshold=0.85),
        record_of(name, Metric.PLANTED_PAIR_PRECISION_TOP20, row["interaction precision@20"], threshold=0.5),
    ]


def _toward_goals(name: PredictorId, row: dict[str, float]) -> list[EvidenceRecord]:
    """Return how one way finds the planted pair along its own goal; to call none does not pass the false pairs."""
    return [
        record_of(name, metric, row[column + among], stratum=stratum, threshold=threshold)
        for stratum, among in AMONG.items()
        for metric, column, threshold in (
            (Metric.GOAL_PAIR_AUROC, f"{ALONG}, AUROC", None),
            (Metric.GOAL_PAIR_TOP20, f"{ALONG}, in top {TOP}", None),
            (Metric.GOAL_PAIRS_CALLED, f"{ALONG}, called", None),
            (Metric.GOAL_PAIR_FDR, FALSE, 0.15),
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small world; claims nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="worlds to average over")
    options = parser.parse_args()
    worlds = [(SMALL, options.seeds[0])] if options.quick else [(Design(), seed) for seed in options.seeds]
    table = mean_table([measure(simulate(design, seed)) for design, seed in worlds])
    print_table(table)
    show(Benchmark.SIMULATED, records=records_of(table), quick=options.quick)


if __name__ == "__main__":
    main()
