"""Known targets: does a regulator's predicted shift fall on the genes that it is known to regulate?

    python -m benchmarks.regulons [--quick] [--data DIR] [--cohort DIR] [--hpa DIR] [--model DIR]

Truth: CollecTRI (Müller-Dott et al., Nucleic Acids Research 2023), every regulator with at least 20 targets among the
model's genes, the regulator itself left out. It is test data: nothing is fitted or tuned by it, but the product lets
the best of a model's own predictors lead (``this model``; `cellstate.perturb.predictors.default`). Each predictor says
how far each gene moves when the regulator loses 1 S, and its genes are ranked by the absolute shift, in z (S of each
gene) and in log2, as the product shows them. Mean AUROC over regulators, and the paired bootstrap over regulators of
its difference to co-expression.

Known targets are well-studied genes that vary much, so a ranking that has never heard of the regulator scores well too:
the row ``variability``. ``own - others`` is the AUROC of the regulator's own targets less that of the other regulators'
targets by the same ranking: 0 for everything that is blind to the regulator.

Learnt from the training patients alone, and from them with the tissues and cell lines of the Human Protein Atlas, each
cohort centred, in its own S, all further ones together of the first one's weight. The network is the model folder's and
stands with the samples that it was trained on; ``ridge_tf`` has a list of transcription factors: prior knowledge.
``this model`` is the folder as the product uses it: network and rivals, PCA learnt from the tumours alone.
The elastic net is fitted for each set of samples, some minutes each; a quick run leaves it out.
``DIR`` of ``--data`` holds collectri.csv.gz (default: ../shared/data/reference); it is not part of the project (GPL-3).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from benchmarks.regulon_shifts import blind_sizes, network_shifts, product_shifts, simple_shifts
from benchmarks.report import Mark, at_least, show
from cellstate import load_model
from cellstate.cohorts import open_cohort
from cellstate.errors import CellStateError
from cellstate.expression import GeneSpace
from cellstate.genes import gene_axis
from cellstate.model import Model
from cellstate.paths import shipped
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.components import fit_components
from cellstate.perturb.predictors.default import AUROC, LEAD, OWN, THIS_MODEL
from cellstate.perturb.predictors.registry import FittedParameters
from cellstate.perturb.predictors.sparse_fit import fit_effects
from train.data import TrainingData, prepare

LEAST_TARGETS = 20
RESAMPLES = 2_000
TUMOURS, BOTH = "tumours", "tumours and atlas"
#: What co-expression on the same data reached when the marks were set.
MARKS = {TUMOURS: 0.562, BOTH: 0.600}
#: Width of the PCA rival: that of the shipped network's latent layer.
WIDTH = 64
RIVAL = "coexpression"
NO_CHALLENGER = ("random", "variability", "ridge_tf", RIVAL)
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
        Predicted shifts; the regulator's own does not count.
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


def interval(difference_T: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over regulators, or whatever else was asked about."""
    drawn = np.random.default_rng(0).integers(0, len(difference_T), (RESAMPLES, len(difference_T)))
    low, high = np.quantile(difference_T[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def measure(data: TrainingData, regulons: Regulons, model: Model | None, *, quick: bool = False) -> dict[str, Scores]:
    """Return each predictor's scores on one set of training samples; with the network's where a model is given."""
    z_SG, validation_z_SG = data.balanced_z_SG, data.validation_z_SG
    components = fit_components(z_SG, WIDTH, validation_z_SG=validation_z_SG, tf_G=data.space.is_tf_G)
    known = FittedParameters(len(components.tf_G), components, None if quick else fit_effects(z_SG, validation_z_SG))
    shifts = blind_sizes(z_SG, len(regulons.tf_T)) | simple_shifts(known, regulons.tf_T)
    if model is not None:
        shifts |= network_shifts(model, regulons.tf_T)
    return _scored(shifts, regulons, data.space)


def measure_product(model: Model, regulons: Regulons) -> dict[str, Scores]:
    """Return the scores of every predictor that a model folder holds, as the product uses them."""
    return _scored(product_shifts(model, regulons.tf_T), regulons, model.space)


def _scored(shifts: Mapping[str, np.ndarray], regulons: Regulons, space: GeneSpace) -> dict[str, Scores]:
    unit_G = space.scale_G / np.float32(np.log(2))
    return {name: Scores(score(z_TG, regulons), score(z_TG * unit_G, regulons)) for name, z_TG in shifts.items()}


def product_marks(found: Mapping[str, Scores]) -> list[Mark]:
    """The rows that the product reads to let a predictor lead; they bear no mark."""
    marks = []
    for name, scores in found.items():
        lead = interval(scores.z.specific_T - found[PredictorId.AUTOENCODER.stored_name].z.specific_T)[0]
        values = {AUROC: float(scores.z.auroc_T.mean()), OWN: float(scores.z.specific_T.mean()), LEAD: lead}
        marks += [Mark(f"{THIS_MODEL}: {name}, {what}", value, "") for what, value in values.items()]
    return marks


def marks_of(title: str, found: Mapping[str, Scores]) -> list[Mark]:
    """The rows of one set of training samples; the blind, the rival itself and prior knowledge bear no mark."""
    marks = []
    for name, scores in found.items():
        said, difference_T = f"{title}: {name}", scores.z.auroc_T - found[RIVAL].z.auroc_T
        bounded = [
            (f"{said}, AUROC in z", float(scores.z.auroc_T.mean()), MARKS[title]),
            (f"{said}, less co-expression, low end of 95 %", interval(difference_T)[0], 0),
        ]
        for row, value, bound in bounded:
            marks.append(Mark(row, value, "") if name in NO_CHALLENGER else at_least(row, value, "", bound))
        marks.append(Mark(f"{said}, own - others in z", float(scores.z.specific_T.mean()), ""))
        marks.append(Mark(f"{said}, AUROC in log2", float(scores.log2.auroc_T.mean()), ""))
    return marks


def print_table(title: str, found: Mapping[str, Scores]) -> None:
    """Print every predictor of one set of training samples beside the others; differences are to co-expression."""
    print(f"\n| {title} | AUROC in z | difference | own - others in z | difference | AUROC in log2 | own - others |")
    print("| --- |" + " --- |" * 6)
    rival = found[RIVAL].z
    for name, scores in found.items():
        in_z, in_log2 = scores.z, scores.log2
        print(
            f"| {name} | {in_z.auroc_T.mean():.3f} | {_difference(in_z.auroc_T - rival.auroc_T)} "
            f"| {in_z.specific_T.mean():+.3f} | {_difference(in_z.specific_T - rival.specific_T)} "
            f"| {in_log2.auroc_T.mean():.3f} | {in_log2.specific_T.mean():+.3f} |"
        )
    print()


def _difference(difference_T: np.ndarray) -> str:
    low, high = interval(difference_T)
    return f"{difference_T.mean():+.3f} [{low:+.3f}, {high:+.3f}]" if difference_T.any() else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} regulators: a smoke run that claims nothing")
    parser.add_argument("--data", type=Path, default=shipped("..", "shared", "data", "reference"))
    parser.add_argument("--cohort", type=Path, default=shipped("data", "cohorts", "coadread"))
    parser.add_argument("--hpa", type=Path, default=shipped("data", "cohorts", "hpa"))
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
    min_detected = model.metrics.get("config", {}).get("data", {}).get("min_detected")
    if min_detected is None:
        parser.error(f"{model.folder} was not trained on anything")
    alone, both = prepare(tumours, min_detected), prepare(tumours, min_detected, (atlas,))
    if alone.space.hash != model.space.hash:
        parser.error("the model's genes are not those of this cohort")
    regulons = read_regulons(table, alone.space)
    if options.quick:
        regulons = Regulons(regulons.tf_T[:QUICK], regulons.target_TG[:QUICK])
    marks = [Mark("regulators", len(regulons.tf_T), ""), Mark("known targets", int(regulons.target_TG.sum()), "")]
    its_own = BOTH if model.metrics.get("also_trained_on") else TUMOURS
    for title, data in ((TUMOURS, alone), (BOTH, both)):
        found = measure(data, regulons, model if title == its_own else None, quick=options.quick)
        print_table(title, found)
        marks += marks_of(title, found)
    found = measure_product(model, regulons)
    print_table(THIS_MODEL, found)
    marks += product_marks(found)
    show("regulons", marks, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
