"""The readers under test: for each format its seeds, its mishaps, and how an input is read."""

from __future__ import annotations

import argparse
import gzip
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from inspect import unwrap
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array

from benchmarks import fuzz_seeds as seeds
from benchmarks.fuzz_containers import change_hdf5, change_safetensors
from benchmarks.fuzz_mutations import BYTES, TEXT, Mutation, mutate
from cellstate.cli.readers import read_genes
from cellstate.expression.reading import COLUMNS, ROWS
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis
from cellstate.io import READERS, ReadOptions, read_gmt, read_samples
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.cohort import COHORT, load_profiles, save_profiles
from cellstate.model.folder import GENES, WEIGHTS, default_model_folder
from cellstate.model.network import AutoEncoder, initialise
from cellstate.model.record import EVIDENCE, METRICS, ModelRecord
from cellstate.perturb.predictors.linear import BASELINES, fit_components, load_components, save_components
from cellstate.perturb.predictors.sparse import EFFECTS, load_effects, save_effects
from cellstate.samples import Samples

_NAMES = ("upload", "a.csv", "x.h5ad", "<b>x</b>.tsv", "../../a.csv", "C:\\a\\b.gct", "", ".", "\x00", "é" * 300)
_UNITS = ("counts", "TPM", "FPKM", "CPM", "coverage", "log2(TPM+1)", "log10(counts+0.001)", "log1p TPM", "furlongs")
_IDS = ("ensembl", "transcript", "entrez", "symbol", "gene", "absent")


@dataclass(frozen=True)
class Input:
    """One input of the fuzzer."""

    data: bytes
    name: str = "upload"
    overrides: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True)
class Format:
    """One format: where inputs start, how they are changed, and who reads them.

    ``read`` returns what the reader gives, raises a ``CellStateError``, or breaks the law.
    """

    seeds: Callable[[], Sequence[bytes]]
    change: Mutation
    read: Callable[[Input], object]

    def make(self, random: Random) -> Input:
        """Make one input."""
        made = self.seeds()
        data = self.change(random, random.choice(made), random.choice(made))
        if random.random() < 0.85:
            return Input(data)
        form, orientation, unit, ids = (
            random.choice((None, *few)) for few in (tuple(READERS), (ROWS, COLUMNS), _UNITS, _IDS)
        )
        asked = ReadOptions(form, orientation, unit, ids, repair_dates=random.random() < 0.3)
        return Input(data, random.choice(_NAMES), asked)


def _read_table(given: Input) -> Samples:
    samples = read_samples(given.data, name=given.name, options=given.overrides)
    check_samples(samples)
    return samples


def check_samples(samples: object) -> None:
    """Raise ``AssertionError`` where what a reader returned is no set of profiles."""
    assert isinstance(samples, Samples) and len(samples) > 0, "no samples"
    assert len(set(samples.names)) == len(samples) and all(type(name) is str for name in samples.names), "names"
    # One after the other: a copy of all would count as memory of the reader.
    for row_A in samples.tpm_SA:
        tpm = row_A[~np.isnan(row_A)]
        assert (tpm >= 0).all() and np.isclose(tpm.sum(dtype=np.float64), 1e6, rtol=1e-3), "no TPM"
    reads_S = samples.library_size_S
    assert not np.isinf(reads_S).any() and (np.nan_to_num(reads_S) >= 0).all(), "library size"
    report = samples.report
    assert all(isinstance(told, str) and "\n" not in told for told in report.warnings), "warnings"
    assert len(report.format) < 20 and "\n" not in report.format, "format"


def _read_sets(given: Input) -> object:
    sets = read_gmt(given.data, name=given.name)
    assert sets and all(title and genes and all(genes) for title, genes in sets.items()), "empty sets"
    return sets


@lru_cache(maxsize=1)
def _space() -> GeneSpace:
    positions, counts_SF, _ = seeds.profile()
    chosen = positions[:30]
    log_SG = np.log1p(counts_SF[:, :30])
    ensembl = tuple(gene_axis().ensembl[i] for i in chosen)
    mean_G, scale_G = log_SG.mean(axis=0).astype(np.float32), (log_SG.std(axis=0) + 0.1).astype(np.float32)
    return GeneSpace(ensembl, mean_G, scale_G, np.full(30, 1e6 / 19383))


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory:
    """Return a folder for this process, with a whole model in it."""
    held = tempfile.TemporaryDirectory()
    folder, space = Path(held.name) / "model", _space()
    network = AutoEncoder(ModelConfig("tiny", (30, 8, 4, 8, 30)))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols, "r2_validation": 0.5})
    save_model(folder, network, space, table, torch.float32)
    for name in (METRICS, EVIDENCE):
        shutil.copyfile(default_model_folder() / name, folder / name)
    rng = np.random.default_rng(0)
    z_SG = rng.normal(size=(40, 30)).astype(np.float32)
    save_profiles(folder, np.abs(z_SG))
    save_components(fit_components(z_SG, 4, tf_G=space.is_tf_G), folder)
    effect_GG = rng.normal(size=(30, 30)) * (rng.random((30, 30)) < 0.2)
    np.fill_diagonal(effect_GG, 0)
    save_effects(csr_array(effect_GG.astype(np.float32)), folder)
    return held


@lru_cache(maxsize=1)
def _whole() -> dict[str, bytes]:
    """Return the files of the whole model."""
    return {path.name: path.read_bytes() for path in (Path(_folder().name) / "model").iterdir()}


def _model_seeds(name: str) -> Sequence[bytes]:
    return (_whole()[name],)


def _read_model_file(name: str, given: Input) -> object:
    """Read a model folder with one file exchanged, and the files beside the weights."""
    path = Path(_folder().name) / "model" / name
    whole = _whole()[name]
    path.write_bytes(given.data)
    try:
        model = load_model(path.parent, device="cpu")
        profiles, baselines, effects = (unwrap(load)(model) for load in (load_profiles, load_components, load_effects))
        assert isinstance(model.record, ModelRecord), "record"
        assert all(torch.isfinite(p).all() for p in model.network.parameters()), "weights"
        assert len(model.gene_table) == len(model.space) == len(model.space.symbols), "genes"
        assert profiles is None or np.isfinite(profiles.z_SG).all(), "profiles"
        assert baselines is None or all(
            np.isfinite(m).all() for m in (baselines.components_PG, baselines.variance_P)
        ), "baselines"
        assert effects is None or (np.isfinite(effects.data).all() and not effects.diagonal().any()), "effects"
        return model
    finally:
        path.write_bytes(whole)


def _read_genes(given: Input) -> object:
    path = Path(_folder().name) / "genes.txt"
    path.write_bytes(given.data)
    return read_genes(argparse.Namespace(quiet=True), str(path), _space())


def _change_packed(random: Random, data: bytes, other: bytes) -> bytes:
    """Change text inside a gzip file, or the packed bytes."""
    if random.random() < 0.5:
        return mutate(random, data, other, BYTES)
    changed = mutate(random, gzip.decompress(data), gzip.decompress(other), TEXT)
    return gzip.compress(changed, 1, mtime=0) + random.choice((b"", b"", b"", b"x", data, bytes(100)))


def _text(random: Random, data: bytes, other: bytes) -> bytes:
    # A piece of another format's file is what a reader expects least.
    if random.random() < 0.15:
        other = random.choice(random.choice(list(seeds.text_seeds().values())))
    return mutate(random, data, other, TEXT)


def _bytes(random: Random, data: bytes, other: bytes) -> bytes:
    return mutate(random, data, other, BYTES)


def _text_format(name: str, read: Callable[[Input], object] = _read_table) -> Format:
    return Format(lambda: seeds.text_seeds()[name], _text, read)


def _model_file(name: str, change: Mutation) -> Format:
    return Format(partial(_model_seeds, name), change, partial(_read_model_file, name))


#: Every format by name.
FORMATS: dict[str, Format] = {
    **{name: _text_format(name) for name in ("csv", "tsv", "gct", "salmon", "kallisto", "rsem", "star")},
    "featurecounts": _text_format("featurecounts"),
    "h5ad": Format(seeds.h5ad_seeds, change_hdf5, _read_table),
    "10x h5": Format(seeds.tenx_seeds, change_hdf5, _read_table),
    "gzip": Format(seeds.gzip_seeds, _change_packed, _read_table),
    "zip": Format(seeds.zip_seeds, _bytes, _read_table),
    "gmt": _text_format("gmt", _read_sets),
    "gene list": _text_format("gene list", _read_genes),
    "weights": _model_file(WEIGHTS, change_safetensors),
    "cohort": _model_file(COHORT, change_safetensors),
    "baselines": _model_file(BASELINES, change_safetensors),
    "effects": _model_file(EFFECTS, change_safetensors),
    "model genes": _model_file(GENES, _change_packed),
    "metrics": _model_file(METRICS, _text),
    "evidence": _model_file(EVIDENCE, _text),
}
