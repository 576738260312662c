"""Bytes on each device: what stays there, what a step adds to it, and how high both stand together at the worst moment.

Float32 weights (4 bytes), gradients (4) and two moments of AdamW (8). With ``ddp`` each rank holds all of them; its
gradients lie in the buckets that are exchanged, and are there from the start. With ``fsdp`` each rank holds its share,
and gathers one layer after another.
"""

from __future__ import annotations

from collections.abc import Iterator

from train.plan.figure import Figure
from train.plan.job import Job, Layer

#: Bytes a sample and gene that the loop holds beside what the layers keep: z and prediction, until the step is done.
_HELD = 4 + 4
#: The error and whether a value is measured, which are kept for the way back, and what is computed from them meanwhile.
_LOSS, _MEANWHILE = 4 + 1, 4 + 4 + 4


def memory(job: Job) -> dict[str, Figure]:
    """Return weights, gradients, optimiser, state (their sum), casts, activations, (gathered,) and peak of a rank."""
    held = _sharded(job) if job.is_sharded else _whole(job)
    state = sum(figure.value for figure in held.values())
    found = held | {"state": Figure(state, "bytes", "weights + gradients + optimiser")}
    found["activations"] = Figure(
        job.at_once * (_kept(job, job.layers) * job.width + (_HELD + _LOSS) * job.model.n_genes),
        "bytes",
        f"m ({job.width} B x inputs of every layer + {_HELD + _LOSS} B x G)"
        + (" without recompute" if job.recompute else ""),
    )
    if job.is_sharded:
        found["gathered"] = _gathered(job)
        found["peak"] = _sharded_peak(job, found)
    else:
        found["casts"] = Figure(
            job.cast * job.n_parameters,
            "bytes",
            "2 N: autocast's copies of the weights" if job.cast else "0 in float32",
        )
        found["peak"] = _peak(job)
    return found


def _whole(job: Job) -> dict[str, Figure]:
    return {
        "weights": Figure(4 * job.n_parameters, "bytes", "4 N"),
        "gradients": Figure(4 * job.n_trained, "bytes", "4 T" + (", in the buckets" if job.ranks > 1 else "")),
        "optimiser": Figure(8 * job.n_trained + 4 * _tensors(job), "bytes", "8 T + 4 a tensor: two moments, one count"),
    }


def _sharded(job: Job) -> dict[str, Figure]:
    """Rows are shared out, tensor by tensor: the first rank's share is the largest."""
    held, learning = (job.padded(trained_only=trained) // job.ranks for trained in (False, True))
    rows = "rows rounded up"
    # Parts of a batch are added up before they are exchanged, and until then they are whole.
    whole = 4 * job.n_trained if job.passes > 1 else 0
    adding = " + 4 T while passes add up" if whole else ""
    return {
        "weights": Figure(4 * held, "bytes", f"4 N / R, {rows}"),
        "gradients": Figure(4 * learning + whole, "bytes", f"4 T / R{adding}, {rows}"),
        "optimiser": Figure(8 * learning + 4 * _tensors(job), "bytes", f"8 T / R + 4 a tensor, {rows}"),
    }


def _tensors(job: Job) -> int:
    return sum(1 + layer.bias for layer in job.layers if layer.trained)


def _gathered(job: Job) -> Figure:
    sizes = sorted((layer.parameters for layer in job.layers), reverse=True)
    first, second = sizes[0], sizes[1]
    return Figure(
        2 * job.width * (first + second) + 4 * (first + second),
        "bytes",
        "at most (2 w + 4) (n' + n''), the two largest layers: weights and gradient of one, twice the weights of the "
        "next, and what is sent of both",
    )


def _sharded_peak(job: Job, found: dict[str, Figure]) -> Figure:
    step = sum(found[name].value for name in ("state", "activations", "gathered"))
    # The weights of the best epoch are handed on whole, when no gradient is there.
    best = found["weights"].value + found["optimiser"].value + 4 * job.n_parameters
    formula = "state + activations + gathered" if step >= best else "weights + optimiser + 4 N: the best epoch's, whole"
    return Figure(max(step, best), "bytes", formula)


def _peak(job: Job) -> Figure:
    value, where = max(_moments(job))
    return Figure(value, "bytes", where)


def _moments(job: Job) -> Iterator[tuple[int, str]]:
    """Yield what a rank holds at each moment of a step, and what that is made of.

    On the way back every layer's gradient comes, its low-precision weights and its input go.
    """
    m, width, genes = job.at_once, job.width, job.model.n_genes
    # Gradients that are there before the step: DDP's buckets, or those of the pass before.
    there = job.ranks > 1 or job.passes > 1
    # Recomputing starts from the float32 input.
    fixed = 4 * job.n_parameters + 8 * job.n_trained + 4 * _tensors(job) + m * (_HELD + 4 * job.recompute) * genes
    fixed += 4 * job.n_trained if there else 0
    spared = job.cast * sum(layer.parameters for layer in job.layers if layer.reads_genes)
    casts, kept = job.cast * job.n_parameters - spared, m * width * _kept(job, job.layers)
    if job.recompute:
        casts, kept = 0, m * width * job.model.n_latent
    loss = m * (_LOSS + _MEANWHILE) * genes
    yield fixed + casts + kept + loss, "weights + moments + gradients so far + casts + activations, at the loss"
    done = 0
    for part in _parts(job):
        casts, kept = job.cast * sum(layer.parameters for layer in part), m * width * _kept(job, part)
        if job.recompute:
            waiting = m * job.width * part[-1].outputs
            yield (
                fixed + 4 * done + casts + kept + waiting,
                "weights + moments + gradients so far + half computed again",
            )
        # Data need no gradient: the copy of the weights that they met is dropped with the forward pass.
        casts -= spared if part[0].reads_genes else 0
        for layer in reversed(part):
            # Its low-precision weights have done their work when its gradient becomes float32.
            casts -= 0 if layer.reads_genes else job.cast * layer.parameters
            grown = layer.parameters if layer.trained else 0
            arriving = (job.cast + 4) * grown
            passing = layer.outputs if layer.reads_genes else layer.inputs + max(layer.inputs, layer.outputs)
            yield (
                fixed + 4 * done + casts + kept + arriving + m * job.width * passing,
                "weights + moments + gradients so far + casts left + activations left + the gradient that arrives, "
                f"on the way back at {layer.inputs} -> {layer.outputs}",
            )
            done += 0 if there else grown
            kept -= m * width * layer.kept


def _parts(job: Job) -> list[tuple[Layer, ...]]:
    """The layers that are on their way back together: all, or one half after the other when halves are recomputed."""
    if not job.recompute:
        return [job.layers]
    encoder = tuple(layer for layer in job.layers if layer.encodes)
    return [tuple(layer for layer in job.layers if not layer.encodes), encoder]


def checkpoint(job: Job) -> Figure:
    """Return the size of one checkpoint: weights and moments; every value once, whatever the strategy."""
    return Figure(4 * job.n_parameters + 8 * job.n_trained, "bytes", "4 N + 8 T: float32 weights and moments")


def _kept(job: Job, layers: tuple[Layer, ...]) -> int:
    return sum(layer.kept for layer in layers)
