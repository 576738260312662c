"""What the offset of a data set is worth: reconstruction of held-out data sets with it and without.

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.batch_offset [--store DIR] [--split test] [--quick]

By the shipped base model, on data sets of one split that have at least nine samples: median over genes of R2 on log1p
TPM, pooled and within data sets (which an offset must not change much). The offset of a sample is estimated from 2, 4,
8 or all others of its data set (`cellstate.evaluation.batch_offset`), or from the sample itself: the directions in
which the mean residuals of the training data sets differ (of 20 samples of each), fitted to its own residual by ridge.
The latter is beside the same number of principal components of the training residuals, since any further direction that
is fitted to a sample brings its reconstruction nearer.

Shape suffixes: S samples, G genes, D data sets, K directions.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.base import Sums
from benchmarks.report import at_least, measured, show
from cellstate import load_model
from cellstate.evaluation.batch_offset import leave_one_out_offset
from cellstate.evidence import Benchmark, Criterion
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.impute import impute_missing
from cellstate.perturb.predictors.linear import principal_rows
from cellstate.samples import Samples
from train.store import Store, open_store

OTHERS, DIRECTIONS, FEWEST, PER_DATASET = (2, 4, 8), (5, 10, 20), 9, 20


def reconstructed(model: Model, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted log1p TPM, float32, shape (S, G); NaN in the truth where not measured."""
    aligned = align(samples, model.space)
    z_SG = np.where(aligned.measured_SG, model.space.standardise(aligned.tpm_SG), np.float32(0))
    hat_SG = model.reconstruct(impute_missing(model.reconstruct, z_SG, aligned.measured_SG))
    truth_SG = np.where(aligned.measured_SG, np.log1p(aligned.tpm_SG), np.float32(np.nan))
    return truth_SG, model.space.log1p_tpm(hat_SG)


def from_some(residual_SG: np.ndarray, datasets_S: np.ndarray, others: int) -> np.ndarray:
    """Return each sample's offset from so many others of its data set, drawn at random."""
    rng, offset_SG = np.random.default_rng(0), np.zeros(residual_SG.shape)
    for name in np.unique(datasets_S):
        rows = np.flatnonzero(datasets_S == name)
        for row in rows:
            chosen = rng.permutation(rows[rows != row])[:others]
            offset_SG[row] = leave_one_out_offset(residual_SG[[row, *chosen]])[0]
    return offset_SG


def directions(residual_SG: np.ndarray, datasets_S: np.ndarray, most: int) -> np.ndarray:
    """Return orthonormal directions of the data sets' mean residuals, shape (K, G)."""
    value_SG = np.nan_to_num(residual_SG)
    means_DG = np.array([value_SG[datasets_S == name].mean(axis=0) for name in np.unique(datasets_S)])
    return principal_rows(means_DG.astype(np.float32), most)[0]


def from_itself(residual_SG: np.ndarray, rows_KG: np.ndarray) -> np.ndarray:
    """Return each sample's residual along some directions, by ridge over the genes that it measures."""
    offset_SG = np.zeros(residual_SG.shape)
    for sample, residual_G in enumerate(residual_SG):
        known_G = ~np.isnan(residual_G)
        own_KG = rows_KG[:, known_G].astype(np.float64)
        gram_KK = own_KG @ own_KG.T + 0.1 * np.eye(len(rows_KG))
        offset_SG[sample] = np.linalg.solve(gram_KK, own_KG @ residual_G[known_G]) @ rows_KG
    return offset_SG


def some_of_each(store: Store) -> list[int]:
    """Return positions among the training samples: at most so many of each data set."""
    series = store.table["series"].astype(str).iloc[store.rows("train")].reset_index(drop=True)
    return sorted(series.groupby(series).head(PER_DATASET).index)


def measure(model: Model, store: Store, split: str) -> list[Criterion]:
    """Return every figure of one split."""
    series = store.table["series"].astype(str).to_numpy()
    rows = store.rows(split)
    names, n_D = np.unique(series[rows], return_counts=True)
    kept_S = np.isin(series[rows], names[n_D >= FEWEST])
    datasets_S = series[rows][kept_S]
    truth_SG, hat_SG = (part[kept_S] for part in reconstructed(model, store.split(split)))
    train = some_of_each(store)
    train_truth_SG, train_hat_SG = reconstructed(model, store.split("train").take(train))
    train_SG, residual_SG = train_truth_SG - train_hat_SG, truth_SG - hat_SG

    plain = Sums(truth_SG, hat_SG, datasets_S).r2()
    found = [measured("data_sets", len(set(datasets_S))), measured("samples", len(datasets_S))]

    def add(name: str, offset_SG: np.ndarray) -> None:
        pooled, within = Sums(truth_SG, hat_SG + offset_SG, datasets_S).r2()
        found.extend([measured(f"{name}.r2_pooled", pooled), measured(f"{name}.r2_within", within)])

    add("no_offset", np.zeros_like(hat_SG))
    for others in OTHERS:
        add(f"from_{others}_others", from_some(residual_SG, datasets_S, others))
    offset_SG = leave_one_out_offset(residual_SG, datasets_S.tolist())
    add("from_all_others", offset_SG)
    pooled, within = Sums(truth_SG, hat_SG + offset_SG, datasets_S).r2()
    found.append(at_least("from_all_others_less_none.r2_pooled", pooled - plain[0], "", 0))
    found.append(at_least("from_all_others_less_none.r2_within", within - plain[1], "", -0.01))
    train_series = series[store.rows("train")][train]
    batch_KG = directions(train_SG, train_series, max(DIRECTIONS))
    any_KG = principal_rows(np.nan_to_num(train_SG).astype(np.float32), max(DIRECTIONS))[0]
    for k in DIRECTIONS:
        add(f"from_itself_{k}_batch_directions", from_itself(residual_SG, batch_KG[:k]))
        add(f"from_itself_{k}_residual_components", from_itself(residual_SG, any_KG[:k]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="data/stores/human-bulk", help="the imported corpus")
    parser.add_argument("--split", default="test", choices=["validation", "test"], help="choices use validation alone")
    parser.add_argument("--quick", action="store_true", help="claims nothing")
    options = parser.parse_args()
    model = load_model("human", device="cpu")
    criteria = measure(model, open_store(options.store), "validation" if options.quick else options.split)
    show(Benchmark.BATCH_OFFSET, criteria=criteria, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
