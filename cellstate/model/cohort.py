"""Training profiles in a model folder: reference for goals, percentiles and null models.

Each gene's log1p TPM is rounded to 256 levels between its lowest and its highest value, so that hundreds of profiles
fit a few megabytes; names are not stored.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from cellstate.errors import ModelError
from cellstate.gene_space import GeneSpace
from cellstate.model.checkpoint import damaged, read_arrays, write_arrays
from cellstate.model.folder import Model, cached_per_model

COHORT = "cohort.safetensors"
#: Most profiles that a model folder carries.
MAX_PROFILES = 400
LEVELS = 255
#: Largest number of percentiles in the cache, so that a server's memory does not grow.
QUANTILES_KEPT = 64


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles of a model's cohort.

    Attributes
    ----------
    space : GeneSpace
    level_SG : ndarray of uint8, shape (S, G)
    low_G, step_G : ndarray of float32, shape (G,)
        log1p TPM = low + step * level.
    """

    space: GeneSpace
    level_SG: np.ndarray
    low_G: np.ndarray
    step_G: np.ndarray
    _quantiles: dict[float, np.ndarray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.level_SG)

    @property
    def log1p_SG(self) -> np.ndarray:
        """log1p TPM, shape (S, G), float32."""
        return self.low_G + self.step_G * self.level_SG

    def log1p_S(self, gene: int) -> np.ndarray:
        """log1p TPM of one gene, shape (S,), float64."""
        return float(self.low_G[gene]) + float(self.step_G[gene]) * self.level_SG[:, gene]

    @cached_property
    def z_SG(self) -> np.ndarray:
        """Standardised log1p TPM, shape (S, G), float32."""
        return ((self.log1p_SG - self.space.mean_G) / self.space.scale_G).astype(np.float32, copy=False)

    def quantile_tpm(self, percent: float) -> np.ndarray:
        """Return a percentile of each gene in TPM, shape (G,), float32, interpolated on the log1p scale."""
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile is 0 to 100, not {percent}")
        tpm_G = self._quantiles.get(percent)
        if tpm_G is None:
            level_G = np.percentile(self.level_SG, percent, axis=0)
            tpm_G = np.expm1(self.low_G + self.step_G * level_G).astype(np.float32)
            if len(self._quantiles) < QUANTILES_KEPT:
                self._quantiles[percent] = tpm_G
        return tpm_G

    def percentile(self, gene: int, tpm: float) -> float:
        """Return the percentage of profiles at or below a level of a gene, 0 to 100: the inverse of `quantile_tpm`.

        Between two profiles it is interpolated on the log1p scale. Of several percentages with the same level, such as
        0 TPM, it is the highest.
        """
        step = float(self.step_G[gene]) or 1.0
        # Levels come from quantile_tpm too, in float32: a level of the cohort must not fall a hair below itself.
        level = round((float(np.log1p(tpm)) - float(self.low_G[gene])) / step, 3)
        sorted_S = np.sort(self.level_SG[:, gene].astype(float))
        below = int(np.searchsorted(sorted_S, level, side="right"))
        if below in (0, len(sorted_S)):
            return 100.0 if below else 0.0
        low, high = sorted_S[below - 1 : below + 1]
        return 100 * (below - 1 + float((level - low) / (high - low))) / (len(sorted_S) - 1)


def pack_profiles(log1p_SG: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Round log1p TPM to levels; returns (level_SG, low_G, step_G). The error is at most half a step."""
    low_G = log1p_SG.min(axis=0).astype(np.float32)
    step_G = ((log1p_SG.max(axis=0) - low_G) / LEVELS).astype(np.float32)
    # A gene of one value has step 0; any divisor gives its level 0.
    exact_SG = (log1p_SG.astype(np.float64) - low_G) / np.where(step_G > 0, step_G, 1.0)
    return np.rint(exact_SG).clip(0, LEVELS).astype(np.uint8), low_G, np.maximum(step_G, 0)


def save_profiles(folder: Path | str, log1p_SG: np.ndarray, seed: int = 0) -> int:
    """Write training profiles into a model folder, at most `MAX_PROFILES` of them; returns how many.

    Parameters
    ----------
    log1p_SG : ndarray, shape (S, G)
        log1p TPM of the training samples, finite, on the model's genes.
    seed : int
        Decides which are taken where there are more.
    """
    chosen = np.arange(len(log1p_SG))
    if len(chosen) > MAX_PROFILES:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MAX_PROFILES, replace=False))
    names = ("cohort.level", "cohort.low", "cohort.step")
    arrays = dict(zip(names, pack_profiles(log1p_SG[chosen]), strict=True))
    write_arrays(Path(folder) / COHORT, arrays, {"cellstate-cohort": "1"})
    return len(chosen)


@cached_per_model
def load_profiles(model: Model) -> Profiles | None:
    """Return the profiles of a trained model, ``None`` where the folder carries none (random weights).

    Raises
    ------
    ModelError
        A file that is damaged or belongs to another model.
    """
    model.check_unchanged()
    path = model.folder / COHORT
    if not path.exists():
        return None
    arrays = read_arrays(path)
    try:
        level_SG, low_G, step_G = (arrays[f"cohort.{name}"] for name in ("level", "low", "step"))
    except KeyError as error:
        raise damaged(COHORT, error) from error
    genes = (len(model.space),)
    fits = level_SG.ndim == 2 and len(level_SG) and level_SG.shape[1:] == low_G.shape == step_G.shape == genes
    if not fits or level_SG.dtype != np.uint8 or not _are_levels(low_G, step_G):
        raise ModelError(f"{COHORT} does not belong to this model.", "Copy the model folder again.")
    return Profiles(model.space, level_SG, low_G.astype(np.float32), step_G.astype(np.float32))


def _are_levels(low_G: np.ndarray, step_G: np.ndarray) -> bool:
    """Return whether every level is a log1p TPM whose TPM float32 holds."""
    with np.errstate(over="ignore", invalid="ignore"):
        highest_G = np.expm1(low_G.astype(np.float32) + step_G.astype(np.float32) * np.float32(LEVELS))
    return bool((low_G >= 0).all() and (step_G >= 0).all() and np.isfinite(highest_G).all())
