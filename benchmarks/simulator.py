"""A gene network whose every intervention has a known answer.

Masters regulate transcription factors (TFs), both regulate leaves; leaves regulate nothing, so the true effect of
editing a leaf is 0. Regulation is additive in the logarithm and saturates in the regulator (Hill curves); some TFs act
on some leaves only in pairs. Patients differ in their own drive of every gene and in their subtype, which silences the
regulators of the other subtype. What a predictor sees are counts: series effects, library sizes, negative-binomial
noise. What it is held against is the noise-free steady state of the same patient, before and after clamping genes.

Shape suffixes: S samples, G genes (masters, then TFs, then leaves), R regulators (masters and TFs), P planted pairs,
E perturbations (clamped states), K genes clamped in one perturbation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cellstate.errors import CellStateError
from cellstate.gene_space import SCALE_FLOOR

#: Log level of a gene that is knocked out: a Hill curve is 0 there, and so is log1p of the level.
OFF = -40.0
#: Level of every gene after a perturbation, in multiples of the level before.
FACTORS = {"ko": 0.0, "kd": 0.5, "oe": 3.0}
_STEPS, _DAMPING, _TOLERANCE = 400, 0.6, 1e-7


@dataclass(frozen=True)
class Design:
    """Every parameter of a simulated world; levels are natural logarithms of TPM."""

    n_masters: int = 12
    n_tfs: int = 48
    n_leaves: int = 240
    n_train: int = 320
    """Patients to learn from: as many as the real cohort has."""
    n_validation: int = 60
    n_test: int = 12
    """Patients whose true responses are computed; half of each subtype, in series of their own."""
    regulators_of_tf: tuple[int, int] = (1, 3)
    """Fewest and most regulators of a TF: masters, and TFs that stand before it."""
    regulators_of_leaf: tuple[int, int] = (1, 4)
    """Fewest and most single regulators of a leaf: TFs mostly, masters with the probability below."""
    master_share: float = 0.2
    popularity: float = 2.0
    """Shape of the gamma distribution of a regulator's popularity: the smaller, the fewer hubs have all the targets."""
    fewest_targets: int = 4
    """Who would have fewer is given leaves: a gene that regulates next to nothing is no regulator to be found."""
    weight: tuple[float, float] = (0.7, 2.0)
    """Smallest and largest change of a target between no regulator and a saturated one."""
    activating: float = 0.7
    """Share of regulators' links that activate."""
    hill: tuple[float, float] = (1.0, 2.5)
    """Hill coefficients."""
    threshold_sd: float = 0.4
    """Spread of a Hill curve's half-way point about the regulator's usual level."""
    n_feedback: int = 4
    """Links from TFs back to masters; 0 leaves the network without loops."""
    feedback_weight: float = 0.5
    n_pairs: int = 20
    """Planted pairs of TFs that act on their targets only together."""
    targets_per_pair: int = 10
    pair_weight: tuple[float, float] = (1.5, 3.0)
    specific_masters: int = 4
    specific_tfs: int = 8
    """Regulators that only one subtype uses, in each subtype."""
    silence: float = 3.0
    """How far the other subtype lowers them."""
    level: tuple[float, float, float] = (3.0, 2.5, 3.5)
    """Mean level of masters, TFs and leaves."""
    level_sd: float = 1.0
    drive_sd: tuple[float, float, float] = (0.8, 0.6, 0.35)
    """How far patients differ in what drives masters, TFs and leaves beside the network."""
    n_factors: int = 3
    """Unmeasured influences (as purity) on a share of all genes, that no perturbation changes."""
    factor_share: float = 0.3
    factor_sd: float = 0.2
    n_series: int = 6
    """Series of the training and validation patients; the test patients form two further ones."""
    series_sd: float = 0.3
    """Spread of a series' offset of a gene."""
    counts_per_tpm: float = 15.0
    """Median sequencing depth."""
    depth_sd: float = 0.35
    dispersion: float = 0.05
    """Negative-binomial dispersion: technical variance beyond Poisson, as a share of the squared mean."""

    @property
    def n_regulators(self) -> int:
        """Masters and TFs: the first genes."""
        return self.n_masters + self.n_tfs

    @property
    def n_genes(self) -> int:
        """All genes."""
        return self.n_regulators + self.n_leaves


@dataclass(frozen=True, eq=False)
class GeneNetwork:
    """Who regulates whom.

    Attributes
    ----------
    base_G : ndarray
        Log level of a gene when every regulator is half-way.
    weight_GR : ndarray
        Change of the target's log level between no regulator and a saturated one.
    threshold_R, hill_R : ndarray
        Log level at which a regulator is half-way, and the steepness there.
    pairs_P2 : ndarray of int
        Regulators that act together.
    pair_weight_GP : ndarray
        As ``weight_GR``, for the product of both partners' Hill curves.
    silenced_2G : ndarray
        What a subtype adds to the drive of every gene: 0, or minus the silence.
    """

    base_G: np.ndarray
    weight_GR: np.ndarray
    threshold_R: np.ndarray
    hill_R: np.ndarray
    pairs_P2: np.ndarray
    pair_weight_GP: np.ndarray
    silenced_2G: np.ndarray

    def steady_state(
        self, drive_SG: np.ndarray, genes_SK: np.ndarray | None = None, level_SK: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the log levels at which nothing moves any more, shape (S, G).

        Parameters
        ----------
        drive_SG : ndarray
            What moves each gene beside the network: the patient's own deviation from ``base_G``.
        genes_SK, level_SK : ndarray, optional
            Genes clamped in each state, and the log levels that they are clamped to.

        Raises
        ------
        CellStateError
            When the levels do not settle.
        """
        rows_S1 = np.arange(len(drive_SG))[:, None]
        free_SG = self.base_G + drive_SG
        y_SG = free_SG.copy()
        regulators = slice(0, len(self.hill_R))
        for _ in range(_STEPS):
            if genes_SK is not None:
                y_SG[rows_S1, genes_SK] = level_SK
            target_SG = free_SG + self._regulation(y_SG)
            if genes_SK is not None:
                target_SG[rows_S1, genes_SK] = level_SK
            moved = np.abs(target_SG - y_SG)[:, regulators].max()
            if moved < _TOLERANCE:
                return target_SG
            y_SG += _DAMPING * (target_SG - y_SG)
        raise CellStateError("The simulated network does not settle.", "Weaken its feedback.")

    def _regulation(self, y_SG: np.ndarray) -> np.ndarray:
        active_SR = 1 / (1 + np.exp(-self.hill_R * (y_SG[:, : len(self.hill_R)] - self.threshold_R)))
        together_SP = active_SR[:, self.pairs_P2[:, 0]] * active_SR[:, self.pairs_P2[:, 1]]
        # Half-way regulators leave a target at its base: 1/2 alone, 1/4 together.
        return (active_SR - 0.5) @ self.weight_GR.T + (together_SP - 0.25) @ self.pair_weight_GP.T


@dataclass(frozen=True, eq=False)
class Patients:
    """What is seen of some patients, and what is not.

    Attributes
    ----------
    tpm_SG : ndarray of float32
        Measured: counts over library size.
    series_S, subtype_S : ndarray of int
    drive_SG : ndarray
        Not seen: what makes the patient's steady state.
    """

    tpm_SG: np.ndarray
    series_S: np.ndarray
    subtype_S: np.ndarray
    drive_SG: np.ndarray


@dataclass(frozen=True, eq=False)
class World:
    """A simulated network with three groups of patients; z is as in the product, by the training patients."""

    design: Design
    seed: int
    network: GeneNetwork
    train: Patients
    validation: Patients
    test: Patients
    mean_G: np.ndarray = field(init=False)
    scale_G: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        log1p_SG = np.log1p(self.train.tpm_SG)
        object.__setattr__(self, "mean_G", log1p_SG.mean(axis=0))
        object.__setattr__(self, "scale_G", log1p_SG.std(axis=0) + np.float32(SCALE_FLOOR))

    def z(self, patients: Patients) -> np.ndarray:
        """Return standardised log1p TPM as measured, float32, shape (S, G)."""
        return ((np.log1p(patients.tpm_SG) - self.mean_G) / self.scale_G).astype(np.float32)

    def measured_change(self, kind: str) -> np.ndarray:
        """Change of z that a perturbation of each gene is to the measured test profiles, shape (S, G)."""
        tpm_SG = self.test.tpm_SG
        return ((np.log1p(FACTORS[kind] * tpm_SG) - np.log1p(tpm_SG)) / self.scale_G).astype(np.float32)

    def true_shift(self, genes_EK: np.ndarray, kind: str, patients: Sequence[int] | None = None) -> np.ndarray:
        """Return the true changes of test patients (default: all) in z, shape (S, E, G); clamped genes included."""
        drive_SG = self.test.drive_SG if patients is None else self.test.drive_SG[patients]
        before_SG = self.network.steady_state(drive_SG)
        log_factor = np.log(FACTORS[kind]) if FACTORS[kind] > 0 else None
        shift_SEG = np.empty((len(drive_SG), *genes_EK.shape[:1], drive_SG.shape[1]), np.float32)
        for s, before_G in enumerate(before_SG):
            clamp_EK = np.full(genes_EK.shape, OFF) if log_factor is None else before_G[genes_EK] + log_factor
            after_EG = self.network.steady_state(np.tile(drive_SG[s], (len(genes_EK), 1)), genes_EK, clamp_EK)
            shift_SEG[s] = (np.log1p(np.exp(after_EG)) - np.log1p(np.exp(before_G))) / self.scale_G
        return shift_SEG


def simulate(design: Design, seed: int) -> World:
    """Draw a network and its patients; the same for the same design and seed."""
    rng = np.random.default_rng(seed)
    network = _draw_network(design, rng)
    loading_FG = rng.normal(0, design.factor_sd, (design.n_factors, design.n_genes))
    loading_FG *= rng.random(loading_FG.shape) < design.factor_share
    offset_BG = rng.normal(0, design.series_sd, (design.n_series + 2, design.n_genes))
    series = np.arange(design.n_train + design.n_validation) % design.n_series
    test_series = design.n_series + np.arange(design.n_test) // 2 % 2
    groups = (series[: design.n_train], series[design.n_train :], test_series)
    return World(
        design, seed, network, *(_draw_patients(design, network, loading_FG, offset_BG, s, rng) for s in groups)
    )


def _draw_network(design: Design, rng: np.random.Generator) -> GeneNetwork:
    masters, regulators, genes = design.n_masters, design.n_regulators, design.n_genes
    role_G = np.repeat([0, 1, 2], [masters, design.n_tfs, design.n_leaves])
    base_G = np.array(design.level)[role_G] + design.level_sd * rng.standard_normal(genes)
    popularity_R = rng.gamma(design.popularity, 1 / design.popularity, regulators)

    weight_GR = np.zeros((genes, regulators))
    for gene in range(masters, genes):
        low, high = design.regulators_of_tf if gene < regulators else design.regulators_of_leaf
        chance_R = popularity_R.copy()
        # A TF answers to masters and to the TFs before it; a leaf to TFs, and to masters now and then.
        chance_R[min(gene, regulators) :] = 0
        share = design.master_share if gene >= regulators else 0.6 if gene > masters else 1.0
        chance_R[:masters] *= share / chance_R[:masters].sum()
        if chance_R[masters:].any():
            chance_R[masters:] *= (1 - share) / chance_R[masters:].sum()
        n = min(int(rng.integers(low, high + 1)), int(np.count_nonzero(chance_R)))
        chosen = rng.choice(regulators, n, replace=False, p=chance_R / chance_R.sum())
        weight_GR[gene, chosen] = _weights(design.weight, design.activating, n, rng)
    for regulator in range(regulators):
        for _ in range(design.fewest_targets - np.count_nonzero(weight_GR[:, regulator])):
            leaf = rng.choice(np.flatnonzero(weight_GR[:, regulator] == 0)[-design.n_leaves // 2 :])
            weight_GR[leaf, regulator] = _weights(design.weight, design.activating, 1, rng)[0]
    for _ in range(design.n_feedback):
        master, tf = int(rng.integers(masters)), masters + int(rng.integers(design.n_tfs))
        weight_GR[master, tf] = _weights((design.feedback_weight,) * 2, design.activating, 1, rng)[0]

    # Subtype 0 uses the first specific masters and TFs, subtype 1 the next; each silences the other's.
    owner_R = np.full(regulators, -1)
    for start, n in ((0, design.specific_masters), (masters, design.specific_tfs)):
        owner_R[start : start + n], owner_R[start + n : start + 2 * n] = 0, 1
    silenced_2G = np.zeros((2, genes))
    for subtype in (0, 1):
        silenced_2G[subtype, :regulators][owner_R == 1 - subtype] = -design.silence

    pairs_P2 = _draw_pairs(design, owner_R, rng)
    pair_weight_GP = np.zeros((genes, design.n_pairs))
    for p in range(design.n_pairs):
        targets = rng.choice(np.arange(regulators, genes), design.targets_per_pair, replace=False)
        pair_weight_GP[targets, p] = _weights(design.pair_weight, design.activating, len(targets), rng)
    threshold_R = base_G[:regulators] + design.threshold_sd * rng.standard_normal(regulators)
    hill_R = rng.uniform(*design.hill, regulators)
    return GeneNetwork(base_G, weight_GR, threshold_R, hill_R, pairs_P2, pair_weight_GP, silenced_2G)


def _draw_pairs(design: Design, owner_R: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose pairs of TFs that some subtype uses together, no pair twice."""
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < design.n_pairs:
        a, b = sorted(map(int, rng.choice(np.arange(design.n_masters, design.n_regulators), 2, replace=False)))
        if {owner_R[a], owner_R[b]} != {0, 1}:
            pairs.add((a, b))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _weights(bounds: tuple[float, float], activating: float, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(*bounds, n) * np.where(rng.random(n) < activating, 1, -1)


def _draw_patients(
    design: Design,
    network: GeneNetwork,
    loading_FG: np.ndarray,
    offset_BG: np.ndarray,
    series_S: np.ndarray,
    rng: np.random.Generator,
) -> Patients:
    n = len(series_S)
    subtype_S = rng.permutation(np.arange(n) % 2)
    role_G = np.repeat([0, 1, 2], [design.n_masters, design.n_tfs, design.n_leaves])
    drive_SG = np.array(design.drive_sd)[role_G] * rng.standard_normal((n, design.n_genes))
    drive_SG += rng.standard_normal((n, design.n_factors)) @ loading_FG + network.silenced_2G[subtype_S]
    tpm_SG = np.exp(network.steady_state(drive_SG) + offset_BG[series_S])
    depth_S1 = design.counts_per_tpm * np.exp(design.depth_sd * rng.standard_normal((n, 1)))
    # Negative binomial as a Poisson whose mean is drawn from a gamma distribution.
    mean_SG = tpm_SG * depth_S1 * rng.gamma(1 / design.dispersion, design.dispersion, tpm_SG.shape)
    counts_SG = rng.poisson(mean_SG)
    # Only counts are seen: depth is guessed from the library's total, as everywhere.
    total = np.exp(network.base_G).sum()
    measured_SG = counts_SG / counts_SG.sum(axis=1, keepdims=True) * total
    return Patients(measured_SG.astype(np.float32), series_S, subtype_S, drive_SG)
