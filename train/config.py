"""What a training run is: one TOML file, every entry explained here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from cellstate.errors import CellStateError
from cellstate.model.device import DTYPES


@dataclass(frozen=True)
class DataConfig:
    """Which samples and genes."""

    cohort: str = "data/cohorts/coadread"
    """Folder of a stored cohort (``cellstate data get coadread``)."""
    min_detected: float = 0.05
    """Share of the training samples in which a gene must be above 0 TPM to be covered by the model."""
    also: tuple[str, ...] = ()
    """Folders of further cohorts (``cellstate data get hpa``), from which the rivals but PCA learn too.

    The network does not: fitted to tissues as well, it reconstructs patients worse.
    """
    centre: bool = True
    """Whether each further cohort is centred on its own mean, so that what tells cohorts apart is not learnt."""
    rescale: bool = True
    """Whether each further cohort is measured in its own S: what sets tissues apart is dozens of a tumour's S away."""


@dataclass(frozen=True)
class NetworkConfig:
    """Which network; its first and last width are the covered genes."""

    name: str = "coadread"
    hidden: tuple[int, ...] = (128, 64, 128)
    """Widths between the genes; the narrowest is the latent layer."""
    activation: str = "relu"
    warm_start: str = "pca"
    """What the weights compute at the start (relu, or residual): ``pca`` of the training samples, ``robust`` (a linear
    auto-encoder that holds better on new samples), or ``none``: random weights."""
    residual: bool = False
    """Linear maps beside the encoder and the decoder: the layers learn what a linear model leaves over."""


@dataclass(frozen=True)
class LoopConfig:
    """How it is trained: mean squared error on standardised log1p TPM."""

    seed: int = 0
    epochs: int = 35
    batch_size: int = 32
    """Samples a step over all processes together."""
    learning_rate: float = 1e-4
    """Peak of the schedule: linear warm-up, then a cosine to zero at the last epoch."""
    warmup_steps: int = 20
    weight_decay: float = 0.0
    """Decoupled (AdamW), on weight matrices only."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    hide: float = 0.0
    """Largest share of input genes set to the training mean, drawn anew per sample; the loss is on all genes."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise added to the input, in z."""
    freeze_linear: bool = False
    """Keep the linear maps of a residual network as they start; only the layers beside them learn."""
    patience: int = 10
    """Epochs without a better validation loss after which training stops; the best epoch's weights are kept."""

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1 or self.patience < 1 or not self.learning_rate > 0:
            raise CellStateError("epochs, batch_size, patience and learning_rate must be positive.", "Mend [loop].")
        if not 0 <= self.hide < 1 or self.noise < 0:
            raise CellStateError("hide lies between 0 and 1, noise is not negative.", "Mend [loop].")


@dataclass(frozen=True)
class OutputConfig:
    """Where the model folder goes."""

    folder: str = "runs/coadread"
    dtype: str = "float16"
    """Precision of the stored weights."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise CellStateError(f"There is no precision {self.dtype!r}.", f"Use {', '.join(DTYPES)}.")


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def read_config(path: Path | str) -> TrainConfig:
    """Read a TOML file; raises ``CellStateError`` that names an unknown section or entry."""
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise CellStateError(f"There is no config {path}.", "Try train/configs/coadread.toml.") from error
    except tomllib.TOMLDecodeError as error:
        raise CellStateError(f"{path.name} is not valid TOML: {error}.", "Mend the line it names.") from error
    owners = {"data": DataConfig, "network": NetworkConfig, "loop": LoopConfig, "output": OutputConfig}
    sections = {}
    for section, values in content.items():
        if section not in owners or not isinstance(values, dict):
            raise CellStateError(f"{path.name} has an unknown section [{section}].", f"Known: {', '.join(owners)}.")
        known = {f.name for f in fields(owners[section])}
        if unknown := sorted(set(values) - known):
            raise CellStateError(f"[{section}] has no entry {unknown[0]!r}.", f"Known: {', '.join(sorted(known))}.")
        lists = {f.name for f in fields(owners[section]) if isinstance(f.default, tuple)}
        if wrong := sorted(k for k in lists & set(values) if not isinstance(values[k], list)):
            raise CellStateError(f"{wrong[0]} in [{section}] is a list.", f"Write {wrong[0]} = [...].")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        sections[section] = owners[section](**values)
    return TrainConfig(**sections)
