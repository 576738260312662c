"""The base model on data sets that no fit has seen, beside principal components of the same samples.

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.base [--store DIR] [--seeds N] [--split test] [--quick]

The network of train/configs/human.toml is trained for each seed, as the trainer does. Every figure is the median over
genes of R2 on log1p TPM, over the data sets of one split: pooled, and within data sets (each one's own mean removed
from truth and prediction), whole and with half of each sample's measured genes hidden. PCA and probabilistic PCA are of
the same weighted and filled training samples. Intervals are of the difference, data sets drawn with replacement.

Shape suffixes: S samples, G genes, D data sets, L components.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from benchmarks.reconstruction import conditional_mean_of
from benchmarks.report import at_least, measured, show
from cellstate.evidence import Benchmark, Criterion
from cellstate.gene_space import align
from cellstate.model.impute import impute_missing
from cellstate.model.network import AutoEncoder
from cellstate.perturb.predictors.linear import principal_rows
from train.callbacks import TrainerCallback
from train.config import TrainConfig, read_config
from train.data import TrainingData
from train.distributed import DistributedContext
from train.embedding import outer_state
from train.fit import build, read_data, training_job
from train.loop import train

ALONE = DistributedContext(0, 1, torch.device("cpu"))
HIDDEN, DRAWS = 0.5, 200
GAIN = 0.005
#: Samples that go through a network at once.
BLOCK = 256
Predict = Callable[[np.ndarray], np.ndarray]


class Sums:
    """Squares of each data set by gene, so that any draw of data sets has its R2 at once."""

    def __init__(self, truth_SG: np.ndarray, hat_SG: np.ndarray, dataset_S: np.ndarray) -> None:
        parts = [self._of(truth_SG[dataset_S == d], hat_SG[dataset_S == d]) for d in np.unique(dataset_S)]
        self.n_DG, self.sum_DG, self.square_DG, self.residual_DG, self.within_DG, self.within_residual_DG = (
            np.array(one) for one in zip(*parts, strict=True)
        )

    @staticmethod
    def _of(truth_SG: np.ndarray, hat_SG: np.ndarray) -> tuple[np.ndarray, ...]:
        known = ~np.isnan(truth_SG)
        n_G = known.sum(axis=0)
        truth, error = np.where(known, truth_SG, 0), np.where(known, truth_SG - hat_SG, 0)
        square_G, residual_G = (truth**2).sum(axis=0), (error**2).sum(axis=0)
        some = np.maximum(n_G, 1)
        # Fewer than three samples say nothing of what differs within a data set.
        enough = n_G >= 3
        within_G = np.where(enough, square_G - truth.sum(axis=0) ** 2 / some, 0)
        within_residual_G = np.where(enough, residual_G - error.sum(axis=0) ** 2 / some, 0)
        return n_G, truth.sum(axis=0), square_G, residual_G, within_G, within_residual_G

    def r2(self, drawn_D: np.ndarray | None = None) -> tuple[float, float]:
        """Return the median R2 pooled, and within data sets."""
        drawn = np.arange(len(self.n_DG)) if drawn_D is None else drawn_D
        n_G, sum_G, square_G, residual_G, within_G, within_residual_G = (
            one[drawn].sum(axis=0)
            for one in (
                self.n_DG, self.sum_DG, self.square_DG, self.residual_DG, self.within_DG, self.within_residual_DG
            )
        )  # fmt: skip
        total_G = square_G - sum_G**2 / np.maximum(n_G, 1)
        use, use_within = (n_G >= 3) & (total_G > 1e-9), within_G > 1e-9
        pooled = 1 - residual_G[use] / total_G[use]
        return float(np.median(pooled)), float(np.median(1 - within_residual_G[use_within] / within_G[use_within]))


def trained(config: TrainConfig, data: TrainingData) -> Predict:
    """Return the reconstruction by the network of a config, trained as the trainer does."""
    return reconstruction(learnt(config, data, build(config, data, ALONE)), ALONE.device)


def reconstruction(network: AutoEncoder, device: torch.device) -> Predict:
    """Return what a network predicts, in float32, block by block."""

    @torch.inference_mode()
    def predict(z_SG: np.ndarray) -> np.ndarray:
        blocks = np.array_split(z_SG.astype(np.float32), max(1, -(-len(z_SG) // BLOCK)))
        return np.concatenate([network(torch.from_numpy(block).to(device)).float().cpu().numpy() for block in blocks])

    return predict


def learnt(
    config: TrainConfig, data: TrainingData, network: AutoEncoder, lr_multipliers: Mapping[str, float] | None = None
) -> AutoEncoder:
    """Train a network that is ready as the trainer does; returns it with the weights that the trainer keeps."""
    learning, job = training_job(config, data, network, lr_multipliers)
    kept: dict[str, torch.Tensor] = {}

    class Keep(TrainerCallback):
        def best(self, weights) -> None:
            kept.update({name: tensor.clone() for name, tensor in weights.items()})

    train(learning, job, ALONE, Keep())
    network.load_state_dict(kept if learning is network else outer_state(network, kept))
    return network.eval().requires_grad_(False)


def measure(config: TrainConfig, split: str, seeds: int) -> list[Criterion]:
    """Return every figure of one split."""
    data = read_data(config, ALONE)
    space, latent = data.space, min(config.network.hidden)
    rows_PG, variance_P = principal_rows(data.weighted_z_SG, 2 * latent)
    tpm_SG = align(data.samples[split], space).tpm_SG
    known_SG, truth_SG = ~np.isnan(tpm_SG), np.log1p(tpm_SG)
    z_SG = space.standardise(tpm_SG)
    datasets = data.tables[split]["series"].to_numpy(str)
    hidden_SG = known_SG & (np.random.default_rng(0).random(z_SG.shape) < HIDDEN)
    seen_SG = known_SG & ~hidden_SG
    hidden_truth_SG = np.where(hidden_SG, truth_SG, np.nan)

    def whole(predict: Predict) -> Sums:
        hat_SG = predict(impute_missing(predict, z_SG, known_SG))
        return Sums(truth_SG, space.log1p_tpm(hat_SG), datasets)

    def half(predict: Predict) -> Sums:
        seen_z_SG = np.where(seen_SG, z_SG, np.float32(0))
        return Sums(hidden_truth_SG, space.log1p_tpm(impute_missing(predict, seen_z_SG, seen_SG)), datasets)

    def pca(width: int) -> Predict:
        return lambda z: (z @ rows_PG[:width].T) @ rows_PG[:width]

    same = whole(pca(latent))
    # As if each gene had variance 1; with the floor of the SD it has less.
    noise = max((len(space) - float(variance_P[:latent].sum())) / (len(space) - latent), 1e-6)
    conditional_SG = conditional_mean_of(rows_PG[:latent], variance_P[:latent], noise, z_SG, seen_SG)
    same_half = Sums(hidden_truth_SG, space.log1p_tpm(conditional_SG), datasets)
    found = [
        measured("data_sets", len(set(datasets))),
        measured("samples", len(datasets)),
        measured("genes", len(space)),
    ]
    for name, sums in ((f"pca_{latent}", same), (f"pca_{2 * latent}", whole(pca(2 * latent)))):
        pooled, within = sums.r2()
        found += [measured(f"{name}.r2_pooled", pooled), measured(f"{name}.r2_within", within)]
    found.append(measured(f"probabilistic_pca_{latent}.r2_half_hidden", same_half.r2()[0]))
    gains = []
    for seed in range(seeds):
        predict = trained(replace(config, loop=replace(config.loop, seed=seed)), data)
        one, one_half = whole(predict), half(predict)
        for name, sums, reference, at in (
            ("r2_pooled", one, same, 0), ("r2_within", one, same, 1), ("r2_half_hidden", one_half, same_half, 0)
        ):  # fmt: skip
            gain, low, high = _gain(sums, reference, at)
            gains.append((name, sums.r2()[at], gain, low, high))
    for name in ("r2_pooled", "r2_within", "r2_half_hidden"):
        own = [one for one in gains if one[0] == name]
        found.append(measured(f"network.{name}", float(np.mean([one[1] for one in own]))))
        found.append(at_least(f"network_less_pca.{name}.worst_seed", min(one[2] for one in own), "", GAIN))
        found.append(at_least(f"network_less_pca.{name}.worst_low_end", min(one[3] for one in own), "", 0))
        found.append(measured(f"network_less_pca.{name}.best_high_end", max(one[4] for one in own)))
    return found


def _gain(sums: Sums, reference: Sums, at: int) -> tuple[float, float, float]:
    """Return the difference of two R2, and the ends of its interval over draws of data sets."""
    rng, n = np.random.default_rng(0), len(sums.n_DG)
    draws = [rng.integers(0, n, n) for _ in range(DRAWS)]
    differences = [sums.r2(drawn)[at] - reference.r2(drawn)[at] for drawn in draws]
    low, high = np.quantile(differences, [0.025, 0.975])
    return sums.r2()[at] - reference.r2()[at], float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="data/stores/human-bulk", help="the imported corpus")
    parser.add_argument("--split", default="test", choices=["validation", "test"], help="choices use validation alone")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    options = parser.parse_args()
    config = read_config("human")
    config = replace(config, data=replace(config.data, store=options.store))
    if options.quick:
        config = replace(config, loop=replace(config.loop, epochs=1))
    criteria = measure(config, options.split, 1 if options.quick else options.seeds)
    show(Benchmark.BASE, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
