"""``cellstate inspect``: what was read, before any prediction."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cellstate.cli.options import GENES_SHOWN, Answer, Commands
from cellstate.cli.readers import read_chosen_samples, read_model

if TYPE_CHECKING:
    from cellstate.evaluation.tissue import TissueCall

#: Tissues of the answer; the others are less probable.
_TISSUES = 5


def add(commands: Commands) -> None:
    """Add the command."""
    commands.add("inspect", "what was read, before any prediction", _run, reads=True, runs=True)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_scores
    from cellstate.perturb.sample import prepare_samples
    from cellstate.report.narrative.sample import tissue_sentence

    model = read_model(options, light=True)
    samples = read_chosen_samples(options)
    report = samples.report
    n_matched = int(samples.measured_SA[:, model.space.axis_index_G].any(axis=0).sum())
    each = list(zip(samples.names, samples.detected_genes_S, ood_scores(prepare_samples(model, samples)), strict=True))
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
        "decisions": [
            {"name": one.name, "value": one.value, "confidence": one.confidence, "reason": one.reason}
            for one in report.decisions
        ],
        "warnings": [str(warning) for warning in report.warnings],
        "samples": [
            {
                "name": name,
                "detected_genes": detected,
                "ood_score": ood.score,
                "is_ood": ood.is_ood,
                "tissue": None if ood.call is None else _tissue(ood.call),
            }
            for name, detected, ood in each
        ],
    }
    lines = [
        f"{report.source}: {report.format}, {report.orientation}, {report.unit}, {report.id_type} names",
        f"{len(samples)} sample(s); {n_matched:,} of the model's {len(model.space):,} genes "
        f"({result['fraction_matched']:.1%})",
        *(f"warning: {warning}" for warning in report.warnings),
        *(
            f"{name}: {detected:,} genes detected. {ood.sentence}"
            + ("" if ood.call is None else f" {tissue_sentence(ood.call)}")
            for name, detected, ood in each
        ),
    ]
    return result, lines


def _tissue(call: TissueCall) -> dict:
    return {
        "tissues": [{"tissue": tissue, "probability": p} for tissue, p in call.tissues[:_TISSUES]],
        "state": str(call.state),
        "state_probability": call.state_probability,
        "tissue_distance": call.tissue_distance,
        "platform_distance": call.platform_distance,
        "is_known": call.is_known,
    }
