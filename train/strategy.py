"""Data parallelism, sharding and precision of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from cellstate.model.network import AutoEncoder

from .config import RunConfig
from .distributed import DistributedContext


class _Recomputing(nn.Module):
    """A network whose halves are recomputed in the backward pass: only their inputs are kept."""

    def __init__(self, network: AutoEncoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, z_SG: Tensor) -> Tensor:
        latent_SL = checkpoint(self.network.encode, z_SG, use_reentrant=False)
        return cast(Tensor, checkpoint(self.network.decode, latent_SL, use_reentrant=False))


class _Module(Protocol):
    def __call__(self, z_SG: Tensor) -> Tensor: ...


class Parallel:
    """A network as the loop calls it; under FSDP its parameters become shares."""

    def __init__(self, network: AutoEncoder, run: RunConfig, context: DistributedContext) -> None:
        self.network, self._context = network, context
        self._low = run.precision == "bfloat16"
        module: nn.Module = _Recomputing(network) if run.recompute else network
        # Also under torchrun with one process, so that sharding can be tried where there is one device.
        self.is_sharded = run.strategy == "fsdp" and context.mesh is not None
        if self.is_sharded:
            policy = MixedPrecisionPolicy(torch.bfloat16 if self._low else None, torch.float32)
            for layer in network.modules():
                if isinstance(layer, nn.Linear):
                    fully_shard(layer, mesh=context.mesh, mp_policy=policy)
            fully_shard(module, mesh=context.mesh, mp_policy=policy)
        # Before DDP, so that its hooks stay outside of what is compiled.
        called = torch.compile(module) if run.compile else module
        if context.size > 1 and not self.is_sharded:
            called = DistributedDataParallel(cast(nn.Module, called), gradient_as_bucket_view=True)
        self._module = cast(_Module, called)

    def __call__(self, z_SG: Tensor) -> Tensor:
        """Predict, shape (S, G), float32."""
        # FSDP casts by its own policy; elsewhere autocast does.
        with torch.autocast(z_SG.device.type, torch.bfloat16, enabled=self._low and not self.is_sharded):
            return self._module(z_SG).float()

    @contextmanager
    def adding_up(self, more: bool) -> Iterator[None]:
        """While ``more`` parts of a batch follow, keep gradients to this process."""
        with ExitStack() as stack:
            if isinstance(self._module, DistributedDataParallel) and more:
                stack.enter_context(self._module.no_sync())
            for module in self._sharded_modules():
                module.set_requires_gradient_sync(not more)
            yield

    def _sharded_modules(self) -> Iterator[FSDPModule]:
        if self.is_sharded:
            root = cast(nn.Module, self._module)
            yield from (m for m in root.modules() if isinstance(m, FSDPModule))

    def clip(self, norm: float) -> float:
        """Scale the gradients so that their norm is at most ``norm``; returns it as it was."""
        found = nn.utils.clip_grad_norm_(self.network.parameters(), norm)
        return float(found.full_tensor() if isinstance(found, DTensor) else found)

    def weights(self) -> dict[str, Tensor]:
        """Return all weights, complete; every process must call this."""
        state = self.network.state_dict()
        return {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in state.items()}
