"""Config of a network: layer widths, activation, and the presets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from cellstate.errors import ModelError

ACTIVATIONS = ("relu", "gelu", "silu", "tanh")
#: Layer widths of the published network (Nguyen, Le, Tran; University of Southern California).
POSTER_WIDTHS = (19383, 20000, 8000, 4000, 2000, 1000, 2000, 4000, 8000, 20000, 19383)


@dataclass(frozen=True)
class ModelConfig:
    """A fully connected autoencoder.

    Attributes
    ----------
    name : str
        Shown to users.
    widths : tuple of int
        Units of every layer, genes first and last. The latent layer is the first of the narrowest ones: the encoder of
        G-64-64-64-G is linear.
    activation : str
        One of `ACTIVATIONS`, after every layer but the latent one and the last: those two stay linear, so that latent
        coordinates and predicted values can have either sign.
    residual : bool
        Whether a linear map runs beside the encoder and another beside the decoder, so that the layers learn only the
        residual of a linear model (PCA at the start).
    embedding : bool
        Whether the first layer (genes -> components) and the last (components -> genes) are linear too, and fixed. The
        last layer is the first one transposed, times one factor a component, and the linear maps of a residual network
        run between components and latent layer: a network of hundreds of components and thousands of hidden units then
        has hardly more weights than its components.
    """

    name: str
    widths: tuple[int, ...]
    activation: str = "relu"
    residual: bool = False
    embedding: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(w) for w in self.widths))
        if len(self.widths) < 3 or min(self.widths) < 1:
            raise ModelError("A network needs at least three layers of one unit or more.", "Correct `widths`.")
        if self.widths[0] != self.widths[-1]:
            raise ModelError("The first and the last width of an autoencoder are its genes.", "Make them equal.")
        if self.latent_index in (0, len(self.widths) - 1):
            raise ModelError("The narrowest layer must lie inside the network.", "Correct `widths`.")
        for name in ("residual", "embedding"):
            if not isinstance(value := getattr(self, name), bool):
                raise ModelError(f"`{name}` is true or false, not {value!r}.", "Correct the network config.")
        if self.embedding and not (1 < self.latent_index < len(self.widths) - 2 and self.widths[1] == self.widths[-2]):
            raise ModelError(
                "An embedding has the same width behind the first layer as before the last, and the latent layer lies "
                "between them.",
                "Correct `widths`.",
            )
        if self.activation not in ACTIVATIONS:
            raise ModelError(f"There is no activation {self.activation!r}.", f"Use one of {', '.join(ACTIVATIONS)}.")

    @property
    def n_genes(self) -> int:
        """Genes read and predicted."""
        return self.widths[0]

    @property
    def n_latent(self) -> int:
        """Width of the latent layer."""
        return min(self.widths)

    @property
    def latent_index(self) -> int:
        """Position of the latent layer in `widths`."""
        return self.widths.index(self.n_latent)

    @property
    def n_skip(self) -> int:
        """Width of what the linear maps of a residual network join with the latent layer: genes or components."""
        return self.widths[1] if self.embedding else self.n_genes

    @property
    def n_parameters(self) -> int:
        """Weights and biases, the linear maps of a residual network included."""
        layers = sum(a * b + b for a, b in zip(self.widths, self.widths[1:], strict=False))
        return layers + (2 * self.n_skip * self.n_latent if self.residual else 0)

    def to_json(self) -> str:
        """Return the config as one line of JSON, as a checkpoint carries it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict) -> ModelConfig:
        """Read a config; raises ``ModelError`` that names what is wrong."""
        known = {"name", "widths", "activation", "residual", "embedding"}
        if unknown := set(values) - known:
            raise ModelError(f"The network config has unknown entries: {', '.join(sorted(unknown))}.")
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise ModelError(f"The network config is not complete: {error}.") from error


def preset(name: str) -> ModelConfig:
    """Return a named network on the whole gene axis: ``poster``, exactly as published, or ``demo``, small."""
    widths = {"poster": POSTER_WIDTHS, "demo": (POSTER_WIDTHS[0], 128, 64, 128, POSTER_WIDTHS[0])}
    if name not in widths:
        raise ModelError(f"There is no preset {name!r}.", f"The presets are: {', '.join(widths)}.")
    return ModelConfig(name, widths[name])
