"""Stated numbers of hardware, read from train/hardware.toml, which names their sources."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from cellstate.errors import CellStateError

FILE = Path(__file__).resolve().parents[1] / "hardware.toml"
DEFAULT = "a100-80g"


@dataclass(frozen=True)
class Hardware:
    """One kind of device, in nodes; each entry is explained in train/hardware.toml."""

    name: str
    about: str
    source: str
    memory: float
    reserve: float
    bfloat16: float
    float32: float
    bandwidth: float
    inside: float
    network: float
    shares: dict[str, float]
    hop_inside: float
    hop_between: float

    def products(self, precision: str) -> float:
        """FLOP/s that matrix products reach."""
        return self.shares["matmul"] * (self.bfloat16 if precision == "bfloat16" else self.float32)

    @property
    def streaming(self) -> float:
        """Bytes/s that kernels reach between device and memory."""
        return self.shares["bandwidth"] * self.bandwidth

    def ring(self, nodes: int) -> float:
        """Bytes/s that flow past each rank of a ring.

        Between nodes as many rings run as a node has adapters, and together they are as fast as those adapters.
        """
        inside = self.shares["inside"] * self.inside
        return inside if nodes == 1 else min(inside, self.shares["network"] * self.network)


def hardware(name: str = DEFAULT, network: float | None = None) -> Hardware:
    """Return one entry, with another network (bytes/s of a node, one way) where it is given.

    Raises
    ------
    CellStateError
        An unknown name, or a network that is not positive.
    """
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))
    if name not in entries:
        raise CellStateError(f"There is no hardware {name!r}.", f"Known: {', '.join(entries)}.")
    found = Hardware(name, **entries[name])
    if network is None:
        return found
    if not network > 0:
        raise CellStateError("The network of a node is a positive number of bytes/s.", "Mend --network.")
    return replace(found, network=network)
