"""``cellstate regulators``: what drives a sample, without a goal."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellstate.cli.options import GENES_SHOWN, Answer, Commands, add_genes, add_out, number, records
from cellstate.cli.readers import at_least_one, first_of, note, read_all_samples, read_genes, read_model
from cellstate.errors import CellStateError

if TYPE_CHECKING:
    import numpy as np

    from cellstate.evaluation.admixture import Admixture
    from cellstate.evaluation.ood import OodScore
    from cellstate.model import Model
    from cellstate.perturb.regulators.search import Regulators
    from cellstate.perturb.regulators.sets import RegulatorSet
    from cellstate.perturb.sample import PreparedSample

#: The shipped model that knows normal tissue.
MODEL = "human"
#: The tissue that the sample is most like.
OWN = "own"


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("regulators", "what drives a sample, without a goal", _run, reads=True, runs=True)
    one.add_argument("--all", action="store_true", help="every sample of FILE at once")
    one.add_argument(
        "--against",
        metavar="FILE",
        help="compare with the mean of these samples, FILE or FILE#NAME,NAME, instead of the closest normal state; a "
        "sample that is one of them, as where FILE is the same, is compared with the others",
    )
    one.add_argument(
        "--against-tissue",
        metavar="TISSUE",
        help="compare with the middle of a normal tissue that the model knows, such as colon; own is the sample's own",
    )
    one.add_argument(
        "--without-admixture",
        action="store_true",
        help="first take out the transcripts of a tissue that is only admixed, such as the liver around a metastasis",
    )
    add_genes(one, "candidates; by default transcription factors")
    one.add_argument("--sets", action="store_true", help="also look for a set of cooperating regulators")
    one.add_argument("--top", type=int, metavar="N", help="rows that are shown in each direction")
    add_out(one)
    one.set_defaults(model=MODEL)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_scores
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.regulators.search import regulators
    from cellstate.perturb.sample import prepare_samples

    top = GENES_SHOWN if options.top is None else at_least_one("--top", options.top)
    _check(options)
    if options.out:
        check_writable(options.out)
    model = read_model(options)
    samples, positions = read_all_samples(options)
    if not options.all:
        positions = [first_of(options, samples, positions)]
    prepared = prepare_samples(model, samples.take(positions))
    scores = ood_scores(prepared)
    prepared, admixed = _admixed(options, model, prepared)
    against, label = _reference(options, model, scores, admixed)
    found = regulators(
        prepared,
        against=against,
        against_label=label,
        genes=_candidates(options, model),
        with_sets=options.sets and not options.all,
    )
    if n := sum(score.is_ood for score in scores):
        note(options, f"{n:,} of {len(scores):,} samples are out of distribution: their regulators are not reliable")
    if options.all:
        return _of_cohort(options, found, admixed, top, write_table)
    if options.out:
        from cellstate.evaluation.tissue_profiles import high_tissues
        from cellstate.report.dossier import with_dossiers

        table = found.table()
        write_table(with_dossiers(table, -table["z"], high_tissues(model)), options.out)
    return _of_sample(found, top, scores[0], admixed[0], options.without_admixture)


def _check(options: argparse.Namespace) -> None:
    if options.all and options.sample is not None:
        raise CellStateError("--all and --sample contradict each other.", "Give one of them.")
    if options.against is not None and options.against_tissue is not None:
        raise CellStateError("--against and --against-tissue contradict each other.", "Give one of them.")
    if options.all and options.against_tissue == OWN:
        raise CellStateError("The samples of a cohort may be of several tissues.", "Name the tissue of all of them.")


def _candidates(options: argparse.Namespace, model: Model) -> np.ndarray | None:
    if options.genes == "all":
        import numpy as np

        return np.arange(len(model.space))
    return None if options.genes in (None, "tf") else read_genes(options, options.genes, model.space)


def _admixed(
    options: argparse.Namespace, model: Model, prepared: Sequence[PreparedSample]
) -> tuple[tuple[PreparedSample, ...], list[Admixture | None]]:
    """Return the samples, without admixed tissue where that is wanted, and what is admixed to each.

    In a cohort it is sought only where it is taken out: most samples have none.
    """
    from cellstate.evaluation.admixture import admixture

    wanted = options.without_admixture
    if wanted:
        _check_tissues(model)
    if options.all and not wanted:
        return tuple(prepared), []
    admixed = [admixture(one) for one in prepared]
    return _taken_out(prepared, admixed) if wanted else tuple(prepared), admixed


def _taken_out(prepared: Sequence[PreparedSample], admixed: Sequence[Admixture | None]) -> tuple[PreparedSample, ...]:
    from cellstate.evaluation.admixture import without_admixture

    pairs = zip(prepared, admixed, strict=True)
    return tuple(one if mixed is None else without_admixture(one, mixed) for one, mixed in pairs)


def _reference(
    options: argparse.Namespace, model: Model, scores: Sequence[OodScore], admixed: Sequence[Admixture | None]
) -> tuple[tuple[PreparedSample, ...] | None, str]:
    """Return the samples to compare with, ``None`` for the closest normal state, and what to call them."""
    from cellstate.evaluation.tissue_profiles import normal_tissue
    from cellstate.io import read_selection
    from cellstate.perturb.sample import prepare_samples

    if options.against is not None:
        samples = prepare_samples(model, read_selection(options.against))
        # Both sides alike, so that a sample of the group is known as such.
        group = _admixed(options, model, samples)[0] if options.without_admixture else samples
        return group, f"mean of {len(group)} samples of {options.against}"
    tissue = options.against_tissue
    if tissue is None:
        return None, ""
    if tissue == OWN:
        _check_tissues(model)
        mixed, call = admixed[0], scores[0].call
        if call is None:
            raise CellStateError("The tissue of the sample is not known.", "Name a tissue.")
        tissue = mixed.own_tissue if mixed else call.tissues[0][0]
    one = normal_tissue(model, tissue)
    return (one,), one.name


def _check_tissues(model: Model) -> None:
    from cellstate.evaluation.tissue_profiles import tissue_profiles

    if tissue_profiles(model) is None:
        raise CellStateError(
            f"The model {model.config.name} knows no tissue that may be admixed.", "Use the model human."
        )


def _head(found: Regulators) -> dict:
    return {
        "kind": "hypothesis",
        "model": found.model.config.name,
        "predictor": found.predictor,
        "reference": found.reference,
        "n_candidates": len(found.candidates_T),
    }


def _of_sample(found: Regulators, top: int, score: OodScore, mixed: Admixture | None, taken_out: bool) -> Answer:
    from cellstate.evaluation.answer_evidence import measured
    from cellstate.evaluation.tissue_profiles import high_tissues
    from cellstate.report.dossier import dossier_entry
    from cellstate.report.narrative.regulators import admixture_sentence

    table, high_in = found.table(), high_tissues(found.model)
    known = measured(table)
    up, down = known[known["z"] > 0].head(top), known[known["z"] < 0].iloc[::-1].head(top)
    sets = [_set_entries(found, one) for one in found.sets if one is not None]
    shown = {*up["ensembl_id"], *down["ensembl_id"]}
    # The dossier is for the perturbation that opposes a regulator's activity.
    ranked = [
        row | {"dossier": dossier_entry(row["ensembl_id"], -row["z"], high_in)} if row["ensembl_id"] in shown else row
        for row in records(table)
    ]
    result = {
        "sample": found.samples[0],
        **_head(found),
        "ood_score": score.score,
        "is_ood": score.is_ood,
        "admixture": _admixture_entry(mixed, taken_out),
        "ranked": ranked,
        "sets": sets,
    }
    title = f"{'gene':<12}{'activity':>10}{'z':>8}{'p':>10}{'FDR':>9}{'own change':>12}{'TPM':>10}"
    lines = [
        f"{found.samples[0]} against {found.reference} (hypotheses, for research only)",
        "More active than in the reference:",
        title,
        *map(_row, records(up)),
        "Less active than in the reference:",
        title,
        *map(_row, records(down)),
    ]
    if mixed is not None:
        lines.insert(1, admixture_sentence(mixed.tissue, mixed.share, taken_out, without="--without-admixture"))
    if not found.has_null:
        lines.insert(1, "No p-values: they need five samples of the reference, to tell how much its own differ.")
    for one in sets:
        lines.append(
            f"Together: {', '.join(one['genes'])} explain {one['explained']:.1%} of what was held back, the best of "
            f"them {one['best_member']:.1%}; p = {one['p']:.2g} against random sets."
        )
    return result, lines


def _admixture_entry(mixed: Admixture | None, taken_out: bool) -> dict | None:
    if mixed is None:
        return None
    return {"tissue": mixed.tissue, "share": mixed.share, "own_tissue": mixed.own_tissue, "taken_out": taken_out}


def _set_entries(found: Regulators, one: RegulatorSet) -> dict:
    return {
        "genes": [found.model.space.symbols[found.candidates_T[t]] for t in one.members_N],
        "coefficients": one.coefficient_N.tolist(),
        "shares": one.share_N.tolist(),
        "explained": one.explained,
        "best_member": one.best_member,
        "p": one.p,
    }


def _row(row: dict) -> str:
    return (
        f"{row['gene']:<12}{row['activity']:>+10.3f}{number(row['z'], '+.2f'):>8}{number(row['p'], '.2g'):>10}"
        f"{number(row['fdr'], '.2g'):>9}{number(row['own_change'], '+.2f'):>12}{number(row['tpm'], '.1f'):>10}"
    )


def _of_cohort(
    options: argparse.Namespace, found: Regulators, admixed: Sequence[Admixture | None], top: int, write_table
) -> Answer:
    import numpy as np
    import pandas as pd

    from cellstate.perturb.regulators.search import FDR

    recurrent = found.recurrence()
    symbols = [found.model.space.symbols[g] for g in found.candidates_T]
    if options.out:
        z = pd.DataFrame(found.z_ST, columns=symbols)
        write_table(pd.concat([pd.Series(found.samples, name="sample"), z], axis=1), options.out)
    called_S = (found.fdr_ST <= FDR).sum(axis=1)
    # What a sample does not measure is not among its regulators.
    z_ST = np.where(np.isnan(found.tpm_ST), -np.inf, found.z_ST)
    result = {
        **_head(found),
        "samples": [
            {"sample": name, "n_called": int(n), "top": [symbols[t] for t in row.argsort()[::-1][:top]]}
            for name, n, row in zip(found.samples, called_S, z_ST, strict=True)
        ],
        "recurrent": records(recurrent),
    }
    if admixed:
        for entry, mixed in zip(result["samples"], admixed, strict=True):
            entry["admixture"] = _admixture_entry(mixed, taken_out=True)
        note(
            options,
            f"a tissue was taken out of {sum(one is not None for one in admixed):,} of {len(admixed):,} samples",
        )
    lines = [
        f"{len(found.samples):,} samples against {found.reference} (hypotheses, for research only)",
        f"{'gene':<12}{'more active':>12}{'less active':>12}{'mean z':>9}",
        *(
            f"{row['gene']:<12}{row['n_more_active']:>12,}{row['n_less_active']:>12,}{row['mean_z']:>+9.2f}"
            for row in records(recurrent, top)
        ),
    ]
    return result, lines
