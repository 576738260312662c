"""How far the answers about held-out patients can be trusted.

    python -m benchmarks.trust [--quick] [--model DIR] [--cohort DIR] [--atlas FILE]

Accuracy as a share of the noise ceiling, coverage of the 90 % intervals, the flag for samples unlike the training
samples, and the copy-through gauge. Everything that was calibrated was calibrated on validation patients; here the two
held-out sets are looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.far_samples import far_samples
from benchmarks.report import Mark, at_least, at_most, show
from cellstate import load_model
from cellstate.cohorts import open_cohort
from cellstate.evaluate.bins import EDGES, accuracy_per_bin
from cellstate.evaluate.calibration import likeliest_tpm
from cellstate.evaluate.distance import distances
from cellstate.evaluate.intervals import intervals, predicted_log1p
from cellstate.evaluate.reconstruction import Evaluation, evaluate
from cellstate.expression import Samples, align
from cellstate.model import Model
from cellstate.paths import shipped
from cellstate.perturb.sample import prepare_samples

HELD_OUT = {"test": "newer sequencer", "older_test": "older sequencer"}
BINS = ("0-2.5 TPM", "2.5-10 TPM", "10-100 TPM", ">100 TPM")
#: Share of measured genes that is hidden to see how intervals do where nothing was measured.
HIDDEN = 0.2
QUICK_SAMPLES = 12


def accuracy_marks(model: Model, evaluation: Evaluation, where: str) -> list[Mark]:
    """Row 8: the network's likeliest values, in the lowest bin against counting noise, in the others against PCA."""
    figures = evaluation.to_dict()
    network, pca = figures["bins"], figures["baselines"]["pca"]["bins"]
    title = f"{where}: accuracy / noise ceiling"
    shares = [one["accuracy_likeliest"] / one["ceiling"] for one in network]
    marks = [at_least(f"{title}, {BINS[0]}, likeliest value", shares[0], "", 0.85)]
    marks += [
        Mark(f"{title}, {name}, likeliest value", share, "") for name, share in zip(BINS[1:], shares[1:], strict=True)
    ]
    lead = [100 * (ours["accuracy_likeliest"] - theirs["accuracy"]) for ours, theirs in zip(network, pca, strict=True)]
    marks.append(at_least(f"{where}: worst bin above 2.5 TPM against PCA", min(lead[1:]), "points", -1))
    # The read-out is no merit of the network: PCA gains as much by it.
    truth_SG = evaluation.truth_tpm_SG
    moved_SG = likeliest_tpm(model, truth_SG, np.log1p(evaluation.predicted_tpm["pca"]))
    assert moved_SG is not None
    rival = accuracy_per_bin(truth_SG, moved_SG)[0].accuracy
    marks.append(Mark(f"{title}, {BINS[0]}, PCA's likeliest value", (rival or 0) / network[0]["ceiling"], ""))
    for name, bins in (("network's mean", network), ("PCA's mean", pca)):
        marks.append(Mark(f"{title}, {BINS[0]}, {name}", bins[0]["accuracy"] / network[0]["ceiling"], ""))
    return marks


def interval_marks(model: Model, samples: Samples, evaluation: Evaluation, where: str) -> list[Mark]:
    """Row 9: share of true values inside the 90 % intervals."""
    found = evaluation.to_dict()["interval_coverage"]
    overall = found["overall"]
    marks = [Mark(f"{where}: 90 % intervals cover", overall, "", "0.88 to 0.92", 0.88 <= overall <= 0.92)]
    marks += [
        at_least(f"{where}: 90 % intervals cover, {name}", share, "", 0.85)
        for name, share in zip(BINS, found["bins"], strict=True)
    ]
    return [*marks, Mark(f"{where}: the same for hidden genes", hidden_coverage(model, samples), "")]


def hidden_coverage(model: Model, samples: Samples, *, seed: int = 0) -> float:
    """Coverage where the network did not see the value: some measured genes are hidden, and only they are counted."""
    tpm_SG = align(samples, model.space).tpm_SG
    hidden_SG = np.random.default_rng(seed).random(tpm_SG.shape) < HIDDEN
    seen_SG = np.where(hidden_SG, np.nan, tpm_SG)
    found = intervals(model, seen_SG, predicted_log1p(model, seen_SG))
    assert found is not None
    return found.coverage(np.where(hidden_SG, tpm_SG, np.nan), EDGES)["overall"]


def flag_marks(model: Model, samples: Samples, atlas: Path, where: str) -> list[Mark]:
    """Row 10: far samples against held-out patients, and held-out patients that are flagged."""
    near = distances(prepare_samples(model, samples))
    marks = [at_most(f"{where}: false alarms", float(np.mean([d.is_ood for d in near])), "", 0.05)]
    for name, far in far_samples(samples, atlas).items():
        judged = distances(prepare_samples(model, far))
        score = [d.score for d in near + judged]
        auroc = float(roc_auc_score([0] * len(near) + [1] * len(judged), score))
        marks.append(at_least(f"{where}: AUROC of {name}", auroc, "", 0.95))
        marks.append(Mark(f"{where}: {name}, flagged", float(np.mean([d.is_ood for d in judged])), ""))
    return marks


def copying_marks(model: Model) -> list[Mark]:
    """How each predictor answers an edit: told, not marked."""
    marks = []
    for name, gauge in model.metrics["trust"]["copying"].items():
        marks.append(Mark(f"{name}: response of other genes (rms)", gauge["others"], "z per z"))
        if gauge["own"] is not None:
            marks.append(Mark(f"{name}: response of the edited gene itself", gauge["own"], "z per z"))
            marks.append(Mark(f"{name}: own response / other genes'", gauge["own_to_others"], "x"))
        if gauge["leaf_to_tf"] is not None:
            marks.append(Mark(f"{name}: response to other genes / to transcription factors", gauge["leaf_to_tf"], ""))
    return marks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SAMPLES} samples of each set; claims nothing")
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    parser.add_argument("--cohort", type=Path, default=shipped("data", "cohorts", "coadread"))
    atlas = shipped("..", "shared", "data", "reference", "RNAtableExtended.tsv.gz")
    parser.add_argument("--atlas", type=Path, default=atlas, help="expression table of the Human Protein Atlas")
    options = parser.parse_args()
    model = load_model(options.model, device="cpu")
    if "trust" not in model.metrics:
        parser.error("the model was not calibrated: train it again")
    cohort = open_cohort(options.cohort)
    marks = []
    for split, where in HELD_OUT.items():
        samples = cohort.split(split)
        if options.quick:
            samples = samples.take(range(min(QUICK_SAMPLES, len(samples))))
        evaluation = evaluate(prepare_samples(model, samples))
        marks += accuracy_marks(model, evaluation, where)
        marks += interval_marks(model, samples, evaluation, where)
        marks += flag_marks(model, samples, options.atlas, where)
    show("trust", marks + copying_marks(model), quick=options.quick, model=model)


if __name__ == "__main__":
    main()
