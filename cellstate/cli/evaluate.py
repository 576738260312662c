"""``cellstate evaluate``: reconstruction of a profile, compared with its true values."""

from __future__ import annotations

import argparse

from cellstate.cli.options import Answer, Commands, number
from cellstate.cli.readers import numbers, read_chosen_samples, read_model


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("evaluate", "predicted against true: R2 and accuracy per TPM bin", _run, reads=True, runs=True)
    one.add_argument("--edges", metavar="LIST", help="bin edges in TPM (default: 0,2.5,10,100,inf)")
    one.add_argument("--relative", type=float, default=0.20, help="tolerance as a share of the truth (default 0.20)")
    one.add_argument("--absolute", type=float, default=0.1, help="tolerance in TPM added to it (default 0.1)")


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.metrics import EDGES, Tolerance
    from cellstate.evaluation.reconstruction import BATCH_OFFSET, PREDICTORS, evaluate
    from cellstate.perturb.sample import prepare_samples

    model = read_model(options)
    samples = read_chosen_samples(options)
    edges = EDGES if options.edges is None else numbers("--edges", options.edges, "0,2.5,10,100,inf")
    tolerance = Tolerance(options.relative, options.absolute)
    evaluation = evaluate(prepare_samples(model, samples), edges=edges, tolerance=tolerance)
    result = evaluation.to_dict()
    heads = [f"{b['low']:g}-{b['high']:g}" if b["high"] is not None else f">{b['low']:g}" for b in result["bins"]]
    rows: list[tuple] = [
        (PREDICTORS[name], quality.r2_pooled, quality.r2_gene_median, [b.accuracy for b in quality.bins])
        for name, quality in evaluation.quality.items()
    ]
    if (moved := evaluation.batch_offset) is not None:
        rows.append((BATCH_OFFSET, moved.r2_pooled, moved.r2_gene_median, [b.accuracy for b in moved.bins]))
    rows += [
        ("Ceiling (counting noise)", None, None, [b.accuracy for b in evaluation.ceiling]),
        ("Autoencoder, share of the ceiling", None, None, [b["share_of_ceiling"] for b in result["bins"]]),
    ]
    if evaluation.conditional_mode is not None:
        rows.append(("Autoencoder, conditional mode", None, None, [b.accuracy for b in evaluation.conditional_mode]))
    if (covered := result["interval_coverage"]) is not None:
        rows.append(("90% intervals, coverage", covered["overall"], None, covered["bins"]))
    lines = [
        f"{len(samples)} sample(s), {result['n_values']:,} values",
        f"{'':<34}{'pooled R2':>10}{'per gene':>10}" + "".join(f"{h + ' TPM':>14}" for h in heads),
        *(
            f"{name:<34}{number(pooled, '.4f'):>10}{number(per_gene, '.3f'):>10}"
            + "".join(f"{number(value, '.3f'):>14}" for value in bins)
            for name, pooled, per_gene, bins in rows
        ),
    ]
    return result, lines
