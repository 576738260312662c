"""Does the state of a cell matter to what a gene does in it?

    python -m benchmarks.real_perturbations.state [--model DIR] [--data DIR] [--store DIR] [--quick]

Effects are computed in the state of each experiment's control samples. If state matters, the state of the experiment's
own control finds its true regulator better than the states of the most distant other controls do: the difference of
percentiles is paired over target genes, and its interval is a bootstrap over them. Methods: the folder's autoencoder,
and, where the store of the corpus is given, whitened co-expression with a share of the covariance of the training
samples near the state. Only a method whose interval lies above 0 may depend on the state of a sample by default.

Shape suffixes: E experiments, A genes of the benchmark's axis, S samples, P components, G genes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real_perturbations.data import Experiment, Perturbations, read_perturbations, shared_folder
from benchmarks.real_perturbations.effects import Effects, make_effects
from benchmarks.real_perturbations.judge import PERCENTILE, retrieval, score_experiments
from benchmarks.report import at_least, measured, show
from cellstate import load_model
from cellstate.errors import CellStateError, print_error
from cellstate.evidence import Benchmark, Criterion, PredictorId
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model
from cellstate.perturb.effects import effect_matrix
from cellstate.perturb.predictors.linear import Components, load_components
from cellstate.perturb.sample import PreparedSample, prepare_samples
from cellstate.samples import Samples
from train.store import open_store

#: Distant controls that an experiment's own is compared with.
DISTANT, DRAWS = 5, 1000
#: Shares of the covariance near the state, and the kernel's width in median squared distances.
SHARES, WIDTH = (0.3, 0.6), 0.2
#: Components in which states are compared.
COMPARED = 60


def controls(model: Model, data: Perturbations) -> list[tuple[Experiment, PreparedSample]]:
    """Return the experiments whose controls are known, each with the prepared mean of its control samples."""
    position = {symbol: a for a, symbol in enumerate(gene_axis().symbol)}
    at_A = np.array([position.get(symbol, -1) for symbol in data.symbols])
    known = [e for e in data.recommended if e.has_tpm]
    tpm_EA = np.full((len(known), N_AXIS), np.nan, np.float32)
    for row, experiment in zip(tpm_EA, known, strict=True):
        row[at_A[at_A >= 0]] = experiment.tpm_A[at_A >= 0]
    samples = Samples(tuple(e.name for e in known), tpm_EA, np.full(len(known), np.nan))
    return list(zip(known, prepare_samples(model, samples), strict=True))


def local_effects(
    known: Components, score_SP: np.ndarray, sample: PreparedSample, genes: np.ndarray, share: float
) -> np.ndarray:
    """Return the cosine of gene vectors under the covariance of samples near a state, mixed with the identity."""
    sd_P = np.sqrt(known.variance_P)
    here_P = sample.z_1G[0] @ known.components_PG.T / sd_P
    apart_S = np.square((score_SP[:, :COMPARED] - here_P[:COMPARED]) * sd_P[:COMPARED]).sum(axis=1)
    weight_S = np.exp(-apart_S / (WIDTH * np.median(apart_S)))
    weight_S /= weight_S.sum()
    centred_SP = score_SP - weight_S @ score_SP
    local_PP = (centred_SP * weight_S[:, None]).T @ centred_SP
    local_PP *= len(local_PP) / np.trace(local_PP)
    factor_PP = np.linalg.cholesky(
        (1 - share) * np.eye(len(local_PP)) + share * local_PP + 1e-6 * np.eye(len(local_PP))
    )
    vector_PG = (factor_PP.T @ known.components_PG).astype(np.float32)
    vector_PG /= np.maximum(np.linalg.norm(vector_PG, axis=0), 1e-9)
    return vector_PG[:, genes].T @ vector_PG


def compare_states(
    name: str,
    pairs: list[tuple[Experiment, PreparedSample]],
    data: Perturbations,
    effects_in: Callable[[PreparedSample], Effects],
) -> list[Criterion]:
    """Return the percentile of the true regulator by the own state and by distant states, and the difference."""
    experiments = [experiment for experiment, _ in pairs]
    z_EG = np.concatenate([sample.z_1G for _, sample in pairs])
    found_EE = np.full((len(pairs), len(pairs)), np.nan)
    for state, (_, sample) in enumerate(pairs):
        table = retrieval(score_experiments(effects_in(sample), data, experiments), {}).set_index("item")
        found_EE[state] = [table[PERCENTILE].get(e.name, np.nan) for e in experiments]
        print(f"{name}: {state + 1} of {len(pairs)}", file=sys.stderr, flush=True)
    own_E = np.diag(found_EE)
    distance_EE = np.square(z_EG[:, None] - z_EG[None]).sum(axis=2)
    other_E = np.array([found_EE[np.argsort(-distance_EE[e])[:DISTANT], e].mean() for e in range(len(pairs))])
    by_target = pd.DataFrame({"own": own_E, "other": other_E}).groupby([e.target for e in experiments]).mean().dropna()
    gain_T = (by_target["own"] - by_target["other"]).to_numpy()
    rng = np.random.default_rng(0)
    low, high = np.quantile([rng.choice(gain_T, len(gain_T)).mean() for _ in range(DRAWS)], [0.025, 0.975])
    return [
        measured(f"{name}.own_state", by_target["own"].mean()),
        measured(f"{name}.distant_states", by_target["other"].mean()),
        measured(f"{name}.difference", gain_T.mean()),
        at_least(f"{name}.difference_ci_low", float(low), "", 0.0),
        measured(f"{name}.difference_ci_high", float(high)),
        measured(f"{name}.n_targets", len(by_target)),
    ]


def measure(model: Model, data: Perturbations, store: Path | None, quick: bool) -> list[Criterion]:
    """Return every figure."""
    position = {symbol: g for g, symbol in enumerate(model.space.symbols)}
    names = [c for c in data.candidates if c in position][:: 10 if quick else 1]
    names += [e.target for e in data.recommended if quick and e.target in position and e.target not in names]
    genes = np.array([position[c] for c in names])
    pairs = controls(model, data)[: 4 if quick else None]

    def autoencoder(sample: PreparedSample) -> Effects:
        found = effect_matrix(sample, genes, PredictorId.AUTOENCODER)
        return make_effects(names, model.space.symbols, found.log2(model))

    figures = compare_states("autoencoder", pairs, data, autoencoder)
    known = load_components(model)
    if store is None or known is None:
        return figures
    samples = prepare_samples(model, open_store(store).split("train"))
    z_SG = np.concatenate([one.z_1G for one in samples])
    score_SP = z_SG @ known.components_PG.T / np.sqrt(known.variance_P)
    for share in SHARES:

        def local(sample: PreparedSample, share: float = share) -> Effects:
            return make_effects(names, model.space.symbols, local_effects(known, score_SP, sample, genes, share))

        figures += compare_states(f"local_covariance_{share:g}", pairs, data, local)
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="human", help="model folder (default: human)")
    parser.add_argument("--data", type=Path, help="folder of shared data")
    parser.add_argument("--store", type=Path, help="imported corpus; without it the autoencoder alone is judged")
    parser.add_argument("--quick", action="store_true", help="few states and candidates; claims nothing")
    options = parser.parse_args(arguments)
    try:
        data = read_perturbations(shared_folder(options.data) / "perturbation_benchmark")
        figures = measure(load_model(options.model, device="cpu"), data, options.store, options.quick)
    except CellStateError as error:
        return print_error(error)
    show(Benchmark.REAL_PERTURBATIONS, criteria=figures, quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
