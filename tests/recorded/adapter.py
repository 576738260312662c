"""Everything that the recorded answers need to know of the product's names.

A rename or a move changes this file and no other file of the folder. Its functions take and return plain values:
Ensembl ids, methods by the keys of `METHODS`, perturbations as the command line writes them, tables indexed by id.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cellstate.evaluation.experiment import compare
from cellstate.evaluation.ood import ood_score_after, ood_scores
from cellstate.evaluation.reconstruction import evaluate
from cellstate.evaluation.reliability import reliability_table
from cellstate.goals import read_goal
from cellstate.io import read_samples
from cellstate.model import Model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.registry import default_predictor
from cellstate.perturb.sample import PreparedSample, prepare_sample, prepare_samples
from cellstate.perturb.search.combination import combine
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.pairs import pairs
from cellstate.perturb.search.single import screen
from cellstate.perturb.search.titration import titrate
from cellstate.samples import Samples
from tests.unit.train.runs import ALONE, fresh, make_sources, run
from tests.unit.train.test_golden import GOLDEN, RUNS
from train.checkpoints import Checkpoints
from train.config import RunConfig
from train.distributed import DistributedContext, distributed_context

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "data" / "examples"
#: Key of a method in the recorded file, and the product's name for it.
METHODS = {
    "autoencoder": "autoencoder",
    "pca": "pca",
    "coexpression": "coexpression",
    "whitened": "whitened_coexpression",
    "ridge": "ridge",
    "sparse": "elastic_net",
    "ridge_tf": "ridge_tf",
    "no_change": "no_change",
}
_KEYS = {name: key for key, name in METHODS.items()}
#: What pairs are ranked by: key and the product's word.
RANKINGS = {"interaction": "interaction", "joint": "score", "cohort": "cohort"}
#: Names of the training runs, each of 20 steps.
TRAINING = tuple(RUNS)


@cache
def model() -> Model:
    """Open the shipped model."""
    return load_model(REPOSITORY / "models" / "coadread", device="cpu")


@cache
def samples(name: str) -> Samples:
    """Read an example file of one sample."""
    return read_samples(EXAMPLES / f"{name}.tpm.tsv.gz")


@cache
def sample(name: str) -> PreparedSample:
    """Read an example sample and put it on the model's genes."""
    return prepare_sample(model(), samples(name))


def default_method() -> str:
    """Return the key of the method that predicts when the user chooses none."""
    return _KEYS[default_predictor(model())]


def transcription_factors() -> list[str]:
    """Return the Ensembl ids of the model's transcription factors."""
    return [model().space.ensembl[g] for g in np.flatnonzero(model().space.is_tf_G)]


def expression_changes(name: str, perturbations: Sequence[str]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Predict by every method.

    Returns
    -------
    table : DataFrame, one row a gene, by Ensembl id
        ``tpm_before``, ``is_reliable`` of the default method, and one column of log2 changes a method.
    scores : dict
        Out-of-distribution scores of the sample before, and after as the default method predicts it.
    """
    found = predict(sample(name), [Perturbation.parse(text) for text in perturbations])
    before, after = ood_scores([sample(name)])[0], ood_score_after(found)
    judged = reliability_table(found, is_ood=before.is_ood, is_ood_after=after.is_ood).set_index("ensembl_id")
    changes = {found.predictor: found.log2_fold_change_G} | found.baseline_log2_fold_changes()
    columns = {_KEYS[method]: change_G for method, change_G in changes.items()}
    table = pd.DataFrame(columns, index=list(model().space.ensembl))
    table["tpm_before"] = judged["tpm_before"]
    table["is_reliable"] = judged["is_reliable"]
    return table, {"ood_before": before.score, "ood_after": after.score}  # type: ignore[dict-item]


def single_ranking(name: str, goal: str, genes: Sequence[str], method: str | None, action: str) -> pd.DataFrame:
    """Score one perturbation of each gene toward a goal; one row a gene, by Ensembl id."""
    found = screen(
        sample(name), _goal(name, goal), perturbations=[action], genes=_positions(genes), predictor=_name_of(method)
    )
    assert method is None or _KEYS[found.predictor] == method
    figures = {"score": "score", "score_per_sd": "score_per_sd", "p": "p", "fdr": "fdr", "z_patient": "z_in_patient"}
    return found.table.set_index("ensembl_id")[list(figures)].rename(columns=figures)


def pair_ranking(name: str, goal: str, genes: Sequence[str], ranking: str, action: str) -> pd.DataFrame:
    """Score pairs of genes; one row a pair, with the Ensembl ids ``a`` and ``b``."""
    chosen = _positions(genes)
    found = pairs(
        sample(name), _goal(name, goal), perturbation=action, genes=chosen, partners=chosen, by=RANKINGS[ranking]
    )
    assert found is not None
    figures = {
        "ensembl_a": "a",
        "ensembl_b": "b",
        "score": "score",
        "score_a": "score_a",
        "score_b": "score_b",
        "interaction": "interaction",
        "p": "p",
        "fdr": "fdr",
        "cohort_r": "cohort_r",
        "cohort_p": "cohort_p",
    }
    return found.table[list(figures)].rename(columns=figures)


def combination(
    name: str, goal: str, genes: Sequence[str], method: str | None, actions: Sequence[str], most: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Search a combination: its steps and those of the greedy search (``gene`` is an Ensembl id), and two sums."""
    found = combine(
        sample(name), _goal(name, goal), max_perturbations=most, perturbations=actions, genes=_positions(genes),
        predictor=_name_of(method),
    )  # fmt: skip
    sums = {"sum_of_singles": found.sum_of_singles, "n_scored": float(found.n_scored)}
    return _steps(found.steps), _steps(found.greedy), sums


def titration(name: str, goal: str, gene: str, method: str | None) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Set one gene to many levels: TPM and score of each level, and log2 changes (genes by Ensembl id x levels)."""
    found = titrate(sample(name), gene, goal=_goal(name, goal), predictor=_name_of(method))
    assert found.score_D is not None
    return found.tpm_D, found.score_D, pd.DataFrame(found.log2_fold_change_DG.T, index=list(model().space.ensembl))


def reconstruction(names: Sequence[str]) -> dict[str, float]:
    """Evaluate the reconstruction of samples together; figures by name, those of a bin by its lower end in TPM."""
    chosen = [samples(name) for name in names]
    together = Samples(
        tuple(name for one in chosen for name in one.names),
        np.concatenate([one.tpm_SA for one in chosen]),
        np.concatenate([one.library_size_S for one in chosen]),
    )
    found = evaluate(prepare_samples(model(), together)).to_dict()
    figures = _quality(found, "autoencoder")
    for key, one in found["baselines"].items():
        figures |= _quality(one, key)
    for one in found["bins"]:
        bin_of = f"bin {one['low']:g}"
        figures[f"{bin_of}, ceiling"], figures[f"{bin_of}, conditional mode"] = (
            one["ceiling"],
            one["accuracy_conditional_mode"],
        )
    figures |= {f"r2 of {one['name']}": one["r2"] for one in found["samples"]}
    return {key: np.nan if value is None else float(value) for key, value in figures.items()}


def experiment(control: str, treated: str, perturbations: Sequence[str]) -> dict[str, float]:
    """Compare a prediction with the difference of two samples; figures by method and name."""
    found = compare([sample(control)], [sample(treated)], [Perturbation.parse(text) for text in perturbations])
    return {
        f"{_KEYS[method]}, {figure}": np.nan if value is None else float(value)
        for method, one in found.agreement.items()
        for figure, value in (
            ("pearson_delta", one.pearson_delta),
            ("low", one.low),
            ("high", one.high),
            ("sign_accuracy_top50", one.sign_accuracy_top50),
        )
    }


def golden_losses(name: str) -> np.ndarray:
    """Return the recorded 20 steps of one process, shape (20, 2): loss and gradient norm."""
    return np.reshape(json.loads(GOLDEN.read_text())[name], (-1, 2))


def train(
    name: str,
    here: DistributedContext = ALONE,
    checkpoints: Path | None = None,
    every: int = 0,
    kill_in_step: int = 0,
) -> tuple[int, np.ndarray]:
    """Train 20 steps of a recorded run.

    Parameters
    ----------
    checkpoints : Path, optional
        Folder of checkpoints; a run continues after the newest.
    every : int
        Steps between checkpoints.
    kill_in_step : int
        This process kills itself in the forward pass of this step.

    Returns
    -------
    step : int
        The step after which it began, -1 without checkpoints.
    losses : ndarray, shape (steps, 2)
        Loss and gradient norm of each step that this process did.
    """
    settings = RUNS[name]
    network = fresh(*settings.get("network", ()))
    if kill_in_step:
        _kill_in(network, kill_in_step)
    notes, _ = run(
        make_sources(settings.get("missing", 0.0)),
        here,
        network=network,
        checkpoints=None if checkpoints is None else Checkpoints(checkpoints, 2, here),
        how=RunConfig(checkpoint_steps=every) if every else None,
        epochs=5,
        **settings["settings"],
    )
    return notes.began_at, np.array([(step.loss, step.gradient_norm) for step in notes.steps])


def as_rank() -> dict[str, list] | None:
    """Train every recorded run as one of several processes; the first returns the losses."""
    with distributed_context("cpu") as here:
        found = {name: train(name, here)[1].tolist() for name in TRAINING}
        return found if here.is_first else None


def _kill_in(network: torch.nn.Module, step: int) -> None:
    passes = 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += torch.is_grad_enabled()
        if passes == step and torch.is_grad_enabled():
            os.kill(os.getpid(), signal.SIGKILL)

    network.register_forward_hook(count)


def _goal(name: str, spec: str) -> Goal:
    return read_goal(spec, sample(name))


def _positions(genes: Sequence[str]) -> np.ndarray:
    return np.array([model().space.find(gene) for gene in genes])


def _name_of(method: str | None) -> str | None:
    return None if method is None else METHODS[method]


def _steps(table: pd.DataFrame) -> pd.DataFrame:
    genes = [model().space.ensembl[model().space.find(symbol)] for symbol in table["gene"]]
    return pd.DataFrame(
        {"gene": genes, "action": list(table["perturbation"])} | {c: table[c] for c in ("score", "gain", "alone")}
    )


def _quality(one: Mapping, key: str) -> dict[str, float]:
    figures = {f"{key}, {name}": one[name] for name in ("r2_pooled", "r2_gene_median", "r2_sample_median")}
    for row in one["bins"]:
        figures[f"{key}, bin {row['low']:g}, values"] = row["n"]
        figures[f"{key}, bin {row['low']:g}, accuracy"] = row["accuracy"]
    return figures
