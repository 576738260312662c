"""The questions whose answers are recorded, and the answers as flat arrays.

Every value stands under stable ids: Ensembl ids (as numbers), the lower end of a bin in TPM, the number of a step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tests.recorded import adapter

SAMPLES = ("TCGA-AA-3502-01", "TCGA-AG-3601-01", "TCGA-DY-A1DF-01")
#: The sample of which every gene is recorded for the first perturbation; of all else, `N_GENES` genes and three sums.
WHOLE = SAMPLES[0]
PERTURBATIONS = {"ko": ("TP53=ko",), "two": ("KRAS=x3", "MYC=kd50"), "quantile": ("CDX2==q90",)}
GOAL = "genes:+CDX2,+KLF4,-MYC"
PAIR_GENES = ("CDX2", "KLF4", "MYC", "TP53", "KRAS", "SMAD4", "HNF4A", "TCF7L2", "SOX9", "CTNNB1", "FOXA1", "GATA6")
TITRATED = "CDX2"
N_GENES = 1_000
_SEED = 19
#: Checkpoints are written every so many steps; the killed run dies in this step.
EVERY, KILLED_IN = 7, 11

Answers = dict[str, np.ndarray]


def number_of(ensembl_ids: pd.Index | pd.Series | list[str]) -> np.ndarray:
    """Return Ensembl ids as numbers: ENSG00000141510 is 141510."""
    return np.array([int(one.removeprefix("ENSG")) for one in ensembl_ids], np.int32)


def biology(name: str) -> Answers:
    """Ask everything about one sample."""
    found: Answers = {}
    for what, value in _perturb(name):
        found[f"{name}/perturb/{what}"] = value
    factors = adapter.transcription_factors()
    for method in (None, "autoencoder"):
        key = method or "default"
        screened = by_id(adapter.single_ranking(name, GOAL, factors, method, "ko"))
        found[f"{name}/screen/{key}/genes"] = number_of(screened.index)
        for figure in screened:
            found[f"{name}/screen/{key}/{figure}"] = screened[figure].to_numpy(np.float32)
        steps, greedy, sums = adapter.combination(name, GOAL, factors, method, ("ko", "x3"), 3)
        for way, table in (("steps", steps), ("greedy", greedy)):
            found[f"{name}/combine/{key}/{way}/genes"] = number_of(table["gene"])
            found[f"{name}/combine/{key}/{way}/actions"] = table["action"].to_numpy(str)
            found[f"{name}/combine/{key}/{way}/figures"] = table[["score", "gain", "alone"]].to_numpy(float)
        found |= {f"{name}/combine/{key}/{figure}": np.array(value) for figure, value in sums.items()}
        tpm_D, score_D, change_GD = adapter.titration(name, GOAL, TITRATED, method)
        found[f"{name}/titrate/{key}/tpm"], found[f"{name}/titrate/{key}/score"] = tpm_D, score_D
        change_GD = by_id(change_GD)
        found[f"{name}/titrate/{key}/change"] = change_GD.loc[_some(change_GD.index)[:200]].to_numpy(np.float32)
    for ranking in adapter.RANKINGS:
        table = _pairs_by_id(adapter.pair_ranking(name, GOAL, PAIR_GENES, ranking, "ko"))
        for column in table:
            values = table[column]
            found[f"{name}/pairs/{ranking}/{column}"] = (
                number_of(values) if column in ("a", "b") else values.to_numpy(float)
            )
    found |= _figures(f"{name}/evaluate", adapter.reconstruction([name]))
    return found


def together() -> Answers:
    """Ask what needs several samples, and which method is the default."""
    return {
        "default_method": np.array(adapter.default_method()),
        **_figures("all/evaluate", adapter.reconstruction(SAMPLES)),
        **_figures("compare", adapter.experiment(SAMPLES[0], SAMPLES[1], PERTURBATIONS["ko"])),
    }


def by_two_ranks() -> Answers:
    """Train every recorded run in two processes under torchrun."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", __name__, "rank")
    done = _process(*launcher)
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout.splitlines()[-1])
    return {f"train/two ranks/{name}": np.array(losses[name]) for name in adapter.TRAINING}


def killed_and_resumed(name: str, folder: Path) -> tuple[int, np.ndarray]:
    """Kill a run in the middle and continue it; returns the step after which it continued, and the losses since."""
    done = _process("-m", __name__, "killed", name, str(folder))
    assert done.returncode == -9, done.stderr
    return adapter.train(name, checkpoints=folder, every=EVERY)


def everything() -> Answers:
    """Ask all that is recorded; the steps of one process are in the golden losses already."""
    found = together() | by_two_ranks()
    for name in SAMPLES:
        found |= biology(name)
    return found


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    """Sort a table by the Ensembl ids of its rows."""
    assert table.index.is_unique
    return table.sort_index()


def _perturb(name: str) -> Iterator[tuple[str, np.ndarray]]:
    for what, perturbations in PERTURBATIONS.items():
        table, scores = adapter.expression_changes(name, perturbations)
        table = by_id(table)
        yield f"{what}/n_reliable", np.array(int(table["is_reliable"].sum()))
        yield from ((f"{what}/{figure}", np.array(value, float)) for figure, value in scores.items())
        whole = name == WHOLE and what == "ko"
        if whole:
            yield f"{what}/genes", number_of(table.index)
            yield f"{what}/is_reliable", table["is_reliable"].to_numpy(bool)
        shown = table if whole else table.loc[_some(table.index)]
        for method in adapter.METHODS:
            yield f"{what}/{method}", shown[method].to_numpy(np.float32)
            yield f"{what}/{method}/sums", _sums(table[method], number_of(table.index))
        if what == "ko":
            yield "tpm_before", table.loc[_some(table.index), "tpm_before"].to_numpy(np.float32)


def _some(ids: pd.Index) -> list[str]:
    """Choose the genes that stand for all: the same for the same ids."""
    return sorted(np.random.default_rng(_SEED).choice(np.array(sorted(ids)), N_GENES, replace=False).tolist())


def _sums(values: pd.Series, numbers: np.ndarray) -> np.ndarray:
    """Return the sum of absolutes, the root of the sum of squares, and a sum with a weight that each gene has alone."""
    x = values.to_numpy(np.float64)
    total = float(np.abs(x).sum())
    # The last is a share of the first, so that rounding errors of its terms count as little as theirs.
    return np.array([total, np.sqrt((x**2).sum()), (x * np.cos(numbers)).sum() / max(total, 1e-9)])


def _pairs_by_id(table: pd.DataFrame) -> pd.DataFrame:
    """Put the smaller id first in each pair, and the pairs in order."""
    swapped = table.rename(columns={"a": "b", "b": "a", "score_a": "score_b", "score_b": "score_a"})[table.columns]
    return table.where(table["a"] < table["b"], swapped).sort_values(["a", "b"], ignore_index=True)


def _figures(key: str, figures: dict[str, float]) -> Answers:
    return {f"{key}/{name}": np.array(value) for name, value in figures.items()}


def _process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=adapter.REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "rank":
        losses_by_name = adapter.as_rank()
        if losses_by_name is not None:
            print(json.dumps(losses_by_name))
    else:
        adapter.train(sys.argv[2], checkpoints=Path(sys.argv[3]), every=EVERY, kill_in_step=KILLED_IN)
