"""Adapt a base model to a disease cohort: its genes, its levels, a few steps of learning.

Shape suffixes: S samples, G genes of the new model, B genes of the base, H units of the last hidden layer.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cellstate.errors import CellStateError
from cellstate.evaluation.tissue import TISSUES, model_tissues
from cellstate.gene_space import GeneSpace
from cellstate.model import Model, load_model
from cellstate.model.config import ModelConfig
from cellstate.model.folder import weights_sha256
from cellstate.model.network import AutoEncoder

from .callbacks import ProgressDisplay
from .config import (
    DataConfig,
    LoopConfig,
    NetworkConfig,
    OutputConfig,
    RunConfig,
    TrainConfig,
    one_of,
    read_sections,
)
from .data import TrainingData
from .distributed import DistributedContext
from .fit import read_data, silence, train_and_package
from .inherit import inherit, take_components

STANDARDISE = ("shrunk", "own", "base")
LEARN = ("all", "decoder", "last")
LINEAR = ("base", "components")
#: A cohort that shares fewer of its genes with the base is another kind of data.
LEAST_SHARED = 0.5


@dataclass(frozen=True)
class BaseConfig:
    """What is adapted, and how far it may move."""

    model: str = ""
    """Folder of the base model."""
    name: str = ""
    """Name of the adapted model; the base's where it is empty."""
    standardise: str = "shrunk"
    """Source of mean and SD. ``own``: the cohort. ``base``: the base model. ``shrunk``: the base's SD, and each gene's
    mean moved from the base's towards the cohort's as far as the cohort's size supports."""
    learn: str = "all"
    """Which layers learn: ``all``, the ``decoder``, or the ``last`` alone; the others stay frozen."""
    tissues: tuple[str, ...] = ()
    """Tissues that the adapted model covers, in the names of the base's classifier; none: any."""
    components: int = 0
    """Width of the embedding: leading components of the cohort's samples and the base's profiles together. 0: the
    base's components."""
    base_weight: float = 0.05
    """Weight of the base's profiles in these components, as a multiple of that of the cohort's samples."""
    linear: str = "base"
    """Start of the linear maps beside the layers: the ``base``'s, or the leading of these ``components``, for a cohort
    that is large enough to know its own."""
    layer_decay: float = 1.0
    """Each layer learns at this share of the rate of the one after it: below 1 the early layers move least."""

    def __post_init__(self) -> None:
        if not self.model:
            raise CellStateError("A fine-tuning run needs a base model.", "Name its folder: model = ... in [base].")
        one_of("standardise", self.standardise, STANDARDISE, "base")
        one_of("learn", self.learn, LEARN, "base")
        one_of("linear", self.linear, LINEAR, "base")
        if self.components < 0 or self.base_weight < 0:
            raise CellStateError("components and base_weight are not negative.", "Correct [base].")
        if self.linear == "components" and not self.components:
            raise CellStateError("Linear maps of components need some.", "Set components in [base].")
        if not 0 < self.layer_decay <= 1:
            raise CellStateError("layer_decay is above 0 and at most 1.", "Correct [base].")


@dataclass(frozen=True)
class FinetuneConfig:
    """A whole run; the network is the base model's."""

    base: BaseConfig = field(default_factory=BaseConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    run: RunConfig = field(default_factory=RunConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def read_finetune_config(path: Path | str) -> FinetuneConfig:
    """Read a TOML file; raises ``CellStateError`` that names what is wrong with it."""
    return read_sections(path, FinetuneConfig)


def finetune(
    config: FinetuneConfig, context: DistributedContext, progress: ProgressDisplay, *, fresh: bool = False
) -> dict:
    """Adapt the base model to the cohort and write the folder of the new one; see `train.fit.fit`.

    Genes are matched by their Ensembl ids. Those that the base does not know start with a ridge regression on its
    last hidden layer; those that the cohort does not measure are left out. Training stops when the
    cohort's validation samples, held out by patient or series, no longer gain.
    """
    context.agree("config", json.dumps(asdict(config), sort_keys=True))
    base = load_model(config.base.model, device="cpu", dtype="float32")
    chosen = _network(base.config, config.base.name, config.base.components)
    whole = TrainConfig(config.data, chosen, config.loop, config.run, config.output)
    data = read_data(whole, context)
    known = () if (named := model_tissues(base)) is None else named.tissues
    if foreign := [tissue for tissue in config.base.tissues if tissue not in known]:
        raise CellStateError(
            f"The base model knows no tissue {foreign[0]!r}.", f"It knows {', '.join(known) or 'none'}: correct [base]."
        )
    data = data.in_units_of(adapted_space(base, data, config.base.standardise))
    network, about = adapt(base, data, chosen.name, config.base)
    about |= {"weights_sha256": weights_sha256(base.folder), **asdict(config.base), "model": base.config.name}
    multipliers = lr_multipliers(network, config.base)
    classifier = base.folder / TISSUES
    return train_and_package(
        whole, data, network, context, progress,
        fresh=fresh, lr_multipliers=multipliers,
        about={"adapted_from": about, "tissues": list(config.base.tissues)},
        classifier=classifier if classifier.is_file() else None,
    )  # fmt: skip


def _network(base: ModelConfig, name: str, components: int) -> NetworkConfig:
    """Return the base's network, with other components if any, as a config of the trainer has it."""
    ends, start = (1, "pca") if base.embedding else (0, "none")
    hidden = base.widths[1 + ends : -1 - ends]
    components = (components or base.widths[1]) if base.embedding else 0
    return NetworkConfig(name or base.name, hidden, base.activation, start, base.residual, components)


def adapted_space(base: Model, data: TrainingData, standardise: str) -> GeneSpace:
    """Return the cohort's genes with the mean and SD of the standardisation.

    Shrunk means are empirical Bayes: across the genes of both, own means vary around the base's with a variance of
    tau^2 + 1/n, in S; so much of each gene's distance is kept as tau^2 is of that.
    """
    own = data.space
    if standardise == "own":
        return own
    at_G, known_G = _positions(base.space, own)
    scale_G = np.where(known_G, base.space.scale_G[at_G], own.scale_G)
    base_G = np.where(known_G, base.space.mean_G[at_G], own.mean_G)
    if standardise == "base":
        return replace(own, mean_G=base_G, scale_G=scale_G)
    apart_G = (own.mean_G - base_G)[known_G] / scale_G[known_G]
    noise = 1 / len(data.train.names)
    spread = max(0.0, float(np.mean(apart_G**2)) - noise)
    kept = spread / (spread + noise)
    return replace(own, mean_G=(base_G + kept * (own.mean_G - base_G)).astype(np.float32), scale_G=scale_G)


def adapt(base: Model, data: TrainingData, name: str, how: BaseConfig | None = None) -> tuple[AutoEncoder, dict]:
    """Return the base's network on the cohort's genes, and how many genes it shares with it, adds and leaves out."""
    at_G, known_G = _positions(base.space, data.space)
    if how is not None and how.components:
        network = inherit(base, data, at_G, known_G, how.components, how.base_weight, name)
        if how.linear == "components":
            take_components(network, data.train_z_SG)
    else:
        network = _moved(base, data, at_G, known_G, name)
    silence(network, data.silent_G)
    shared = int(known_G.sum())
    return network, {
        "genes_shared": shared,
        "genes_new": len(data.space) - shared,
        "genes_left_out": len(base.space) - shared,
    }


def _moved(base: Model, data: TrainingData, at_G: np.ndarray, known_G: np.ndarray, name: str) -> AutoEncoder:
    """Return the base's network with the rows and columns of the cohort's genes."""
    genes = len(data.space)
    network = AutoEncoder(replace(base.config, name=name, widths=(genes, *base.config.widths[1:-1], genes)))
    state = {key: value.clone() for key, value in base.network.state_dict().items()}
    index, known = torch.from_numpy(at_G), torch.from_numpy(known_G)
    last = len(network.layers) - 1
    ends = () if base.config.embedding else ("skip_in.weight", "skip_out.weight")
    for key in ("layers.0.weight", *ends[:1]):
        if key in state:
            state[key] = state[key][:, index] * known
    for key in (f"layers.{last}.weight", f"layers.{last}.bias", *ends[1:]):
        if key in state:
            state[key] = state[key][index] * known.reshape(-1, *[1] * (state[key].ndim - 1))
    network.load_state_dict(state)
    network.requires_grad_(False)
    if not known_G.all():
        _regress(network, torch.from_numpy(data.train_z_SG), ~known)
    if network.config.embedding:
        _orthonormal(network)
    return network


def lr_multipliers(network: AutoEncoder, config: BaseConfig) -> dict[str, float]:
    """Return the factor of the learning rate of every parameter: 0 for frozen layers, less for early ones."""
    last, latent = len(network.layers) - 1, network.config.latent_index
    first = {"all": 0, "decoder": latent, "last": last}[config.learn]
    depth = {f"layers.{i}": i for i in range(last + 1)} | {"skip_in": latent - 1, "skip_out": network.exit}
    multipliers = {}
    for name, _ in network.named_parameters():
        layer = depth[name.rpartition(".")[0]]
        multipliers[name] = config.layer_decay ** (last - layer) if layer >= first else 0.0
    return multipliers


def _positions(base: GeneSpace, own: GeneSpace) -> tuple[np.ndarray, np.ndarray]:
    """Return each gene's position in the base, 0 where it has none, and whether it has one."""
    at = {ensembl: b for b, ensembl in enumerate(base.ensembl)}
    position_G = np.array([at.get(ensembl, -1) for ensembl in own.ensembl])
    if (position_G < 0).all():
        raise CellStateError("The cohort and the base model have no gene in common.", "Choose another base model.")
    if (shared := float((position_G >= 0).mean())) < LEAST_SHARED:
        raise CellStateError(
            f"The base model knows only {shared:.0%} of the cohort's genes.", "Choose a base model of the same genes."
        )
    return np.maximum(position_G, 0), position_G >= 0


@torch.inference_mode()
def _orthonormal(network: AutoEncoder) -> None:
    """Make the components of an embedding orthonormal on the genes that it has now, each moved as little as possible.

    Genes that were left out had carried a part of them, and new ones add one (symmetric orthogonalisation, Löwdin, J.
    Chem. Phys. 1950). The first layer then reads a new gene as the last one predicts it.
    """
    first, last = network.weight(0), network.weight(len(network.layers) - 1)
    unit = (last.square().sum() / first.square().sum()).sqrt().sqrt()
    rows_QG = (last / unit).T.double()
    value_Q, turn_QQ = torch.linalg.eigh(rows_QG @ rows_QG.T)
    root_QQ = turn_QQ @ torch.diag(value_Q.clamp_min(1e-6).rsqrt()) @ turn_QQ.T
    rows_QG = (root_QQ @ rows_QG).float()
    first.copy_(rows_QG / unit)
    last.copy_(rows_QG.T * unit)


@torch.inference_mode()
def _regress(network: AutoEncoder, z_SG: Tensor, new_G: Tensor) -> None:
    """Set the last layer's rows of new genes by ridge regression on the last hidden layer, in its dual form."""
    h_SH = network.before_last(z_SG)
    middle_H = h_SH.mean(dim=0)
    h_SH = (h_SH - middle_H).double()
    gram_SS = h_SH @ h_SH.T
    # The penalty is the mean variance of a direction, so that an average direction is shrunk by half.
    penalty = gram_SS.diagonal().mean().clamp_min(1e-9)
    target_SN = z_SG[:, new_G].double()
    mean_N = target_SN.mean(dim=0)
    solved_SN = torch.linalg.solve(gram_SS + penalty * torch.eye(len(h_SH)), target_SN - mean_N)
    rows_NH = (solved_SN.T @ h_SH).float()
    last = network.layers[-1]
    assert isinstance(last.weight, Tensor) and isinstance(last.bias, Tensor)
    last.weight[new_G] = rows_NH
    last.bias[new_G] = mean_N.float() - rows_NH @ middle_H
