"""Known targets: does a regulator's predicted expression change concern the genes that it is known to regulate?

    python -m benchmarks.regulons [--quick] [--data DIR] [--cohort DIR] [--hpa DIR] [--model DIR]

Truth: CollecTRI (Müller-Dott et al., Nucleic Acids Research 2023), every regulator with at least 20 targets among the
model's genes, the regulator itself left out. It is test data: nothing is fitted or tuned by it, but the default method
is chosen by it (``targets_model``; `cellstate.default_rule`). Each method predicts the change of every gene when the
regulator loses 1 SD, and genes are ranked by the absolute change, in z (SD of each gene) and in log2, as the product
shows them. Mean AUROC over regulators, and the paired bootstrap over regulators of its difference to co-expression.

Known targets are well-studied genes that vary much, so a ranking that does not depend on the regulator scores well too:
the row ``variability``. Target specificity is the AUROC of the regulator's own targets less that of the other
regulators' targets by the same ranking: 0 for every ranking that does not depend on the regulator.

Fitted to the training patients alone, and to them with the tissues and cell lines of the Human Protein Atlas, each
cohort centred, in its own SD, all further ones together of the first one's weight. The autoencoder is that of the
model folder, listed with the samples that it was trained on; ``ridge_tf`` has a list of transcription factors: prior
knowledge. ``targets_model`` is the folder as the product uses it: autoencoder and baselines, PCA fitted to the
tumours alone. The elastic net is fitted for each set of samples, some minutes each; a quick run leaves it out.
``DIR`` of ``--data`` holds collectri.csv.gz (default: ../shared/data/reference); it is not part of the project
(GPL-3).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from benchmarks.regulon_changes import network_changes, product_changes, simple_changes, uninformed_sizes
from benchmarks.report import show
from cellstate import load_model
from cellstate.cohorts import open_cohort
from cellstate.errors import CellStateError
from cellstate.evidence import PRIOR_KNOWLEDGE, UNINFORMED, Benchmark, Dataset, EvidenceRecord, Metric
from cellstate.files import resource_path
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis
from cellstate.labels import DATASETS
from cellstate.model import Model
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.linear import fit_components
from cellstate.perturb.predictors.registry import FittedParameters
from train.data import TrainingData, prepare
from train.sparse_fit import fit_effects

LEAST_TARGETS = 20
RESAMPLES = 2_000
TUMOURS, BOTH = Dataset.TARGETS_TUMOURS, Dataset.TARGETS_TUMOURS_ATLAS
#: What co-expression on the same data reached when the thresholds were set.
THRESHOLDS = {TUMOURS: 0.562, BOTH: 0.600}
#: Width of the PCA baseline: that of the shipped network's latent layer.
WIDTH = 128
BASELINE = PredictorId.COEXPRESSION
#: Rankings without a criterion: uninformed, with prior knowledge, and the baseline itself.
NO_CRITERION = UNINFORMED | PRIOR_KNOWLEDGE | {BASELINE}
#: Regulators of a quick run.
QUICK = 40


@dataclass(frozen=True, eq=False)
class Regulons:
    """Regulators and their known targets.

    Attributes
    ----------
    tf_T : ndarray of int, shape (T,)
        Positions of the regulators in the model.
    target_TG : ndarray of bool, shape (T, G)
        Known targets, the regulator itself never among them.
    """

    tf_T: np.ndarray
    target_TG: np.ndarray


@dataclass(frozen=True, eq=False)
class Score:
    """How well one predictor finds targets, per regulator, shape (T,): AUROC, and that less the others' targets'."""

    auroc_T: np.ndarray
    specific_T: np.ndarray


@dataclass(frozen=True)
class Scores:
    """Scores of one predictor with its shifts ranked in z (S of each gene) and in log2."""

    z: Score
    log2: Score


def read_regulons(path: Path, space: GeneSpace, least: int = LEAST_TARGETS) -> Regulons:
    """Read a table with the columns source and target; regulators with too few targets in the model are left out."""
    edges = pd.read_csv(path)[["source", "target"]]
    names = pd.unique(edges.to_numpy().ravel())
    found = dict(zip(names, gene_axis().resolve(names).index.tolist(), strict=True))
    position = {a: g for g, a in enumerate(space.axis_index_G.tolist())}
    pairs = edges.map(lambda name: position.get(found[name], -1)).to_numpy()
    pairs = np.unique(pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])], axis=0)
    tf_T, n_T = np.unique(pairs[:, 0], return_counts=True)
    tf_T = tf_T[n_T >= least]
    pairs = pairs[np.isin(pairs[:, 0], tf_T)]
    target_TG = np.zeros((len(tf_T), len(space)), bool)
    target_TG[np.searchsorted(tf_T, pairs[:, 0]), pairs[:, 1]] = True
    return Regulons(tf_T, target_TG)


def score(size_TG: np.ndarray, regulons: Regulons) -> Score:
    """AUROC of each regulator's targets by absolute shift, through ranks; ties count half.

    Parameters
    ----------
    size_TG : ndarray, shape (T, G)
        Predicted changes; the regulator's own does not count.
    """
    target_TG, tf_T = regulons.target_TG, regulons.tf_T
    size_TG = np.abs(size_TG)
    np.put_along_axis(size_TG, tf_T[:, None], -1, axis=1)
    # The regulator ranks first of all, so one less is the rank among the others.
    rank_TG = rankdata(size_TG, axis=1) - 1
    n_TT = target_TG.sum(axis=1)[None, :] - target_TG[:, tf_T].T
    above_TT = rank_TG @ target_TG.T - n_TT * (n_TT + 1) / 2
    auroc_TT = above_TT / (n_TT * (target_TG.shape[1] - 1 - n_TT))
    own_T = np.diag(auroc_TT)
    others_T = (auroc_TT.sum(axis=1) - own_T) / (len(own_T) - 1)
    return Score(own_T, own_T - others_T)


def bootstrap_interval(difference_T: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over regulators, or whatever else was asked about."""
    drawn = np.random.default_rng(0).integers(0, len(difference_T), (RESAMPLES, len(difference_T)))
    low, high = np.quantile(difference_T[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def measure(data: TrainingData, regulons: Regulons, model: Model | None, *, quick: bool = False) -> dict[str, Scores]:
    """Return each predictor's scores on one set of training samples; with the network's where a model is given."""
    z_SG, validation_z_SG = data.balanced_z_SG, data.validation_z_SG
    components = fit_components(z_SG, WIDTH, validation_z_SG=validation_z_SG, tf_G=data.space.is_tf_G)
    known = FittedParameters(len(components.tf_G), components, None if quick else fit_effects(z_SG, validation_z_SG))
    shifts = uninformed_sizes(z_SG, len(regulons.tf_T)) | simple_changes(known, regulons.tf_T)
    if model is not None:
        shifts |= network_changes(model, regulons.tf_T)
    return _scored(shifts, regulons, data.space)


def measure_product(model: Model, regulons: Regulons) -> dict[str, Scores]:
    """Return the scores of every predictor that a model folder holds, as the product uses them."""
    return _scored(product_changes(model, regulons.tf_T), regulons, model.space)


def _scored(shifts: Mapping[str, np.ndarray], regulons: Regulons, space: GeneSpace) -> dict[str, Scores]:
    unit_G = space.scale_G / np.float32(np.log(2))
    return {name: Scores(score(z_TG, regulons), score(z_TG * unit_G, regulons)) for name, z_TG in shifts.items()}


def product_records(found: Mapping[str, Scores]) -> list[EvidenceRecord]:
    """Return the records by which the default method is chosen; they have no threshold."""
    records, reference = [], PredictorId.AUTOENCODER
    for name, scores in found.items():
        record = _recorder(Dataset.TARGETS_MODEL, PredictorId(name))
        records.append(record(Metric.TARGET_AUROC, scores.z.auroc_T))
        records.append(record(Metric.TARGET_SPECIFICITY, scores.z.specific_T))
        if name != reference:
            gain_T = scores.z.specific_T - found[reference].z.specific_T
            records.append(record(Metric.TARGET_SPECIFICITY_GAIN, gain_T, interval=True, reference=reference))
    return records


def records_of(dataset: Dataset, found: Mapping[str, Scores]) -> list[EvidenceRecord]:
    """Return the records of one set of training samples."""
    records = []
    for name, scores in found.items():
        record, judged = _recorder(dataset, PredictorId(name)), name not in NO_CRITERION
        threshold, least_gain = (THRESHOLDS[dataset], 0.0) if judged else (None, None)
        records.append(record(Metric.TARGET_AUROC, scores.z.auroc_T, threshold=threshold))
        if name != BASELINE:
            gain_T = scores.z.auroc_T - found[BASELINE].z.auroc_T
            more: dict[str, Any] = {"threshold": least_gain, "reference": BASELINE}
            records.append(record(Metric.TARGET_AUROC_GAIN, gain_T, interval=True, **more))
        records.append(record(Metric.TARGET_SPECIFICITY, scores.z.specific_T))
        records.append(record(Metric.TARGET_AUROC_LOG2, scores.log2.auroc_T))
    return records


def _recorder(dataset: Dataset, predictor: PredictorId) -> Callable[..., EvidenceRecord]:
    """Return what makes a record of the mean over regulators, with its bootstrap interval where that is asked for."""

    def record(metric: Metric, value_T: np.ndarray, *, interval: bool = False, **more: Any) -> EvidenceRecord:
        low, high = bootstrap_interval(value_T) if interval else (None, None)
        return EvidenceRecord(
            benchmark=Benchmark.REGULONS,
            dataset=dataset,
            predictor=predictor,
            metric=metric,
            value=float(value_T.mean()),
            ci_low=low,
            ci_high=high,
            **more,
        )

    return record


def _count(metric: Metric, n: int) -> EvidenceRecord:
    return EvidenceRecord(
        benchmark=Benchmark.REGULONS, dataset=Dataset.TARGETS_MODEL, predictor=None, metric=metric, value=n
    )


def print_table(dataset: Dataset, found: Mapping[str, Scores]) -> None:
    """Print every predictor of one set of training samples beside the others; differences are to co-expression."""
    columns = ("AUROC in z", "difference", "specificity in z", "difference", "AUROC in log2", "specificity in log2")
    print(f"\n| {DATASETS[dataset]} | {' | '.join(columns)} |")
    print("| --- |" + " --- |" * 6)
    baseline = found[BASELINE].z
    for name, scores in found.items():
        in_z, in_log2 = scores.z, scores.log2
        print(
            f"| {name} | {in_z.auroc_T.mean():.3f} | {_difference(in_z.auroc_T - baseline.auroc_T)} "
            f"| {in_z.specific_T.mean():+.3f} | {_difference(in_z.specific_T - baseline.specific_T)} "
            f"| {in_log2.auroc_T.mean():.3f} | {in_log2.specific_T.mean():+.3f} |"
        )
    print()


def _difference(difference_T: np.ndarray) -> str:
    low, high = bootstrap_interval(difference_T)
    return f"{difference_T.mean():+.3f} [{low:+.3f}, {high:+.3f}]" if difference_T.any() else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} regulators: a smoke run that claims nothing")
    parser.add_argument("--data", type=Path, default=resource_path("..", "shared", "data", "reference"))
    parser.add_argument("--cohort", type=Path, default=resource_path("data", "cohorts", "coadread"))
    parser.add_argument("--hpa", type=Path, default=resource_path("data", "cohorts", "hpa"))
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped demo model)")
    options = parser.parse_args()
    table = options.data / "collectri.csv.gz"
    if not table.is_file():
        parser.error(f"there is no {table}: give --data DIR")
    try:
        tumours, atlas = open_cohort(options.cohort), open_cohort(options.hpa)
        model = load_model(options.model, device="cpu")
    except CellStateError as error:
        parser.error(str(error))
    training = model.record.training
    if training is None or training.config is None:
        parser.error(f"{model.folder} was not trained on anything")
    min_detected = training.config.data.min_detected
    alone, both = prepare(tumours, min_detected), prepare(tumours, min_detected, (atlas,))
    if alone.space.hash != model.space.hash:
        parser.error("the model's genes are not those of this cohort")
    regulons = read_regulons(table, alone.space)
    if options.quick:
        regulons = Regulons(regulons.tf_T[:QUICK], regulons.target_TG[:QUICK])
    records = [
        _count(Metric.N_REGULATORS, len(regulons.tf_T)),
        _count(Metric.N_TARGETS, int(regulons.target_TG.sum())),
    ]
    its_own = BOTH if training.also_trained_on else TUMOURS
    for dataset, data in ((TUMOURS, alone), (BOTH, both)):
        found = measure(data, regulons, model if dataset == its_own else None, quick=options.quick)
        print_table(dataset, found)
        records += records_of(dataset, found)
    found = measure_product(model, regulons)
    print_table(Dataset.TARGETS_MODEL, found)
    records += product_records(found)
    show(Benchmark.REGULONS, records=records, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
