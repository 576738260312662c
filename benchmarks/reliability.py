"""Reliability on held-out patients.

    python -m benchmarks.reliability [--quick] [--model DIR] [--cohort DIR] [--atlas FILE]

Accuracy as a share of the counting-noise ceiling, coverage of the 90 % intervals, the out-of-distribution flag, and
copy-through. Everything that was calibrated was calibrated on validation patients; here the two
held-out sets are looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.far_samples import far_samples
from benchmarks.report import show
from cellstate import load_model
from cellstate.cohorts import open_cohort
from cellstate.evaluation.calibration import conditional_mode_tpm
from cellstate.evaluation.intervals import intervals, predicted_log1p
from cellstate.evaluation.metrics import EDGES, accuracy_per_bin
from cellstate.evaluation.ood import ood_scores
from cellstate.evaluation.reconstruction import Evaluation, evaluate
from cellstate.evidence import TPM_BINS, Benchmark, Dataset, EvidenceRecord, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.record import Calibration
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.evidence import HELD_OUT
from cellstate.samples import Samples

#: Share of measured genes that is hidden to see how intervals do where nothing was measured.
HIDDEN = 0.2
QUICK_SAMPLES = 12


def reliability_record(
    dataset: Dataset, metric: Metric, value: float | None, predictor: PredictorId = PredictorId.AUTOENCODER, **more: Any
) -> EvidenceRecord:
    """Return a record of this benchmark; without a method named, it is the autoencoder's."""
    return EvidenceRecord(
        benchmark=Benchmark.RELIABILITY, dataset=dataset, predictor=predictor, metric=metric, value=value, **more
    )


def accuracy_records(model: Model, evaluation: Evaluation, split: Dataset) -> list[EvidenceRecord]:
    """Accuracy as a share of the ceiling, of the mean and of the conditional mode, beside PCA's."""
    found = evaluation.record()
    own, pca = found.bins, found.baselines[PredictorId.PCA].bins
    lowest, ceiling, thresholds = TPM_BINS[0], own[0].ceiling, (0.85, None, None, None)
    records = [
        reliability_record(
            split,
            Metric.CEILING_SHARE_MODE,
            _share(one.accuracy_conditional_mode, one.ceiling),
            stratum=stratum,
            threshold=threshold,
        )
        for one, stratum, threshold in zip(own, TPM_BINS, thresholds, strict=True)
    ]
    gains = [
        100 * (ours.accuracy_conditional_mode - theirs.accuracy)
        for ours, theirs in zip(own[1:], pca[1:], strict=True)
        if ours.accuracy_conditional_mode is not None and theirs.accuracy is not None
    ]
    worst = min(gains, default=None)
    records.append(
        reliability_record(split, Metric.MODE_ACCURACY_GAIN_WORST_BIN, worst, threshold=-1.0, reference=PredictorId.PCA)
    )
    # The read-out is no merit of the autoencoder: PCA gains as much by it.
    truth_SG = evaluation.truth_tpm_SG
    moved_SG = conditional_mode_tpm(model, truth_SG, np.log1p(evaluation.predicted_tpm[PredictorId.PCA]))
    assert moved_SG is not None
    moved = accuracy_per_bin(truth_SG, moved_SG)[0].accuracy
    pca_id = PredictorId.PCA
    return [
        *records,
        reliability_record(split, Metric.CEILING_SHARE_MODE, _share(moved, ceiling), pca_id, stratum=lowest),
        reliability_record(split, Metric.CEILING_SHARE, _share(own[0].accuracy, ceiling), stratum=lowest),
        reliability_record(split, Metric.CEILING_SHARE, _share(pca[0].accuracy, ceiling), pca_id, stratum=lowest),
    ]


def _share(accuracy: float | None, ceiling: float | None) -> float | None:
    return accuracy / ceiling if accuracy is not None and ceiling else None


def interval_records(model: Model, samples: Samples, evaluation: Evaluation, split: Dataset) -> list[EvidenceRecord]:
    """Share of true values inside the 90 % intervals."""
    found = evaluation.record().interval_coverage
    assert found is not None
    error = None if found.overall is None else abs(found.overall - found.nominal)
    return [
        reliability_record(split, Metric.INTERVAL_COVERAGE, found.overall),
        reliability_record(split, Metric.INTERVAL_COVERAGE_ERROR, error, threshold=0.02),
        *(
            reliability_record(split, Metric.INTERVAL_COVERAGE, share, stratum=stratum, threshold=0.85)
            for stratum, share in zip(TPM_BINS, found.bins, strict=True)
        ),
        reliability_record(split, Metric.INTERVAL_COVERAGE_HIDDEN, hidden_coverage(model, samples)),
    ]


def hidden_coverage(model: Model, samples: Samples, *, seed: int = 0) -> float | None:
    """Coverage where the network did not see the value: some measured genes are hidden, and only they are counted."""
    tpm_SG = align(samples, model.space).tpm_SG
    hidden_SG = np.random.default_rng(seed).random(tpm_SG.shape) < HIDDEN
    seen_SG = np.where(hidden_SG, np.nan, tpm_SG)
    found = intervals(model, seen_SG, predicted_log1p(model, seen_SG))
    assert found is not None
    return found.coverage(np.where(hidden_SG, tpm_SG, np.nan), EDGES).overall


def ood_records(model: Model, samples: Samples, atlas: Path, split: Dataset) -> list[EvidenceRecord]:
    """Out-of-distribution samples against held-out patients, and held-out patients that are flagged."""
    near = ood_scores(prepare_samples(model, samples))
    alarms = float(np.mean([d.is_ood for d in near]))
    records = [reliability_record(split, Metric.FALSE_ALARM_RATE, alarms, threshold=0.05)]
    for kind, far in far_samples(samples, atlas).items():
        judged = ood_scores(prepare_samples(model, far))
        score = [d.score for d in near + judged]
        auroc = float(roc_auc_score([0] * len(near) + [1] * len(judged), score))
        flagged = float(np.mean([d.is_ood for d in judged]))
        records.append(reliability_record(split, Metric.OOD_AUROC, auroc, stratum=kind, threshold=0.95))
        records.append(reliability_record(split, Metric.OOD_FLAGGED, flagged, stratum=kind))
    return records


def copy_through_records(calibration: Calibration) -> list[EvidenceRecord]:
    """Response of each method to a change of one gene; these have no threshold."""
    return [
        reliability_record(Dataset.TRAINING_MEAN, metric, value, name)
        for name, one in calibration.copy_through.items()
        for metric, value in (
            (Metric.RESPONSE_OTHERS, one.others),
            (Metric.RESPONSE_OWN, one.own),
            (Metric.RESPONSE_OWN_TO_OTHERS, one.own_to_others),
            (Metric.RESPONSE_LEAF_TO_TF, one.leaf_to_tf),
        )
        if value is not None
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SAMPLES} samples of each set; claims nothing")
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    parser.add_argument("--cohort", type=Path, default=resource_path("data", "cohorts", "coadread"))
    atlas = resource_path("..", "shared", "data", "reference", "RNAtableExtended.tsv.gz")
    parser.add_argument("--atlas", type=Path, default=atlas, help="expression table of the Human Protein Atlas")
    options = parser.parse_args()
    model = load_model(options.model, device="cpu")
    calibration = model.record.calibration
    if calibration is None:
        parser.error("the model was not calibrated: train it again")
    cohort = open_cohort(options.cohort)
    records = []
    for split in HELD_OUT:
        samples = cohort.split(split)
        if options.quick:
            samples = samples.take(range(min(QUICK_SAMPLES, len(samples))))
        evaluation = evaluate(prepare_samples(model, samples))
        records += accuracy_records(model, evaluation, split)
        records += interval_records(model, samples, evaluation, split)
        records += ood_records(model, samples, options.atlas, split)
    records += copy_through_records(calibration)
    show(Benchmark.RELIABILITY, records=records, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
