"""Settings of a training run: one TOML file, every entry explained here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_type_hints

import msgspec

from cellstate.errors import CellStateError, summarise_list
from cellstate.model.config import ModelConfig
from cellstate.model.network import DTYPES

Sections = TypeVar("Sections")
#: Configs that come with the trainer, found by name.
CONFIGS = Path(__file__).with_name("configs")


@dataclass(frozen=True)
class DataConfig:
    """Which samples and genes: a stored cohort, which fits into memory, or an ingested store, which need not."""

    cohort: str = ""
    """Folder of a stored cohort (``cellstate data get coadread``)."""
    store: str = ""
    """Folder of an ingested store (``python -m train ingest``), read row by row."""
    genes: str = "detected"
    """``detected``: genes measured in every training sample and above 0 TPM in a share of them. ``axis``: all 19,383,
    as the published network has them; one that no training sample measures is silenced."""
    min_detected: float = 0.05
    """Share of the training samples in which a gene must be above 0 TPM to be covered by the model."""
    min_measured: float = 1.0
    """Share of the training samples that must measure a gene. What the others miss is not part of the loss."""
    in_memory: bool = False
    """Read a store whole, which balancing and filling need: about 80 kB a sample."""
    balance: str = ""
    """Column of the store's table, for example ``tissue``: a class of n samples weighs as the root of n in means,
    components and batches, so that the largest classes do not decide what is learnt."""
    fill: int = 0
    """What a training sample does not measure is filled in the input by this many principal components; 0: by the
    mean."""
    also: tuple[str, ...] = ()
    """Folders of further cohorts (``cellstate data get hpa``), from which the baselines but PCA learn too.

    The network does not learn from them: fitted to tissues as well, it reconstructs patients worse.
    """
    centre: bool = True
    """Whether each further cohort is centred on its own mean, so that differences between cohorts are not learnt."""
    rescale: bool = True
    """Whether each further cohort is measured in its own SD: tissues differ by dozens of a tumour's SDs."""

    def __post_init__(self) -> None:
        if bool(self.cohort) == bool(self.store):
            raise CellStateError("A run learns from one cohort or from one store.", "Name one of them in [data].")
        one_of("genes", self.genes, ("detected", "axis"), "data")
        if not 0 <= self.min_detected <= 1 or not 0 < self.min_measured <= 1:
            raise CellStateError("min_detected and min_measured are shares between 0 and 1.", "Correct [data].")
        if (self.balance or self.fill) and not (self.store and self.in_memory):
            raise CellStateError(
                "Classes are balanced, and genes filled, in a store that is read whole.",
                "Set in_memory = true and store = ... in [data].",
            )
        if self.store and self.also:
            raise CellStateError("Further cohorts need a cohort, not a store.", "Ingest them together.")


@dataclass(frozen=True)
class NetworkConfig:
    """Which network; its first and last width are the covered genes."""

    name: str = "coadread"
    hidden: tuple[int, ...] = (128, 64, 128)
    """Widths between the genes; the narrowest is the latent layer."""
    activation: str = "relu"
    warm_start: str = "pca"
    """What the weights compute at the start (relu, or residual): ``pca`` of the training samples, ``robust`` (a linear
    autoencoder that holds better on new samples), or ``none``: random weights."""
    residual: bool = False
    """Linear maps beside the encoder and the decoder: the layers learn the residual of a linear model."""
    components: int = 0
    """Width of an embedding: the principal components of the training samples are a fixed first and last layer, and
    the hidden layers lie between them (needs residual). 0: none."""

    def __post_init__(self) -> None:
        one_of("warm_start", self.warm_start, ("pca", "robust", "none"), "network")
        if self.components and not (self.residual and self.warm_start == "pca"):
            raise CellStateError(
                "An embedding starts as principal components with linear maps beside the layers.",
                'Set residual = true and warm_start = "pca" in [network].',
            )

    def model(self, genes: int) -> ModelConfig:
        """Return the network on so many genes."""
        ends = (self.components,) * bool(self.components)
        widths = (genes, *ends, *self.hidden, *ends, genes)
        return ModelConfig(self.name, widths, self.activation, self.residual, bool(self.components))


@dataclass(frozen=True)
class LoopConfig:
    """How it is trained: mean squared error on standardised log1p TPM, AdamW."""

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
    """Largest share of input genes set to the training mean, drawn anew per sample."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise added to the input, in z."""
    dropout: float = 0.0
    """Share of hidden units left out of a step, drawn anew per sample; the draws depend on the number of processes."""
    loss_on: str = "all"
    """Genes that the loss is about: ``all``, or those ``hidden`` from the input (needs hide)."""
    bin_weights: tuple[float, ...] = ()
    """Weight of a squared error by the true value's bin: 0-2.5, 2.5-10, 10-100, over 100 TPM; none: all weigh 1."""
    freeze_linear: bool = False
    """Keep the linear maps of a residual network at their start; only the layers beside them learn."""
    patience: int = 10
    """Epochs without a better validation loss after which training stops."""
    keep: str = "best"
    """Whose weights become the model: the ``best`` epoch's on validation samples, or the ``last`` one's."""

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1 or self.patience < 1 or not self.learning_rate > 0:
            raise CellStateError("epochs, batch_size, patience and learning_rate must be positive.", "Correct [loop].")
        if not 0 <= self.hide < 1 or not 0 <= self.dropout < 1 or self.noise < 0:
            raise CellStateError("hide and dropout are between 0 and 1, noise is not negative.", "Correct [loop].")
        if self.warmup_steps < 0 or self.weight_decay < 0 or not self.clip_norm > 0:
            raise CellStateError(
                "warmup_steps and weight_decay are not negative, clip_norm is positive.", "Correct [loop]."
            )
        one_of("loss_on", self.loss_on, ("all", "hidden"), "loop")
        if self.loss_on == "hidden" and not self.hide:
            raise CellStateError("A loss on hidden genes needs some that are hidden.", "Set hide in [loop].")
        if self.bin_weights and (len(self.bin_weights) != 4 or min(self.bin_weights) < 0 or not sum(self.bin_weights)):
            raise CellStateError(
                "bin_weights are four numbers, none negative, one for each TPM bin.", "Correct [loop]."
            )
        one_of("keep", self.keep, ("best", "last"), "loop")


@dataclass(frozen=True)
class RunConfig:
    """How the work is distributed; in float32 none of this changes a loss by more than rounding."""

    precision: str = "float32"
    """Of the matrix products: ``float32``, or ``bfloat16``. Weights, gradients and moments stay float32."""
    strategy: str = "ddp"
    """With several processes: ``ddp``, each holds everything; ``fsdp``, each holds its share of weights, gradients and
    moments (FSDP2), for networks whose optimiser state does not fit one device."""
    micro_batch: int = 0
    """Samples that a process takes through the network at once; gradients add up to the batch. 0: its whole share."""
    recompute: bool = False
    """Compute hidden activations again on the way back, instead of keeping them."""
    compile: bool = False
    """Let ``torch.compile`` fuse what it can; needs a C++ compiler or a GPU."""
    checkpoint_minutes: float = 15.0
    """Minutes between checkpoints, from which an interrupted run continues."""
    checkpoint_steps: int = 0
    """Steps between checkpoints, instead of minutes; 0: minutes decide."""
    keep_checkpoints: int = 2
    """Checkpoints that are kept, the newest ones."""

    def __post_init__(self) -> None:
        one_of("precision", self.precision, ("float32", "bfloat16"), "run")
        one_of("strategy", self.strategy, ("ddp", "fsdp"), "run")
        if min(self.micro_batch, self.checkpoint_steps) < 0 or not self.checkpoint_minutes > 0:
            raise CellStateError(
                "micro_batch and checkpoint_steps are not negative, minutes positive.", "Correct [run]."
            )
        if self.keep_checkpoints < 1:
            raise CellStateError("At least one checkpoint is kept.", "Set keep_checkpoints = 1 or more in [run].")


@dataclass(frozen=True)
class OutputConfig:
    """The model folder."""

    folder: str = "runs/model"
    dtype: str = "float16"
    """Precision of the stored weights."""
    profiles: str = "samples"
    """Reference profiles of the folder: some training ``samples``, or ``drawn`` from what the network learnt of each
    class of ``balance``, where the samples are not to be copied."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise CellStateError(f"There is no precision {self.dtype!r}.", f"Use {', '.join(DTYPES)}.")
        one_of("profiles", self.profiles, ("samples", "drawn"), "output")


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    run: RunConfig = field(default_factory=RunConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        if self.network.components and (self.loop.hide or self.loop.noise or self.loop.bin_weights):
            raise CellStateError(
                "Between the ends of an embedding the layers learn in components, not in genes.",
                "Leave hide, noise and bin_weights out of [loop].",
            )
        if self.output.profiles == "drawn" and not self.data.balance:
            raise CellStateError("Profiles are drawn by class.", 'Set balance in [data], or profiles = "samples".')


def read_config(path: Path | str) -> TrainConfig:
    """Read a TOML file; raises ``CellStateError`` that names an unknown section or entry."""
    return read_sections(path, TrainConfig)


def read_sections(path: Path | str, kind: type[Sections]) -> Sections:
    """Read a TOML file, or a config of this package by its name, into a dataclass of sections.

    Raises
    ------
    CellStateError
        No file, no TOML, an unknown section or entry, a value of the wrong type, or one that its section refuses.
    """
    path = Path(path)
    if not path.exists() and (CONFIGS / f"{path}.toml").is_file():
        path = CONFIGS / f"{path}.toml"
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(config.stem for config in CONFIGS.glob("*.toml")))
        raise CellStateError(f"There is no config {path}.", f"Name a TOML file, or one of: {names}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CellStateError(f"{path.name} is not valid TOML: {error}.", "Correct the line it names.") from error
    sections = get_type_hints(kind)
    for section, values in content.items():
        if section not in sections or not isinstance(values, dict):
            raise CellStateError(f"{path.name} has an unknown section [{section}].", f"Known: {', '.join(sections)}.")
        known = get_type_hints(sections[section])
        if unknown := sorted(set(values) - set(known)):
            raise CellStateError(
                f"[{section}] has no entry {summarise_list(unknown)}.", f"Known: {', '.join(sorted(known))}."
            )
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        # Such as "Expected `int`, got `str` - at `$.network.hidden[1]`".
        what, _, place = str(error).partition(" - at ")
        section, _, name = place.strip("`").removeprefix("$.").partition(".")
        wrong = what[:1].lower() + what[1:]
        raise CellStateError(f"{name} in [{section}] has the wrong type: {wrong}.", "Correct that line.") from error


def one_of(name: str, value: str, known: tuple[str, ...], section: str) -> None:
    """Raise ``CellStateError`` where the value of an entry is none of the known ones."""
    if value not in known:
        raise CellStateError(f"{name} = {value!r} is not known.", f"In [{section}] use {' or '.join(known)}.")
