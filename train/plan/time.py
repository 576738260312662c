"""Seconds a step, from stated hardware numbers.

Each phase of the computation takes as long as its matrix products, or as long as its weights take to come from memory
and go back, whichever is longer (roofline model: Williams et al., Commun. ACM 2009). What moves activations is left
out: it is below a twentieth of either for networks this wide.

Overlap: exchange runs beside computation and slows it by nothing. With ``ddp`` a layer's gradient is sent when it is
there and the one before it is sent, so the first layer's, the last to come, has nothing to hide behind. With ``fsdp``
each phase takes the longer of computing and exchanging.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from train.plan.communication import gathers, messages, ring
from train.plan.figure import Figure
from train.plan.hardware import Hardware
from train.plan.job import Job

#: Bytes a weight that move between device and memory. bfloat16: read, written and read as a copy; on the way back the
#: copy is read, the gradient written, read, and written as float32. float32: read; read, and the gradient written.
FORWARD = {"bfloat16": 4 + 2 + 2, "float32": 4}
BACKWARD = {"bfloat16": 2 + 2 + 2 + 4, "float32": 4 + 4}
#: A gradient that is added to what is there, or put into a bucket: both read, one written.
ADDED = 4 + 4 + 4
#: FSDP: a gathered layer is written, read and written again where it is used.
GATHERED = 3
#: Clipping reads the gradients, reads and writes them again; AdamW reads four numbers and writes three.
OPTIMISER = 4 + 8 + 4 * 4 + 3 * 4


def step_time(job: Job, device: Hardware, gpus_per_node: int = 8) -> dict[str, Figure]:
    """Return FLOP and seconds of a step on one rank: computing, exchanging, and both together."""
    clock = _Clock(job, device, math.ceil(job.ranks / gpus_per_node))
    ways = job.passes * (1 + job.recompute)
    computing = ways * clock.forward + job.passes * clock.backward + clock.optimiser
    flop = ways * clock.flop(backward=False) + job.passes * clock.flop(backward=True)
    again = "2 p" if job.recompute else "p"
    return {
        "products": Figure(flop, "FLOP", f"b ({8 if job.recompute else 6} W - 2 n(1)): 2 W a way on, 4 W back"),
        "forward": Figure(
            ways * clock.forward, "s", f"{again} x longer of 2 m W / products, {clock.moved()} W / memory"
        ),
        "backward": Figure(
            job.passes * clock.backward,
            "s",
            f"p x longer of m (4 W - 2 n(1)) / products, {clock.moved(backward=True)} W / memory",
        ),
        "optimiser_time": Figure(
            clock.optimiser, "s", f"{OPTIMISER} T / {'R / ' if job.is_sharded else ''}memory: clipping and AdamW"
        ),
        "computing": Figure(computing, "s", "forward + backward + optimiser"),
        "exchanging": Figure(clock.gathering + clock.scattering, "s", "sent / ring + messages x hops"),
        "step": Figure(clock.step(), "s", "computing, and what of exchanging cannot run beside it"),
    }


def validation_time(job: Job, device: Hardware, samples: int) -> float:
    """Return the seconds that the products of a forward pass take, of samples shared by all ranks."""
    return 2 * _weights(job) * math.ceil(samples / job.ranks) / device.products(job.precision)


def rates(job: Job, device: Hardware, gpus_per_node: int) -> dict[str, str]:
    """Return what the formulas' words for speed stand for."""
    nodes = math.ceil(job.ranks / gpus_per_node)
    hops = _hops(job, device, nodes) * (1 if job.is_sharded else 2)
    return {
        "products": str(Figure(device.products(job.precision), "FLOP/s", "")),
        "memory": str(Figure(device.streaming, "bytes/s", "")),
        "ring": f"{Figure(device.ring(nodes), 'bytes/s', '')} past each rank, {nodes} node(s)",
        "hops": f"{1e6 * hops:.0f} microseconds a message",
    }


@dataclass(frozen=True)
class _Clock:
    """Seconds of the phases of one pass."""

    job: Job
    device: Hardware
    nodes: int

    def flop(self, *, backward: bool) -> float:
        """FLOP of one pass; data need no gradient."""
        job = self.job
        samples = job.share / job.passes
        if not backward:
            return samples * 2 * _weights(job)
        spared = sum(layer.weights for layer in job.layers if layer.reads_genes)
        spared += sum(layer.weights for layer in job.layers if not layer.trained)
        return samples * (4 * _weights(job) - 2 * spared)

    def moved(self, *, backward: bool = False) -> int:
        """Bytes a weight that move in one pass."""
        job = self.job
        moved = (BACKWARD if backward else FORWARD)[job.precision]
        if job.is_sharded:
            moved += GATHERED * job.width
        added = job.passes > 1 or (job.ranks > 1 and not job.is_sharded)
        return moved + (ADDED if backward and added else 0)

    def phase(self, *, backward: bool = False) -> float:
        """Seconds of one way through the network."""
        products = self.flop(backward=backward) / self.device.products(self.job.precision)
        return max(products, self.moved(backward=backward) * _weights(self.job) / self.device.streaming)

    @property
    def forward(self) -> float:
        """Seconds of one way on."""
        return self.phase()

    @property
    def backward(self) -> float:
        """Seconds of one way back."""
        return self.phase(backward=True)

    @property
    def optimiser(self) -> float:
        """Seconds of clipping and AdamW."""
        own = self.job.n_trained / (self.job.ranks if self.job.is_sharded else 1)
        return OPTIMISER * own / self.device.streaming

    @property
    def gathering(self) -> float:
        """Seconds in which layers are gathered, in a step."""
        job = self.job
        if not job.is_sharded:
            return 0.0
        times = gathers(job)
        sent = times * ring(job) * job.width * job.n_parameters
        return sent / self.device.ring(self.nodes) + times * len(job.layers) * _hops(job, self.device, self.nodes)

    @property
    def scattering(self) -> float:
        """Seconds in which gradients are reduced, in a step; where nothing is sharded they are gathered too."""
        job = self.job
        if job.ranks == 1:
            return 0.0
        ways = 1 if job.is_sharded else 2
        n = messages(job) - (gathers(job) * len(job.layers) if job.is_sharded else 0)
        sent = ways * ring(job) * 4 * job.n_trained
        return sent / self.device.ring(self.nodes) + n * ways * _hops(job, self.device, self.nodes)

    def step(self) -> float:
        """Seconds of a step, exchange beside computation."""
        job, on, back = self.job, self.forward, self.backward
        ways = 1 + job.recompute
        if not job.is_sharded:
            return job.passes * ways * on + (job.passes - 1) * back + self._back_and_reduce() + self.optimiser
        gathering = self.gathering / gathers(job)
        first = job.passes * ways * max(on, gathering) + (job.passes - 1) * max(back, gathering)
        return first + max(back, gathering + self.scattering) + self.optimiser

    def _back_and_reduce(self) -> float:
        """Seconds until every rank has the sum of every gradient."""
        job = self.job
        computed = sent = 0.0
        for layer in reversed(job.layers):
            computed += self.backward * layer.weights / _weights(job)
            if layer.trained:
                sent = max(computed, sent) + self.scattering * layer.parameters / job.n_trained
        return max(computed, sent)


def _weights(job: Job) -> int:
    return sum(layer.weights for layer in job.layers)


def _hops(job: Job, device: Hardware, nodes: int) -> float:
    """Seconds that the R - 1 hops of a message take beside its bytes."""
    between = nodes if nodes > 1 else 0
    return (job.ranks - 1 - between) * device.hop_inside + between * device.hop_between
