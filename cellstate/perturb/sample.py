"""A sample as every prediction takes it: aligned to the model's genes and imputed, once.

Shape suffixes: S samples, G genes of the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.cohort import Profiles, load_profiles
from cellstate.model.impute import impute_missing
from cellstate.samples import Samples

#: Nothing is predicted from a sample that measures fewer genes of the axis: the others would be guesses from few. Of a
#: model of few genes, a quarter is enough.
FEWEST_GENES = 1_000


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """One sample on a model's genes.

    Attributes
    ----------
    name : str
    model : Model
    z_1G : ndarray of float32, shape (1, G)
        Standardised log1p TPM; imputed by the model (random weights: 0) where nothing was measured.
    tpm_G : ndarray of float32, shape (G,)
        TPM on the training cohort's scale, finite: imputed where nothing was measured.
    measured_G : ndarray of bool, shape (G,)
    library_size : float
        Total reads; NaN where the file does not say.
    fingerprint : str
        Tells this sample's content and gene list from any other's; computed from the values where it is not given.
    """

    name: str
    model: Model
    z_1G: np.ndarray
    tpm_G: np.ndarray
    measured_G: np.ndarray
    library_size: float = float("nan")
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if not self.fingerprint:
            found = _fingerprint(self.model, np.where(self.measured_G, self.tpm_G, np.float32(np.nan)))
            object.__setattr__(self, "fingerprint", found)

    @property
    def measured_tpm_G(self) -> np.ndarray:
        """TPM as measured, NaN where nothing was, float32, shape (G,)."""
        return np.where(self.measured_G, self.tpm_G, np.float32(np.nan))

    @property
    def profiles(self) -> Profiles | None:
        """The model's cohort, None where the model folder has none."""
        return load_profiles(self.model)


@dataclass(frozen=True, eq=False)
class SampleBatch:
    """Prepared samples of one model as arrays, for what is computed over all of them at once.

    Attributes
    ----------
    model : Model
    names : tuple of str, length S
    z_SG : ndarray of float32, shape (S, G)
        Imputed where nothing was measured.
    tpm_SG : ndarray of float32, shape (S, G)
        As measured; NaN where nothing was.
    library_size_S : ndarray of float64, shape (S,)
    """

    model: Model
    names: tuple[str, ...]
    z_SG: np.ndarray
    tpm_SG: np.ndarray
    library_size_S: np.ndarray

    @property
    def measured_SG(self) -> np.ndarray:
        """Which genes each sample measures, shape (S, G) of bool."""
        return ~np.isnan(self.tpm_SG)


def prepare_samples(model: Model, samples: Samples, *, impute: bool | None = None) -> tuple[PreparedSample, ...]:
    """Align samples to a model's genes and impute what they do not measure, all in one batch.

    Parameters
    ----------
    impute : bool, optional
        Whether the model imputes; default: whether it is trained. The trainer asks for it before the model folder says
        that it is.

    Raises
    ------
    CellStateError
        A sample without expression in any gene of the model, a model folder that was changed on disk.
    """
    model.check_unchanged()
    space, aligned = model.space, align(samples, model.space)
    measured_SG = aligned.measured_SG
    z_SG = space.standardise(aligned.tpm_SG)
    if (model.is_trained if impute is None else impute) and not measured_SG.all():
        z_SG = impute_missing(model.reconstruct, z_SG, measured_SG)
    tpm_SG = np.where(measured_SG, aligned.tpm_SG, np.expm1(space.log1p_tpm(z_SG)))
    return tuple(
        PreparedSample(
            name=samples.names[s],
            model=model,
            z_1G=z_SG[s : s + 1],
            tpm_G=tpm_SG[s],
            measured_G=measured_SG[s],
            library_size=float(samples.library_size_S[s]),
            fingerprint=_fingerprint(model, samples.tpm_SA[s]),
        )
        for s in range(len(samples))
    )


def prepare_sample(model: Model, samples: Samples) -> PreparedSample:
    """Align the one sample given to a model's genes and impute what it does not measure.

    Parameters
    ----------
    model : Model
        The model that is to predict.
    samples : Samples
        One sample, in TPM on the gene axis.

    Returns
    -------
    PreparedSample
        On the model's genes: standardised log1p TPM, shape (1, G), and TPM, shape (G,).

    Raises
    ------
    CellStateError
        None or several samples, one that measures fewer than `FEWEST_GENES`, and as `prepare_samples`.
    """
    if len(samples) != 1:
        raise CellStateError(f"A prediction is about one sample, not {len(samples)}.", "Choose one sample of the file.")
    needed = min(FEWEST_GENES, len(model.space) // 4)
    if samples.n_measured < needed:
        raise CellStateError(
            f"{samples.names[0]} measures {samples.n_measured:,} known genes; a prediction needs {needed:,}.",
            "Upload a table of all genes, not a panel or a part.",
            code="too_few_genes",
        )
    return prepare_samples(model, samples)[0]


def stack(samples: Sequence[PreparedSample]) -> SampleBatch:
    """Return prepared samples of one model as arrays; raises ``CellStateError`` for none or for several models."""
    if not samples:
        raise CellStateError("There is no sample.", "Give at least one.")
    model = samples[0].model
    if any(sample.model is not model for sample in samples):
        raise CellStateError("The samples were prepared for different models.", "Prepare all of them for one model.")
    return SampleBatch(
        model,
        tuple(sample.name for sample in samples),
        np.concatenate([sample.z_1G for sample in samples]),
        np.stack([sample.measured_tpm_G for sample in samples]),
        np.array([sample.library_size for sample in samples]),
    )


def training_mean(model: Model) -> PreparedSample:
    """Return the training cohort's mean (z = 0 everywhere) as a sample that measures every gene."""
    n = len(model.space)
    tpm_G = np.expm1(model.space.mean_G).astype(np.float32)
    return PreparedSample("training mean", model, np.zeros((1, n), np.float32), tpm_G, np.ones(n, bool))


def _fingerprint(model: Model, tpm: np.ndarray) -> str:
    digest = hashlib.sha256(model.space.hash.encode())
    digest.update(np.ascontiguousarray(tpm, dtype=np.float32).tobytes())
    return digest.hexdigest()
