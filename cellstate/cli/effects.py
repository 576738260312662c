"""``cellstate effects``: the effect matrix of a method, for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from cellstate.cli.options import Answer, Commands, ProgressBar, add_genes, add_predictor
from cellstate.cli.readers import first_of, read_genes, read_model


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("effects", "what a rise of each gene does to every gene, as one matrix", _run, runs=True)
    add_genes(one)
    one.add_argument("--out", required=True, metavar="NPZ", help="file of the arrays candidates, symbols, effect, unit")
    one.add_argument("--sample", metavar="FILE", help="a profile, or FILE#NAME: effects in its state")
    add_predictor(one)


def _run(options: argparse.Namespace) -> Answer:
    import numpy as np

    from cellstate.errors import CellStateError
    from cellstate.files import atomic_write
    from cellstate.io import check_writable, read_selection
    from cellstate.perturb.effects import LOG2_PER_SD, effect_matrix
    from cellstate.perturb.predictors.registry import ranking_predictor, resolve_predictor
    from cellstate.perturb.sample import prepare_sample, training_mean

    check_writable(options.out)
    model = read_model(options)
    predictor = ranking_predictor(model) if options.predictor is None else resolve_predictor(model, options.predictor)
    genes_C = read_genes(options, options.genes, model.space)
    if genes_C is None:
        genes_C = np.arange(len(model.space))
    if options.sample is None:
        sample = training_mean(model)
    else:
        samples = read_selection(options.sample)
        sample = prepare_sample(model, samples.take([first_of(options, samples, list(range(len(samples))))]))
    with ProgressBar() as bar:
        found = effect_matrix(sample, genes_C, predictor, bar)
    symbols = np.array(model.space.symbols)
    effect_CG, unit = found.log2(model), np.array(LOG2_PER_SD)
    try:
        with atomic_write(Path(options.out)) as draft, draft.open("wb") as stream:
            np.savez(stream, candidates=symbols[genes_C], symbols=symbols, effect=effect_CG, unit=unit)
    except OSError as error:
        hint = "Give a path with more room."
        raise CellStateError(f"{options.out} cannot be written: {error.strerror}.", hint) from error
    result = {
        "predictor": predictor,
        "state": sample.name,
        "n_candidates": len(genes_C),
        "n_genes": len(symbols),
        "unit": LOG2_PER_SD,
        "kind": "hypothesis",
        "out": str(options.out),
    }
    lines = [f"{options.out}: effects of {len(genes_C):,} genes on {len(symbols):,} by {predictor}, {LOG2_PER_SD}."]
    return result, lines
