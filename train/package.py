"""The model folder without its weights: baselines, training profiles, calibration, evaluation, record, model card.

The card is written from the measured figures, so that it cannot drift from them.
"""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cellstate.errors import ModelError
from cellstate.evaluation.metrics import r2_per_gene
from cellstate.evaluation.reconstruction import evaluate
from cellstate.evaluation.reliability import calibrate
from cellstate.evaluation.tissue import TISSUES, TissueClassifier
from cellstate.evidence import PredictorId
from cellstate.files import CHECKSUMS, atomic_write, resource_path
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.cohort import COHORT, load_profiles, save_profiles
from cellstate.model.folder import CARD, WEIGHTS, load_model, save_genes, weights_sha256
from cellstate.model.record import METRICS, AdaptedFrom, ModelRecord, TrainingRecord, write_training
from cellstate.perturb.predictors.linear import fit_components, principal_rows, save_components
from cellstate.perturb.predictors.sparse import save_effects
from cellstate.perturb.regulators.reference import save_reference
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.model import architecture
from cellstate.report.sections import markdown, sections

from .config import TrainConfig
from .data import HELD_OUT, TrainingData
from .distributed import DistributedContext
from .ingest.bulk import CORPUS
from .loop import Outcome, best_of
from .profiles import draw_profiles
from .regulators import NORMAL, NormalSamples, fit_reference
from .sparse_fit import fit_effects
from .tissues import fit_tissues, save_tissues

#: Rows from which the direct effects between genes are learnt, where there are more than twice as many samples.
CONDENSED = 800
#: Profiles that are drawn where none is to be copied.
DRAWN = 240
#: What a store must say of its samples for a classifier of tissues.
_LABELS = {"tissue", "state", "series", "component"}

#: What counts as an independent source: of few training sets their connected components, of held-out ones each.
_SOURCE = {"train": "component", "validation": "series"}


def peak_memory() -> int:
    """Return the most memory that this process ever held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def package_model(
    stage: Path,
    config: TrainConfig,
    data: TrainingData,
    outcome: Outcome,
    context: DistributedContext,
    about: Mapping[str, Any],
    classifier: Path | None = None,
) -> TrainingRecord:
    """Write everything but the weights into ``stage``; quality is measured on the weights as they are stored.

    Baselines, training profiles, the classifier of tissues (``classifier`` is the file of a base model), calibration,
    evaluation on the held-out splits, the record and the model card. Returns the record.
    """
    started = time.perf_counter()
    # What an interrupted attempt had measured must not reach this one.
    for name in (METRICS, CHECKSUMS):
        (stage / name).unlink(missing_ok=True)
    several = len(data.further_z_SG) > 0
    baselines = fit_components(
        data.weighted_z_SG,
        min(config.network.hidden),
        pooled_z_SG=data.balanced_z_SG if several else None,
        validation_z_SG=data.validation_z_SG,
        tf_G=data.space.is_tf_G,
    )
    save_components(baselines, stage)
    save_effects(fit_effects(_condensed(data.balanced_z_SG), data.validation_z_SG, config.loop.seed), stage)
    save_profiles(stage, _profiles(stage, config, data), config.loop.seed)
    if classifier is not None:
        shutil.copyfile(classifier, stage / TISSUES)
    elif all(set(data.tables.get(split, ())) >= _LABELS for split in ("train", "validation")):
        save_tissues(stage, _tissues(data))
    model = load_model(stage, device="cpu")
    if all(set(data.tables.get(split, ())) >= _LABELS for split in ("train", "validation")):
        save_reference(fit_reference(model, *_normal_samples(data)), stage)
    z_SG, measured_SG = data.validation_z_SG, align(data.samples["validation"], data.space).measured_SG
    truth_SG = np.where(measured_SG, data.space.log1p_tpm(z_SG), np.nan)
    r2_G = r2_per_gene(truth_SG, data.space.log1p_tpm(model.reconstruct(z_SG)))
    save_genes(stage, data.gene_table.assign(r2_validation=r2_G))
    kept = best_of(outcome.history) if config.loop.keep == "best" else outcome.history[-1]
    values = {
        **data.about,
        **about,
        "config": asdict(config),
        "processes": context.size,
        "torch": torch.__version__.split("+")[0],
        "best_epoch": kept.epoch,
        "validation_loss": kept.validation_loss,
        "simulated_profiles": config.output.profiles == "drawn",
        "calibration": calibrate(prepare_samples(model, data.samples["validation"], impute=True)),
        "seconds": outcome.history[-1].seconds,
    }
    # Reliability is judged by what was just calibrated.
    model = replace(model, record=ModelRecord(write_training(stage, values)))
    values |= {
        "evaluation": {
            s: evaluate(prepare_samples(model, data.samples[s]), **_groups(data, s)).record()
            for s in HELD_OUT
            if s in data.samples
        },
        "peak_memory_gb": round(peak_memory() / 1e9, 2),
        "seconds": round(outcome.history[-1].seconds + time.perf_counter() - started, 1),
    }
    record = write_training(stage, values)
    write_card(stage / CARD, replace(model, record=ModelRecord(record)))
    return record


def _tissues(data: TrainingData) -> TissueClassifier:
    """Fit the classifier of tissues to the training samples; validation samples serve its calibration."""
    splits = ("train", "validation")
    tpm_SA = np.concatenate([data.samples[s].tpm_SA for s in splits])
    table = pd.concat([data.tables[s] for s in splits])
    is_fitted_S = np.repeat([True, False], [len(data.samples[s]) for s in splits])
    names = ("tissue", "state", "series", "component")
    measured_SA = ~np.isnan(tpm_SA)
    log1p_SA = np.log1p(np.nan_to_num(tpm_SA))
    return fit_tissues(log1p_SA, measured_SA, *(table[name].tolist() for name in names), is_fitted_S=is_fitted_S)


def _normal_samples(data: TrainingData) -> tuple[NormalSamples, NormalSamples]:
    """Return the normal samples among the training and among the validation samples."""

    def of(z_SG: np.ndarray, split: str) -> NormalSamples:
        table = data.tables[split]
        every = NormalSamples(z_SG, table["tissue"].tolist(), table[_SOURCE[split]].tolist())
        return every.where(table["state"].isin(NORMAL).to_numpy())

    return of(data.train_z_SG, "train"), of(data.validation_z_SG, "validation")


def _condensed(z_SG: np.ndarray) -> np.ndarray:
    """Return at most `CONDENSED` rows with nearly the same products of genes, all that a regression depends on."""
    if len(z_SG) <= 2 * CONDENSED:
        return z_SG
    rows_PG, variance_P = principal_rows(z_SG, CONDENSED)
    return rows_PG * np.sqrt(variance_P * len(rows_PG))[:, None]


def _profiles(stage: Path, config: TrainConfig, data: TrainingData) -> np.ndarray:
    """Return the log1p TPM of the profiles that the folder will carry."""
    if config.output.profiles == "samples":
        return np.nan_to_num(np.log1p(align(data.samples["train"], data.space).tpm_SG))
    labels = data.tables["train"][config.data.balance].tolist()
    return draw_profiles(load_model(stage, device="cpu"), data.train_z_SG, labels, DRAWN, config.loop.seed)


def _groups(data: TrainingData, split: str) -> dict[str, Any]:
    """Return data set and tissue of the samples of a split, as `evaluate` takes them, where a store says so."""
    table = data.tables.get(split)
    if table is None:
        return {}
    names = {"groups": "series", "tissues": "tissue"}
    return {name: table[column].tolist() for name, column in names.items() if column in table}


def write_card(path: Path, model: Model) -> None:
    """Write the card of a trained model; an older one is there whole until the new one is."""
    text = card(model)
    with atomic_write(path) as partial:
        partial.write_text(text)


def card(model: Model) -> str:
    """Return the card: what the model is, the sections of the page of evidence, and how it was trained.

    Raises
    ------
    ModelError
        For random weights.
    """
    training = model.record.training
    if training is None:
        raise ModelError(f"{model.folder} holds random weights.", "Train a model first.")
    config, profiles = model.config, load_profiles(model)
    opening = [
        f"# Model card: {config.name}",
        "For research use only. What it predicts are hypotheses for the laboratory, never advice about a patient.",
        "## What it is",
        f"{architecture(config)} Layer widths: {' -> '.join(f'{w:,}' for w in config.widths)}; {config.n_parameters:,} "
        "parameters. It reads and predicts standardised log1p TPM of protein-coding genes.",
        f"`{WEIGHTS}` has the SHA-256 checksum `{weights_sha256(model.folder)}`. `{CHECKSUMS}` lists that of every "
        "file; a folder with another file is refused.",
    ]
    if training.adapted_from is not None:
        opening.append(_adapted(training.adapted_from))
    if profiles is not None:
        drawn = training.simulated_profiles
        opening.append(_drawn(len(profiles)) if drawn else _carried(len(profiles), training.trained_on.licence))
    trained = (
        f"Best epoch {training.best_epoch}, validation loss {training.validation_loss:.4f} (mean squared error in z), "
        f"{training.seconds:.0f} s in all on {training.processes} process(es), PyTorch {training.torch}. The settings "
        "are in `metrics.json`, the losses in `history.jsonl`, the results of benchmarks in `evidence.json`."
    )
    found = [markdown(section) for section in sections(model.record)]
    found += [part for part in (_by_tissue(training), _sources(training)) if part]
    return "\n\n".join([*opening, *found, "## Training", trained]) + "\n"


def _by_tissue(training: TrainingRecord) -> str:
    """Return what is known within data sets, and of each tissue; empty for a cohort of one tissue."""
    held_out = training.evaluation.get("test")
    if held_out is None or not held_out.tissues:
        return ""
    own, pca = held_out.r2_within_median, held_out.baselines.get(PredictorId.PCA)
    beside = "" if pca is None else f"; PCA of the same width: {_figure(pca.r2_within_median)}"
    rows = [
        f"| {tissue} | {one.n_samples} | {one.n_datasets} | {_figure(one.r2_gene_median)} | {_figure(one.coverage)} |"
        for tissue, one in held_out.tissues.items()
    ]
    return "\n".join(
        [
            "## Within held-out data sets, and by tissue\n",
            "Each data set's own mean is removed from truth and prediction: what is left is what differs between its "
            f"samples. Median R² of a gene: {_figure(own)}{beside}. Where a tissue varies little from one sample to "
            "the next, hardly anything of a gene's variation is known.\n",
            "| tissue | samples | data sets | median R² within | 90 % intervals hold |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def _sources(training: TrainingRecord) -> str:
    """Return the table of the corpus' sources with their licences; empty for other cohorts."""
    if training.trained_on.name != CORPUS:
        return ""
    text = resource_path("data", "corpora", "human_bulk", "sources.tsv").read_text(encoding="utf-8")
    rows = [[cell.replace("|", ", ") for cell in line.split("\t")] for line in text.splitlines()[1:]]
    return "\n".join(
        [
            "## Sources of the corpus\n",
            "Weights and figures were learnt from them; none of their profiles is in this folder. Samples are counted "
            "before duplicates and excluded patients were dropped.\n",
            "| source | accession | samples | licence, as stated |",
            "| --- | --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _adapted(base: AdaptedFrom) -> str:
    return (
        f"It was adapted from **{base.model}** (weights {base.weights_sha256[:16]}…): {base.genes_shared:,} genes "
        f"shared, {base.genes_new:,} new, {base.genes_left_out:,} left out; mean and SD: {base.standardise}; "
        f"trained layers: {base.learn}."
    )


def _carried(n: int, licence: str) -> str:
    return (
        f"`{COHORT}` carries {n} training profiles without names (log1p TPM, 256 levels a gene) for goals, quantiles "
        f"and backgrounds; licence {licence or 'that of their sources'}."
    )


def _drawn(n: int) -> str:
    return (
        f"`{COHORT}` carries {n} profiles for goals, quantiles and backgrounds (log1p TPM, 256 levels a gene). They "
        "are drawn from what the network learnt of each tissue, the tissues in turn: none is a sample of the corpus."
    )
