"""Sentences about a prediction: the golden file holds their wording, the other tests their numbers and choices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation.cohort_map import CohortMap
from cellstate.evaluation.enrichment import Enrichment
from cellstate.evaluation.ood import OodScore
from cellstate.evidence import PredictorId
from cellstate.report.narrative import prediction as narrative
from cellstate.report.narrative.prediction import DEVIATION, JOINT
from cellstate.ui.workbench.compare_scenarios import joined
from tests.support.golden import check_golden

ZERO = np.zeros(2)
NEAR, FAR_AWAY, UNKNOWN = OodScore(1.0, False, ""), OodScore(6.5, True, ""), OodScore(None, False, "")


def changes(own: list[float], is_perturbed: Any = False, **others: list[float]) -> pd.DataFrame:
    columns = {f"log2_fold_change_{name}": values for name, values in others.items()}
    return pd.DataFrame({"log2_fold_change": own, **columns, "is_perturbed": is_perturbed})


def scenario(values: list[float], perturbed: str = "", is_reliable: bool = True) -> pd.DataFrame:
    genes = list("ABCDEFGH"[: len(values)])
    table = changes(values, [gene in perturbed for gene in genes])
    reliable = [is_reliable and gene not in perturbed for gene in genes]
    return table.assign(gene=genes, ensembl_id=genes, tpm_before=1.0, is_reliable=reliable, reason="")


def effects(deviation: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame({"A": [0.3, 0.0], "B": [0.1, -0.1], JOINT: [0.4, -0.1], DEVIATION: [0.0, deviation]})


def titration(**changed: Any) -> Any:
    known = {
        "gene": "TP53", "position": 0, "present_tpm": 17.238, "tpm_D": np.zeros(9), "measured_G": np.array([True]),
        "usual_tpm": (1.234, 56.78), "predictor": PredictorId.AUTOENCODER,
    }  # fmt: skip
    return SimpleNamespace(**known | changed)


def enrichment(**changed: Any) -> Enrichment:
    table = {"set": ["A_B", "C", "D"], "nes": [-2.0, 1.0, 0.5], "fdr": [0.01, 0.5, 0.9], "nes_pca": [-2.1, 1.0, 0.5]}
    return Enrichment(pd.DataFrame(table | changed), 900, 2, 7)


def placed(**moved: float) -> CohortMap:
    return CohortMap(ZERO, ZERO, {}, ZERO, moved, dict.fromkeys(moved, 0.3))


def level(**changed: Any) -> str:
    known = {"is_measured": True, "mean_log1p": np.log(11), "r2": 0.6}
    return narrative.level_sentence("TP53", "17.24 TPM (46th percentile)", **known | changed)


def difference(b: pd.DataFrame | None, a: pd.DataFrame | None = None, **more: Any) -> str:
    return narrative.difference_sentence(
        joined(scenario([-3.0, 0.2, 0.1, 0.0, -0.1], "A") if a is None else a, b), **more
    )


def all_sentences() -> dict[str, list[str]]:
    small, large = changes([0.04, -0.02], ridge=[0.03, 0.0]), changes([5.0, -0.1], autoencoder=[0.01, 0.0])
    return {
        "size": [
            narrative.size_sentence(small, 0.039, "pca"),
            narrative.size_sentence(large, 1.2, "coexpression"),
            narrative.size_sentence(changes([0.0])),
        ],
        "agreement": [
            narrative.agreement_sentence({"pca": 0.99, "ridge": 0.8, "elastic_net": -0.1, "no_change": None}),
            narrative.agreement_sentence({"no_change": None}),
        ],
        "distance": [narrative.distance_sentence(NEAR, NEAR), narrative.distance_sentence(NEAR, FAR_AWAY)],
        "cohort map": [
            narrative.cohort_map_sentence(placed(ridge=0.004)),
            narrative.cohort_map_sentence(placed(autoencoder=1.1, pca=0.02, ridge=0.5)),
        ],
        "pathways": [
            narrative.pathway_sentence(enrichment(), "autoencoder"),
            narrative.pathway_sentence(enrichment(nes_pca=[2.0, -1.0, 0.3], fdr=[1.0] * 3), "ridge"),
        ],
        "additivity": [
            narrative.additivity_sentence(effects(deviation), method)
            for deviation in (0.0, 0.2)
            for method in ("autoencoder", "pca")
        ],
        "titration": [
            narrative.titration_sentence(titration(), n_perturbations=2),
            narrative.titration_sentence(
                titration(measured_G=np.array([False]), usual_tpm=None, predictor=PredictorId.RIDGE), n_perturbations=1
            ),
        ],
        "scenarios": [
            *(difference(scenario([0, 0.2 * sign, 0.1 * sign, 0.1, -0.1 * sign], "A")) for sign in (1, -1)),
            difference(scenario([0, 0.1, -0.2, 0.1, -0.1], "A")),
            difference(None),
            difference(None, scenario([-3.0], "A")),
            difference(None, scenario([0.1, 0.2, 0.5], is_reliable=False)),
            difference(scenario([0.0]), scenario([0.0]), is_same=True),
        ],
        "names": [narrative.names_sentence(7, 7, 3), narrative.names_sentence(1_300, 1_000, 1_000)],
        "level": [level(), level(is_measured=False, r2=0.1), level(r2=np.nan), level(r2=None)],
    }


def test_wording() -> None:
    parts = [f"## {title}\n" + "\n".join(texts) for title, texts in all_sentences().items()]
    check_golden("narrative_prediction", "\n\n".join(parts) + "\n")


def test_numbers_have_a_real_minus_and_percent_without_a_space() -> None:
    text = "\n".join(text for texts in all_sentences().values() for text in texts)
    assert "\u2212" in text and " %" not in text
    assert not any(f"{before}-{digit}" in text for before in " (=" for digit in "0123456789")


def test_a_small_change_is_a_ranking_and_methods_of_another_size_are_named() -> None:
    assert narrative.size_sentence(changes([0.04])).count("ranking") == 1
    assert "ranking" not in narrative.size_sentence(changes([-3.0], ridge=[-2.0]))
    assert "ridge 30" in narrative.size_sentence(changes([-3.0], ridge=[30.0]))
    assert "ridge" not in narrative.size_sentence(changes([-3.0], ridge=[0.0]))
    # Perturbed genes do not count.
    assert "+0.1 log2" in narrative.size_sentence(changes([0.1, -9.0], [False, True]))


@pytest.mark.parametrize("over_error, is_said", [(None, False), (0.039, True), (0.5, True), (1.2, False)])
def test_a_change_within_the_error_is_said_to_be(over_error: float | None, is_said: bool) -> None:
    assert ("error" in narrative.size_sentence(changes([1.0]), over_error)) is is_said


def test_the_autoencoder_is_not_flattered() -> None:
    same = {"autoencoder": 0.99, "ridge": 0.99}
    assert narrative.agreement_sentence(same, "pca").count("adds nothing") == 1
    assert narrative.agreement_sentence({"ridge": 0.99}, "autoencoder").count("adds nothing") == 1
    assert narrative.agreement_sentence({"ridge": 0.979}, "autoencoder").count("adds nothing") == 0


def test_only_leaving_the_distribution_is_an_extrapolation() -> None:
    texts = {(a, b): narrative.distance_sentence(a, b) for a in (NEAR, FAR_AWAY) for b in (NEAR, FAR_AWAY)}
    assert [pair for pair, text in texts.items() if "**" in text] == [(NEAR, FAR_AWAY)]
    assert narrative.distance_sentence(UNKNOWN, NEAR) == "" == narrative.distance_sentence(NEAR, UNKNOWN)


def test_names_from_a_file_are_never_markup() -> None:
    assert "<b>" not in narrative.pathway_sentence(enrichment(set=["<b>", "C", "D"]), "ridge")
    assert "<b>" not in narrative.additivity_sentence(effects().rename(columns={"A": "<b>"}), "ridge")


def test_the_caption_counts_selected_and_ticked_genes() -> None:
    table = scenario([0.1] * 8)
    assert narrative.table_caption(table, table.head(5), rows=range(7), ticked=set()).startswith("5 of 7 genes")
    many = pd.concat([table] * 10, ignore_index=True)
    text = narrative.table_caption(many, many, rows=None, ticked=set(range(50)))
    assert text.startswith("80 of 80 genes") and "50 ticked" in text and "first 40" in text and "32 more" in text


def test_levels_have_no_more_digits_than_needed() -> None:
    levels = (0, 0.00123, 1.5, 17.2384, 12_345.6)
    assert [narrative.tpm_text(tpm) for tpm in levels] == ["0", "0.00123", "1.5", "17.24", "12,346"]
