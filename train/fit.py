"""Fit a model from a config and write its complete folder: weights, genes, rivals, cohort, history, metrics, card."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from cellstate.cohorts import Cohort
from cellstate.errors import DataError
from cellstate.evaluate.metrics import r2_per_gene
from cellstate.evaluate.reconstruction import evaluate
from cellstate.evaluate.trust import calibrate
from cellstate.expression import align
from cellstate.model.config import ModelConfig
from cellstate.model.device import DTYPES
from cellstate.model.folder import CARD, HISTORY, METRICS, WEIGHTS, load_model, save_genes, save_model
from cellstate.model.network import AutoEncoder, initialise
from cellstate.model.profiles import save_profiles
from cellstate.perturb.components import Components, fit_components, save_components
from train.card import write_card
from train.config import TrainConfig
from train.data import TrainingData, open_cohorts, prepare
from train.distributed import World
from train.loop import Epoch, best_of, train
from train.progress import Progress
from train.robust import robust_map
from train.warm_start import pca_map, warm_start

#: Splits that no choice of the training ever sees.
HELD_OUT = ("test", "older_test")


def fit(config: TrainConfig, world: World, progress: Progress) -> dict:
    """Train, evaluate on the held-out splits, write the model folder; returns what the command prints.

    The folder is made beside its final place and swapped in when whole, so an interrupted run leaves the old one.
    Only the first process writes; the others return an empty dict.
    """
    started = time.perf_counter()
    target = Path(config.output.folder)
    if target.exists() and any(target.iterdir()) and not (target / WEIGHTS).exists():
        raise DataError(f"{target} exists and holds no model.", "Choose another output folder.")
    cohort, further = open_cohorts(config.data)
    chosen = config.data
    data = prepare(cohort, chosen.min_detected, further, centre=chosen.centre, rescale=chosen.rescale)
    pca = fit_components(
        data.train_z_SG,
        min(config.network.hidden),
        pooled_z_SG=data.balanced_z_SG,
        validation_z_SG=data.validation_z_SG,
        tf_G=data.space.is_tf_G,
    )
    network = build(config, data, pca)
    stage = target.with_name(f".{target.name}.partial")
    if world.is_first:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)

    def on_epoch(epoch: Epoch) -> None:
        if world.is_first:
            with open(stage / HISTORY, "a") as history:
                history.write(json.dumps(epoch.to_dict()) + "\n")
            progress.epoch(epoch)

    with progress:
        history = train(network, data.train_z_SG, data.validation_z_SG, config.loop, world, on_epoch, progress.step)
    if not world.is_first:
        return {}
    network.to("cpu")
    metrics = _write(stage, config, cohort, further, data, pca, network, history, world, started)
    _swap(stage, target)
    return {
        "model": str(target),
        "best_epoch": best_of(history).epoch,
        "validation_loss": best_of(history).validation_loss,
        "seconds": round(time.perf_counter() - started, 1),
        "evaluation": metrics["evaluation"],
    }


def build(config: TrainConfig, data: TrainingData, known: Components) -> AutoEncoder:
    """Return the network of a config at its start: a linear auto-encoder or random weights."""
    genes = len(data.space)
    chosen = config.network
    network = AutoEncoder(ModelConfig(chosen.name, (genes, *chosen.hidden, genes), chosen.activation, chosen.residual))
    if chosen.warm_start == "none":
        initialise(network, config.loop.seed)
        return network
    if chosen.warm_start == "pca":
        linear = pca_map(known, network.config.n_latent)
    elif chosen.warm_start == "robust":
        linear = robust_map(data.train_z_SG, network.config.n_latent)
    else:
        raise DataError(f"There is no warm start {chosen.warm_start!r}.", "Use 'robust', 'pca' or 'none'.")
    warm_start(network, *linear, config.loop.seed)
    return network


def _write(
    stage: Path,
    config: TrainConfig,
    cohort: Cohort,
    further: tuple[Cohort, ...],
    data: TrainingData,
    pca: Components,
    network: AutoEncoder,
    history: list[Epoch],
    world: World,
    started: float,
) -> dict:
    """Write everything but the history, which is there already; quality is measured on the stored weights."""
    save_model(stage, network, data.space, data.gene_table, DTYPES[config.output.dtype])
    save_components(pca, stage)
    save_profiles(stage, np.log1p(align(cohort.split("train"), data.space).tpm_SG), config.loop.seed)
    model = load_model(stage, device="cpu")
    z_SG = data.validation_z_SG
    z_hat_SG = model.reconstruct(z_SG)
    r2_G = r2_per_gene(data.space.log1p_tpm(z_SG), data.space.log1p_tpm(z_hat_SG))
    save_genes(stage, data.gene_table.assign(r2_validation=r2_G))
    trust = calibrate(model, cohort.split("validation"))
    model = replace(model, metrics={"trust": trust})
    metrics = {
        "trained_on": _source(cohort),
        "also_trained_on": [_source(one) for one in further],
        "cohort_sha256": cohort.manifest["sha256"],
        "config": asdict(config),
        "processes": world.size,
        "torch": torch.__version__.split("+")[0],
        "best_epoch": best_of(history).epoch,
        "validation_loss": best_of(history).validation_loss,
        "trust": trust,
        "evaluation": {split: evaluate(model, cohort.split(split)).to_dict() for split in HELD_OUT},
        "seconds": round(time.perf_counter() - started, 1),
    }
    for figures in metrics["evaluation"].values():
        # One line a patient is for the command; the folder keeps the summary.
        del figures["samples"]
    (stage / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")
    write_card(stage / CARD, model, metrics)
    return metrics


def _source(cohort: Cohort) -> dict:
    """What a model must say of a cohort that it learnt from."""
    keys = ("name", "source", "source_sha256", "licence", "attribution", "splits")
    return {key: cohort.manifest[key] for key in keys if key in cohort.manifest}


def _swap(stage: Path, target: Path) -> None:
    """Put the finished folder in place of an older one with no moment in which neither is there whole."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(stage, target)
    shutil.rmtree(old, ignore_errors=True)
