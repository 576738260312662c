"""``cellstate compare``: predicted and measured change of an experiment."""

from __future__ import annotations

import argparse

from cellstate.cli.options import Answer, Commands, add_perturb, add_predictor, number
from cellstate.cli.readers import read_model, read_perturbations


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("compare", "predicted and measured change of an experiment", _run, runs=True)
    for group in ("control", "treated"):
        words = f"the {group} samples: a file, or FILE#NAME,NAME for some samples of it"
        one.add_argument(f"--{group}", required=True, metavar="FILE", help=words)
    add_perturb(one, "what was done to the cells")
    add_predictor(one)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.experiment import compare
    from cellstate.io import read_selection
    from cellstate.labels import predictor_label
    from cellstate.perturb.sample import prepare_samples
    from cellstate.report.narrative.experiment import verdict

    perturbations = read_perturbations(options)
    model = read_model(options)
    control, treated = (prepare_samples(model, read_selection(text)) for text in (options.control, options.treated))
    experiment = compare(control, treated, perturbations, predictor=options.predictor)
    sentences = " ".join(verdict(experiment))
    result = experiment.to_dict() | {"verdict": sentences}
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
        sentences,
    ]
    return result, lines
