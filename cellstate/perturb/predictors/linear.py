"""Linear baselines: every gene's z changes in proportion to every perturbed gene's.

Published deep models do not beat such baselines on real perturbations (Ahlmann-Eltze et al., Nature Methods 2025), so
every prediction is shown beside them. All of them follow from the principal components of the training samples, which
are stored beside the weights.

Shape suffixes: S samples, R rows, G genes, K perturbed genes, P principal components, E perturbation sets, U distinct
genes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.checkpoint import damaged, read_arrays, write_arrays
from cellstate.model.folder import cached_per_model
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import CohortSlopes, PredictorSpec, SearchProgress

if TYPE_CHECKING:
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

BASELINES = "baselines.safetensors"
#: Components that are kept: of some hundred samples all; ridge needs the last ones too.
MOST = 400
#: Penalties that are tried, as multiples of the components' mean variance.
PENALTIES = np.geomspace(1e-2, 1e2, 13)
#: Perturbation sets whose changes of all genes are in memory at once.
_CHUNK = 256
#: All scores of a linear method are exact at once.
_ALL = 1_000_000
#: Components of so many times as many samples follow from the samples' products.
_SEVERAL = 3


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of standardised training samples, with the penalties of the ridge regressions.

    Attributes
    ----------
    pca_LG : ndarray of float32, shape (L, G)
        Components of the PCA baseline, orthonormal rows: as many as the network has latent units, of the disease's own
        training samples, which reconstruct patients best.
    pca_variance_L : ndarray of float32, shape (L,)
        Variance of their scores.
    components_PG : ndarray of float32, shape (P, G)
        Components of the training samples of all cohorts, orthonormal rows: what goes together in one tissue may be
        chance, in many it is less so.
    variance_P : ndarray of float32, shape (P,)
        Variance of their scores.
    z_variance_G : ndarray of float32, shape (G,)
        Variance of each standardised gene over the samples of all cohorts.
    ridge, tf_ridge : float
        Penalty (a variance in z) of the ridge regressions on all other genes, and on transcription factors.
    tf_G : ndarray of bool, shape (G,)
        Which genes are transcription factors: prior knowledge, used by one method.
    """

    pca_LG: np.ndarray
    pca_variance_L: np.ndarray
    components_PG: np.ndarray
    variance_P: np.ndarray
    z_variance_G: np.ndarray
    ridge: float
    tf_ridge: float
    tf_G: np.ndarray

    def reconstruct(self, z_SG: np.ndarray) -> np.ndarray:
        """Project samples on the PCA baseline's components and back; the training mean is 0 in z."""
        return (z_SG @ self.pca_LG.T) @ self.pca_LG

    @property
    def ridge_P(self) -> np.ndarray:
        """Diagonal of ridge's hat matrix in components: predictions are z V^T (.) V before own parts are removed."""
        return self.variance_P / (self.variance_P + self.ridge)

    @property
    def tf_ridge_PP(self) -> np.ndarray:
        """The same on transcription factors alone: (lambda D^-1 + V_T V_T^T)^-1 by the push-through identity."""
        known_PT = self.components_PG[:, self.tf_G].astype(np.float64)
        inverse_P = self.tf_ridge / np.maximum(self.variance_P.astype(np.float64), 1e-9)
        return np.linalg.inv(np.diag(inverse_P) + known_PT @ known_PT.T)


def through(scores_RP: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return component scores times a symmetric matrix (P, P), or one of which only the diagonal (P,) is given."""
    return scores_RP * middle if middle.ndim == 1 else scores_RP @ middle


def own(components_PG: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return the diagonal of V^T M V: what a gene's own value adds to its prediction, shape (G,)."""
    return (through(components_PG.T, middle).T * components_PG).sum(axis=0)


def fit_components(
    z_SG: np.ndarray,
    width: int,
    *,
    pooled_z_SG: np.ndarray | None = None,
    validation_z_SG: np.ndarray | None = None,
    tf_G: np.ndarray | None = None,
) -> Components:
    """Compute the components by singular value decomposition, and choose the penalties.

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Standardised training samples of the disease.
    width : int
        Latent units of the network that they stand beside.
    pooled_z_SG : ndarray, optional
        Training samples of all cohorts, for every method but PCA; the same samples where there is one cohort.
    validation_z_SG : ndarray, optional
        Samples on which the penalties are chosen: least squared error of each gene from the others. Without them the
        penalty is the mean variance of a component.
    tf_G : ndarray of bool, optional
        Transcription factors among the genes.
    """
    everything_PG, every_variance_P = principal_rows(z_SG, MOST)
    pooled = z_SG if pooled_z_SG is None else pooled_z_SG
    components_PG, variance_P = (
        (everything_PG, every_variance_P) if pooled_z_SG is None else principal_rows(pooled, MOST)
    )
    known_G = np.zeros(z_SG.shape[1], bool) if tf_G is None else tf_G
    middle = float(variance_P.mean())
    found = Components(
        everything_PG[:width],
        every_variance_P[:width],
        components_PG,
        variance_P,
        np.square(pooled, dtype=np.float32).mean(axis=0),
        middle,
        middle,
        known_G,
    )
    if validation_z_SG is None:
        return found
    tried = [float(p) for p in PENALTIES * middle]
    ridge = min(tried, key=lambda p: _ridge_error(replace(found, ridge=p), validation_z_SG))
    if not known_G.any():
        return replace(found, ridge=ridge)
    tf_ridge = min(tried, key=lambda p: _tf_error(replace(found, tf_ridge=p), validation_z_SG))
    return replace(found, ridge=ridge, tf_ridge=tf_ridge)


def principal_rows(z_SG: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return principal components, shape (P, G), orthonormal rows, and the variance of their scores, shape (P,).

    Each has its largest entry positive; at most ``most`` are returned. Samples are not centred: z is.
    """
    n = min(most, *z_SG.shape)
    if len(z_SG) > _SEVERAL * n and len(z_SG) < z_SG.shape[1]:
        # Few of many components: from the products of samples, in a tenth of the time.
        from scipy.linalg import eigh  # the trainer alone comes here, and commands shall not wait for the import

        gram_SS = (z_SG @ z_SG.T).astype(np.float64)
        last = len(gram_SS) - 1
        value_P, vector_SP = eigh(gram_SS, subset_by_index=(last - n + 1, last))
        value_P, vector_SP = np.maximum(value_P[::-1], 1e-9), vector_SP[:, ::-1]
        rows_PG = (vector_SP / np.sqrt(value_P)).T.astype(np.float32) @ z_SG
        rows_PG /= np.linalg.norm(rows_PG, axis=1, keepdims=True)
    else:
        _, singular, rows_PG = np.linalg.svd(z_SG.astype(np.float64), full_matrices=False)
        rows_PG, value_P = rows_PG[:n], singular[:n] ** 2
    sign_P = np.sign(rows_PG[np.arange(n), np.abs(rows_PG).argmax(axis=1)])
    return (rows_PG * sign_P[:, None]).astype(np.float32), (value_P / len(z_SG)).astype(np.float32)


def _ridge_error(found: Components, z_SG: np.ndarray) -> float:
    return _error(found, found.ridge_P, z_SG, np.ones_like(found.tf_G))


def _tf_error(found: Components, z_SG: np.ndarray) -> float:
    return _error(found, found.tf_ridge_PP, z_SG, found.tf_G)


def _error(found: Components, middle: np.ndarray, z_SG: np.ndarray, source_G: np.ndarray) -> float:
    """Mean squared error of every gene from the source genes but itself: the leave-one-out identity of a hat matrix."""
    own_G = np.where(source_G, own(found.components_PG, middle), 0)
    hat_SG = through((z_SG * source_G) @ found.components_PG.T, middle) @ found.components_PG
    return float(np.mean(((hat_SG - own_G * z_SG) / (1 - own_G) - z_SG) ** 2))


def save_components(found: Components, model_folder: Path) -> None:
    """Write the components beside the weights, in 8 bits a value; of one cohort PCA's are the first of all."""
    components_PG, step_P = _in_levels(found.components_PG)
    tensors: dict[str, np.ndarray] = {}
    if not np.array_equal(found.pca_LG, found.components_PG[: len(found.pca_LG)]):
        tensors["pca"], tensors["pca.step"] = _in_levels(found.pca_LG)
    tensors |= {
        "pca.variance": found.pca_variance_L,
        "components": components_PG,
        "components.step": step_P,
        "components.variance": found.variance_P,
        "z_variance": found.z_variance_G,
        "penalties": np.array([found.ridge, found.tf_ridge], np.float32),
        "transcription_factor": found.tf_G.astype(np.uint8),
    }
    write_arrays(model_folder / BASELINES, tensors, {"cellstate-baselines": "3"})


def _in_levels(rows_PG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in whole steps, -127 to 127, and the step of each row."""
    step_P = np.maximum(np.abs(rows_PG).max(axis=1), 1e-9) / 127
    return np.rint(rows_PG / step_P[:, None]).astype(np.int8), step_P.astype(np.float32)


@cached_per_model
def load_components(model: Model) -> Components | None:
    """Return the components of a trained model, ``None`` for random weights."""
    path = model.folder / BASELINES
    if not path.exists():
        return None
    stored = read_arrays(path)
    try:
        if "pca" not in stored:
            n = len(stored["pca.variance"])
            stored |= {"pca": stored["components"][:n], "pca.step": stored["components.step"][:n]}
        _check(stored, len(model.space))
    except (KeyError, TypeError) as error:
        raise damaged(BASELINES, error) from error
    ridge, tf_ridge = (float(p) for p in stored["penalties"])
    return Components(
        stored["pca"].astype(np.float32) * stored["pca.step"][:, None],
        stored["pca.variance"],
        stored["components"].astype(np.float32) * stored["components.step"][:, None],
        stored["components.variance"],
        stored["z_variance"],
        ridge,
        tf_ridge,
        stored["transcription_factor"].astype(bool),
    )


def _check(stored: Mapping[str, np.ndarray], genes: int) -> None:
    """Raise ``ModelError`` for tensors that are not as `save_components` wrote them for so many genes."""
    n_pca, n = len(stored["pca"]), len(stored["components"])
    # Name, type, shape, and whether it is a variance, a step or a penalty: never below 0.
    expected: dict[str, tuple[type, tuple[int, ...], bool]] = {
        "pca": (np.int8, (n_pca, genes), False),
        "pca.step": (np.float32, (n_pca,), True),
        "pca.variance": (np.float32, (n_pca,), True),
        "components": (np.int8, (n, genes), False),
        "components.step": (np.float32, (n,), True),
        "components.variance": (np.float32, (n,), True),
        "z_variance": (np.float32, (genes,), True),
        "penalties": (np.float32, (2,), True),
        "transcription_factor": (np.uint8, (genes,), True),
    }
    for name, (kind, shape, positive) in expected.items():
        found = stored[name]
        fits = found.dtype == kind and found.shape == shape and bool(np.isfinite(found).all())
        # Rows are of length 1, so no step is larger; one that float32 barely holds overflows what it multiplies.
        fits = fits and not (name.endswith(".step") and bool((found > 1).any()))
        if not fits or (positive and bool((found < 0).any())) or (name == "penalties" and not found.all()):
            raise ModelError(f"{BASELINES} does not belong to this model: {name}.", "Copy the model folder again.")


class LinearEffects(Protocol):
    """A linear map from the change of some genes to the change of all."""

    def change(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (R, G); that of a perturbed gene is undefined."""

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return the slope of a score along a direction in each gene's z, its own part left out.

        Of several directions, shape (R, G), all slopes, shape (R, G).
        """


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Effects of low rank: target_g (V^T M V)_gk source_k.

    Attributes
    ----------
    components_PG : ndarray of float32, shape (P, G)
        V, orthonormal rows.
    middle : ndarray of float32, shape (P, P) or (P,)
        M, symmetric, or its diagonal where it has no other entries.
    source_G, target_G : ndarray of float32, shape (G,)
    """

    components_PG: np.ndarray
    middle: np.ndarray
    source_G: np.ndarray
    target_G: np.ndarray

    def change(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (R, G); that of a perturbed gene is undefined."""
        sent_RK = change.delta_z_RK * self.source_G[change.genes_K]
        scores_RP = through(sent_RK @ self.components_PG[:, change.genes_K].T, self.middle)
        return (scores_RP @ self.components_PG) * self.target_G

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return the slope of a score along a direction in each gene's z, its own part left out, (G,) or (R, G)."""
        aimed_G = (self.target_G * direction_G).astype(np.float32)
        reached_P = through(aimed_G @ self.components_PG.T, self.middle)
        return self.source_G * (reached_P @ self.components_PG - aimed_G * self._own_G)

    @cached_property
    def _own_G(self) -> np.ndarray:
        return own(self.components_PG, self.middle)


def pca_map(known: Components) -> LinearMap:
    """Project the perturbation on the components and back."""
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.pca_LG, np.ones(len(known.pca_LG), np.float32), unit_G, unit_G)


def coexpression_map(known: Components) -> LinearMap:
    """Change each gene along its regression line on each perturbed gene."""
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.components_PG, known.variance_P, 1 / np.maximum(known.z_variance_G, 1e-6), unit_G)


def whitened_map(known: Components) -> LinearMap:
    """Change each gene by its correlation with each perturbed gene, once every component has the same variance.

    The correlation of two genes is the cosine of their rows of the components, each component times the SD of its
    scores. A few components (tissue, proliferation, stroma) make up most of it and say the same of hundreds of genes.
    Without those factors every component counts alike, and the cosine tells which genes go together beyond them. It
    ranks; as a change per SD it is a shrunken one.
    """
    length_G = np.sqrt(np.square(known.components_PG).sum(axis=0))
    inverse_G = np.divide(1, length_G, out=np.zeros_like(length_G), where=length_G > 0)
    return LinearMap(known.components_PG, np.ones(len(known.components_PG), np.float32), inverse_G, inverse_G)


def ridge_map(known: Components) -> LinearMap:
    """Change each gene by its ridge regression on all other genes.

    The coefficients are -P_gk / P_gg of the regularised precision matrix P = (I - A) / lambda, so A_gk / (1 - A_gg), A
    the hat matrix.
    """
    unit_G, middle_P = np.ones(len(known.tf_G), np.float32), known.ridge_P.astype(np.float32)
    return LinearMap(known.components_PG, middle_P, unit_G, 1 / (1 - own(known.components_PG, middle_P)))


def tf_ridge_map(known: Components) -> LinearMap:
    """Change each gene by its ridge regression on transcription factors alone."""
    middle_PP = known.tf_ridge_PP.astype(np.float32)
    target_G = np.ones(len(known.tf_G), np.float32)
    target_G[known.tf_G] = 1 / (1 - own(known.components_PG[:, known.tf_G], middle_PP))
    return LinearMap(known.components_PG, middle_PP, known.tf_G.astype(np.float32), target_G)


class NoEffects:
    """Nothing but the perturbed genes changes."""

    def __init__(self, n_genes: int) -> None:
        self._n_genes = n_genes

    def change(self, change: InputChange) -> np.ndarray:
        """Return zeros, shape (R, G)."""
        return np.zeros((len(change.delta_z_RK), self._n_genes), np.float32)

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return zeros, as many as there are in the direction."""
        return np.zeros_like(direction_G, np.float32)


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """A linear method; see `cellstate.perturb.predictors.base.Predictor`."""

    spec: PredictorSpec
    effects: LinearEffects

    def predict_change(self, sample: PreparedSample, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene for each row, shape (R, G), whatever the sample."""
        return self.effects.change(change)

    def scorer(self, sample: PreparedSample, goal: Goal) -> LinearScorer:
        """Return the scores of perturbations along a goal."""
        goal.check_sample(sample)
        return LinearScorer(self.effects, goal, has_cohort=sample.profiles is not None)


class LinearScorer:
    """Scores by a linear method: perturbations add up but for what they do to one another's genes.

    Parameters
    ----------
    effects : LinearEffects
    goal : Goal
    has_cohort : bool
        Whether the model has patients to compare with; the slopes are the same for each of them.
    """

    is_linear = True
    n_affordable = _ALL

    def __init__(self, effects: LinearEffects, goal: Goal, *, has_cohort: bool = False) -> None:
        self._effects, self._direction_G = effects, goal.direction_G.astype(np.float64)
        self._slope_G, self._has_cohort = effects.slope(goal.direction_G), has_cohort

    def first_order(self, delta_G: np.ndarray) -> np.ndarray:
        """Return the score's slope in each gene's z, the same for changes of any size, shape (G,)."""
        return self._slope_G

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the score of each perturbation set, the perturbed genes left out, shape (E,)."""
        return np.concatenate(
            [
                self._scores(genes_EK[start : start + _CHUNK], delta_EK[start : start + _CHUNK])
                for start in range(0, len(genes_EK), _CHUNK)
            ]
        )

    def _scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        genes_U, at_EK = np.unique(genes_EK, return_inverse=True)
        delta_EU = np.zeros((len(genes_EK), len(genes_U)), np.float32)
        np.put_along_axis(delta_EU, at_EK.reshape(genes_EK.shape), delta_EK, axis=1)
        change_EG = self._effects.change(InputChange(genes_U, delta_EU, np.full_like(delta_EU, np.nan)))
        np.put_along_axis(change_EG, genes_EK, 0, axis=1)
        return change_EG @ self._direction_G

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the score's slope in each gene's z: the same after every set, shape (E, G) or (1, G)."""
        rows = 1 if genes_EK is None else len(genes_EK)
        return np.repeat(self._slope_G[None], rows, axis=0)

    def slopes_along(self, direction_RG: np.ndarray) -> np.ndarray:
        """Return the slopes along other directions than the goal's, shape (R, G)."""
        return self._effects.slope(direction_RG)

    def cohort_slopes(self, progress: SearchProgress | None = None) -> CohortSlopes | None:
        """Return one row for all patients: they differ by the levels of the perturbed gene alone."""
        return CohortSlopes(self._slope_G[None], self._slope_G) if self._has_cohort else None
