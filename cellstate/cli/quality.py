"""Commands that hold the model against the truth: of a profile, and of a real experiment."""

from __future__ import annotations

import argparse

from cellstate.cli.answer import Answer, number
from cellstate.cli.commands import Commands, add_perturb, add_predictor, add_sample
from cellstate.cli.inputs import read_file, read_model, read_perturbations
from cellstate.errors import CellStateError


def add(commands: Commands) -> None:
    """Add ``evaluate`` and ``compare``."""
    words = "predicted against true: R2 and accuracy per TPM bin"
    one = commands.add("evaluate", words, _evaluate, reads=True, runs=True)
    one.add_argument("--edges", metavar="LIST", help="bin edges in TPM (default: 0,2.5,10,100,inf)")
    one.add_argument("--relative", type=float, default=0.20, help="tolerance as a share of the truth (default 0.20)")
    one.add_argument("--absolute", type=float, default=0.1, help="tolerance in TPM added to it (default 0.1)")

    add_sample(one)

    words = "virtual against real: predicted and measured change of an experiment"
    one = commands.add("compare", words, _compare, runs=True)
    for group in ("control", "treated"):
        words = f"the {group} samples: a file, or FILE#NAME,NAME for some samples of it"
        one.add_argument(f"--{group}", required=True, metavar="FILE", help=words)
    add_perturb(one, "what was done to the cells")
    add_predictor(one)


def _evaluate(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.bins import EDGES, Tolerance
    from cellstate.evaluation.reconstruction import PREDICTORS, evaluate
    from cellstate.perturb.sample import prepare_samples

    model = read_model(options)
    samples = read_file(options)
    edges = EDGES if options.edges is None else _numbers(options.edges)
    tolerance = Tolerance(options.relative, options.absolute)
    evaluation = evaluate(prepare_samples(model, samples), edges=edges, tolerance=tolerance)
    result = evaluation.to_dict()
    heads = [f"{b['low']:g}-{b['high']:g}" if b["high"] is not None else f">{b['low']:g}" for b in result["bins"]]
    lines = [
        f"{len(samples)} sample(s), {result['n_values']:,} values",
        f"{'':<28}{'pooled R2':>10}{'per gene':>10}" + "".join(f"{h + ' TPM':>14}" for h in heads),
    ]
    for name, quality in evaluation.quality.items():
        gene = quality.r2_gene_median
        lines.append(
            f"{PREDICTORS[name]:<28}{quality.r2_pooled:>10.4f}{'-' if gene is None else f'{gene:.3f}':>10}"
            + "".join(f"{number(b.accuracy, '.3f'):>14}" for b in quality.bins)
        )
    lines.append(
        f"{'Ceiling (counting noise)':<48}" + "".join(f"{number(b.accuracy, '.3f'):>14}" for b in evaluation.ceiling)
    )
    shares = "".join(f"{number(b['share_of_ceiling'], '.3f'):>14}" for b in result["bins"])
    lines.append(f"{'Autoencoder as a share of the ceiling':<48}{shares}")
    if evaluation.conditional_mode is not None:
        hits = "".join(f"{number(b.accuracy, '.3f'):>14}" for b in evaluation.conditional_mode)
        lines.append(f"{'Autoencoder at the conditional mode':<48}{hits}")
    if (covered := result["interval_coverage"]) is not None:
        each = "".join(f"{number(share, '.3f'):>14}" for share in covered["bins"])
        lines.append(f"{'90 % intervals cover':<38}{number(covered['overall'], '.3f'):>10}{each}")
    return result, lines


def _compare(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.experiment import compare
    from cellstate.io import read_selection
    from cellstate.labels import predictor_label
    from cellstate.perturb.sample import prepare_samples

    perturbations = read_perturbations(options)
    model = read_model(options)
    control, treated = (prepare_samples(model, read_selection(text)) for text in (options.control, options.treated))
    experiment = compare(control, treated, perturbations, predictor=options.predictor)
    result = experiment.to_dict()
    lines = [
        f"{', '.join(one.label for one in perturbations)}: {result['n_control']} control and "
        f"{result['n_treated']} treated sample(s), {result['n_genes']:,} genes, predicted by "
        f"{predictor_label(experiment.predictor)}.",
        f"{'':<16}{'Pearson-delta':>14}{'95% interval':>18}{'sign, top 50':>14}",
        *(
            f"{name:<16}{number(a.pearson_delta):>14}"
            f"{'-' if a.low is None else f'{number(a.low)} to {number(a.high)}':>18}"
            f"{number(a.sign_accuracy_top50, '.3f'):>14}"
            for name, a in experiment.agreement.items()
        ),
        experiment.verdict,
    ]
    return result, lines


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise CellStateError(f"{text!r} is not a list of numbers.", "Write --edges 0,2.5,10,100,inf") from error
