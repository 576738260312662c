"""Commands about one profile: what was read, and what perturbations would change."""

from __future__ import annotations

import argparse

from cellstate.cli.answer import GENES_SHOWN, Answer, number
from cellstate.cli.commands import Commands, add_out, add_perturb, add_predictor, add_sample
from cellstate.cli.inputs import read_file, read_model, read_perturbations, read_sample


def add(commands: Commands) -> None:
    """Add ``inspect`` and ``perturb``."""
    commands.add("inspect", "what was read, before any prediction", _inspect, reads=True, runs=True)
    one = commands.add("perturb", "predicted expression change of every gene", _perturb, reads=True, runs=True)
    add_perturb(
        one,
        "GENE=ko, kd50 (down by 50 %%), x3 (times 3), =12.5 (set to 12.5 TPM), =q90 (the cohort's 90th percentile)",
    )
    add_predictor(one)
    add_sample(one)
    add_out(one)


def _inspect(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_scores
    from cellstate.perturb.sample import prepare_samples

    model = read_model(options)
    samples = read_file(options)
    report = samples.report
    n_matched = int(samples.measured_SA[:, model.space.axis_index_G].any(axis=0).sum())
    judged = ood_scores(prepare_samples(model, samples))
    detected_S = samples.detected_genes_S
    result = {
        "file": report.source,
        "format": report.format,
        "orientation": report.orientation,
        "unit": report.unit,
        "id_type": report.id_type,
        "n_samples": len(samples),
        "n_genes_read": report.n_genes_read,
        "n_genes_matched": n_matched,
        "fraction_matched": n_matched / len(model.space),
        "n_duplicates": report.n_duplicates,
        "names": report.status_counts,
        "n_unmatched": len(report.unmatched),
        "unmatched": list(report.unmatched[:GENES_SHOWN]),
        "warnings": list(report.warnings),
        "samples": [
            {"name": name, "detected_genes": int(detected), "ood_score": d.score, "is_ood": d.is_ood}
            for name, detected, d in zip(samples.names, detected_S, judged, strict=True)
        ],
    }
    lines = [
        f"{report.source}: {report.format}, {report.orientation}, {report.unit}, {report.id_type} names",
        f"{len(samples)} sample(s); {n_matched:,} of the model's {len(model.space):,} genes "
        f"({result['fraction_matched']:.1%})",
        *(f"warning: {warning}" for warning in report.warnings),
        *(
            f"{name}: {detected:,} genes detected. {d.sentence}"
            for name, detected, d in zip(samples.names, detected_S, judged, strict=True)
        ),
    ]
    return result, lines


def _perturb(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_score_after, ood_scores
    from cellstate.evaluation.reliability import reliability_table
    from cellstate.io import check_writable, write_table
    from cellstate.labels import predictor_label
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample
    from cellstate.report.narrative.evidence import default_reason

    perturbations = read_perturbations(options)
    if options.out:
        check_writable(options.out)
    model = read_model(options)
    sample = prepare_sample(model, read_sample(options))
    prediction = predict(sample, perturbations, options.predictor)
    distance, after = ood_scores([sample])[0], ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=distance.is_ood, is_ood_after=after.is_ood)
    if options.out:
        write_table(table, options.out)
    baselines = list(prediction.baseline_log1p_after)
    reason = default_reason(model.record, prediction.predictor)
    result = {
        "sample": sample.name,
        "perturbations": [perturbation.spec for perturbation in perturbations],
        "kind": "hypothesis",
        "predictor": prediction.predictor,
        "predictor_reason": reason,
        "ood_score": distance.score,
        "is_ood": distance.is_ood,
        "ood_score_after": after.score,
        "is_ood_after": after.is_ood,
        "genes": [
            {
                "gene": row["gene"],
                "ensembl_id": row["ensembl_id"],
                "tpm_before": row["tpm_before"],
                "tpm_after": row["tpm_after"],
                "log2_fold_change": row["log2_fold_change"],
                "baselines": {name: row[f"log2_fold_change_{name}"] for name in baselines},
                "is_reliable": bool(row["is_reliable"]),
                "reason": row["reason"],
                "is_perturbed": bool(row["is_perturbed"]),
            }
            for row in table.to_dict("records")
        ],
    }
    shown = table[~table["is_perturbed"]].head(GENES_SHOWN)
    lines = [
        f"{sample.name}: {', '.join(one.label for one in perturbations)} (a hypothesis, for research only)",
        f"{predictor_label(prediction.predictor)} predicts. {reason}",
        distance.sentence,
        f"Distance from the training samples: {number(distance.score, '.2f')} before the perturbation, "
        f"{number(after.score, '.2f')} after it.",
        f"{'gene':<12}{'TPM before':>12}{'TPM after':>12}{'log2 change':>13}"
        + "".join(f"{name:>14}" for name in baselines),
        *(
            f"{row['gene']:<12}{row['tpm_before']:>12.2f}{row['tpm_after']:>12.2f}{row['log2_fold_change']:>+13.3f}"
            + "".join(f"{row[f'log2_fold_change_{name}']:>+14.3f}" for name in baselines)
            + ("" if row["is_reliable"] else f"  not reliable: {row['reason']}")
            for row in shown.to_dict("records")
        ),
    ]
    return result, lines
