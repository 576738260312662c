"""What is this sample, and can the model be used for it? On data sets of the broad corpus that no fit has seen.

    python -m benchmarks.ood --corpus FILE [--model DIR] [--split test] [--quick]

Of a model for any tissue: how often the tissue is named, whether samples with mixed up names, a wrong unit, another
species or few genes are told from held-out data sets of known tissues, and how many of those are flagged by mistake. Of
one for colorectal tumours: whether it takes those of other laboratories and nothing else. The folder holds a classifier
of tissues, and names the tissues that the model covers. Every limit was calibrated on other data sets.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.far_samples import as_mouse, spoilt_samples, without_genes
from benchmarks.report import show
from cellstate import load_model
from cellstate.errors import DataError, ModelError
from cellstate.evaluation.ood import OodScore, ood_scores
from cellstate.evaluation.tissue import TISSUES, TissueCall, model_tissues
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, Stratum
from cellstate.files import resource_path
from cellstate.genes import N_AXIS
from cellstate.model import Model
from cellstate.perturb.sample import prepare_samples
from cellstate.samples import Samples
from train.tissues import tissue_labels

#: Share of genes that is taken away.
MISSING = 0.6
#: A tissue counts as known where this many independent sources of it were in the training split.
LEAST_SOURCES = 2
#: The file holds log1p TPM as whole numbers.
STEPS_PER_UNIT = 200
#: Samples at a time, which bounds memory.
BATCH = 64
QUICK_SAMPLES = 40
SPLITS = {"validation": Dataset.CORPUS_VALIDATION, "test": Dataset.CORPUS_TEST}
#: Data sets of other laboratories with colorectal tumours, and breast cell lines, whose tissue is "cell line".
COLORECTAL = ("CRC/GSE146009", "CRC/GSE74369")
BREAST_LINES = "metaseq_breast"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Samples of one split with their labels: columns ``tissue``, ``state``, ``dataset``, ``component``."""

    samples: Samples
    labels: pd.DataFrame

    def take(self, is_taken_S: np.ndarray) -> HeldOut:
        """Return some of the samples."""
        rows = np.flatnonzero(is_taken_S)
        return HeldOut(self.samples.take(rows.tolist()), self.labels.iloc[rows].reset_index(drop=True))


def read_split(corpus: Path, tables: Path, split: str) -> HeldOut:
    """Read the samples of a split.

    Raises
    ------
    DataError
        A file that is no corpus, or not the one that the tables are about.
    """
    table = pd.read_csv(tables / "samples.tsv.gz", sep="\t", dtype=str)
    components = pd.read_csv(tables / "splits.tsv", sep="\t", dtype=str).set_index("dataset")["component"]
    rows = np.flatnonzero(table["split"] == split)
    chosen = table.iloc[rows]
    try:
        with h5py.File(corpus) as file:
            stored_SA, measured_DA, index_S = file["log1p_tpm_x200"], file["measured"][:], file["dataset_index"][:]
            names = file["dataset_names"].asstr()[:]
            if stored_SA.shape != (len(table), N_AXIS) or list(names[index_S]) != list(table["dataset"]):
                raise DataError(f"{corpus} is not the corpus that {tables.name} describes.", "Give --corpus FILE.")
            log1p_SA = stored_SA[rows].astype(np.float32) / STEPS_PER_UNIT
    except (OSError, KeyError) as error:
        raise DataError(f"{corpus} is no corpus of expression profiles.", "Give --corpus FILE.") from error
    tpm_SA = np.where(measured_DA[index_S[rows]], np.expm1(log1p_SA), np.nan)
    labels = tissue_labels(chosen["tissue"], chosen["state"], chosen["dataset"], components[chosen["dataset"]])
    samples = Samples(tuple(chosen["sample"]), tpm_SA.astype(np.float32), np.full(len(rows), np.nan))
    return HeldOut(samples, labels)


def judge(model: Model, samples: Samples) -> list[OodScore]:
    """Return the score of each sample."""
    parts = (samples.take(range(i, min(i + BATCH, len(samples)))) for i in range(0, len(samples), BATCH))
    return [score for part in parts for score in ood_scores(prepare_samples(model, part))]


def called(scores: list[OodScore]) -> list[TissueCall]:
    """Return the calls of scores, which a model with a classifier always has."""
    return [one.call for one in scores if one.call is not None]


def naming_records(calls: list[TissueCall], labels: pd.DataFrame, on: Dataset) -> list[EvidenceRecord]:
    """Return how often tissue and state are named, and how honest the probability of the first tissue is."""
    rank_S = np.array(
        [[t for t, _ in call.tissues].index(tissue) for call, tissue in zip(calls, labels["tissue"], strict=True)]
    )
    first_S = np.array([call.tissues[0][1] for call in calls])
    stated = (labels["state"] != "").to_numpy()
    state_S = np.array([str(call.state) for call in calls]) == labels["state"].to_numpy()
    bin_S = np.minimum((first_S * 10).astype(int), 9)
    bins = [bin_S == b for b in set(bin_S)]
    gaps = [in_S.mean() * abs((rank_S[in_S] == 0).mean() - first_S[in_S].mean()) for in_S in bins]
    return [
        _record(on, Metric.TISSUE_FIRST_TWO, float((rank_S < 2).mean()), threshold=0.9),
        _record(on, Metric.TISSUE_FIRST, float((rank_S == 0).mean())),
        _record(on, Metric.TISSUE_CALIBRATION_ERROR, float(np.sum(gaps))),
        _record(on, Metric.STATE_ACCURACY, float(state_S[stated].mean()) if stated.any() else None),
    ]


def plausibility_records(model: Model, near: list[OodScore], samples: Samples, on: Dataset) -> list[EvidenceRecord]:
    """Return how well spoilt samples are told from the samples that they were made of."""
    alarms = float(np.mean([one.is_ood for one in near]))
    records = [_record(on, Metric.FALSE_ALARM_RATE, alarms, threshold=0.1)]
    rng = np.random.default_rng(0)
    kinds = spoilt_samples(samples, rng) | {
        Stratum.MOUSE_ORTHOLOGS: as_mouse(samples, rng),
        Stratum.MOST_GENES_MISSING: without_genes(samples, MISSING, rng),
    }
    for kind, spoilt in kinds.items():
        far = judge(model, spoilt)
        score = [one.score for one in near + far]
        auroc = float(roc_auc_score([0] * len(near) + [1] * len(far), score))
        flagged = float(np.mean([one.is_ood for one in far]))
        records.append(_record(on, Metric.OOD_AUROC, auroc, stratum=kind, threshold=0.95))
        records.append(_record(on, Metric.OOD_FLAGGED, flagged, stratum=kind))
    return records


def colorectal_records(model: Model, held_out: HeldOut, on: Dataset) -> list[EvidenceRecord]:
    """Return which samples of other laboratories a model of colorectal tumours flags."""
    labels, records = held_out.labels, []
    tissue, is_line = labels["tissue"], labels["dataset"] == BREAST_LINES
    is_tumour = (tissue == "colon") & (labels["state"] == "tumour") & labels["dataset"].isin(COLORECTAL)
    kinds = {
        Stratum.COLORECTAL_TUMOUR: is_tumour,
        Stratum.BREAST: (tissue == "breast") | is_line,
        Stratum.LUNG: tissue == "lung",
        Stratum.BLOOD: (tissue == "blood or bone marrow") & (labels["state"] != "tumour"),
    }
    for kind, is_kind in kinds.items():
        if is_kind.any():
            flagged = float(np.mean([one.is_ood for one in judge(model, held_out.take(is_kind.to_numpy()).samples)]))
            known = kind is Stratum.COLORECTAL_TUMOUR
            metric, threshold = (Metric.FALSE_ALARM_RATE, 0.1) if known else (Metric.OOD_FLAGGED, 0.9)
            records.append(_record(on, metric, flagged, stratum=kind, threshold=threshold))
    return records


def base_records(model: Model, held_out: HeldOut, on: Dataset) -> list[EvidenceRecord]:
    """Return what is asked of a model for any tissue, on held-out samples of tissues that it knows."""
    classifier = model_tissues(model)
    assert classifier is not None
    n_sources_S = held_out.labels["tissue"].map(lambda tissue: classifier.n_sources.get(tissue, 0))
    known = held_out.take((n_sources_S >= LEAST_SOURCES).to_numpy())
    near = judge(model, known.samples)
    return naming_records(called(near), known.labels, on) + plausibility_records(model, near, known.samples, on)


def _record(on: Dataset, metric: Metric, value: float | None, **more: Any) -> EvidenceRecord:
    return EvidenceRecord(benchmark=Benchmark.OOD, dataset=on, predictor=None, metric=metric, value=value, **more)


def open_classified(folder: Path | None) -> Model:
    """Open a model folder that has a classifier of tissues; raises ``ModelError`` for one without."""
    model = load_model(folder, device="cpu")
    if model_tissues(model) is None:
        raise ModelError(f"{model.folder} has no {TISSUES}.", "Train the model again with a corpus of several tissues.")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="HDF5 file of the broad corpus")
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    parser.add_argument("--tables", type=Path, default=resource_path("data", "corpora", "human_bulk"))
    parser.add_argument("--split", choices=SPLITS, default="test", help="validation: for choices, never for claims")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SAMPLES} samples; claims nothing")
    options = parser.parse_args()
    on = SPLITS[options.split]
    try:
        model = open_classified(options.model)
        held_out = read_split(options.corpus, options.tables, options.split)
    except (DataError, ModelError) as error:
        parser.error(f"{error.message} {error.hint}")
    if options.quick:
        held_out = held_out.take(np.arange(len(held_out.labels)) % max(len(held_out.labels) // QUICK_SAMPLES, 1) == 0)
    records = colorectal_records(model, held_out, on) if model.record.tissues else base_records(model, held_out, on)
    show(Benchmark.OOD, records=records, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
