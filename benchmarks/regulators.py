"""What drives a patient, without a goal: is the answer calibrated, right, specific to the patient, and fast?

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.regulators [--model DIR] [--store DIR] [--data DIR] [--quick]

Samples are those of the corpus's test data sets, which no fit has seen. Normal samples as patients: the share of
transcription factors at p < 0.05 (a data set weighs as one), and names that lead in many of them. Colorectal tumours of
two other laboratories: the area under the ROC curve of known colorectal regulators (reference/colorectal_tfs.tsv)
among transcription factors, by activity and by the regulator's own change, against the closest normal state and against
the same laboratory's normal colon; intervals are over patients. Cohorts as their own reference: samples of one data
set, tissue and state, each compared with the others, where nothing but chance should be called. Sets are chosen on half
of a tumour's genes and judged on the other half. Replicates are the same sample's counts, drawn again at a tenth of the
depth.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.real_perturbations.data import needed, shared_folder
from benchmarks.report import at_least, at_most, measured, show
from cellstate import load_model
from cellstate.errors import CellStateError, print_error
from cellstate.evidence import Benchmark, Criterion
from cellstate.model import Model
from cellstate.perturb.regulators.search import FEWEST_IN_GROUP, Regulators, regulators
from cellstate.perturb.sample import PreparedSample, prepare_samples
from cellstate.samples import Samples
from train.regulators import NORMAL
from train.store import open_store

COLORECTAL = ("CRC/GSE146009", "CRC/GSE74369")
#: Tumours of the speed test, and of each other part.
MANY, LOOPED, SOME = 592, 8, 40
FIRST = 20
DEPTH = 2_000_000
DRAWS = 1000


def normal_figures(found: Regulators, dataset_S: np.ndarray) -> list[Criterion]:
    """Return how often normal samples call a transcription factor, and how often one name leads."""
    called_S = np.nanmean(found.p_ST < 0.05, axis=1)
    share = float(np.mean([called_S[dataset_S == name].mean() for name in np.unique(dataset_S)]))
    order_ST = np.argsort(-np.abs(found.z_ST), axis=1)[:, :FIRST]
    times_T = np.bincount(order_ST.ravel(), minlength=len(found.candidates_T)) / len(order_ST)
    often = np.flatnonzero(times_T > 0.2).tolist()
    print("lead in more than a fifth of the normal samples:", [_symbol(found, t) for t in often])
    return [
        at_most("normal_samples.tfs_at_p_0.05", share, "", 0.07),
        at_most("normal_samples.names_in_the_first_20_of_a_fifth", len(often), "", 0),
        measured("normal_samples.n", len(dataset_S)),
    ]


def known_figures(name: str, found: Regulators, known: set[str]) -> list[Criterion]:
    """Return how well activity, and the regulator's own change, find known regulators."""
    symbols = [_symbol(found, t) for t in range(len(found.candidates_T))]
    is_known_T = np.array([symbol in known for symbol in symbols])
    by = {"activity": found.z_ST, "own_change": np.nan_to_num(found.change_ST)}
    auroc = {key: np.array([roc_auc_score(is_known_T, row) for row in value_ST]) for key, value_ST in by.items()}
    gain_S = auroc["activity"] - auroc["own_change"]
    rng = np.random.default_rng(0)
    low, high = np.quantile([rng.choice(gain_S, len(gain_S)).mean() for _ in range(DRAWS)], [0.025, 0.975])
    order = np.argsort(-found.z_ST.mean(axis=0))[:FIRST]
    print(f"{name}: {len(gain_S)} patients; most active on average: {', '.join(symbols[t] for t in order)}")
    return [
        *(measured(f"{name}.auroc_{key}", float(value.mean())) for key, value in auroc.items()),
        measured(f"{name}.auroc_absolute_own_change", _absolute(is_known_T, found.change_ST)),
        at_least(f"{name}.gain", float(gain_S.mean()), "", 0.03),
        measured(f"{name}.gain_ci_low", float(low)),
        measured(f"{name}.gain_ci_high", float(high)),
        measured(f"{name}.called_at_fdr_0.1", float(np.nanmean((found.fdr_ST <= 0.1).sum(axis=1)))),
    ]


def _absolute(is_known_T: np.ndarray, change_ST: np.ndarray) -> float:
    return float(np.mean([roc_auc_score(is_known_T, np.abs(np.nan_to_num(row))) for row in change_ST]))


def cohort_figures(model: Model, samples: Samples, table: pd.DataFrame, quick: bool) -> list[Criterion]:
    """Return the share of factors at p < 0.05 where each sample of a uniform cohort is compared with the others."""
    shares: list[tuple[float, float]] = []
    for _, rows in table.groupby(["series", "tissue", "state"]).indices.items():
        if len(rows) <= FEWEST_IN_GROUP or (quick and len(shares) == 2):
            continue
        cohort = prepare_samples(model, samples.take(rows[:SOME].tolist()))
        found = regulators(cohort, against=cohort)
        shares.append((float(np.nanmean(found.p_ST < 0.05)), float((found.fdr_ST <= 0.1).sum(axis=1).mean())))
    at_p, called = np.mean(shares, axis=0)
    return [
        at_most("cohort_as_reference.tfs_at_p_0.05", float(at_p), "", 0.07),
        measured("cohort_as_reference.called_at_fdr_0.1", float(called)),
        measured("cohort_as_reference.cohorts", len(shares)),
    ]


def set_figures(found: Regulators) -> list[Criterion]:
    """Return how often a tumour's set holds on the half of its genes that it was not chosen on."""
    sets = [one for one in found.sets if one is not None]
    holds = [one.explained > one.best_member and one.p < 0.05 for one in sets]
    return [
        at_least("sets.hold", float(np.sum(holds)) / max(len(found.sets), 1), "", 0.5),
        measured("sets.members", float(np.mean([len(one.members_N) for one in sets]))),
        measured("sets.explained", float(np.mean([one.explained for one in sets]))),
        measured("sets.best_member", float(np.mean([one.best_member for one in sets]))),
    ]


def own_figures(found: Regulators, again: Regulators) -> list[Criterion]:
    """Return how many of the first 20 two patients share, and two draws of one patient's counts."""
    first = [set(row[:FIRST]) for row in np.argsort(-found.z_ST, axis=1).tolist()]
    second = [set(row[:FIRST]) for row in np.argsort(-again.z_ST, axis=1).tolist()]
    same = [len(a & b) for a, b in zip(first, second, strict=True)]
    between = [len(a & b) for a, b in combinations(first, 2)]
    return [
        at_most("first_20.shared_by_two_patients", float(np.mean(between)), "of 20", 12),
        at_least("first_20.shared_by_replicates", float(np.mean(same)), "of 20", 18),
    ]


def speed_figures(samples: tuple[PreparedSample, ...]) -> list[Criterion]:
    """Return the time of a whole cohort at once, and of the same patients one after another."""
    regulators(samples[:1])
    start = time.perf_counter()
    found = regulators(samples)
    at_once = time.perf_counter() - start
    each = []
    for one in samples[:LOOPED]:
        start = time.perf_counter()
        regulators([one])
        each.append(time.perf_counter() - start)
    looped = float(np.median(each)) * len(samples)
    return [
        at_most("all.seconds", at_once, "s", 60),
        at_least("all.loop_over_patients", looped / at_once, "×", 50),
        measured("all.samples", len(found.samples)),
        measured("all.candidates", len(found.candidates_T)),
    ]


def drawn_again(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return samples whose counts were drawn again at another depth."""
    share_SA = np.nan_to_num(samples.tpm_SA).astype(np.float64)
    share_SA /= share_SA.sum(axis=1, keepdims=True)
    count_SA = np.stack([rng.multinomial(DEPTH, row) for row in share_SA]).astype(np.float32)
    tpm_SA = np.where(samples.measured_SA, count_SA * np.float32(1e6 / DEPTH), np.nan).astype(np.float32)
    return Samples(samples.names, tpm_SA, samples.library_size_S)


def _symbol(found: Regulators, t: int) -> str:
    return found.model.space.symbols[found.candidates_T[t]]


def measure(model_folder: Path | str, store_folder: Path, known: set[str], quick: bool) -> list[Criterion]:
    """Return every figure."""
    model = load_model(model_folder, device="cpu")
    store = open_store(store_folder)
    table = store.table.iloc[store.rows("test")].reset_index(drop=True)
    samples = store.split("test")
    rng = np.random.default_rng(0)
    dataset_S, tissue_S = table["series"].to_numpy(str), table["tissue"].to_numpy(str)
    normal_S, tumour_S = table["state"].isin(NORMAL).to_numpy(), (table["state"] == "tumour").to_numpy()

    def some(is_wanted_S: np.ndarray, n: int = SOME) -> np.ndarray:
        rows = np.flatnonzero(is_wanted_S)
        return np.sort(rng.permutation(rows)[: n // (4 if quick else 1)])

    rows = np.flatnonzero(normal_S) if not quick else some(normal_S)
    figures = normal_figures(regulators(prepare_samples(model, samples.take(rows.tolist()))), dataset_S[rows])
    figures += cohort_figures(model, samples, table, quick)
    for name in COLORECTAL:
        here_S = dataset_S == name
        patients = prepare_samples(model, samples.take(some(here_S & tumour_S).tolist()))
        label = name.split("/")[-1].lower()
        figures += known_figures(label, regulators(patients), known)
        controls = np.flatnonzero(here_S & normal_S & (tissue_S == "colon"))
        if len(controls):
            group = prepare_samples(model, samples.take(controls.tolist()))
            figures += known_figures(f"{label}.against_its_normal_colon", regulators(patients, against=group), known)
    rows = some(tumour_S)
    figures += set_figures(regulators(prepare_samples(model, samples.take(rows.tolist())), with_sets=True))
    rows = some((dataset_S == COLORECTAL[0]) & tumour_S, 6 * (4 if quick else 1))
    chosen = samples.take(rows.tolist())
    again = regulators(prepare_samples(model, drawn_again(chosen, rng)))
    figures += own_figures(regulators(prepare_samples(model, drawn_again(chosen, rng))), again)
    train = store.table.iloc[store.rows("train")]
    rows = np.flatnonzero((train["state"] == "tumour").to_numpy())[: 64 if quick else MANY]
    every = store.split("train")
    return figures + speed_figures(prepare_samples(model, every.take(rows.tolist())))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="human", help="model folder (default: human)")
    parser.add_argument("--store", type=Path, default=Path("data/stores/human-bulk"), help="imported corpus")
    parser.add_argument("--data", type=Path, help="folder of shared data")
    parser.add_argument("--quick", action="store_true", help="fewer samples; claims nothing")
    options = parser.parse_args(arguments)
    try:
        reference = needed(shared_folder(options.data) / "reference" / "colorectal_tfs.tsv")
        known = set(pd.read_csv(reference, sep="\t")["symbol"])
        figures = measure(options.model, options.store, known, options.quick)
    except CellStateError as error:
        return print_error(error)
    show(Benchmark.REGULATORS, criteria=figures, quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
