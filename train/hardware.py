"""Rates and memory of GPUs in nodes, from hardware.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from cellstate.errors import CellStateError


@dataclass(frozen=True)
class Hardware:
    """GPUs in nodes; hardware.toml explains every entry."""

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
    gpus_per_node: int = 8

    def rate(self, name: str) -> float:
        """Return what programs reach of a stated rate."""
        return self.shares["matmul" if name in ("bfloat16", "float32") else name] * getattr(self, name)


def read_hardware(name: str = "a100-80g", **changes: float) -> Hardware:
    """Return an entry of train/hardware.toml with some values changed."""
    entries = tomllib.loads(Path(__file__).with_name("hardware.toml").read_text("utf-8"))
    if name not in entries:
        raise CellStateError(f"There is no hardware {name!r}.", f"Known: {', '.join(entries)}.")
    return Hardware(**entries[name] | changes)
