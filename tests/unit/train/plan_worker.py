"""One of two processes of `test_plan.py`: trains a small network and tells what was held and exchanged."""

# No postponed annotations: DDP looks at those of its hook.

import json
from collections import Counter
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder, initialise
from train.config import LoopConfig, RunConfig
from train.distributed import DistributedContext, distributed_context
from train.objective import Objective
from train.plan import Workload
from train.strategy import Parallel

#: Odd on purpose: rows do not divide evenly.
MODEL = ModelConfig("small", (301, 200, 31, 200, 301))
JOBS = (Workload(MODEL, 16, 2, "bfloat16", "ddp", micro_batch=4), Workload(MODEL, 16, 2, "bfloat16", "fsdp"))


def n_bytes(tensor: torch.Tensor) -> int:
    """Bytes that this process holds of a tensor."""
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local.numel() * local.element_size()


def count_exchanges(parallel: Parallel) -> Counter[str]:
    """Count the bytes of what is reduced or gathered from now on."""
    counted: Counter[str] = Counter()

    def hook(_: None, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        buffer = bucket.buffer()
        counted["all_reduced"] += n_bytes(buffer)
        work = dist.all_reduce(buffer.div_(dist.get_world_size()), async_op=True)
        return work.get_future().then(lambda future: future.value()[0])

    if isinstance(parallel._module, DistributedDataParallel):
        parallel._module.register_comm_hook(None, hook)

    def spy(kind: str, names: tuple[str, str], whole: int) -> None:
        name = next(name for name in names if hasattr(dist, name))
        called = getattr(dist, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counted[kind] += n_bytes([a for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor)][whole])
            return called(*args, **kwargs)

        setattr(dist, name, counting)

    # FSDP gives the output first; newer versions of PyTorch have other names.
    spy("all_gathered", ("all_gather_single", "all_gather_into_tensor"), 0)
    spy("reduce_scattered", ("reduce_scatter_single", "reduce_scatter_tensor"), 1)
    return counted


def two_steps(job: Workload, here: DistributedContext) -> dict[str, int]:
    """Train two steps; the second is counted."""
    network = AutoEncoder(MODEL)
    initialise(network, 0)
    parallel = Parallel(network, RunConfig(job.precision, job.strategy, job.micro_batch), here)
    objective, optimiser = Objective(LoopConfig()), torch.optim.AdamW(network.parameters(), fused=True)
    counted = count_exchanges(parallel)
    for _ in range(2):
        counted.clear()
        parts = torch.randn(job.share, MODEL.n_genes).split(job.at_once)
        for i, part in enumerate(parts):
            with parallel.adding_up(more=i < len(parts) - 1):
                objective.squares(parallel(objective.input(part, None, None)), part, None).backward()
        gradients = sum(n_bytes(p.grad) for p in network.parameters() if p.grad is not None)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return {
        "weights": sum(map(n_bytes, network.parameters())),
        "gradients": gradients,
        "optimiser": sum(n_bytes(tensor) for state in optimiser.state.values() for tensor in state.values()),
        **counted,
    }


if __name__ == "__main__":
    with distributed_context("cpu") as here:
        found = {job.strategy: two_steps(job, here) for job in JOBS}
        if here.is_first:
            print(json.dumps(found))
