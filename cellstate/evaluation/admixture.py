"""Tissue that is only admixed to a sample: the liver around a metastasis, muscle, blood and immune cells.

A sample is compared with mixtures of two classes of the corpus: its own, and a normal tissue. The mixture is one of
transcripts, so it is made in TPM; it is compared in logarithms, by the mean absolute difference, because laboratories
and patients differ by factors and in a few genes by large ones. Most is told by genes that the own class does not
express at all. A tissue is named where the genes that it should raise are raised: of how far the mixture lies above
the own class in them, so much of the misfit must vanish. A misfit that laboratories make in all genes has no say.

What is taken out of a gene's expression is the admixed tissue's share in it, according to the two profiles. So no gene
becomes negative, and one that the tissue does not express keeps its level beside the others.

Shape suffixes: J classes, H classes that may be admixed, G genes of the model, C genes compared, Q shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.evaluation.tissue import State
from cellstate.evaluation.tissue_profiles import OFFSET, TissueProfiles, tissue_call, tissue_profiles
from cellstate.model.impute import impute_missing
from cellstate.perturb.sample import PreparedSample

#: A tissue is named where the genes that it should raise agree so well, and where it makes up so much: chosen on
#: training tumours with differences between laboratories added to them (docs/lab-notes/regulators.md).
LEAST_AGREEMENT, LEAST_SHARE = 0.35, 0.03
#: A gene should be raised where the mixture has so many times the own class.
RAISED = 1.5
#: Shares that are tried: a sample that is mostly a tissue is that tissue to this estimate.
SHARES = np.array([0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5], np.float32)
#: Around the best of them, multiples that are tried as well.
FINER = np.linspace(0.7, 1.3, 13).astype(np.float32)
#: Classes that fit a sample best, of which one is its own; genes compared, those that differ most between classes.
N_OWN, N_GENES = 5, 2_000
#: Cells from culture that are found in tissue too.
STROMA = "cultured stroma"
#: TPM that are added where shares in a gene are computed.
_FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class Admixture:
    """A tissue that is admixed to a sample.

    Attributes
    ----------
    tissue : str
    share : float
        Of all transcripts.
    own_tissue : str
        Tissue of the class that makes up the rest.
    own_share_G : ndarray of float32
        Share of each gene's transcripts that the rest expresses, 0 to 1.
    """

    tissue: str
    share: float
    own_tissue: str
    own_share_G: np.ndarray


def admixture(sample: PreparedSample) -> Admixture | None:
    """Return the tissue that is admixed to a sample; ``None`` where there is none, or the model knows no tissue."""
    profiles = tissue_profiles(sample.model)
    if profiles is None:
        return None
    own, admixed, share, agreement = best_mixture(sample, profiles)
    if agreement < LEAST_AGREEMENT or share < LEAST_SHARE:
        return None
    own_G, other_G = (1 - share) * profiles.tpm_JG[own], share * profiles.tpm_JG[admixed]
    return Admixture(
        tissue=profiles.classes[admixed][0].removeprefix("cultured "),
        share=share,
        own_tissue=profiles.classes[own][0],
        own_share_G=(own_G + _FLOOR) / (own_G + other_G + _FLOOR),
    )


def own_normal_tissue(sample: PreparedSample, mixed: Admixture | None = None) -> str | None:
    """Return the tissue whose normal state a sample can be compared with, without what is admixed to it.

    ``None`` where the sample is like no known tissue, or the model knows no normal state of it.
    """
    profiles, call = tissue_profiles(sample.model), tissue_call(sample)
    if profiles is None or call is None or not call.is_known:
        return None
    tissue = call.tissues[0][0] if mixed is None else mixed.own_tissue
    return tissue if (tissue, State.NORMAL) in profiles.classes else None


def best_mixture(sample: PreparedSample, profiles: TissueProfiles) -> tuple[int, int, float, float]:
    """Return own class, admixed class, its share, and how well the genes that it should raise agree, -1 to 1."""
    measured = np.flatnonzero(sample.measured_G)
    use = measured[np.argsort(-profiles.spread_G[measured], kind="stable")[:N_GENES]]
    level_C, tpm_JC = np.log(sample.tpm_G[use] + OFFSET), profiles.tpm_JG[:, use]
    alone_J = np.abs(np.log(tpm_JC + OFFSET) - level_C).mean(axis=1)

    def misfit(own: int, admixed_H: np.ndarray, share_Q: np.ndarray) -> np.ndarray:
        mixed_QHC = (1 - share_Q[:, None, None]) * tpm_JC[own] + share_Q[:, None, None] * tpm_JC[admixed_H]
        return np.abs(np.log(mixed_QHC + OFFSET) - level_C).mean(axis=2)

    order = np.argsort(alone_J, kind="stable").tolist()
    nearest = order[0]
    found = (float(alone_J[nearest]), nearest, nearest, 0.0)
    for own in order[:N_OWN]:
        admixed_H = _admixed(profiles, own, nearest)
        if len(admixed_H):
            error_QH = misfit(own, admixed_H, SHARES)
            q, h = np.unravel_index(int(error_QH.argmin()), error_QH.shape)
            found = min(found, (float(error_QH[q, h]), own, int(admixed_H[h]), float(SHARES[q])))
    _, own, admixed, share = found
    if not share:
        return own, admixed, 0.0, -1.0
    finer_Q = np.minimum(share * FINER, SHARES[-1])
    share = float(finer_Q[misfit(own, np.array([admixed]), finer_Q)[:, 0].argmin()])
    return own, admixed, share, _agreement(level_C, tpm_JC[own], (1 - share) * tpm_JC[own] + share * tpm_JC[admixed])


def _agreement(level_C: np.ndarray, own_C: np.ndarray, mixed_C: np.ndarray) -> float:
    away_C, raise_C = level_C - np.log(own_C + OFFSET), np.log(mixed_C + OFFSET) - np.log(own_C + OFFSET)
    raised_C = raise_C > np.log(RAISED)
    if not raised_C.any():
        return -1.0
    less_C = np.abs(away_C) - np.abs(away_C - raise_C)
    return float(less_C[raised_C].sum() / raise_C[raised_C].sum())


def _admixed(profiles: TissueProfiles, own: int, nearest: int) -> np.ndarray:
    """Return the classes that may be admixed to a class: normal tissues and stroma.

    What is most like a normal tissue is that tissue, unless a tumour lies in it. Cultures lie in none.
    """
    tissue, state = profiles.classes[own]
    if state is State.CELLS:
        return np.array([], int)
    not_admixed = {tissue} if state is State.TUMOUR else {tissue, profiles.classes[nearest][0]}
    classes = enumerate(profiles.classes)
    return np.array([j for j, (name, kind) in classes if _surrounds(name, kind) and name not in not_admixed], int)


def _surrounds(tissue: str, state: State) -> bool:
    return state is State.NORMAL or tissue == STROMA


def without_admixture(sample: PreparedSample, found: Admixture) -> PreparedSample:
    """Return a sample without the transcripts of an admixed tissue, on the scale of the whole."""
    model = sample.model
    tpm_G = np.where(sample.measured_G, sample.tpm_G * found.own_share_G, 0)
    # What is left is the whole sample.
    tpm_G *= sample.tpm_G[sample.measured_G].sum() / max(float(tpm_G.sum()), 1e-9)
    measured_1G = sample.measured_G[None]
    z_1G = model.space.standardise(np.where(measured_1G, tpm_G, np.nan).astype(np.float32))
    if model.is_trained and not measured_1G.all():
        z_1G = impute_missing(model.reconstruct, z_1G, measured_1G)
    tpm_G = np.where(sample.measured_G, tpm_G, np.expm1(model.space.log1p_tpm(z_1G))[0]).astype(np.float32)
    return PreparedSample(sample.name, model, z_1G, tpm_G, sample.measured_G, sample.library_size)
