"""What a sample is compared with: its own closest normal state, or the mean of some samples.

The closest normal state needs no control sample. Normal tissue of every kind lies near a plane of few components; the
nearest point of that plane, given the genes that a sample measures, is the reference (probabilistic PCA, Tipping and
Bishop, J. R. Stat. Soc. B 1999; the idea of one patient against a model of normal tissue follows bulkDGD, Prada-Luengo
et al., Genome Biology 24:263, 2023). More components would explain a tumour away.

Shape suffixes: S samples, G genes, K components, T candidate genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from cellstate.errors import ModelError
from cellstate.evidence import PredictorId
from cellstate.model import Model
from cellstate.model.checkpoint import damaged, read_arrays, write_arrays
from cellstate.model.folder import cached_per_model
from cellstate.perturb.sample import PreparedSample

REGULATORS = "regulators.safetensors"
#: A gene's SD in a group counts as if so many more samples had the typical SD.
PRIOR_SAMPLES = 4
#: Differences from the reference, in SD, are cut here, so that a few genes do not make up a signature.
CLIP = 5.0
#: Samples of a group whose differences are in memory at once.
_ROWS_AT_ONCE = 128


@dataclass(frozen=True, eq=False)
class NormalReference:
    """A model of normal tissue, and how regulators behave in it.

    Attributes
    ----------
    mean_G : ndarray of float32
        z of normal tissue, the tissues weighing nearly the same.
    component_KG : ndarray of float32
        Orthonormal rows.
    variance_K : ndarray of float32
        Variance of the scores.
    noise : float
        Variance of a gene beside the components, in z.
    sd_G : ndarray of float32
        SD of normal samples of data sets that were left out about their closest normal state.
    activity_mean_G, activity_sd_G : ndarray of float32
        Of the activity of each gene in these samples, and `change_sd_G` of its own change, in its SD.
    degrees : float
        Degrees of freedom of Student's t: independent sources of normal samples less one.
    predictor : PredictorId
        The method whose effects the activities follow from.
    """

    mean_G: np.ndarray
    component_KG: np.ndarray
    variance_K: np.ndarray
    noise: float
    sd_G: np.ndarray
    activity_mean_G: np.ndarray
    activity_sd_G: np.ndarray
    degrees: float
    predictor: PredictorId

    def closest(self, z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
        """Return the closest normal state of each sample in z, float32, shape (S, G)."""
        at_SK = coordinates(z_SG - self.mean_G, measured_SG, self.component_KG, self.variance_K, self.noise)
        return self.mean_G + at_SK.astype(np.float32) @ self.component_KG

    def signature(self, z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
        """Return how far each sample is from its closest normal state, in SD, float32; 0 where nothing was measured."""
        return signature_of(z_SG - self.closest(z_SG, measured_SG), self.sd_G, measured_SG)

    def members(self, z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
        """Return -1 for each sample: none of them is part of the reference, as one of a group may be."""
        return np.full(len(z_SG), -1)


def signature_of(away_SG: np.ndarray, sd_G: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
    """Return differences from a reference in SD, cut at `CLIP`, 0 where nothing was measured, float32, shape (S, G)."""
    return np.where(measured_SG, np.clip(away_SG / sd_G, -CLIP, CLIP), 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class GroupReference:
    """The mean of some samples, and their spread about it. A sample of the group is compared with the others.

    Attributes
    ----------
    z_NG : ndarray of float32
        The group; 0 where not measured.
    measured_NG : ndarray of bool
    """

    z_NG: np.ndarray
    measured_NG: np.ndarray

    @classmethod
    def of(cls, group: Sequence[PreparedSample]) -> GroupReference:
        """Return the reference that prepared samples make."""
        measured_NG = np.stack([one.measured_G for one in group])
        return cls(np.where(measured_NG, np.concatenate([one.z_1G for one in group]), 0), measured_NG)

    def members(self, z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
        """Return the position of each sample in the group, found by its values; -1 where it is none of them."""
        keys = _keys(np.where(measured_SG, z_SG, 0), measured_SG)
        return np.array([self._position.get(key, -1) for key in keys])

    @cached_property
    def _position(self) -> dict[bytes, int]:
        return {key: n for n, key in enumerate(_keys(self.z_NG, self.measured_NG))}

    def signature(self, z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
        """Return how far samples are from the group's mean, in SD; 0 where they or all of the group lack a gene."""
        return self._in_blocks(z_SG, measured_SG, self.members(z_SG, measured_SG))

    def left_out_signatures(self) -> np.ndarray:
        """Return how far each of the group is from the mean of the others, in SD, float32, shape (N, G)."""
        return self._in_blocks(self.z_NG, self.measured_NG, np.arange(len(self.z_NG)))

    def _in_blocks(self, z_SG: np.ndarray, measured_SG: np.ndarray, member_S: np.ndarray) -> np.ndarray:
        rows = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, len(z_SG), _ROWS_AT_ONCE)]
        return np.concatenate([self._away(z_SG[at], measured_SG[at], member_S[at]) for at in rows])

    def _away(self, z_SG: np.ndarray, measured_SG: np.ndarray, member_S: np.ndarray) -> np.ndarray:
        n_G, sum_G = self.measured_NG.sum(axis=0), self.z_NG.sum(axis=0, dtype=np.float64)
        square_G = np.einsum("NG,NG->G", self.z_NG, self.z_NG, dtype=np.float64)
        if (member_S < 0).all():
            n_RG, sum_RG, square_RG = n_G[None], sum_G[None], square_G[None]
        else:
            own_S1 = (member_S >= 0)[:, None]
            own_SG = np.where(own_S1, self.z_NG[member_S], 0).astype(np.float64)
            n_RG = n_G - (own_S1 & self.measured_NG[member_S])
            sum_RG, square_RG = sum_G - own_SG, square_G - np.square(own_SG)
        mean_RG = sum_RG / np.maximum(n_RG, 1)
        square_RG = np.maximum(square_RG - n_RG * np.square(mean_RG), 0)
        # Few samples know an SD badly: it is drawn to the typical one (Smyth, Stat. Appl. Genet. Mol. Biol. 2004).
        freedom_RG = np.maximum(n_RG - 1, 0)
        freedom_R1 = freedom_RG.sum(axis=1, keepdims=True)
        typical_R1 = np.where(freedom_R1 > 0, square_RG.sum(axis=1, keepdims=True) / np.maximum(freedom_R1, 1), 1.0)
        sd_RG = np.sqrt((square_RG + PRIOR_SAMPLES * typical_R1) / (freedom_RG + PRIOR_SAMPLES))
        return signature_of(z_SG - mean_RG, np.maximum(sd_RG, 1e-3), measured_SG & (n_RG > 0))


def _keys(z_SG: np.ndarray, measured_SG: np.ndarray) -> list[bytes]:
    """Return a key of each profile, the same for the same values."""
    rows = zip(z_SG.astype(np.float32, copy=False), np.packbits(measured_SG, axis=1), strict=True)
    return [blake2b(z_G.tobytes() + known.tobytes()).digest() for z_G, known in rows]


def coordinates(
    y_SG: np.ndarray, measured_SG: np.ndarray, component_KG: np.ndarray, variance_K: np.ndarray, noise: float
) -> np.ndarray:
    """Return the expected scores of centred samples from the genes that each measures, shape (S, K)."""
    at_SK = np.empty((len(y_SG), len(component_KG)))
    packed = np.packbits(measured_SG, axis=1)
    _, first, group_S = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    for group, row in enumerate(first):
        known_G = measured_SG[row]
        rows = np.flatnonzero(group_S.ravel() == group)
        # The products are over thousands of genes: in the precision of the samples they take half the time.
        known_KM = component_KG if known_G.all() else component_KG[:, known_G]
        along_SK = (y_SG[rows] if known_G.all() else y_SG[rows][:, known_G]) @ known_KM.T
        precision_KK = (known_KM @ known_KM.T).astype(np.float64) / noise + np.diag(1 / np.maximum(variance_K, 1e-9))
        at_SK[rows] = np.linalg.solve(precision_KK, along_SK.T.astype(np.float64) / noise).T
    return at_SK


def save_reference(reference: NormalReference, folder: Path) -> None:
    """Write the reference beside the weights, the components in 8 bits a value, the rest in 16."""
    step_K = np.maximum(np.abs(reference.component_KG).max(axis=1), 1e-9) / 127
    tensors = {
        "components": np.rint(reference.component_KG / step_K[:, None]).astype(np.int8),
        "components.step": step_K.astype(np.float32),
        "components.variance": reference.variance_K.astype(np.float32),
        "mean": reference.mean_G.astype(np.float16),
        "sd": reference.sd_G.astype(np.float16),
        "activity.mean": reference.activity_mean_G.astype(np.float16),
        "activity.sd": reference.activity_sd_G.astype(np.float16),
        "numbers": np.array([reference.noise, reference.degrees], np.float32),
        "predictor": np.frombuffer(reference.predictor.encode(), np.uint8),
    }
    write_arrays(folder / REGULATORS, tensors, {"cellstate-regulators": "1"})


@cached_per_model
def load_reference(model: Model) -> NormalReference | None:
    """Return the model of normal tissue that a model folder carries, ``None`` where it has none.

    Raises
    ------
    ModelError
        A file that is damaged, or that belongs to other genes.
    """
    path = model.folder / REGULATORS
    if not path.exists():
        return None
    stored = read_arrays(path)
    try:
        noise, degrees = (float(value) for value in stored["numbers"])
        found = NormalReference(
            mean_G=stored["mean"].astype(np.float32),
            component_KG=stored["components"].astype(np.float32) * stored["components.step"][:, None],
            variance_K=stored["components.variance"],
            noise=noise,
            sd_G=stored["sd"].astype(np.float32),
            activity_mean_G=stored["activity.mean"].astype(np.float32),
            activity_sd_G=stored["activity.sd"].astype(np.float32),
            degrees=degrees,
            predictor=PredictorId(stored["predictor"].tobytes().decode()),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(REGULATORS, error) from error
    n, arrays = len(model.space), [getattr(found, f.name) for f in fields(found) if f.name.endswith("_G")]
    fits = all(array.shape == (n,) and bool(np.isfinite(array).all()) for array in arrays)
    fits = fits and found.component_KG.shape == (len(found.variance_K), n)
    fits = fits and noise > 0 and degrees > 0 and bool((found.sd_G > 0).all() and (found.activity_sd_G > 0).all())
    if not (fits and bool(np.isfinite(found.component_KG).all() and (found.variance_K >= 0).all())):
        raise ModelError(f"{REGULATORS} does not belong to this model.", "Copy the model folder again.")
    return found
