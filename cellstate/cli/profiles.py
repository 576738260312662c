"""Commands about one profile: what was read, and what edits would move."""

from __future__ import annotations

import argparse

from cellstate.cli.answer import GENES_SHOWN, Answer, number
from cellstate.cli.commands import Commands, add_out, add_predictor, add_sample
from cellstate.cli.inputs import read_file, read_model, read_sample


def add(commands: Commands) -> None:
    """Add ``inspect`` and ``perturb``."""
    commands.add("inspect", "what was read, before any prediction", _inspect, reads=True, runs=True)
    one = commands.add("perturb", "predicted shift of every gene after edits", _perturb, reads=True, runs=True)
    one.add_argument(
        "--edit",
        action="append",
        required=True,
        metavar="GENE=EDIT",
        help="ko, kd50 (down by 50 %%), x3 (times 3), =12.5 (set to 12.5 TPM), =q90 (set to the cohort's 90th "
        "percentile); may be given again",
    )
    add_predictor(one)
    add_sample(one)
    add_out(one)


def _inspect(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import distances

    model = read_model(options)
    samples = read_file(options)
    report = samples.report
    n_matched = int(samples.measured_SA[:, model.space.axis_index_G].any(axis=0).sum())
    judged = distances(model, samples)
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
            {"name": name, "detected_genes": int(detected), "ood_score": d.score, "ood_flag": d.flag}
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
    from cellstate.evaluate import distances, distances_after, trust_table
    from cellstate.io import check_writable, write_table
    from cellstate.perturb import parse_edits, perturb
    from cellstate.report import default_reason, predictor_label

    edits = parse_edits(options.edit)
    if options.out:
        check_writable(options.out)
    model = read_model(options)
    sample = read_sample(options)
    shift = perturb(model, sample, edits, predictor=options.predictor)
    distance, after = distances(model, sample)[0], distances_after(model, shift)[0]
    table = trust_table(model, shift, far=distance.flag, left=after.flag)
    if options.out:
        write_table(table, options.out)
    rivals = list(shift.rival_log1p_after)
    result = {
        "sample": sample.names[0],
        "edits": [edit.spec for edit in edits],
        "kind": "hypothesis",
        "predictor": shift.predictor,
        "predictor_reason": default_reason(model.record, shift.predictor),
        "ood_score": distance.score,
        "ood_flag": distance.flag,
        "ood_score_edited": after.score,
        "ood_flag_edited": after.flag,
        "genes": [
            {
                "gene": row["gene"],
                "ensembl_id": row["ensembl_id"],
                "tpm_before": row["tpm_before"],
                "tpm_after": row["tpm_after"],
                "delta_log2": row["delta_log2"],
                "baseline_deltas": {name: row[f"delta_log2_{name}"] for name in rivals},
                "trusted": bool(row["trusted"]),
                "reason": row["reason"],
                "edited": bool(row["edited"]),
            }
            for row in table.to_dict("records")
        ],
    }
    shown = table[~table["edited"]].head(GENES_SHOWN)
    lines = [
        f"{sample.names[0]}: {', '.join(edit.label for edit in edits)} (a hypothesis, for research only)",
        f"{predictor_label(shift.predictor)} predicts. {default_reason(model.record, shift.predictor)}",
        distance.sentence,
        f"Distance from the training samples: {number(distance.score, '.2f')} before the edit, "
        f"{number(after.score, '.2f')} after it.",
        f"{'gene':<12}{'TPM before':>12}{'TPM after':>12}{'log2 change':>13}" + "".join(f"{n:>14}" for n in rivals),
        *(
            f"{row['gene']:<12}{row['tpm_before']:>12.2f}{row['tpm_after']:>12.2f}{row['delta_log2']:>+13.3f}"
            + "".join(f"{row[f'delta_log2_{n}']:>+14.3f}" for n in rivals)
            + ("" if row["trusted"] else f"  not trusted: {row['reason']}")
            for row in shown.to_dict("records")
        ),
    ]
    return result, lines
