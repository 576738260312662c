"""The best candidates of a search as rows of text, with what is known of each gene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellstate.evaluation.answer_evidence import AnswerEvidence, candidate_evidence, same_score_sign
from cellstate.evaluation.ood import OodScore
from cellstate.formatting import decimal, digits, join_with_and, signed
from cellstate.genes.dossier import dossier
from cellstate.io import GeneTable
from cellstate.labels import in_sentence
from cellstate.perturb.perturbations import Perturbation, ordinal
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.single import Screen
from cellstate.report.narrative.answer import LEVEL_COLOUR, LEVEL_TITLE, check_title, short_action
from cellstate.report.narrative.search import SIGNIFICANT_FDR, fraction_percent, has_patient_z

#: Compounds and tissues that a cell names; the others are counted.
NAMED = 2
#: Colour and meaning of DepMap's classes.
_CLASSES = {
    "common essential": ("red", "Among the strongest dependencies of nearly all cancer cell lines (DepMap)"),
    "selective": ("green", "Some cancer cell lines depend on it far more than others (DepMap)"),
}
#: Columns of a user's table that the rows have room for.
MAX_OWN = 3


@dataclass(frozen=True, eq=False)
class Candidate:
    """One candidate of a search.

    Attributes
    ----------
    perturbation : Perturbation
    evidence : AnswerEvidence
    cells : dict
        What a page shows of it, as JSON: texts, the length of its bar, badges and links.
    """

    perturbation: Perturbation
    evidence: AnswerEvidence
    cells: dict[str, Any]


def candidates(
    found: Screen,
    sample: PreparedSample,
    before: OodScore,
    n: int,
    *,
    high_in: Mapping[str, tuple[str, ...]],
    own: GeneTable | None = None,
) -> list[Candidate]:
    """Return the best candidates of a screen.

    Parameters
    ----------
    found : Screen
    sample : PreparedSample
        The sample that was searched.
    before : OodScore
        Of the sample.
    n : int
        Candidates to return.
    high_in : mapping of str to tuple of str
        Normal tissues by Ensembl id, see `cellstate.evaluation.tissue_profiles.high_tissues`.
    own : GeneTable, optional
        What the user knows of genes.
    """
    same, n_methods = same_score_sign(found.table)
    rows = found.table.head(n)
    longest = float(rows["score"].abs().max()) or 1.0
    is_one_kind = found.table["perturbation"].nunique() == 1
    made = []
    for i, row in rows.iterrows():
        one = Perturbation.parse(f"{row['gene']}={row['perturbation']}")
        evidence = candidate_evidence(
            sample.model,
            found.predictor,
            gene=sample.model.space.find(row["ensembl_id"]),
            same=int(same[i]),
            n_methods=n_methods,
            measured_G=sample.measured_G,
            before=before,
        )
        cells = {
            "gene": row["gene"],
            "action": "" if is_one_kind else short_action(one),
            "bar": float(row["score"]) / longest,
            "effect": fraction_percent(row["fraction_of_distance"]),
            "score": f"{signed(row['score'])} SD along the goal",
            "fdr": decimal(row["fdr"], 2) if np.isfinite(row["fdr"]) else "–",
            "significant": bool(row["fdr"] < SIGNIFICANT_FDR),
            "agree": f"{same[i]}/{n_methods}",
            "z": signed(row["z_patient"], 2) if has_patient_z(found) and np.isfinite(row["z_patient"]) else "",
            **_level(row, sample),
            **_dossier(row, high_in),
            **_evidence(evidence),
            "own": _own(row["ensembl_id"], own),
        }
        made.append(Candidate(one, evidence, cells))
    return made


def table_data(found: Screen, rows: list[Candidate], own: GeneTable | None = None) -> dict[str, Any]:
    """Return what the browser draws: the rows, and which columns there are."""
    return {
        "rows": [one.cells for one in rows],
        "patient": has_patient_z(found),
        "own": list(own.columns[:MAX_OWN]) if own is not None else [],
    }


def _level(row: pd.Series, sample: PreparedSample) -> dict[str, str]:
    gene, profiles = sample.model.space.find(row["ensembl_id"]), sample.profiles
    tpm = float(row["tpm_before"])
    rank = "" if profiles is None else f"{ordinal(round(profiles.percentile(gene, tpm)))} percentile"
    return {"level": f"{digits(tpm)} TPM", "rank": rank}


def _dossier(row: pd.Series, high_in: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    known = dossier(row["ensembl_id"])
    badges = [["TF", "violet", "Transcription factor"]] if known.is_tf else []
    classes = (known.essentiality or "").split(" and ")
    badges += [[one, *_CLASSES[one]] for one in classes if one in _CLASSES]
    drugs = [one.name for one in known.fitting(row["tpm_after"] - row["tpm_before"])]
    return {
        "badges": badges,
        "drugs": _short(drugs),
        "all_drugs": ", ".join(drugs),
        "normal": _short(list(high_in[known.ensembl_id]), "none") if known.ensembl_id in high_in else "–",
        "links": list(known.links.items()),
    }


def _short(names: list[str], nothing: str = "–") -> str:
    if not names:
        return nothing
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _evidence(evidence: AnswerEvidence) -> dict[str, str]:
    failed = [in_sentence(check_title(one)) for one in evidence.checks if not one.passed]
    return {
        "evidence": LEVEL_TITLE[evidence.level].removesuffix(" evidence"),
        "colour": LEVEL_COLOUR[evidence.level],
        "checks": f"{join_with_and(failed)}" if failed else "All four checks hold",
    }


def _own(gene: str, own: GeneTable | None) -> list[str]:
    if own is None:
        return []
    return [value or "–" for value in own.rows.get(gene, ("",) * len(own.columns))[:MAX_OWN]]
