"""Does a base that never saw a tissue help a laboratory that studies it? Fine-tuned, from scratch, and not adapted.

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.transfer_tissues [--store DIR] [--quick]

Three tissues, those with the largest single data sets but for the colon, are each left out of the base network of
train/configs/human.toml with all their samples. 20 or 60 samples of the tissue's largest data set are a laboratory's
own: four fifths for training, one fifth for early stopping; the rest of that data set is the test. Fine-tuning is in
two ways: with the base's own components, as in train/configs/finetune.toml; and with components of the samples and the
base together, as in train/configs/finetune-human.toml, whose settings are those chosen on colorectal patients. From
scratch is with the robust start as in `benchmarks.transfer`. Every predictor is judged on the genes that all cover, by
the median R2 of a gene, mean of three draws. Nothing is chosen here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.base import ALONE, Predict, learnt, reconstruction
from benchmarks.report import at_least, measured, show
from benchmarks.transfer import LOOP, SIZES
from cellstate import load_model
from cellstate.evaluation.metrics import median, r2_per_gene
from cellstate.evidence import Benchmark, Criterion
from cellstate.files import sha256
from cellstate.gene_space import GeneSpace, align
from cellstate.model import Model
from cellstate.model.cohort import save_profiles
from cellstate.model.folder import save_model
from cellstate.model.impute import impute_missing
from cellstate.model.network import AutoEncoder
from cellstate.perturb.predictors.linear import principal_rows
from cellstate.samples import Samples
from train.config import CONFIGS, DataConfig, NetworkConfig, TrainConfig, read_config
from train.data import TrainingData
from train.finetune import BaseConfig, adapt, adapted_space, lr_multipliers, read_finetune_config
from train.fit import build, read_data
from train.package import DRAWN
from train.profiles import draw_profiles
from train.store import MANIFEST, TABLE, VALUES, Store, open_store

TISSUES, DRAWS = 3, 3
#: The colorectal model is the shipped child, whose test patients are in the corpus.
SHIPPED = "colon"
#: Ways to fine-tune.
WAYS = ("fine_tuned", "fine_tuned_joint")
#: A split that nothing reads.
LEFT_OUT = "left out"


def largest(store: Store) -> dict[str, str]:
    """Return the tissues with the largest single data sets, and these."""
    sizes = store.table.groupby(["tissue", "series"]).size().sort_values(ascending=False)
    found: dict[str, str] = {}
    for tissue, series in sizes.index:
        if tissue != SHIPPED and len(found) < TISSUES:
            found.setdefault(tissue, series)
    return found


def with_split(store: Store, split_S: np.ndarray, folder: Path) -> DataConfig:
    """Write a store of the same values with another split; returns the settings that read it."""
    folder.mkdir(parents=True)
    (folder / VALUES).symlink_to((store.path / VALUES).resolve())
    table = store.table.assign(split=split_S.astype(str))
    table.to_parquet(folder / TABLE)
    splits = {name: int((table["split"] == name).sum()) for name in ("train", "validation", "test")}
    changed = {"splits": splits, "table_sha256": sha256(folder / TABLE)}
    (folder / MANIFEST).write_text(json.dumps(store.manifest | changed))
    return DataConfig(store=str(folder), in_memory=True)


def base_without(store: Store, tissue: str, config: TrainConfig, folder: Path) -> Model:
    """Train the base network without a tissue, and open it."""
    split_S = np.where(store.table["tissue"] == tissue, LEFT_OUT, store.table["split"])
    data = replace(config.data, store=with_split(store, split_S, folder / "store").store)
    config = replace(config, data=data)
    training = read_data(config, ALONE)
    network = learnt(config, training, build(config, training, ALONE))
    save_model(folder / "base", network, training.space, training.gene_table, torch.float32)
    base = load_model(folder / "base", device="cpu")
    labels = training.tables["train"][config.data.balance].astype(str).tolist()
    save_profiles(base.folder, draw_profiles(base, training.train_z_SG, labels, DRAWN, config.loop.seed))
    return base


def drawn(store: Store, series: str, n: int, seed: int, folder: Path) -> TrainingData:
    """Read n samples of a data set as a laboratory's own, the others of it as the test."""
    of = np.flatnonzero((store.table["series"] == series).to_numpy())
    own = np.random.default_rng(seed).permutation(of)[:n]
    split_S = np.full(len(store), LEFT_OUT, dtype=object)
    split_S[of] = "test"
    split_S[own] = "train"
    split_S[own[: n // 5]] = "validation"
    data = with_split(store, split_S, folder)
    return read_data(TrainConfig(data, NetworkConfig(), LOOP), ALONE)


def methods(base: Model, data: TrainingData) -> dict[str, tuple[GeneSpace, Predict]]:
    """Return every predictor of the laboratory's samples, with its genes."""
    width = min(base.config.n_latent, len(data.train_z_SG))
    how = BaseConfig(model=str(base.folder), layer_decay=0.8)
    config = TrainConfig(DataConfig(store="own"), NetworkConfig(), LOOP)
    own_space, adapted = _adapted(base, data, config, how)
    child = read_finetune_config(CONFIGS / "finetune-human.toml")
    joint_how = replace(child.base, model=str(base.folder), tissues=())
    joint_space, joint = _adapted(base, data, replace(config, loop=child.loop), joint_how)
    chosen = NetworkConfig("scratch", (80, width, 80), "gelu", "robust", residual=True)
    config = TrainConfig(config.data, chosen, replace(LOOP, freeze_linear=True))
    scratch = learnt(config, data, build(config, data, ALONE))
    rows_PG = principal_rows(data.train_z_SG, width)[0]
    return {
        "fine_tuned": (own_space, reconstruction(adapted, ALONE.device)),
        "fine_tuned_joint": (joint_space, reconstruction(joint, ALONE.device)),
        "from_scratch": (data.space, reconstruction(scratch, ALONE.device)),
        "base": (base.space, base.reconstruct),
        "pca_of_own": (data.space, lambda z_SG: (z_SG @ rows_PG.T) @ rows_PG),
    }


def _adapted(base: Model, data: TrainingData, config: TrainConfig, how: BaseConfig) -> tuple[GeneSpace, AutoEncoder]:
    """Fine-tune the base in one way; returns the genes of the new network, and it."""
    moved = data.in_units_of(adapted_space(base, data, how.standardise))
    network, _ = adapt(base, moved, "adapted", how)
    return moved.space, learnt(config, moved, network, lr_multipliers(network, how))


def judged(found: dict[str, tuple[GeneSpace, Predict]], test: Samples) -> dict[str, float]:
    """Return the median per-gene R2 of every method on the genes that all cover."""
    shared = set.intersection(*(set(space.ensembl) for space, _ in found.values()))
    figures = {}
    for name, (space, predict) in found.items():
        chosen = [g for g, ensembl in enumerate(space.ensembl) if ensembl in shared]
        aligned = align(test, space)
        z_SG = np.where(aligned.measured_SG, space.standardise(aligned.tpm_SG), np.float32(0))
        hat_SG = space.log1p_tpm(predict(impute_missing(predict, z_SG, aligned.measured_SG)))
        figures[name] = median(r2_per_gene(np.log1p(aligned.tpm_SG)[:, chosen], hat_SG[:, chosen])) or 0.0
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="data/stores/human-bulk", help="the imported corpus")
    parser.add_argument("--quick", action="store_true", help="one tissue, one draw of 20, one epoch; claims nothing")
    options = parser.parse_args()
    store, config = open_store(options.store), read_config("human")
    chosen = largest(store)
    sizes, draws = list(SIZES), DRAWS
    if options.quick:
        config = replace(config, loop=replace(config.loop, epochs=1))
        chosen, sizes, draws = dict(list(chosen.items())[:1]), sizes[:1], 1
    criteria: list[Criterion] = []
    won = dict.fromkeys(WAYS, 0)
    for tissue, series in chosen.items():
        with tempfile.TemporaryDirectory() as temporary:
            base = base_without(store, tissue, config, Path(temporary))
            for n in sizes:
                runs = []
                for seed in range(draws):
                    own = drawn(store, series, n, seed, Path(temporary) / f"own-{n}-{seed}")
                    runs.append(judged(methods(base, own), own.samples["test"]))
                    print(tissue, n, seed, runs[-1], file=sys.stderr, flush=True)
                known = f"{tissue.replace(' ', '_')}.samples_{n}"
                mean = {name: statistics.mean(run[name] for run in runs) for name in runs[0]}
                criteria += [measured(f"{known}.{name}", value, "median R2 per gene") for name, value in mean.items()]
                for way in WAYS:
                    won[way] += mean[way] > max(mean["from_scratch"], mean["base"])
    criteria += [at_least(f"{way}.won_against_both", n, "", len(chosen) * len(sizes)) for way, n in won.items()]
    show(Benchmark.TRANSFER, criteria=criteria, quick=options.quick)


if __name__ == "__main__":
    main()
