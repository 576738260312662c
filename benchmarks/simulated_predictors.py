"""Predictors of shifts on simulated patients: the baselines, networks, and the product's candidate.

Each is fitted on the training patients of one world, with the mean of every series taken out, and may use the world's
validation patients to choose a penalty or an epoch. None sees a true response.

Shape suffixes: S samples, G genes (each is perturbed alone), N pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import nn

from benchmarks.regulon_changes import simple_changes
from benchmarks.simulated_sparse import (
    Recipe,
    TitrationCurves,
    given_share,
    links,
    propagated,
    relevance,
    titration_curves,
)
from benchmarks.simulator import World
from cellstate.evidence import PredictorId
from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.linear import fit_components, whitened_map
from cellstate.perturb.predictors.propagate import base_pass, propagate
from cellstate.perturb.predictors.registry import FittedParameters
from cellstate.perturb.predictors.sparse import SparseEffectPropagation
from train.sparse_fit import fit_effects
from train.warm_start import pca_map, warm_start

RECIPE = Recipe()
#: Width of the networks' latent layer, and so of PCA.
LATENT = 64
_HIDDEN = (256, LATENT, 256)
#: Share of the genes that are hidden in training, from and to.
_HIDE = (0.15, 0.5)
#: Networks of an ensemble, and how far apart their seeds are: no other world has one of them.
MEMBERS, _SEEDS_APART = 5, 1000
#: States of the patients, and the components in which they are told apart.
STATES, LEADING = 2, 10


@dataclass(frozen=True, eq=False)
class Training:
    """What a predictor learns from: z of training and validation patients without the means of their series."""

    z_SG: np.ndarray
    validation_z_SG: np.ndarray
    n_regulators: int
    seed: int

    @classmethod
    def of(cls, world: World) -> Training:
        """Take the training patients' mean of each series out of training and validation patients."""
        z_SG, validation_z_SG = world.z(world.train).astype(np.float64), world.z(world.validation).astype(np.float64)
        for series in range(world.design.n_series):
            mean_G = z_SG[world.train.series_S == series].mean(axis=0)
            z_SG[world.train.series_S == series] -= mean_G
            validation_z_SG[world.validation.series_S == series] -= mean_G
        return cls(z_SG, validation_z_SG, world.design.n_regulators, world.seed)


class Linear:
    """Shifts in proportion to the change of the perturbed gene; nothing cooperates.

    Parameters
    ----------
    effect_GG : ndarray
        Effect of an S of change of each gene (rows) on all genes.
    curves : TitrationCurves, optional
        How far a change counts at the patient's level; without them it counts fully.
    """

    def __init__(self, effect_GG: np.ndarray, curves: TitrationCurves | None = None) -> None:
        self.effect_GG = effect_GG
        self.curves = curves

    def shift(self, z_SG: np.ndarray, change_SG: np.ndarray) -> np.ndarray:
        """Return the shift after perturbing each gene alone, shape (S, perturbed G, G)."""
        felt_SG = change_SG if self.curves is None else self.curves.felt(z_SG, change_SG)
        return felt_SG[:, :, None] * self.effect_GG

    def together(self, z_G: np.ndarray, change_G: np.ndarray, genes_EK: np.ndarray) -> np.ndarray:
        """Return one patient's shift after perturbing several genes at once: the sum, shape (E, G)."""
        return self.shift(z_G[None], change_G[None])[0][genes_EK].sum(axis=1)


class OfState:
    """Shifts in proportion, by the effects of the state that a patient is nearest to.

    Parameters
    ----------
    effect_KGG : ndarray
        Effects within each state.
    state : callable
        State of each patient, from (S, G) to (S,).
    """

    def __init__(self, effect_KGG: np.ndarray, state: Callable[[np.ndarray], np.ndarray]) -> None:
        self.effect_KGG = effect_KGG
        self.state = state

    def shift(self, z_SG: np.ndarray, change_SG: np.ndarray) -> np.ndarray:
        """Return the shift after perturbing each gene alone, shape (S, perturbed G, G)."""
        return change_SG[:, :, None] * self.effect_KGG[self.state(z_SG)]

    def together(self, z_G: np.ndarray, change_G: np.ndarray, genes_EK: np.ndarray) -> np.ndarray:
        """Return one patient's shift after perturbing several genes at once: the sum, shape (E, G)."""
        return self.shift(z_G[None], change_G[None])[0][genes_EK].sum(axis=1)


class Network:
    """The change of a network's output, by difference propagation, as the product's."""

    def __init__(self, network: AutoEncoder) -> None:
        self.network = network

    def shift(self, z_SG: np.ndarray, change_SG: np.ndarray) -> np.ndarray:
        """Return the shift after perturbing each gene alone, shape (S, perturbed G, G)."""
        genes_G1 = torch.arange(z_SG.shape[1])[:, None]
        pairs = zip(torch.from_numpy(z_SG[:, None]), torch.from_numpy(change_SG[:, :, None]), strict=True)
        shifts = [propagate(self.network, base_pass(self.network, z), genes_G1, change) for z, change in pairs]
        return torch.stack(shifts).numpy()

    def together(self, z_G: np.ndarray, change_G: np.ndarray, genes_EK: np.ndarray) -> np.ndarray:
        """Return one patient's shift after perturbing several genes at once, shape (E, G)."""
        base = base_pass(self.network, torch.from_numpy(z_G[None]))
        return propagate(self.network, base, torch.from_numpy(genes_EK), torch.from_numpy(change_G[genes_EK])).numpy()

    def beyond(self, z_SG: np.ndarray, change_SG: np.ndarray, a_N: np.ndarray, b_N: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the interactions of pairs on all other genes, shape (N, G), for each patient."""
        single_SGG = self.shift(z_SG, change_SG)
        genes_N2 = torch.from_numpy(np.stack([a_N, b_N], axis=1))
        for z_G, change_G, single_GG in zip(z_SG, change_SG, single_SGG, strict=True):
            base = base_pass(self.network, torch.from_numpy(z_G[None]))
            changed_N2 = torch.from_numpy(change_G)[genes_N2]
            both_NG = propagate(self.network, base, genes_N2, changed_N2).numpy() - single_GG[a_N] - single_GG[b_N]
            for gene_N in (a_N, b_N):
                both_NG[np.arange(len(a_N)), gene_N] = 0
            yield both_NG

    def interaction(self, z_SG: np.ndarray, change_SG: np.ndarray, a_N: np.ndarray, b_N: np.ndarray) -> np.ndarray:
        """Return the size of the interactions of pairs, per SD of both changes, shape (N,)."""
        size_SN = np.maximum(np.abs(change_SG[:, a_N] * change_SG[:, b_N]), 1e-3)
        beyond = self.beyond(z_SG, change_SG, a_N, b_N)
        return np.mean([np.sqrt((x_NG**2).mean(axis=1)) / s_N for x_NG, s_N in zip(beyond, size_SN, strict=True)], 0)


class Mean:
    """The mean of what several predictors foresee."""

    def __init__(self, parts: Sequence[Linear | Network]) -> None:
        self.parts = parts

    def shift(self, z_SG: np.ndarray, change_SG: np.ndarray) -> np.ndarray:
        """Return the shift after perturbing each gene alone, shape (S, perturbed G, G)."""
        return np.mean([part.shift(z_SG, change_SG) for part in self.parts], axis=0)

    def together(self, z_G: np.ndarray, change_G: np.ndarray, genes_EK: np.ndarray) -> np.ndarray:
        """Return one patient's shift after perturbing several genes at once, shape (E, G)."""
        return np.mean([part.together(z_G, change_G, genes_EK) for part in self.parts], axis=0)


Fitted = Linear | OfState | Network | Mean


def _no_change(training: Training) -> Linear:
    return Linear(np.zeros((training.z_SG.shape[1],) * 2))


@lru_cache(maxsize=1)
def known_of(training: Training) -> FittedParameters:
    """What the product's linear baselines know of these patients; the penalties are chosen on validation patients."""
    z_SG, validation_z_SG = training.z_SG, training.validation_z_SG
    regulator_G = np.arange(z_SG.shape[1]) < training.n_regulators
    components = fit_components(z_SG, LATENT, validation_z_SG=validation_z_SG, tf_G=regulator_G)
    return FittedParameters(z_SG.shape[1], components, fit_effects(z_SG, validation_z_SG, training.seed))


def _baseline(name: str) -> Callable[[Training], Linear]:
    """Fit a baseline of the product: its effect per SD is its prediction for a loss of 1 SD with the sign reversed."""

    def fit(training: Training) -> Linear:
        effect_GG = -simple_changes(known_of(training), np.arange(training.z_SG.shape[1]))[name].astype(np.float64)
        np.fill_diagonal(effect_GG, 0)
        return Linear(effect_GG)

    return fit


def _whitened(training: Training) -> Linear:
    """Whiten the leading components alone: of as many as there are genes, every gene would be on its own."""
    known = known_of(training).components
    assert known is not None
    leading = replace(known, components_PG=known.pca_LG, variance_P=known.pca_variance_L)
    effect_GG = whitened_map(leading).change(rises(training.z_SG.shape[1])).astype(np.float64)
    np.fill_diagonal(effect_GG, 0)
    return Linear(effect_GG)


def rises(n_genes: int) -> InputChange:
    """Return one row a gene, which alone gains 1 SD."""
    rise_GG = np.eye(n_genes, dtype=np.float32)
    return InputChange(np.arange(n_genes), rise_GG, np.full_like(rise_GG, np.nan))


def _fused(training: Training) -> Linear:
    """The mean of both methods' effects, each by its own size; ranks of effects in place of sizes are worse."""
    parts = [fit(training).effect_GG for fit in (_whitened, _baseline(PredictorId.ELASTIC_NET))]
    return Linear(np.mean([one / np.sqrt(np.square(one).mean()) for one in parts], axis=0))


def _state_elastic_net(training: Training) -> OfState:
    """An elastic net for each of two states that training patients show by themselves, averaged with that of all."""
    known = known_of(training)
    assert known.components is not None
    leading_LG = known.components.pca_LG[:LEADING]
    clusters = KMeans(STATES, n_init=10, random_state=training.seed).fit(training.z_SG @ leading_LG.T)

    def state(z_SG: np.ndarray) -> np.ndarray:
        return clusters.predict(z_SG.astype(np.float64) @ leading_LG.T)

    own_S, held_out_S = state(training.z_SG), state(training.validation_z_SG)
    pooled_GG, effects = _baseline(PredictorId.ELASTIC_NET)(training).effect_GG, []
    for k in range(STATES):
        validation_SG = training.validation_z_SG[held_out_S == k]
        # The penalty is chosen about the state's own mean, as the effects are learnt.
        mean_G = training.z_SG[own_S == k].mean(axis=0)
        found = fit_effects(training.z_SG[own_S == k] - mean_G, validation_SG - mean_G, training.seed)
        own_GG = SparseEffectPropagation(found).change(rises(len(pooled_GG)))
        np.fill_diagonal(own_GG, 0)
        effects.append((own_GG + pooled_GG) / 2)
    return OfState(np.stack(effects), state)


@lru_cache(maxsize=1)
def sparse_links(training: Training) -> np.ndarray:
    """Return the links that the recipe learns, shape (G, G); kept, as pairs need them too."""
    start = relevance(training.z_SG, RECIPE.relevance_steps)
    return links(training.z_SG, start, RECIPE, training.seed)


def _sparse(training: Training) -> Linear:
    effect_GG = sparse_links(training)
    share_G1 = given_share(effect_GG, RECIPE.sharpness)[:, None]
    return Linear(share_G1 * propagated(effect_GG, RECIPE.damping))


def _sparse_curved(training: Training) -> Linear:
    return Linear(_sparse(training).effect_GG, titration_curves(training.z_SG, sparse_links(training), RECIPE))


def _autoencoder(training: Training) -> Network:
    return Network(train_network(training, hide=None))


def _hidden_genes(training: Training) -> Network:
    return Network(train_network(training, hide=_HIDE))


def _ensemble(training: Training) -> Mean:
    seeds = (training.seed + _SEEDS_APART * member for member in range(MEMBERS))
    return Mean([Network(train_network(replace(training, seed=seed), hide=_HIDE)) for seed in seeds])


def _stacked(training: Training) -> Mean:
    return Mean([_baseline("ridge")(training), _hidden_genes(training)])


def train_network(
    training: Training, hide: tuple[float, float] | None, *, epochs: int = 60, every: int = 5, batch: int = 64
) -> AutoEncoder:
    """Train a network, from PCA on, to reproduce its input, or to predict genes hidden from it (set to the mean).

    The epoch with the least error on validation patients is kept: of all genes, or of a fifth of them, hidden.
    """
    genes = training.z_SG.shape[1]
    network = AutoEncoder(ModelConfig("simulated", (genes, *_HIDDEN, genes), "gelu", residual=True))
    known = known_of(training).components
    assert known is not None
    warm_start(network, *pca_map(known.pca_LG, known.pca_variance_L), training.seed)
    generator = torch.Generator().manual_seed(training.seed)
    z_SG, held_out_SG = (torch.from_numpy(z).float() for z in (training.z_SG, training.validation_z_SG))
    asked_SG = torch.rand(held_out_SG.shape, generator=generator) < (1.0 if hide is None else 0.2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    best, kept = float("inf"), network.state_dict()
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(z_SG), generator=generator).split(batch):
            target_SG = z_SG[rows]
            loss_on = torch.ones_like(target_SG, dtype=torch.bool)
            if hide is not None:
                share_S1 = hide[0] + (hide[1] - hide[0]) * torch.rand(len(rows), 1, generator=generator)
                loss_on = torch.rand(target_SG.shape, generator=generator) < share_S1
            seen_SG = target_SG if hide is None else target_SG * ~loss_on
            loss = ((network(seen_SG) - target_SG)[loss_on] ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        schedule.step()
        if epoch % every == 0:
            with torch.inference_mode():
                seen_SG = held_out_SG if hide is None else held_out_SG * ~asked_SG
                error = float(((network(seen_SG) - held_out_SG)[asked_SG] ** 2).mean())
            if error < best:
                best, kept = error, {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(kept)
    return network.eval().requires_grad_(False)


@dataclass(frozen=True)
class Predictor:
    """A way to fit; ``linear_baseline`` where the default method is compared with it."""

    id: PredictorId
    sentence: str
    fit: Callable[[Training], Fitted]
    linear_baseline: bool = False


PREDICTORS = (
    Predictor(PredictorId.NO_CHANGE, "Nothing but the perturbed gene changes.", _no_change),
    Predictor(
        PredictorId.COEXPRESSION,
        "Each gene follows the perturbed one as in the training patients.",
        _baseline("coexpression"),
        linear_baseline=True,
    ),
    Predictor(
        PredictorId.PCA,
        f"The perturbation is seen through {LATENT} principal components.",
        _baseline("pca"),
        linear_baseline=True,
    ),
    Predictor(
        PredictorId.RIDGE,
        "Ridge regression of every gene on all others.",
        _baseline(PredictorId.RIDGE),
        linear_baseline=True,
    ),
    Predictor(PredictorId.RIDGE_TF, "The same on the regulators alone: prior knowledge.", _baseline("ridge_tf")),
    Predictor(PredictorId.AUTOENCODER, "A network that learnt to reproduce its input.", _autoencoder),
    Predictor(
        PredictorId.MASKED_AUTOENCODER,
        "A network that learnt to predict 15 to 50 % of the genes, hidden.",
        _hidden_genes,
    ),
    Predictor(
        PredictorId.MASKED_AUTOENCODER_ENSEMBLE, f"The mean of {MEMBERS} such networks of other seeds.", _ensemble
    ),
    Predictor(PredictorId.RIDGE_MASKED_AUTOENCODER, "The mean of ridge and such a network.", _stacked),
    Predictor(
        PredictorId.ELASTIC_NET,
        "Few genes explain each gene; what is moved passes half of it on, twice.",
        _baseline("elastic_net"),
    ),
    Predictor(
        PredictorId.WHITENED_COEXPRESSION,
        f"Correlation of two genes where each of {LATENT} components counts alike.",
        _whitened,
    ),
    Predictor(PredictorId.FUSION, "The mean of whitened co-expression and elastic net, on one scale.", _fused),
    Predictor(
        PredictorId.STATE_ELASTIC_NET,
        "An elastic net for each of two states of the patients, half pooled.",
        _state_elastic_net,
    ),
    Predictor(PredictorId.SPARSE_LINKS, "Spike and slab with hubs, gated by what a gene gives and takes.", _sparse),
    Predictor(PredictorId.SPARSE_LINKS_CURVES, "The same; a perturbation counts by the gene's level.", _sparse_curved),
)
#: The default method of the shipped model, to which the criteria apply.
DEFAULT = PredictorId.ELASTIC_NET
