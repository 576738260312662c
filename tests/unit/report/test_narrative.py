"""Sentences about searches, experiments and reconstruction: every case once, its wording in a golden file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from cellstate.evaluation.experiment import Agreement, Experiment
from cellstate.evidence import PredictorId
from cellstate.model.config import ModelConfig
from cellstate.model.record import CeilingBin, Coverage, EvaluationRecord, Quality
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import PRESETS, Goal, Signature, StudyOffset
from cellstate.perturb.search.pairs import Pairs
from cellstate.perturb.search.single import Screen
from cellstate.report.narrative import experiment, model, search
from tests.support.golden import check_golden

P = PredictorId
GOAL = Goal("genes:+A,+B", "A, B up", Signature(np.array([0.5, 0.5, 0, 0], np.float32)), 2.5)


def check_cases(name: str, cases: dict[str, str]) -> None:
    check_golden(name, "\n\n".join(f"## {case}\n\n{text or '(nothing)'}" for case, text in cases.items()) + "\n")


def screen_of(predictor: P = P.ELASTIC_NET, n_cohort: int = 9, **columns: Any) -> Screen:
    table = pd.DataFrame(
        {
            "gene": ["A", "B*", "C"],
            "perturbation": ["ko", "x3", "ko"],
            "score": [0.5, 0.1, -0.2],
            "fraction_of_distance": [0.2, 0.04, -0.1],
            "z_patient": [2.5, np.nan, -2.0],
            "fdr": [0.01, 0.1, 0.9],
        }
    ).assign(**columns)
    return Screen("S", GOAL, predictor, table, 3, n_cohort)


def pairs_of(by: str = "interaction", **columns: Any) -> Pairs:
    table = {"a": ["A", "C"], "b": ["B", "D"], "score": [0.3, 0.2], "interaction": [0.1, 0.01], "cohort_r": [0.1, 0.31]}
    table |= {"fdr": [0.5, 0.6]} | columns
    return Pairs("S", GOAL, "ko", pd.DataFrame(table), 1_234, 2, by=by)


def combination_of(scores: list[float], greedy: list[float], reached: bool = True) -> Combination:
    steps, other = (
        pd.DataFrame({"gene": list("ABCDE")[: len(s)], "score": s, "fraction_of_distance": np.array(s) / 10})
        for s in (scores, greedy)
    )
    return Combination("S", GOAL, P.PCA, steps, reached, other, 1.0, 9, ("ko",), None, 5, 0.5)


def test_searches() -> None:
    toward = replace(GOAL, spec="toward:x.csv#A")
    one = replace(GOAL, signature=Signature(np.array([1, 0], np.float32)))
    actions = ("ko", "kd50", "x3", "=q90")
    check_cases(
        "narrative_search",
        {
            "goal, genes": search.goal_scale(GOAL),
            "goal, one gene": search.goal_scale(one),
            "goal, reference": search.goal_scale(toward),
            "plan, screen": search.screen_plan(actions, "all 9 measured genes", P.PCA),
            "plan, pairs": search.pairs_plan(("ko",), "MYC", "9 transcription factors", "cohort"),
            "plan, combination": search.combination_plan(("ko",), "9 genes", P.RIDGE, 3, 0.5),
            "effort, short": search.pairs_effort(45_000),
            "effort, long": search.pairs_effort(156_000_000),
            "screen": search.screen_sentence(screen_of()),
            "screen, autoencoder": search.screen_sentence(screen_of(P.AUTOENCODER)),
            "screen, autoencoder, nothing unusual": search.screen_sentence(screen_of(P.AUTOENCODER, z_patient=0.1)),
            "screen, no cohort": search.screen_sentence(screen_of(P.AUTOENCODER, n_cohort=0)),
            "screen, chance": search.screen_sentence(screen_of(fdr=0.5)),
            "screen, small": search.screen_sentence(screen_of(fraction_of_distance=0.0123)),
            "screen, away": search.screen_sentence(screen_of(score=-1.0)),
            "pairs": search.pairs_sentence(pairs_of(fdr=[0.05, 0.01])),
            "pairs, chance": search.pairs_sentence(pairs_of()),
            "pairs, away from the goal": search.pairs_sentence(pairs_of(score=-0.3)),
            "pairs, additive": search.pairs_sentence(pairs_of(interaction=-0.1)),
            "pairs, cohort": search.pairs_sentence(pairs_of("cohort", fdr=[0.5, 0.01])),
            "pairs, cohort, additive": search.pairs_sentence(pairs_of("cohort", cohort_r=-0.1)),
            "pairs, none": search.pairs_sentence(replace(pairs_of(), table=pairs_of().table.head(0))),
            "question, genes": search.question(screen_of()),
            "question, preset": search.question(
                replace(screen_of(perturbation="ko"), goal=replace(GOAL, spec=PRESETS["less proliferative"])), "tumour"
            ),
            "question, toward": search.question(
                replace(screen_of(perturbation="kd50"), goal=replace(GOAL, label="toward A of x.csv"))
            ),
            "question, pairs": search.question(pairs_of()),
            "question, sets": search.question(combination_of([1], [1])),
            "nouns": ", ".join(search.action_noun(one) for one in ("ko", "kd50", "x3", "x0.5", "=q90", "=12.5")),
            "headline, screen": search.screen_headline(screen_of()),
            "headline, screen, chance": search.screen_headline(screen_of(fdr=0.5)),
            "headline, screen, away": search.screen_headline(screen_of(score=-1.0)),
            "headline, pairs": search.pairs_headline(pairs_of(fdr=[0.01, 0.5])),
            "headline, pairs, chance": search.pairs_headline(pairs_of("cohort")),
            "headline, pairs, additive": search.pairs_headline(pairs_of(interaction=-0.1)),
            "headline, pairs, none": search.pairs_headline(replace(pairs_of(), table=pairs_of().table.head(0))),
            "headline, set": search.combination_headline(combination_of([1, 3], [1, 3])),
            "headline, set, none": search.combination_headline(combination_of([], [])),
            "goal, normal tissue": search.goal_scale(
                replace(GOAL, spec=PRESETS["more like normal tissue"], offset=StudyOffset(48, 0.8))
            ),
            "combination": search.combination_sentence(combination_of([1, 3], [1, 3])),
            "combination, not reached": search.combination_sentence(combination_of([0.1], [0.1], reached=False)),
            "combination, greedy behind": search.combination_sentence(combination_of([1, 3], [1, 2])),
            "combination, greedy longer": search.combination_sentence(combination_of([3], [1, 3])),
            "combination, no greedy": search.combination_sentence(combination_of([3], [])),
            "combination, none": search.combination_sentence(combination_of([], [])),
        },
    )


def test_significance_and_names_of_a_screen() -> None:
    found = screen_of()
    assert search.n_significant(found.table) == 1
    assert list(search.named(found.table)["name"]) == ["A knocked out", "B* times 3", "C knocked out"]
    assert [search.fraction_percent(f) for f in (0.123, 0.0123, 0.00123, -0.5)] == ["12%", "1.2%", "0.12%", "−50%"]


def test_z_is_shown_for_nonlinear_methods_with_a_cohort() -> None:
    shown = [search.has_patient_z(screen_of(name)) for name in (P.AUTOENCODER, P.PCA, P.ELASTIC_NET, P.RIDGE_TF)]
    assert shown == [True, False, False, False]
    assert not search.has_patient_z(screen_of(P.AUTOENCODER, n_cohort=0))


def test_common_gene_of_pairs() -> None:
    table = pd.DataFrame({"a": ["A", "B"], "b": ["C", "A"]})
    assert search.common_gene(table) == "A"
    assert search.common_gene(pairs_of().table) is None and search.common_gene(table.head(1)) is None


def compared(
    *ends: float | None,
    other: float | None = None,
    perturbation: str = "HOXA1=kd50",
    change: float = -0.7,
    predictor: P = P.ELASTIC_NET,
    is_ood: bool = False,
) -> Experiment:
    """An experiment of which the default method has a correlation with the ends of its interval."""
    low, r, high = ends
    sign = None if r is None else 0.58
    agreement = {predictor: Agreement(r, low, high, sign), P.NO_CHANGE: Agreement(None, None, None, None)}
    if other is not None:
        agreement |= {P.PCA: Agreement(other, other, other, 0.5)}
    perturbed = pd.DataFrame(
        {"gene": ["HOXA1"], "tpm_control": [20.0], "tpm_treated": [12.0], "measured_log2": [change]}
    )
    return Experiment(
        predictor, (Perturbation.parse(perturbation),), 3, 3, pd.DataFrame(), perturbed, agreement, is_ood
    )


def test_experiments() -> None:
    cases = {
        "clear, best": compared(0.3, 0.4, 0.5, other=0.1),
        "weak, alone": compared(0.05, 0.1, 0.2, predictor=P.AUTOENCODER),
        "hardly": compared(0.01, 0.04, 0.05, other=0.035),
        "hardly, negative": compared(-0.04, -0.02, -0.01, other=0.0),
        "none, a baseline better": compared(-0.1, -0.001, 0.1, other=0.2),
        "opposite, out of distribution": compared(-0.5, -0.4, -0.3, is_ood=True),
        "no predicted change": compared(None, None, None),
        "target rose": compared(0.3, 0.4, 0.5, change=0.7),
        "target fell": compared(0.3, 0.4, 0.5, perturbation="HOXA1=x3", change=-0.7),
        "target lowered by a factor rose": compared(0.3, 0.4, 0.5, perturbation="HOXA1=x0.5", change=0.7),
        "target set": compared(0.3, 0.4, 0.5, perturbation="HOXA1==5", change=0.7),
    }
    check_cases("narrative_experiment", {case: "\n".join(experiment.verdict(found)) for case, found in cases.items()})


def test_scores_of_an_experiment_are_in_order() -> None:
    found = compared(0.05, 0.1, 0.2, other=0.3, predictor=P.COEXPRESSION)
    assert experiment.method_order(found) == [P.COEXPRESSION, P.PCA, P.NO_CHANGE]
    rows = experiment.score_table(found).to_numpy().tolist()
    assert rows[0] == ["Co-expression", "0.10", "0.05 to 0.20", "58%"] and rows[-1][1:] == ["–", "–", "–"]
    assert [experiment.number(v) for v in (None, float("nan"), -0.001, 0.456, -0.5)] == [
        "–",
        "–",
        "0.00",
        "0.46",
        "−0.50",
    ]
    [text] = experiment.perturbed_genes(found)
    assert text.startswith("**HOXA1**") and all(part in text for part in ("20 TPM", "12 TPM", "−0.7 log2"))
    assert "log2" not in experiment.perturbed_genes(compared(0.05, 0.1, 0.2, change=np.nan))[0]


def evaluated(
    own: float,
    pca: float | None = None,
    mean: float = 0.9,
    coverage: Coverage | None = None,
    share: float | None = 0.77,
) -> EvaluationRecord:
    """An evaluation of two bins, of which the second is empty."""
    first = CeilingBin(low=0.0, high=2.5, n=9, accuracy=0.7, ceiling=0.9, share_of_ceiling=share)
    second = CeilingBin(low=2.5, high=None, n=0, accuracy=None, ceiling=None, share_of_ceiling=None)
    rest: dict[str, Any] = {"r2_gene_median": None, "r2_sample_median": None, "bins": (first, second)}
    r2 = {P.PCA: pca, P.GENE_MEAN: mean}
    baselines = {name: Quality(r2_pooled=value, **rest) for name, value in r2.items() if value is not None}
    return EvaluationRecord(
        r2_pooled=own, n_samples=1, n_values=9, interval_coverage=coverage, baselines=baselines, **rest
    )


def test_reconstruction() -> None:
    narrative = model.reconstruction_sentence
    short = Coverage(nominal=0.9, overall=0.9012, bins=(0.91, 0.62))
    losses = pd.Series({0: 1.0, 1: 0.9, 2: 0.95})
    widths = {"one linear encoder": (100, 64, 64, 64, 100), "symmetric": (100, 80, 64, 80, 100)}
    check_cases(
        "narrative_reconstruction",
        {
            "no PCA": narrative(evaluated(0.95)),
            "worse than the mean": narrative(evaluated(0.8, mean=0.95)),
            "a low mean": narrative(evaluated(0.6, mean=0.5)),
            "PCA equal": narrative(evaluated(0.95, 0.9502)),
            "PCA better": narrative(evaluated(0.95, 0.96)),
            "PCA worse": narrative(evaluated(0.95, 0.92)),
            "batch offset": model.batch_offset_sentence(
                msgspec.structs.replace(
                    evaluated(0.95),
                    r2_gene_median=0.21,
                    batch_offset=Quality(r2_pooled=0.96, r2_gene_median=0.52, r2_sample_median=None, bins=()),
                )
            ),
            "no batch offset": model.batch_offset_sentence(evaluated(0.95)),
            "ceiling": model.ceiling_sentence(evaluated(0.95)),
            "no ceiling": model.ceiling_sentence(evaluated(0.95, share=None)),
            "intervals short in a bin": model.interval_sentence(evaluated(0.95, coverage=short)),
            "intervals": model.interval_sentence(
                evaluated(0.95, coverage=Coverage(nominal=0.9, overall=0.9012, bins=(0.91, None)))
            ),
            "no intervals": model.interval_sentence(evaluated(0.95)),
            "training": model.training_sentence(losses, "pca"),
            "training, hardly better": model.training_sentence(losses + 99, "pca"),
            "training, random start": model.training_sentence(losses, "none"),
            **{
                f"network, {case}": model.network_sentence(ModelConfig("m", w, "gelu", residual=case[0] == "o"))
                for case, w in widths.items()
            },
        },
    )


def test_error_removed_and_the_table_of_figures() -> None:
    assert model.error_removed(0.95, 0.9) == pytest.approx(0.5)
    found = evaluated(0.95, 0.92)
    assert list(model.bins_of(found)) == ["autoencoder", "pca", "gene_mean"]
    table = model.figures_table(found)
    assert list(table.columns) == ["Figure", "Autoencoder", "PCA", "Gene mean", "Ceiling"] and len(table) == 5
    assert table.loc[0, ["Autoencoder", "PCA", "Gene mean"]].tolist() == [0.95, 0.92, 0.9]
    assert table.loc[3, ["PCA", "Ceiling"]].tolist() == [0.7, 0.9] and table.loc[4].isna().sum() == 4
