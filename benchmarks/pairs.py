"""Do the pairs that a model ranks highest show again in patients it never saw?

    python -m benchmarks.pairs [--quick]

For each Hallmark gene set as a goal, and all pairs of transcription factors knocked out: the 1,000 pairs that a ranking
puts first, and how many of them have, in held-out patients alone, the sign of interaction that the ranking foresees
(`cellstate.perturb.search.cohort_interaction`). 50 % is chance. Rankings: what the model's cohort shows; the network's
interaction in one held-out patient; and random pairs with the sign that the cohort gives them. The interval is a
bootstrap over gene sets. Nothing here chooses anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.regulons import bootstrap_interval
from benchmarks.report import show
from cellstate import load_model
from cellstate.cohorts import Cohort, open_cohort
from cellstate.errors import CellStateError
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.gene_space import align
from cellstate.io import read_gmt
from cellstate.model import Model
from cellstate.perturb.predictors.sparse import load_effects
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.cohort_interaction import CohortInteractions, Levels, cohort_interactions
from cellstate.perturb.search.goal import Goal, gene_set_goal
from cellstate.perturb.search.pairs import pairs
from cellstate.report.narrative.evidence import HELD_OUT

HIGHEST, QUICK_SETS = 1_000, 3


def held_out(model: Model, cohort: Cohort) -> dict[Dataset, Levels]:
    """Return held-out patients as the test needs them."""
    effects = load_effects(model)
    found = {}
    for split in HELD_OUT:
        tpm_SG = align(cohort.split(split), model.space).tpm_SG
        found[split] = Levels.of(model.space.standardise(np.nan_to_num(tpm_SG)), effects)
    return found


def highest(model: Model, cohort: Cohort, goal: Goal, seed: int) -> dict[PredictorId, tuple[np.ndarray, ...]]:
    """Return the pairs of transcription factors that each ranking puts first, as genes, and the sign it foresees."""
    factors = np.flatnonzero(model.space.is_tf_G)
    samples = cohort.split("test")
    patient = prepare_sample(model, samples.select(samples.names[seed % len(samples)]))
    position = {name: gene for gene, name in enumerate(model.space.ensembl)}
    found: dict[PredictorId, tuple[np.ndarray, ...]] = {}
    for name, by in ((PredictorId.COHORT, "cohort"), (PredictorId.AUTOENCODER, "interaction")):
        ranked = pairs(patient, goal, genes=factors, partners=factors, by=by, top=HIGHEST)
        assert ranked is not None
        a_E, b_E = (np.array([position[one] for one in ranked.table[f"ensembl_{which}"]]) for which in "ab")
        found[name] = a_E, b_E, np.ones(len(a_E))
    rng = np.random.default_rng(seed)
    a_E, b_E = np.sort(np.stack([rng.choice(factors, 2, replace=False) for _ in range(HIGHEST)]), axis=1).T
    known = cohort_interactions(model, goal)
    assert known is not None
    found[PredictorId.RANDOM] = a_E, b_E, np.sign(known.exact(a_E, b_E)[0])
    return found


def shown_again(levels: Levels, goal: Goal, a_E: np.ndarray, b_E: np.ndarray, sign_E: np.ndarray) -> float:
    """Return the share of pairs that have the foreseen sign in some patients; what these do not express is left out."""
    r_E, _ = CohortInteractions(levels, goal.direction_G).exact(a_E, b_E)
    says_E = r_E != 0
    return float((np.sign(r_E) == sign_E)[says_E].mean())


def records_of(shares: Mapping[tuple[Dataset, PredictorId], Sequence[float]]) -> list[EvidenceRecord]:
    """Return the mean share over gene sets of each ranking in each held-out set, with its bootstrap interval."""
    n_sets = len(next(iter(shares.values())))
    records = [
        EvidenceRecord(
            benchmark=Benchmark.PAIRS, dataset=Dataset.TEST, predictor=None, metric=Metric.N_GENE_SETS, value=n_sets
        )
    ]
    for (split, ranking), share_Q in shares.items():
        low, high = bootstrap_interval(np.array(share_Q))
        records.append(
            EvidenceRecord(
                benchmark=Benchmark.PAIRS,
                dataset=split,
                predictor=ranking,
                metric=Metric.PAIR_SIGN_AGREEMENT_TOP1000,
                value=float(np.mean(share_Q)),
                ci_low=low,
                ci_high=high,
            )
        )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SETS} gene sets: a smoke run that claims nothing")
    parser.add_argument("--data", type=Path, default=resource_path("..", "shared", "data", "reference"))
    parser.add_argument("--cohort", type=Path, default=resource_path("data", "cohorts", "coadread"))
    options = parser.parse_args()
    try:
        sets = read_gmt(options.data / "h.all.v7.0.symbols.gmt")
        cohort = open_cohort(options.cohort)
    except CellStateError as error:
        parser.error(str(error))
    model = load_model(device="cpu")
    patients = held_out(model, cohort)
    shares: dict[tuple[Dataset, PredictorId], list[float]] = {}
    for seed, (name, genes) in enumerate(list(sets.items())[: QUICK_SETS if options.quick else None]):
        goal = gene_set_goal(model.space, [(gene, 1) for gene in genes], spec=name, label=name)
        for ranking, (a_E, b_E, sign_E) in highest(model, cohort, goal, seed).items():
            for split, levels in patients.items():
                shares.setdefault((split, ranking), []).append(shown_again(levels, goal, a_E, b_E, sign_E))
    show(Benchmark.PAIRS, records=records_of(shares), quick=options.quick, model=model)


if __name__ == "__main__":
    main()
