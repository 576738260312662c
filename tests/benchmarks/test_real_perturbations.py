"""The judge of real perturbations: exact on small cases, blind to the target's own change, nested where it learns."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest

from benchmarks.real_perturbations import judge
from benchmarks.real_perturbations.__main__ import main
from benchmarks.real_perturbations.amounts import Transfer, judge_transfer
from benchmarks.real_perturbations.baselines import (
    SAME_SYSTEM,
    judge_no_change,
    judge_replicates,
    judge_same_controls,
    judge_variability,
)
from benchmarks.real_perturbations.corpus import NEWER, OLDER, RECTUM, corpus_components, held_out_patients
from benchmarks.real_perturbations.data import (
    Experiment,
    Perturbations,
    Signature,
    independent_units,
    read_perturbations,
    shared_folder,
)
from benchmarks.real_perturbations.effects import Effects, Fixed, fuse, make_effects, read_effects, unit_rows
from benchmarks.real_perturbations.judge import (
    by_target,
    folds_of,
    fuse_ranks,
    interval,
    judge_changes,
    judge_effects,
    judge_method,
    retrieval,
    score_experiments,
)
from benchmarks.real_perturbations.methods import CURATED, Learned, choose_nested, cosine_effects, judge_curated_mean
from benchmarks.real_perturbations.records import file_criteria, gains, to_records
from cellstate.errors import DataError
from cellstate.evidence import Dataset, Metric, PredictorId, Records

N_GENES, N_CANDIDATES = 400, 60
SYMBOLS = tuple(f"G{i}" for i in range(N_GENES))
CANDIDATES = SYMBOLS[:N_CANDIDATES]


@pytest.fixture
def truth():
    """Effects that the experiments of `data` follow, with noise."""
    effect_CG = np.random.default_rng(0).normal(size=(N_CANDIDATES, N_GENES))
    return make_effects(CANDIDATES, SYMBOLS, effect_CG)


@pytest.fixture
def data(truth):
    rng = np.random.default_rng(1)
    experiments, signatures = [], []
    for t in range(12):
        for copy in range(2):
            rise = 1.0 if t % 3 == 0 else -1.0
            change_A = (rise * truth.effect_CG[t] + rng.normal(size=N_GENES)).astype(np.float32)
            change_A[t] = 50 * rise
            tpm_A = np.full(N_GENES, 5, np.float32)
            tpm_A[50:60] = 0.1
            experiments.append(
                Experiment(
                    f"e{t}.{copy}", f"G{t}", rise, f"control {t // 2}", "cells", copy == 0, change_A, tpm_A, True
                )
            )
    for t in range(20, 26):
        order = np.argsort(-truth.effect_CG[t] + 0.5 * rng.normal(size=N_GENES))
        signatures.append(Signature(f"s{t}", f"G{t}", 1.0, f"GSE{t}", order[:40], order[::-1][:40]))
    spread = {symbol: float(i + 1) for i, symbol in enumerate(SYMBOLS)}
    return Perturbations(SYMBOLS, CANDIDATES, tuple(experiments), tuple(signatures), spread)


def test_true_effects_win_every_metric_and_noise_is_chance(truth, data):
    found = by_target(judge_effects(truth, data), "pooled")
    assert (found["percentile"] > 0.95).all() and found["top5"].mean() > 0.9
    assert found["pearson"].min() > 0.5 and found["direction"].min() > 0.85 and found["discrimination"].min() > 0.9
    noise = make_effects(CANDIDATES, SYMBOLS, np.random.default_rng(5).normal(size=truth.effect_CG.shape))
    blind = by_target(judge_effects(noise, data), "pooled")
    assert abs(blind["percentile"].mean() - 0.5) < 0.2 and abs(blind["pearson"].mean()) < 0.05


def test_scores_are_the_correlations_of_the_definition(truth, data):
    scores = score_experiments(truth, data, data.recommended)
    for i in (0, 4):
        e = data.recommended[i]
        kept = (e.tpm_A > 1) & (np.arange(N_GENES) != data.position[e.target])
        bound = np.quantile(np.abs(e.change_A[kept]), 0.995)
        measured = np.clip(e.change_A[kept], -bound, bound)
        expected = [e.rise * np.corrcoef(row[kept], measured)[0, 1] for row in truth.effect_CG]
        assert np.allclose(scores.score_IC[i], expected, atol=1e-4)
        assert not scores.is_candidate_IC[i, 50:60].any() and scores.is_candidate_IC[i, :50].all()


def test_the_targets_own_change_never_counts(truth, data):
    louder = tuple(
        replace(e, change_A=np.where(np.arange(N_GENES) == data.position[e.target], -9, e.change_A))
        for e in data.experiments
    )
    changed = replace(data, experiments=louder)
    pd.testing.assert_frame_equal(judge_effects(truth, data), judge_effects(truth, changed))


def test_targets_that_share_controls_are_one_unit(data):
    units = independent_units([("A", "x"), ("B", "x"), ("B", "y"), ("C", "y"), ("D", "z")])
    assert units["A"] == units["B"] == units["C"] != units["D"]
    assert data.unit_of["G0"] == data.unit_of["G1"] != data.unit_of["G2"]
    folds = list(folds_of(data, 4))
    assert sorted(t for fold in folds for t in fold) == sorted(data.unit_of)
    assert all(
        len({data.unit_of[t] for t in fold} & {data.unit_of[t] for t in other}) == 0
        for i, fold in enumerate(folds)
        for other in folds[:i]
    )


def test_the_interval_draws_units_not_targets():
    value_T = pd.Series([0.0, 0.0, 1.0, 1.0], index=list("abcd"))
    together = interval(value_T, {"a": 0, "b": 0, "c": 1, "d": 1})
    assert together == (0.0, 1.0)
    apart = interval(pd.Series(np.arange(100) % 2, index=range(100), dtype=float), {i: i for i in range(100)})
    assert 0.38 < apart[0] < 0.5 < apart[1] < 0.62


def test_baselines_know_no_regulator_and_replicates_do(data):
    still, replicates = judge_no_change(data), judge_replicates(data)
    assert (
        (still["pearson"] == 0).all() and (still["direction"] == 0.5).all() and (still["discrimination"] == 0.5).all()
    )
    assert replicates["pearson"].min() > 0.3 and replicates["percentile"].min() > 0.9
    # The controls' noise is not in these data, and targets' changes have nothing in common.
    assert abs(judge_same_controls(data)["pearson"].mean()) < 0.1
    blind = judge_variability(data, SYMBOLS, np.linspace(0.1, 2, N_GENES))
    one = blind[blind["item"] == "e3.0"].iloc[0]
    # G3 has three candidates below it among the 50 that are expressed.
    assert one["percentile"] == pytest.approx((3 + 0.5) / 50)


def test_fusing_keeps_the_common_genes_and_ranks_average(truth, data):
    other = Effects(CANDIDATES[:30], SYMBOLS[10:], truth.effect_CG[:30, 10:])
    both = fuse(truth, other)
    assert both.candidates == CANDIDATES[:30] and both.symbols == SYMBOLS[10:]
    assert np.allclose(np.square(unit_rows(both.effect_CG)).sum(axis=1), 1, atol=1e-4)
    one = score_experiments(truth, data, data.recommended)
    same = retrieval(fuse_ranks([one, one]), {})
    assert np.allclose(same["percentile"], retrieval(one, {})["percentile"])


def test_learned_weights_prefer_the_true_part_and_never_see_what_is_left_out(truth, data):
    noise = make_effects(CANDIDATES, SYMBOLS, np.random.default_rng(5).normal(size=truth.effect_CG.shape))
    method = Learned("learned", data, (truth, noise))
    weights = method.weights(frozenset())
    assert weights[0] > 0.8 and np.abs(weights).sum() == pytest.approx(1)
    assert by_target(judge_method(method, data), "pooled")["percentile"].mean() > 0.95
    left_out = frozenset({"G0", "G1"})
    spoilt = tuple(replace(e, change_A=-e.change_A) if e.target in left_out else e for e in data.experiments)
    again = Learned("learned", Perturbations(SYMBOLS, CANDIDATES, spoilt, data.signatures), (truth, noise))
    assert np.array_equal(again.weights(left_out), method.weights(left_out))
    assert not np.array_equal(again.weights(frozenset()), weights)


def test_a_choice_never_sees_the_unit_that_it_reports(data):
    targets = sorted(data.unit_of)
    good = pd.DataFrame({"target": targets, "percentile": 0.6, "dataset": "experiments"})
    # Better on one unit alone, so only that unit would choose it, and it may not.
    spiked = good.assign(percentile=[0.99 if data.unit_of[t] == data.unit_of["G0"] else 0.59 for t in targets])
    chosen, counts = choose_nested({"good": good, "spiked": spiked}, data, "percentile")
    own = chosen[chosen["target"].isin(["G0", "G1"])]
    assert (own["percentile"] == 0.6).all() and len(chosen) == len(targets)
    assert sum(counts.values()) == len(set(data.unit_of.values()))


def test_a_transfer_predicts_from_other_units_alone(truth, data):
    shared_A = np.random.default_rng(3).normal(size=N_GENES).astype(np.float32) * 3
    moved = tuple(replace(e, change_A=e.change_A + shared_A) for e in data.experiments)
    common = Perturbations(SYMBOLS, CANDIDATES, moved, data.signatures)
    likeness = cosine_like(truth)
    table = judge_transfer(Transfer("mean"), common, likeness)
    assert table["pearson"].median() > 0.7
    only = Perturbations(
        SYMBOLS,
        CANDIDATES,
        tuple(replace(e, change_A=np.zeros_like(e.change_A)) if data.unit_of[e.target] != 0 else e for e in moved),
        data.signatures,
    )
    inside = judge_transfer(Transfer("mean", likeness=1), only, likeness)
    assert (inside[[data.unit_of[t] == 0 for t in inside["target"]]]["pearson"] == 0).all()


def cosine_like(truth):
    unit_CG = unit_rows(truth.effect_CG)
    return make_effects(CANDIDATES, CANDIDATES, unit_CG @ unit_CG.T)


def test_a_perfect_prediction_of_changes_scores_1(data):
    table = judge_changes({e.name: e.change_A for e in data.recommended}, data).set_index("item")
    assert np.allclose(table[["pearson", "direction", "discrimination"]], 1, atol=1e-6)


def test_effect_files_round_trip_and_bad_ones_are_refused(tmp_path, truth):
    path = tmp_path / "effects.npz"
    np.savez(path, candidates=np.array(truth.candidates), symbols=np.array(truth.symbols), effect=truth.effect_CG)
    assert np.array_equal(read_effects(path).effect_CG, truth.effect_CG)
    np.savez(path, candidates=np.array(truth.candidates[:3]), symbols=np.array(truth.symbols), effect=truth.effect_CG)
    with pytest.raises(DataError):
        read_effects(path)
    with pytest.raises(DataError):
        read_effects(tmp_path / "missing.npz")


def write_corpus(path, dataset_names, sample, dataset, log1p_SG, measured_DG):
    with h5py.File(path, "w") as file:
        file["log1p_tpm_x200"] = np.rint(log1p_SG * 200).astype(np.uint16)
        file["measured"], file["dataset_index"] = measured_DG, dataset
        for key, values in (("dataset_names", dataset_names), ("sample", sample), ("group", sample)):
            file[key] = np.array(values, "S40")
        file["state"] = np.array(["tumour"] * len(sample), "S14")
        file["symbol"] = np.array([f"G{i}" for i in range(log1p_SG.shape[1])], "S15")


def test_components_leave_test_patients_out_and_find_correlated_genes(tmp_path):
    rng = np.random.default_rng(0)
    names = ["other/one", "other/two", OLDER, NEWER, RECTUM]
    dataset = np.repeat(np.arange(5), 20)
    sample = [f"S-{i}" for i in range(40)] + [f"TCGA-{d}-{i:04d}-01" for d in range(2, 5) for i in range(20)]
    # Test patients would put one huge value into genes 0 and 1, and would make them go together.
    log1p_SG = 5 + rng.normal(size=(100, 30))
    log1p_SG[:, 3] = log1p_SG[:, 2] + 0.01 * rng.normal(size=100)
    log1p_SG += np.repeat(rng.normal(size=(5, 30)), 20, axis=0)
    measured_DG = np.ones((5, 30), bool)
    measured_DG[0, 7] = measured_DG[1, 7] = False
    left_out = held_out_patients(np.array(sample), np.array(names)[dataset])
    assert {s[:12] for s in sample[40:60]} <= left_out and not any(s[:12] in left_out for s in sample[:40])
    assert 9 <= len(left_out & {s[:12] for s in sample[60:]}) <= 10
    log1p_SG[[s[:12] in left_out for s in sample], :2] = 100
    write_corpus(tmp_path / "human_bulk.h5", names, sample, dataset, np.clip(log1p_SG, 0, None), measured_DG)
    found = corpus_components(tmp_path, tmp_path / "cache")
    assert found.n_samples == 100 - sum(s[:12] in left_out for s in sample)
    assert "G7" not in found.symbols
    assert np.allclose(found.component_PG @ found.component_PG.T, np.eye(len(found.variance_P)), atol=1e-3)
    assert found.sd_G[:2].max() < 2
    cosine = cosine_effects(found, ("G2", "G0", "NOSUCH"), 5)
    assert cosine.candidates == ("G2", "G0")
    assert cosine.effect_CG[0, found.symbols.index("G3")] > 0.95 and cosine.effect_CG[0, found.symbols.index("G2")] == 0
    (tmp_path / "human_bulk.h5").unlink()
    assert corpus_components(tmp_path, tmp_path / "cache").n_samples == found.n_samples, "from the cache"


def test_records_are_typed_and_the_aims_apply_to_the_default_method(truth, data):
    tables = {"product: pca": judge_effects(truth, data), "no change": judge_no_change(data), "a candidate": None}
    tables["a candidate"] = tables["product: pca"]
    records = Records(to_records(tables, data, PredictorId.PCA))
    assert records.having("predictor") == [PredictorId.PCA, PredictorId.NO_CHANGE]
    own = records.where(predictor=PredictorId.PCA)
    assert set(own.having("dataset")) == {Dataset.REAL_EXPERIMENTS, Dataset.GEO_SIGNATURES, Dataset.REAL_POOLED}
    assert len({record.key for record in records}) == len(records)
    assert all(r.ci_low <= r.value <= r.ci_high for r in records if r.metric is not Metric.N_PERTURBED_GENES)
    assert [record.passed for record in own if record.threshold is not None] == [True] * 4
    assert all(record.threshold is None for record in to_records(tables, data, PredictorId.RIDGE))
    (n_genes,) = own.where(dataset=Dataset.REAL_EXPERIMENTS, metric=Metric.N_PERTURBED_GENES)
    assert n_genes.value == 12
    names = [one.name for one in file_criteria({"My file.npz": tables["a candidate"]}, data)]
    assert "experiments_my_file_npz_percentile" in names


def test_matched_candidates_vary_as_much(truth, data, monkeypatch):
    monkeypatch.setattr(judge, "N_MATCHED", 3)
    score_IC = np.arange(N_CANDIDATES, dtype=float)[None]
    scores = judge.Scores(data.recommended[5:6], CANDIDATES, score_IC, np.ones((1, N_CANDIDATES), bool))
    found = retrieval(scores, data.spread).iloc[0]
    # Of G5 the nearest in the logarithm are G6, G4 and G7: one of them scores less.
    assert found["matched percentile"] == pytest.approx(1 / 3) and found["percentile"] == pytest.approx(
        5.5 / N_CANDIDATES
    )
    assert np.isnan(retrieval(scores, {}).iloc[0]["matched percentile"])


def test_gains_are_paired_with_the_references_that_matter(truth, data):
    noise = make_effects(CANDIDATES, SYMBOLS, np.random.default_rng(5).normal(size=truth.effect_CG.shape))
    curated = judge_effects(noise, data)
    # The curated network knows one target less: the pair drops it.
    tables = {
        CURATED: curated[curated["target"] != "G0"],
        SAME_SYSTEM: judge_no_change(data),
        "product: pca": judge_effects(truth, data),
    }
    found = {(r.predictor, r.metric): r for r in gains(tables, data, PredictorId.PCA)}
    rank = found[PredictorId.PCA, Metric.REGULATOR_PERCENTILE_GAIN]
    amount = found[PredictorId.PCA, Metric.PEARSON_DELTA_GAIN]
    assert rank.ci_low > 0 and rank.passed and rank.reference is PredictorId.COLLECTRI
    own, others = (by_target(tables[name], "pooled")["percentile"] for name in ("product: pca", CURATED))
    assert rank.value == pytest.approx((own - others).dropna().mean())
    assert amount.value == pytest.approx(tables["product: pca"]["pearson"].mean())
    assert amount.reference is PredictorId.OTHER_PERTURBATIONS


def test_the_sign_weighted_mean_follows_curated_signs(data):
    edges_CA = np.zeros((N_CANDIDATES, N_GENES), np.float32)
    rng = np.random.default_rng(2)
    for e in data.recommended:
        regulated = rng.choice(np.arange(60, N_GENES), 30, replace=False)
        edges_CA[data.position[e.target], regulated] = np.sign(e.rise * e.change_A[regulated])
    for s in data.signatures:
        edges_CA[data.position[s.target], s.up[:10]], edges_CA[data.position[s.target], s.down[:10]] = 1, -1
    right = judge_curated_mean(make_effects(CANDIDATES, SYMBOLS, edges_CA), data)
    wrong = judge_curated_mean(make_effects(CANDIDATES, SYMBOLS, -edges_CA), data)
    assert right["percentile"].min() > 0.9 and wrong["percentile"].max() < 0.1
    assert set(right["dataset"]) == {"experiments", "signatures"}


def test_missing_data_is_one_sentence_with_a_hint(tmp_path, capsys, monkeypatch):
    assert main(["--data", str(tmp_path), "--quick"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    monkeypatch.setenv("CELLSTATE_SHARED_DATA", str(tmp_path))
    assert shared_folder() == tmp_path


@pytest.mark.skipif(not (shared_folder() / "perturbation_benchmark").is_dir(), reason="needs the shared data")
def test_the_real_benchmark_is_read():
    data = read_perturbations(shared_folder() / "perturbation_benchmark")
    assert len(data.recommended) == 33 and len(data.signatures) == 129 and len(data.symbols) == 19383
    assert not any("+" in e.target for e in data.experiments)
    assert data.unit_of["PPARG"] == data.unit_of["GCM1"]
    assert len({e.target for e in data.recommended}) == 30
    judged = judge_method(Fixed("none", make_effects(data.candidates[:9], data.symbols[:99], np.zeros((9, 99)))), data)
    assert judged["percentile"].eq(0.5).all()
