"""``train plan``: memory, exchange and time of a run, each number with its formula, and the strategy to take.

N parameters, W entries of matrices, n(1) those of the first layer, G genes, R ranks (one a GPU), B samples a step,
b = ceil(B / R), m samples at once, p = ceil(b / m) passes, w bytes of a value in products. FSDP rounds the rows of
every tensor up to a multiple of R. Messages are sent in rings (Patarasuk & Yuan, J. Parallel Distrib. Comput. 2009). A
pass takes the longer of its products and of moving its weights through memory (roofline: Williams et al., Commun. ACM
2009). Exchange overlaps with computation: DDP sends a gradient once it exists and the previous one is sent; FSDP takes
the longer of both. Not counted: recompute (fewer activations, a step up to a third longer) and freeze_linear.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cellstate.cohorts import open_cohort
from cellstate.errors import CellStateError
from cellstate.genes import N_AXIS
from cellstate.model.config import ModelConfig

from .config import read_config
from .store import open_store

#: Share of a GPU's memory to plan for, as the allocator leaves holes; bytes of DDP's buckets: larger layers go alone.
HEADROOM, BUCKET = 0.9, 25 * 2**20
#: Bytes a sample and gene: z and prediction; error and mask, kept for the backward pass; temporaries of the loss.
_IO, _LOSS, _TEMPORARY = 4 + 4, 4 + 1, 4 + 4 + 4
#: Bytes a weight through memory: forward and backward with casts; adding to a gradient; clipping and AdamW.
_FORWARD, _BACKWARD = {"bfloat16": 4 + 2 + 2, "float32": 4}, {"bfloat16": 2 + 2 + 2 + 4, "float32": 4 + 4}
_ADDED, _UPDATE = 4 + 4 + 4, 4 + 8 + 4 * 4 + 3 * 4
_SCALES = {"s": ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")), "bytes": ((1e9, "GB"), (1e6, "MB"))}


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


@dataclass(frozen=True)
class Figure:
    """A value, its unit (bytes, s, samples/s, ...) and its formula."""

    value: float
    unit: str
    formula: str

    def __str__(self) -> str:
        scales = _SCALES.get(self.unit, ((1, self.unit),))
        size, unit = next((scale for scale in scales if self.value >= scale[0]), scales[-1])
        return f"{self.value / size:,.{'0f' if self.value >= 1000 * size else '4g'}} {unit}"


@dataclass(frozen=True)
class Layer:
    """A linear map; ``kept``: values a sample that autograd keeps for this layer and no other."""

    inputs: int
    outputs: int
    bias: bool
    reads_genes: bool
    kept: int

    @property
    def weights(self) -> int:
        """Number of weights without biases."""
        return self.inputs * self.outputs

    def parameters(self, ranks: int = 1) -> int:
        """Return weights and biases, rows rounded up to a multiple of the ranks."""
        return math.ceil(self.outputs / ranks) * ranks * (self.inputs + self.bias)


@dataclass(frozen=True)
class Workload:
    """A network, its samples and ``[run]``: ``share`` samples a rank and step, in passes of ``at_once``."""

    model: ModelConfig
    batch_size: int
    ranks: int = 1
    precision: str = "bfloat16"
    strategy: str = "ddp"
    micro_batch: int = 0
    samples: int = 1
    validation_samples: int = 0
    epochs: int = 1

    @cached_property
    def layers(self) -> list[Layer]:
        """The linear maps in the order in which they run."""
        model, found, latent = self.model, [], self.model.latent_index - 1
        for i, (a, b) in enumerate(zip(model.widths, model.widths[1:], strict=False)):
            # relu and tanh keep their output, which is the next layer's input; gelu and silu keep their input too.
            both = model.activation in ("gelu", "silu") and i not in (0, latent + 1)
            found.append(Layer(a, b, True, i == 0, 2 * a if both else a))
            if model.residual and i == latent:
                # The input is kept already, but autocast casts data anew for each layer that reads them.
                recast = self.width == 2 and not self.is_sharded
                found.append(Layer(model.n_skip, model.n_latent, False, not model.embedding, model.n_skip * recast))
        return found + [Layer(model.n_latent, model.n_skip, False, False, 0)] * model.residual

    @property
    def is_sharded(self) -> bool:
        """Whether each rank holds only its share of the parameters."""
        return self.strategy == "fsdp" and self.ranks > 1

    @property
    def share(self) -> int:
        """Samples of one rank and step."""
        return math.ceil(self.batch_size / self.ranks)

    @property
    def at_once(self) -> int:
        """Samples of one pass through the network."""
        return min(self.micro_batch or self.share, self.share)

    @property
    def passes(self) -> int:
        """Passes of one rank and step."""
        return math.ceil(self.share / self.at_once)

    @property
    def width(self) -> int:
        """Bytes of one number in a matrix product."""
        return 2 if self.precision == "bfloat16" else 4


def memory(job: Workload) -> dict[str, Figure]:
    """Return the bytes of a rank: weights, gradients, optimiser, what a step adds, and the peak."""
    n, genes, over = job.model.n_parameters, job.model.n_genes, " / R" if job.is_sharded else ""
    own = sum(layer.parameters(job.ranks) for layer in job.layers) // job.ranks if job.is_sharded else n
    summed = 4 * n if job.is_sharded and job.passes > 1 else 0
    optimiser = 8 * own + 4 * sum(1 + layer.bias for layer in job.layers)
    activations = job.at_once * (job.width * sum(x.kept for x in job.layers) + (_IO + _LOSS) * genes)
    found = {
        "weights": Figure(4 * own, "bytes", f"4 N{over}"),
        "gradients": Figure(4 * own + summed, "bytes", f"4 N{over}{' + 4 N while passes add up' if summed else ''}"),
        "optimiser": Figure(optimiser, "bytes", f"8 N{over} + 4 a tensor: two moments and a count"),
        "state": Figure(8 * own + summed + optimiser, "bytes", "weights + gradients + optimiser"),
        "activations": Figure(activations, "bytes", f"m (w x inputs of every layer + {_IO + _LOSS} G)"),
    }
    if job.is_sharded:
        gathered = (2 * job.width + 4) * sum(sorted(layer.parameters() for layer in job.layers)[-2:])
        peak = max(found["state"].value + activations + gathered, 4 * own + optimiser + 4 * n)
        found["gathered"] = Figure(gathered, "bytes", "at most (2 w + 4) x parameters of the two largest layers")
        found["peak"] = Figure(peak, "bytes", "state + activations + gathered; or 12 N / R + 4 N, to save weights")
        return found
    # Gradients exist from the start: in DDP's buckets, or from the pass before. Weights that meet data lose their cast.
    cast, exist = 2 * (job.width == 2), job.ranks > 1 or job.passes > 1
    held = 4 * n + optimiser + 4 * n * exist + job.at_once * _IO * genes
    held += sum(cast * (not x.reads_genes) * x.parameters() + job.at_once * job.width * x.kept for x in job.layers)
    peak = held + job.at_once * (_LOSS + _TEMPORARY) * genes
    for x in reversed(job.layers):
        held -= cast * (not x.reads_genes) * x.parameters()
        passing = x.outputs if x.reads_genes else x.inputs + max(x.inputs, x.outputs)
        peak = max(peak, held + (cast + 4) * x.parameters() + job.at_once * job.width * passing)
        held += 4 * x.parameters() * (not exist) - job.at_once * job.width * x.kept
    found["casts"] = Figure(cast * n, "bytes", "2 N: bfloat16 copies of the weights; none in float32")
    return found | {"peak": Figure(peak, "bytes", "most at once: at the loss, or while a layer's gradient arrives")}


def exchange(job: Workload) -> dict[str, Figure]:
    """Return what a step exchanges: payload of each kind, bytes that a rank sends, messages."""
    ring, sizes, gathers = (job.ranks - 1) / job.ranks, [4 * x.parameters() for x in job.layers], 2 * job.passes
    if job.is_sharded:
        n = sum(layer.parameters(job.ranks) for layer in job.layers)
        return {
            "all_gathered": Figure(gathers * job.width * n, "bytes", "2 p w N: forward and backward"),
            "reduce_scattered": Figure(4 * n, "bytes", "4 N: float32 gradients"),
            "sent": Figure(ring * (gathers * job.width + 4) * n, "bytes", "(R - 1) / R (2 p w + 4) N"),
            "messages": Figure((gathers + 1) * len(sizes), "messages", "layers x (2 p + 1)"),
        }
    messages = sum(x > BUCKET for x in sizes) + math.ceil(sum(x for x in sizes if x <= BUCKET) / BUCKET)
    return {
        "all_reduced": Figure(sum(sizes) * (job.ranks > 1), "bytes", "4 N: float32 gradients; none on one rank"),
        "sent": Figure(2 * ring * sum(sizes), "bytes", "2 (R - 1) / R x 4 N"),
        "messages": Figure(messages * (job.ranks > 1), "messages", "layers above 25 MiB; the rest in buckets of it"),
    }


def duration(job: Workload, hardware: Hardware) -> dict[str, Figure]:
    """Return the seconds of a step, an epoch and the run."""
    layers, n, passes, sharded = job.layers, job.model.n_parameters, job.passes, job.is_sharded
    w, products, bandwidth = sum(x.weights for x in layers), hardware.rate(job.precision), hardware.rate("bandwidth")
    gathered = 3 * job.width * sharded  # a gathered layer is written, read, and written again where it is used
    added = _ADDED if passes > 1 or (job.ranks > 1 and not sharded) else 0
    flop = 2 * w, 4 * w - 2 * sum(x.weights for x in layers if x.reads_genes)
    moved = _FORWARD[job.precision] + gathered, _BACKWARD[job.precision] + gathered + added
    forward, backward = (max(job.share / passes * flop[i] / products, moved[i] * w / bandwidth) for i in (0, 1))
    update = _UPDATE * n / (job.ranks if sharded else 1) / bandwidth
    between = math.ceil(job.ranks / hardware.gpus_per_node) * (job.ranks > hardware.gpus_per_node)
    ring = min(hardware.rate("inside"), hardware.rate("network" if between else "inside"))
    hops = (job.ranks - 1 - between) * hardware.hop_inside + between * hardware.hop_between
    sends = (job.ranks - 1) / job.ranks / ring
    if sharded:
        gather, reduce = (width * n * sends + len(layers) * hops for width in (job.width, 4))
        exchanging, last = 2 * passes * gather + reduce, max(backward, gather + reduce)
        step = passes * max(forward, gather) + (passes - 1) * max(backward, gather) + last + update
    else:
        exchanging, computed, sent = 2 * (4 * n * sends + exchange(job)["messages"].value * hops), 0.0, 0.0
        for x in reversed(layers):
            computed += backward * x.weights / w
            sent = max(computed, sent) + exchanging * x.parameters() / n
        step = passes * forward + (passes - 1) * backward + sent + update
    steps, validation = math.ceil(job.samples / job.batch_size), math.ceil(job.validation_samples / job.ranks)
    epoch = steps * step + 2 * w * validation / products
    return {
        "forward": Figure(passes * forward, "s", f"p x longer of 2 m W / {products:.3g} FLOP/s, {moved[0]} W / memory"),
        "backward": Figure(passes * backward, "s", f"p x longer of m (4 W - 2 n(1)) / FLOP/s, {moved[1]} W / memory"),
        "update": Figure(update, "s", f"{_UPDATE} N{' / R' * sharded} / memory of {bandwidth / 1e9:,.4g} GB/s: AdamW"),
        "exchanging": Figure(exchanging, "s", f"sent / {ring / 1e9:.4g} GB/s + messages x {1e6 * hops:.3g} us of hops"),
        "step": Figure(step, "s", "forward + backward + update, and the exchange that cannot run beside them"),
        "epoch": Figure(epoch, "s", f"{steps:,} steps + {job.validation_samples:,} validation samples forward"),
        "run": Figure(job.epochs * epoch, "s", f"{job.epochs} epochs; start and checkpoints come on top"),
    }


@dataclass(frozen=True)
class Strategy:
    """One layout of a workload: whether its peak fits a GPU, and its figures."""

    settings: dict[str, Any]
    fits: bool
    figures: dict[str, Figure]


def plan(job: Workload, hardware: Hardware) -> tuple[dict[str, Strategy], Strategy, str]:
    """Return the strategies, each with passes as large as fit; DDP if it fits with headroom, else FSDP; the reason."""
    usable = HEADROOM * hardware.memory - hardware.reserve

    def largest(kind: str) -> Strategy:
        tried = replace(job, strategy=kind, micro_batch=0)
        while memory(tried)["peak"].value > usable and tried.at_once > 1:
            tried = replace(tried, micro_batch=math.ceil(tried.at_once / 2))
        figures = memory(tried) | exchange(tried) | duration(tried, hardware)
        settings = {"strategy": tried.strategy, "micro_batch": tried.micro_batch}
        return Strategy(settings, figures["peak"].value <= usable, figures)

    strategies = {kind: largest(kind) for kind in (("ddp", "fsdp") if job.ranks > 1 else (job.strategy,))}
    best = min(strategies.values(), key=lambda x: 0 if x.fits else x.figures["peak"].value)
    needs = [f"{k.upper()} needs {x.figures['peak']}, {x.figures['step']} a step" for k, x in strategies.items()]
    room = f"{Figure(usable, 'bytes', '')} of {Figure(hardware.memory, 'bytes', '')} can be used"
    verdict = f"{best.settings['strategy'].upper()} is the simplest that fits" if best.fits else "nothing fits"
    return strategies, best, f"{'; '.join(needs)}; {room} on each GPU: {verdict}."


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("plan", help="memory, exchange and time of a run on a number of GPUs")
    parser.add_argument("config", help="a TOML file, see train/configs")
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="one process each (default: 1)")
    parser.add_argument("--gpus-per-node", type=int, default=8, metavar="N", help="GPUs of a node (default: 8)")
    parser.add_argument("--hardware", default="a100-80g", metavar="NAME", help="an entry of train/hardware.toml")
    parser.add_argument("--network", type=float, metavar="GB/S", help="what a node sends, instead of its entry's")
    parser.add_argument("--samples", type=int, metavar="N", help="training samples (default: those of the data)")
    parser.add_argument("--genes", type=int, metavar="N", help="genes, where the data decide (default: all)")
    parser.add_argument("--json", action="store_true", help="the JSON document alone, without tables")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict:
    """Plan; the tables go to standard error."""
    config = read_config(options.config)
    changes = {"gpus_per_node": options.gpus_per_node} | ({"network": 1e9 * options.network} if options.network else {})
    for name in ("gpus", "gpus_per_node", "samples", "genes", "network"):
        if (value := getattr(options, name)) is not None and not value > 0:
            raise CellStateError(f"--{name.replace('_', '-')} {value} is not positive.", "Give a number above 0.")
    hardware = read_hardware(options.hardware, **changes)
    network, layout, place = config.network, config.run, Path(config.data.store or config.data.cohort)
    genes = N_AXIS if config.data.genes == "axis" else options.genes or N_AXIS
    model = network.model(genes)
    if not options.samples and not place.is_dir():
        raise CellStateError(f"The config's data, {place}, are not there to be counted.", "Say how many: --samples N.")
    opened = None if options.samples else (open_store if config.data.store else open_cohort)(place)
    splits = opened.manifest["splits"] if opened else {"train": options.samples}
    settings = (config.loop.batch_size, options.gpus, layout.precision, layout.strategy, layout.micro_batch)
    job = Workload(model, *settings, splits["train"], splits.get("validation", 0), config.loop.epochs)
    strategies, best, why = plan(job, hardware)
    if not options.json:
        for kind, strategy in strategies.items():
            print(f"{kind.upper()}{'' if strategy.fits else ', does not fit'}", file=sys.stderr)
            for name, figure in strategy.figures.items():
                print(f"  {name.replace('_', ' '):18}{figure!s:>16}  {figure.formula}", file=sys.stderr)
        print(why, "Recommended in [run]:", best.settings, file=sys.stderr)
    return {
        "workload": asdict(job) | {"n_parameters": model.n_parameters},
        "hardware": asdict(hardware) | {"name": options.hardware},
        "strategies": {kind: asdict(strategy) for kind, strategy in strategies.items()},
        "recommended": best.settings | {"fits": best.fits, "why": why},
        "as_configured": best.settings == {"strategy": job.strategy, "micro_batch": job.micro_batch},
    }
