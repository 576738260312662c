"""Fit a model from a config and write its complete folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import to_builtins

from cellstate.model.folder import save_model
from cellstate.model.network import DTYPES, AutoEncoder, initialise
from cellstate.model.record import read_record

from .callbacks import ProgressDisplay
from .config import TrainConfig
from .data import TrainingData, read_cohorts, read_store
from .distributed import DistributedContext
from .embedding import in_components, inner_multipliers, inner_network, outer_state
from .loop import TrainingJob, train
from .objective import Objective
from .package import package_model
from .run_folder import RunFolder
from .warm_start import pca_map, principal_components, robust_map, warm_start


def fit(config: TrainConfig, context: DistributedContext, progress: ProgressDisplay, *, fresh: bool = False) -> dict:
    """Train, evaluate on the held-out splits, write the model folder; returns the command's result.

    A run that was interrupted continues from its newest checkpoint; an older model folder stays until the new one is
    whole. Only the first process writes; the others return an empty dict.

    Parameters
    ----------
    fresh : bool
        Forget an interrupted run.
    """
    context.agree("config", json.dumps(asdict(config), sort_keys=True))
    data = read_data(config, context)
    network = build(config, data, context)
    return train_and_package(config, data, network, context, progress, fresh=fresh)


def read_data(config: TrainConfig, context: DistributedContext) -> TrainingData:
    """Read the samples of a run: a cohort whole, a store block by block."""
    if config.data.cohort:
        return read_cohorts(config.data)
    return read_store(config.data, config.loop.seed, context)


def build(config: TrainConfig, data: TrainingData, context: DistributedContext) -> AutoEncoder:
    """Return the network of a config at its start: a linear autoencoder or random weights."""
    genes = len(data.space)
    chosen = config.network
    network = AutoEncoder(chosen.model(genes))
    width, seed = chosen.components or network.config.n_latent, config.loop.seed
    if chosen.warm_start == "none":
        initialise(network, seed)
    elif chosen.warm_start == "robust":
        warm_start(network, *robust_map(data.train_z_SG, width), seed)
    else:
        components_PG, variance_P = principal_components(data.train, genes, width, context, seed)
        if chosen.components:
            # One unit for all: in units of their own the many small components would be as loud as the large ones.
            variance_P = np.full_like(variance_P, variance_P.mean())
        warm_start(network, *pca_map(components_PG, variance_P), seed)
    silence(network, data.silent_G)
    return network


def silence(network: AutoEncoder, silent_G: np.ndarray) -> None:
    """Disconnect genes that no training sample measures: they change no prediction, and theirs stays 0."""
    if not silent_G.any():
        return
    silent = torch.from_numpy(silent_G)
    with torch.no_grad():
        network.weight(0)[:, silent] = 0
        network.weight(len(network.layers) - 1)[silent] = 0
        if network.skip_in is not None and network.skip_out is not None and network.skips_to_genes:
            network.skip_in.weight[:, silent] = 0
            network.skip_out.weight[silent] = 0


def training_job(
    config: TrainConfig, data: TrainingData, network: AutoEncoder, lr_multipliers: Mapping[str, float] | None = None
) -> tuple[AutoEncoder, TrainingJob]:
    """Return what learns, and from what: the network, or of one with an embedding the layers between its ends."""
    sources, multipliers = (data.train, data.validation), lr_multipliers or {}
    learning = network
    if network.config.embedding:
        learning = inner_network(network)
        sources = (in_components(data.train, network), in_components(data.validation, network))
        multipliers = inner_multipliers(network, multipliers)
    objective = Objective(config.loop, data.space)
    return learning, TrainingJob(*sources, config.loop, config.run, objective, multipliers)


def train_and_package(
    config: TrainConfig,
    data: TrainingData,
    network: AutoEncoder,
    context: DistributedContext,
    progress: ProgressDisplay,
    *,
    fresh: bool = False,
    about: Mapping[str, Any] | None = None,
    lr_multipliers: Mapping[str, float] | None = None,
    classifier: Path | None = None,
) -> dict:
    """Train a network that is ready, and write its folder; see `fit`.

    Parameters
    ----------
    about : mapping, optional
        Further entries of the metrics, for example the model that it was adapted from.
    lr_multipliers : mapping, optional
        Factor of the learning rate of single parameters, see `TrainingJob`.
    classifier : Path, optional
        A base model's classifier of tissues, which the new folder takes over.
    """
    identity = asdict(config) | {"data_sha256": data.checksum, "base": dict(about or {})}
    folder = RunFolder(Path(config.output.folder), identity, context, progress, fresh=fresh)
    dtype = DTYPES[config.output.dtype]
    save = partial(save_model, folder.stage, network, data.space, data.gene_table, dtype)
    learning, job = training_job(config, data, network, lr_multipliers)
    folder.save_best = save if learning is network else lambda weights: save(outer_state(network, weights))
    with folder:
        if folder.is_renamed:
            record = read_record(folder.target).training
        else:
            outcome = train(learning, job, context, folder, folder.checkpoints(config.run.keep_checkpoints))
            if not outcome.finished:
                interrupted = {"interrupted": True, "step": outcome.steps, "continue": "run the same command again"}
                return interrupted if context.is_first else {}
            if context.is_first:
                record = package_model(folder.stage, config, data, outcome, context, about or {}, classifier)
        if not context.is_first:
            return {}
        folder.finish()
    assert record is not None
    return {
        "model": str(folder.target),
        "best_epoch": record.best_epoch,
        "validation_loss": record.validation_loss,
        "seconds": record.seconds,
        "evaluation": to_builtins(record.evaluation),
    }
