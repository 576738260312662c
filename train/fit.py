"""Fit a model from a config and write its complete folder: weights, genes, rivals, cohort, history, metrics, card."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellstate.evaluate.metrics import r2_per_gene
from cellstate.evaluate.reconstruction import evaluate
from cellstate.evaluate.trust import calibrate
from cellstate.expression import align
from cellstate.model.config import ModelConfig
from cellstate.model.device import DTYPES
from cellstate.model.folder import CARD, METRICS, load_model, save_genes, save_model
from cellstate.model.network import AutoEncoder, initialise
from cellstate.model.profiles import save_profiles
from cellstate.perturb.predictors.components import fit_components, save_components
from cellstate.perturb.predictors.sparse import save_effects
from cellstate.perturb.predictors.sparse_fit import fit_effects
from cellstate.perturb.sample import prepare_samples
from train.card import write_card
from train.config import TrainConfig
from train.data import HELD_OUT, TrainingData, read_cohorts
from train.distributed import World
from train.loop import Outcome, Task, best_of, train
from train.objective import Objective
from train.progress import Progress
from train.robust import robust_map
from train.run_folder import RunFolder
from train.store_data import read_store
from train.streamed_pca import principal_components
from train.warm_start import pca_map, warm_start


def fit(config: TrainConfig, world: World, progress: Progress, *, fresh: bool = False) -> dict:
    """Train, evaluate on the held-out splits, write the model folder; returns what the command prints.

    A run that was interrupted continues from its newest checkpoint; an older model folder stays until the new one is
    whole. Only the first process writes; the others return an empty dict.

    Parameters
    ----------
    fresh : bool
        Forget an interrupted run.
    """
    world.agree("config", json.dumps(asdict(config), sort_keys=True))
    data = read_data(config, world)
    network = build(config, data, world)
    return learn(config, data, network, world, progress, fresh=fresh)


def read_data(config: TrainConfig, world: World) -> TrainingData:
    """Read the samples of a run: a cohort whole, a store block by block."""
    if config.data.cohort:
        return read_cohorts(config.data)
    return read_store(config.data, config.loop.seed, world)


def build(config: TrainConfig, data: TrainingData, world: World) -> AutoEncoder:
    """Return the network of a config at its start: a linear auto-encoder or random weights."""
    genes = len(data.space)
    chosen = config.network
    network = AutoEncoder(ModelConfig(chosen.name, (genes, *chosen.hidden, genes), chosen.activation, chosen.residual))
    width, seed = network.config.n_latent, config.loop.seed
    if chosen.warm_start == "none":
        initialise(network, seed)
    elif chosen.warm_start == "robust":
        warm_start(network, *robust_map(data.train_z_SG, width), seed)
    else:
        found = principal_components(data.train, genes, width, world, seed)
        warm_start(network, *pca_map(*found), seed)
    silence(network, data.silent_G)
    return network


def silence(network: AutoEncoder, silent_G: np.ndarray) -> None:
    """Cut genes off that nothing can be learnt of: they change no prediction, and theirs stays 0."""
    if not silent_G.any():
        return
    silent = torch.from_numpy(silent_G)
    with torch.no_grad():
        network.weight(0)[:, silent] = 0
        network.weight(len(network.layers) - 1)[silent] = 0
        if network.skip_in is not None and network.skip_out is not None:
            network.skip_in.weight[:, silent] = 0
            network.skip_out.weight[silent] = 0


def learn(
    config: TrainConfig,
    data: TrainingData,
    network: AutoEncoder,
    world: World,
    progress: Progress,
    *,
    fresh: bool = False,
    about: Mapping[str, Any] | None = None,
    shares: Mapping[str, float] | None = None,
) -> dict:
    """Train a network that is ready, and write its folder; see `fit`.

    Parameters
    ----------
    about : mapping, optional
        What else the metrics say, for example the model that it was adapted from.
    shares : mapping, optional
        Share of the learning rate of single parameters, see `train.loop.Task`.
    """
    identity = asdict(config) | {"data_sha256": data.checksum, "base": dict(about or {})}
    folder = RunFolder(Path(config.output.folder), identity, world, progress, fresh=fresh)
    dtype = DTYPES[config.output.dtype]
    folder.save_best = partial(save_model, folder.stage, network, data.space, data.gene_table, dtype)
    task = Task(data.train, data.validation, config.loop, config.run, Objective(config.loop, data.space), shares or {})
    with folder:
        outcome = train(network, task, world, folder, folder.checkpoints(config.run.keep_checkpoints))
    if not outcome.finished:
        told = {"interrupted": True, "step": outcome.steps, "continue": "run the same command again"}
        return told if world.is_first else {}
    if not world.is_first:
        return {}
    metrics = _write(folder.stage, config, data, outcome, world, about or {})
    folder.finish()
    return {
        "model": str(folder.target),
        "best_epoch": metrics["best_epoch"],
        "validation_loss": metrics["validation_loss"],
        "seconds": metrics["seconds"],
        "evaluation": metrics["evaluation"],
    }


def peak_memory() -> int:
    """Return the most memory that this process ever held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _write(
    stage: Path,
    config: TrainConfig,
    data: TrainingData,
    outcome: Outcome,
    world: World,
    about: Mapping[str, Any],
) -> dict:
    """Write what stands beside the weights; quality is measured on them as they are stored."""
    started = time.perf_counter()
    several = len(data.further_z_SG) > 0
    rivals = fit_components(
        data.train_z_SG,
        min(config.network.hidden),
        pooled_z_SG=data.balanced_z_SG if several else None,
        validation_z_SG=data.validation_z_SG,
        tf_G=data.space.is_tf_G,
    )
    save_components(rivals, stage)
    save_effects(fit_effects(data.balanced_z_SG, data.validation_z_SG, config.loop.seed), stage)
    log1p_SG = np.nan_to_num(np.log1p(align(data.samples["train"], data.space).tpm_SG))
    save_profiles(stage, log1p_SG, config.loop.seed)
    model = load_model(stage, device="cpu")
    z_SG, measured_SG = data.validation_z_SG, align(data.samples["validation"], data.space).measured_SG
    truth_SG = np.where(measured_SG, data.space.log1p_tpm(z_SG), np.nan)
    r2_G = r2_per_gene(truth_SG, data.space.log1p_tpm(model.reconstruct(z_SG)))
    save_genes(stage, data.gene_table.assign(r2_validation=r2_G))
    # The metrics that say that the folder is trained are not written yet.
    trust = calibrate(prepare_samples(model, data.samples["validation"], impute=True))
    model = replace(model, metrics={"trust": trust})
    kept = best_of(outcome.history) if config.loop.keep == "best" else outcome.history[-1]
    metrics = {
        **data.about,
        **about,
        "config": asdict(config),
        "processes": world.size,
        "torch": torch.__version__.split("+")[0],
        "best_epoch": kept.epoch,
        "validation_loss": kept.validation_loss,
        "trust": trust,
        "evaluation": {
            split: evaluate(prepare_samples(model, data.samples[split])).to_dict()
            for split in HELD_OUT
            if split in data.samples
        },
        "peak_memory_gb": round(peak_memory() / 1e9, 2),
        "seconds": round(outcome.history[-1].seconds + time.perf_counter() - started, 1),
    }
    for figures in metrics["evaluation"].values():
        # One line a patient is for the command; the folder keeps the summary.
        del figures["samples"]
    (stage / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")
    write_card(stage / CARD, model, metrics)
    return metrics
