"""What is planned: a network, a global batch, ranks, and how the work is laid on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from cellstate.errors import CellStateError
from cellstate.model.config import ModelConfig
from train.config import TrainConfig


@dataclass(frozen=True)
class Layer:
    """One linear map.

    Attributes
    ----------
    inputs, outputs : int
    bias, trained : bool
    reads_genes : bool
        Whether its input is the data, which need no gradient.
    encodes : bool
        Whether it belongs to the encoder.
    kept : int
        Values a sample that autograd keeps so that this layer can learn, beside what another layer keeps already.
    """

    inputs: int
    outputs: int
    bias: bool
    trained: bool
    reads_genes: bool
    encodes: bool
    kept: int

    @property
    def weights(self) -> int:
        """Entries of the matrix."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + (self.outputs if self.bias else 0)


@dataclass(frozen=True)
class Job:
    """A run on a number of ranks.

    Attributes
    ----------
    model : ModelConfig
    batch_size : int
        Samples a step over all ranks.
    ranks : int
        Processes, one a device.
    precision : str
        Of the matrix products, as in ``[run]``.
    strategy : str
        ``ddp`` or ``fsdp``; a single rank holds everything either way.
    micro_batch : int
        Samples that a rank takes at once; 0: its whole share.
    recompute : bool
    frozen_linear : bool
        The linear maps of a residual network are not trained.
    """

    model: ModelConfig
    batch_size: int
    ranks: int = 1
    precision: str = "bfloat16"
    strategy: str = "ddp"
    micro_batch: int = 0
    recompute: bool = False
    frozen_linear: bool = False

    def __post_init__(self) -> None:
        if self.ranks < 1 or self.batch_size < 1:
            raise CellStateError("A plan needs at least one device and one sample a batch.", "Mend --gpus.")

    @classmethod
    def of(cls, config: TrainConfig, n_genes: int, ranks: int) -> Job:
        """Return what a config asks for."""
        network, run = config.network, config.run
        model = ModelConfig(network.name, (n_genes, *network.hidden, n_genes), network.activation, network.residual)
        return cls(
            model,
            config.loop.batch_size,
            ranks,
            run.precision,
            run.strategy,
            run.micro_batch,
            run.recompute,
            frozen_linear=config.loop.freeze_linear,
        )

    @property
    def is_sharded(self) -> bool:
        """Whether weights, gradients and moments are shared out."""
        return self.strategy == "fsdp" and self.ranks > 1

    @property
    def share(self) -> int:
        """Samples of a step on one rank, the largest share."""
        return math.ceil(self.batch_size / self.ranks)

    @property
    def at_once(self) -> int:
        """Samples that one rank takes through the network at once."""
        return min(self.micro_batch or self.share, self.share)

    @property
    def passes(self) -> int:
        """Parts in which a rank takes its share."""
        return math.ceil(self.share / self.at_once)

    @property
    def width(self) -> int:
        """Bytes of a value that the matrix products read."""
        return 2 if self.precision == "bfloat16" else 4

    @property
    def cast(self) -> int:
        """Bytes of a weight's copy in low precision; float32 needs none."""
        return 2 if self.precision == "bfloat16" else 0

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The linear maps in the order in which they run."""
        model, found = self.model, []
        latent, last = model.latent_index - 1, len(model.widths) - 2
        for i, (a, b) in enumerate(zip(model.widths, model.widths[1:], strict=False)):
            # relu and tanh keep their output, which is the next layer's input; gelu and silu keep their input too.
            before = model.activation in ("gelu", "silu") and i not in (0, latent + 1)
            found.append(Layer(a, b, True, True, i == 0, i <= latent, 2 * a if before else a))
            if model.residual and i in (latent, last):
                ends = (model.n_genes, model.n_latent) if i == latent else (model.n_latent, model.n_genes)
                learns = not self.frozen_linear
                # The input is kept already, but autocast casts data anew for each layer that reads them.
                again = model.n_genes if learns and i == latent and self.cast and not self.is_sharded else 0
                found.append(Layer(*ends, False, learns, i == latent, i == latent, again))
        return tuple(found)

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return self.model.n_parameters

    @property
    def n_trained(self) -> int:
        """Those that learn."""
        return sum(layer.parameters for layer in self.layers if layer.trained)

    def padded(self, *, trained_only: bool = False) -> int:
        """Parameters as FSDP shares them out: every tensor's rows rounded up to a multiple of the ranks."""
        chosen = [layer for layer in self.layers if layer.trained or not trained_only]
        return sum(math.ceil(x.outputs / self.ranks) * self.ranks * (x.inputs + x.bias) for x in chosen)

    @property
    def symbols(self) -> dict[str, str]:
        """What the letters of the formulas stand for."""
        return {
            "N": f"{self.n_parameters:,} parameters",
            "T": f"{self.n_trained:,} of them that learn",
            "W": f"{sum(layer.weights for layer in self.layers):,} of them in matrices",
            "n(i)": "parameters of layer i; n(1) the first layer's",
            "G": f"{self.model.n_genes:,} genes",
            "R": f"{self.ranks:,} ranks, one a device",
            "B": f"{self.batch_size:,} samples a step",
            "b": f"{self.share:,} samples a step and rank = ceil(B / R)",
            "m": f"{self.at_once:,} samples that a rank takes at once",
            "p": f"{self.passes:,} passes a step = ceil(b / m)",
            "w": f"{self.width} bytes of a value in {self.precision}",
        }
