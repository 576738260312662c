"""``cellstate perturb``: predicted expression change of every gene."""

from __future__ import annotations

import argparse

from cellstate.cli.options import (
    GENES_SHOWN,
    Answer,
    Commands,
    add_out,
    add_perturb,
    add_predictor,
    check_out,
    number,
    records,
    write_out,
)
from cellstate.cli.readers import read_model, read_perturbations, read_sample

_COLUMNS = ("gene", "ensembl_id", "tpm_before", "tpm_after", "log2_fold_change")
_FLAGS = ("is_reliable", "reason", "is_perturbed")


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("perturb", "predicted expression change of every gene", _run, reads=True, runs=True)
    add_perturb(
        one,
        "GENE=ko, kd50 (down by 50%%), x3 (times 3), =12.5 (set to 12.5 TPM), =q90 (the cohort's 90th percentile)",
    )
    add_predictor(one)
    add_out(one)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_score_after, ood_scores
    from cellstate.evaluation.reliability import reliability_table
    from cellstate.labels import predictor_label
    from cellstate.perturb.predict import predict
    from cellstate.report.narrative.evidence import default_reason

    perturbations = read_perturbations(options)
    check_out(options)
    model = read_model(options, light=True)
    sample = read_sample(options, model)
    prediction = predict(sample, perturbations, options.predictor)
    ood, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=ood.is_ood, is_ood_after=after.is_ood)
    write_out(options, table)
    baselines = list(prediction.baseline_log1p_after)
    reason = default_reason(model.record, prediction.predictor)
    genes = [
        {name: row[name] for name in _COLUMNS}
        | {"baselines": {name: row[f"log2_fold_change_{name}"] for name in baselines}}
        | {name: row[name] for name in _FLAGS}
        for row in records(table)
    ]
    result = {
        "sample": sample.name,
        "perturbations": [perturbation.spec for perturbation in perturbations],
        "kind": "hypothesis",
        "predictor": prediction.predictor,
        "predictor_reason": reason,
        "ood_score": ood.score,
        "is_ood": ood.is_ood,
        "ood_score_after": after.score,
        "is_ood_after": after.is_ood,
        "genes": genes,
    }
    shown = [gene for gene in genes if not gene["is_perturbed"]][:GENES_SHOWN]
    widths = {name: max(len(name), 8) + 2 for name in baselines}
    lines = [
        f"{sample.name}: {', '.join(one.label for one in perturbations)} (a hypothesis, for research only)",
        f"{predictor_label(prediction.predictor)} predicts. {reason}",
        ood.sentence,
        f"Distance from the training samples: {number(ood.score, '.2f')} before the perturbation, "
        f"{number(after.score, '.2f')} after it.",
        f"{'gene':<12}{'TPM before':>12}{'TPM after':>12}{'log2 change':>13}"
        + "".join(f"{name:>{width}}" for name, width in widths.items()),
        *(
            f"{gene['gene']:<12}{gene['tpm_before']:>12.2f}{gene['tpm_after']:>12.2f}{gene['log2_fold_change']:>+13.3f}"
            + "".join(f"{gene['baselines'][name]:>+{width}.3f}" for name, width in widths.items())
            + ("" if gene["is_reliable"] else f"  not reliable: {gene['reason']}")
            for gene in shown
        ),
    ]
    return result, lines
