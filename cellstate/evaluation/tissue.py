"""What a sample is: its tissue and state, and whether it is plausible as human bulk RNA sequencing.

The classifier knows no network: it works on ranked expression of its own gene list (`low_rank`), in directions that
are scaled so that differences between laboratories within a class count little, and is a multinomial logistic
regression there. Its probabilities and every limit are calibrated on data sets that were held out of the fit, so that
the differences between laboratories are inside.

Shape suffixes: S samples, A genes of the axis, C genes of the classifier, K components, J classes (a tissue in a
state), R directions between laboratories, T tissues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from cellstate.evaluation.low_rank import LowRankModel, ranked
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model
from cellstate.model.checkpoint import damaged, read_arrays, write_arrays
from cellstate.model.folder import cached_per_model
from cellstate.model.record import decode

TISSUES = "tissues.safetensors"
#: Where a sample is out of distribution. A figure is scaled so that one held-out sample in a hundred, data sets
#: weighing equally, lies beyond the limit less a margin: forty data sets do not show the laboratory that differs most.
LIMIT = 5.0
BEYOND_LIMIT, MARGIN = 0.01, 1.25
#: Imputation error, by that of imputing every gene, at the limit.
MOST_IMPUTED = 0.45
#: Lower mean log1p TPM is too near to zero to show a trend with gene length.
EXPRESSED = np.log(2.0)
#: Quantiles of a sample's levels whose spread is compared; below, many are zero. The middle one sets the factor.
_PARTS = (0.6, 0.75, 0.99)
#: A sample whose values are all the same has no curve; what stands for its logarithm's argument.
_TINY = 1e-6
_POSITIVE = Annotated[float, Meta(gt=0)]


class State(StrEnum):
    """State of a sample: normal includes tissue beside a tumour and disease other than tumours."""

    NORMAL = "normal"
    TUMOUR = "tumour"
    CELLS = "cells"


class Figure(StrEnum):
    """Figures by which a sample is compared with held-out data sets."""

    RESIDUAL = "residual"
    LEVELS = "levels"
    LENGTH = "length"
    IMPUTATION = "imputation"
    TISSUE = "tissue"
    PLATFORM = "platform"


#: Figures that are positive and skewed to the right.
LOGARITHMIC = (Figure.RESIDUAL, Figure.TISSUE, Figure.PLATFORM)
#: Figures of which one beyond the limit says that the values are implausible as human bulk RNA sequencing.
PLAUSIBILITY = (Figure.RESIDUAL, Figure.LEVELS, Figure.LENGTH, Figure.IMPUTATION)


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Median of a figure over held-out data sets, and the unit of its score below and above.

    The unit puts `BEYOND_LIMIT` of the held-out samples beyond `LIMIT` less a margin. A robust SD would not do: it
    tells how laboratories differ in the middle, and the few that differ most decide whether an alarm is false.
    """

    median: float
    below: _POSITIVE
    above: _POSITIVE

    def scores(self, value_S: np.ndarray) -> np.ndarray:
        """Return 0 for the median, `LIMIT` for what hardly any held-out sample exceeds; negative below the median."""
        away_S = value_S - self.median
        return np.where(away_S > 0, away_S / self.above, away_S / self.below)


class _Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the file beside its arrays."""

    axis_hash: str
    classes: tuple[tuple[str, State], ...]
    spreads: dict[Figure, Spread]
    #: Independent sources of each tissue among the training samples.
    n_sources: dict[str, int]


@dataclass(frozen=True)
class TissueCall:
    """What one sample is most like.

    Attributes
    ----------
    tissues : tuple of (str, float)
        Every tissue with its probability, most probable first.
    state : State
    state_probability : float
    tissue_distance : float
        Distance to the nearest class as a score: 0 is the median of held-out data sets, `LIMIT` exceeds nearly all.
    platform_distance : float
        The same in the directions in which laboratories differ within a class, or, where that is larger, in what no
        component explains.
    scores : mapping of Figure to float
        Every figure as a score.
    """

    tissues: tuple[tuple[str, float], ...]
    state: State
    state_probability: float
    tissue_distance: float
    platform_distance: float
    scores: Mapping[Figure, float]

    @property
    def is_plausible(self) -> bool:
        """Whether the values may be those of human bulk RNA sequencing in TPM."""
        return all(self.scores[figure] <= LIMIT for figure in PLAUSIBILITY)

    @property
    def is_known(self) -> bool:
        """Whether the values are plausible and the sample lies near a class."""
        return self.is_plausible and self.tissue_distance <= LIMIT

    def probability(self, tissues: tuple[str, ...]) -> float:
        """Return the probability that the tissue is one of these."""
        return sum(p for tissue, p in self.tissues if tissue in tissues)


@dataclass(frozen=True, eq=False)
class TissueClassifier:
    """Classifier of tissue and state.

    Attributes
    ----------
    space : LowRankModel
    classes : tuple of (str, State), length J
    whitening_KK : ndarray
        Scales differences within a class, and between laboratories within a class, to 1.
    centre_JK : ndarray
        Whitened.
    weight_JK, bias_J : ndarray
        Of the regression on whitened coordinates; the temperature is inside.
    platform_KR : ndarray
        Directions in which laboratories differ within a class, each with variance 1.
    spreads : mapping of Figure to Spread
    n_sources : mapping of str to int
        Independent sources of each tissue among the training samples.
    """

    space: LowRankModel
    classes: tuple[tuple[str, State], ...]
    whitening_KK: np.ndarray
    centre_JK: np.ndarray
    weight_JK: np.ndarray
    bias_J: np.ndarray
    platform_KR: np.ndarray
    spreads: Mapping[Figure, Spread]
    n_sources: Mapping[str, int]

    @cached_property
    def tissues(self) -> tuple[str, ...]:
        """The tissues, in the order of the alphabet."""
        return tuple(sorted({tissue for tissue, _ in self.classes}))

    @cached_property
    def profile_JC(self) -> np.ndarray:
        """The profile in the centre of each class, log1p TPM, float64, shape (J, C)."""
        at_JK = self.centre_JK @ self._unwhitening_KK
        return np.maximum(self.space.mean_C + self.space.scale_C * self.space.expected(at_JK), 0.0)

    def calls(
        self, log1p_SC: np.ndarray, measured_SC: np.ndarray, known_C: np.ndarray | None = None
    ) -> list[TissueCall]:
        """Return what each sample is most like.

        Parameters
        ----------
        log1p_SC : ndarray, shape (S, C)
            log1p TPM on the classifier's genes; ignored where nothing was measured.
        measured_SC : ndarray of bool
        known_C : ndarray of bool, optional
            Genes that a model could use at all; the others do not count as missing. Default: every one.
        """
        if not len(log1p_SC):
            return []
        known_C = np.ones(len(self.space.axis_index_C), bool) if known_C is None else known_C
        ranked_SC = ranked(log1p_SC, measured_SC, self.space.level_C)
        place = self.place(log1p_SC, ranked_SC, measured_SC, known_C)
        tissue_ST = place.probability_SJ @ self._is_tissue_JT
        state_SN = place.probability_SJ @ np.array([[state is one for one in State] for _, state in self.classes])
        scores = self.scores(place.figures)
        distance_S = np.maximum(scores[Figure.PLATFORM], scores[Figure.RESIDUAL])
        return [
            TissueCall(
                tuple((self.tissues[t], float(tissue_ST[s, t])) for t in np.argsort(-tissue_ST[s], kind="stable")),
                list(State)[int(state_SN[s].argmax())],
                float(state_SN[s].max()),
                float(scores[Figure.TISSUE][s]),
                float(distance_S[s]),
                {figure: float(score_S[s]) for figure, score_S in scores.items()},
            )
            for s in range(len(log1p_SC))
        ]

    def calls_on_axis(self, log1p_SA: np.ndarray, measured_SA: np.ndarray) -> list[TissueCall]:
        """Return what samples on the gene axis are most like, see `calls`."""
        use = self.space.axis_index_C
        return self.calls(log1p_SA[:, use], measured_SA[:, use])

    def place(self, log1p_SC: np.ndarray, ranked_SC: np.ndarray, measured_SC: np.ndarray, known_C: np.ndarray) -> Place:
        """Return probabilities and figures of each sample, before these are compared with held-out data sets."""
        space = self.space
        y_SC = space.standardise(ranked_SC, measured_SC)
        at_SK = space.coordinates(y_SC, measured_SC)
        whitened_SK = at_SK @ self.whitening_KK
        logit_SJ = whitened_SK @ self.weight_JK.T + self.bias_J
        odds_SJ = np.exp(logit_SJ - logit_SJ.max(axis=1, keepdims=True))
        probability_SJ = odds_SJ / odds_SJ.sum(axis=1, keepdims=True)
        squares_SJ = ((whitened_SK[:, None] - self.centre_JK) ** 2).mean(axis=2)
        own_SK = whitened_SK - probability_SJ @ self.centre_JK
        fit_SC = space.expected(at_SK)
        residual_SC = np.where(measured_SC, y_SC - fit_SC, 0.0)
        # Without the directions between laboratories: what the class itself would look like.
        class_SC = space.expected(probability_SJ @ self.centre_JK @ self._unwhitening_KK)
        figures = {
            Figure.RESIDUAL: (residual_SC**2).sum(axis=1) / np.maximum((y_SC**2).sum(axis=1), _TINY),
            Figure.LEVELS: _level_spreads(log1p_SC, space.mean_C + space.scale_C * fit_SC, measured_SC),
            Figure.LENGTH: self._length_slopes(np.where(measured_SC, y_SC - class_SC, 0.0), measured_SC),
            Figure.IMPUTATION: space.imputation_error(measured_SC, known_C),
            Figure.TISSUE: np.sqrt(squares_SJ.min(axis=1)),
            Figure.PLATFORM: np.sqrt(((own_SK @ self._unwhitening_KK @ self.platform_KR) ** 2).mean(axis=1)),
        }
        return Place(probability_SJ, logit_SJ, figures)

    def scores(self, figures: Mapping[Figure, np.ndarray]) -> dict[Figure, np.ndarray]:
        """Return figures as scores, shape (S,) each; that of the levels is the same on both sides."""
        found = {figure: self.spreads[figure].scores(on_scale(figure, figures[figure])) for figure in self.spreads}
        found[Figure.LEVELS] = np.abs(found[Figure.LEVELS])
        # By principle, not by calibration: a data set that measures half of the genes is no rarer a laboratory.
        found[Figure.IMPUTATION] = LIMIT * figures[Figure.IMPUTATION] / MOST_IMPUTED
        return found

    @cached_property
    def _is_tissue_JT(self) -> np.ndarray:
        return np.array([[tissue == one for one in self.tissues] for tissue, _ in self.classes], dtype=np.float64)

    @cached_property
    def _unwhitening_KK(self) -> np.ndarray:
        return np.linalg.inv(self.whitening_KK)

    def _length_slopes(self, away_SC: np.ndarray, measured_SC: np.ndarray) -> np.ndarray:
        """Slope of standardised expression on log gene length beyond the class: about 1 for counts."""
        length_C = np.log(gene_axis().length_bp[self.space.axis_index_C])
        expressed_C = self.space.mean_C > EXPRESSED
        on_C = np.where(expressed_C, length_C - length_C[expressed_C].mean(), 0.0) / self.space.scale_C
        return self.space.slopes(away_SC, on_C, measured_SC, self.whitening_KK @ self.whitening_KK.T)


@dataclass(frozen=True, eq=False)
class Place:
    """Where samples lie: class probabilities and their logits, shape (S, J), and figures, shape (S,) each."""

    probability_SJ: np.ndarray
    logit_SJ: np.ndarray
    figures: Mapping[Figure, np.ndarray]


def on_scale(figure: Figure, value_S: np.ndarray) -> np.ndarray:
    """Return a figure on the scale on which it is compared: its logarithm where it is skewed."""
    return np.log(np.maximum(value_S, _TINY)) if figure in LOGARITHMIC else value_S


def _level_spreads(log1p_SC: np.ndarray, expected_SC: np.ndarray, measured_SC: np.ndarray) -> np.ndarray:
    """Log ratio of the spread of a sample's levels and of those expected of the same genes: -2 for a log of a log.

    A constant factor of all TPM does not count: it depends on the genes that a file has.
    """
    found_S = np.zeros(len(log1p_SC))
    for s, measured_C in enumerate(measured_SC):
        if measured_C.any():
            seen, wanted = (np.quantile(x_SC[s, measured_C], _PARTS) for x_SC in (log1p_SC, expected_SC))
            factor = np.expm1(max(float(wanted[1]), _TINY)) / np.expm1(max(float(seen[1]), _TINY))
            spread = np.ptp(np.log1p(factor * np.expm1(seen)))
            found_S[s] = np.log(max(float(spread), _TINY) / max(float(np.ptp(wanted)), _TINY))
    return found_S


def write_tissues(folder: Path, classifier: TissueClassifier) -> None:
    """Write the classifier into a model folder, in half precision where that is enough."""
    space = classifier.space
    contents = _Contents(gene_axis().hash, classifier.classes, dict(classifier.spreads), dict(classifier.n_sources))
    arrays = {
        "axis_index": space.axis_index_C.astype(np.int32),
        "level": space.level_C.astype(np.float16),
        "mean": space.mean_C.astype(np.float16),
        "scale": space.scale_C.astype(np.float16),
        "noise": space.noise_C.astype(np.float16),
        "loading": space.loading_CK.astype(np.float16),
        "variance": space.variance_K.astype(np.float32),
        "whitening": classifier.whitening_KK.astype(np.float32),
        "centre": classifier.centre_JK.astype(np.float32),
        "weight": classifier.weight_JK.astype(np.float32),
        "bias": classifier.bias_J.astype(np.float32),
        "platform": classifier.platform_KR.astype(np.float32),
        "contents": np.frombuffer(msgspec.json.encode(contents), np.uint8),
    }
    # safetensors writes memory as it lies, and a transposed array lies otherwise.
    ordered = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    write_arrays(folder / TISSUES, ordered, {"cellstate-tissues": "1"})


def read_tissues(folder: Path) -> TissueClassifier | None:
    """Return the classifier of a model folder, ``None`` where it has none.

    Raises
    ------
    ModelError
        A damaged file, or one for another gene axis, as one sentence.
    """
    if not (folder / TISSUES).exists():
        return None
    held = read_arrays(folder / TISSUES)
    try:
        contents = decode(held.pop("contents").tobytes(), _Contents, TISSUES)
        array = {name: values.astype(np.float64) for name, values in held.items()}
        index_C = held["axis_index"].astype(np.int64)
        space = LowRankModel(
            index_C, array["level"], array["mean"], array["scale"], array["noise"], array["loading"], array["variance"]
        )
        classifier = TissueClassifier(
            space, contents.classes, array["whitening"], array["centre"], array["weight"], array["bias"],
            array["platform"], contents.spreads, contents.n_sources,
        )  # fmt: skip
    except KeyError as error:
        raise damaged(TISSUES, f"it lacks {error}") from error
    if problem := _problem(classifier, contents):
        raise damaged(TISSUES, problem)
    return classifier


def _problem(found: TissueClassifier, contents: _Contents) -> str:
    """Return what is wrong with the arrays of a file, empty for nothing."""
    space = found.space
    c, k, j = len(space.axis_index_C), len(space.variance_K), len(found.classes)
    shapes = {
        "level": (space.level_C, (c,)),
        "mean": (space.mean_C, (c,)),
        "scale": (space.scale_C, (c,)),
        "noise": (space.noise_C, (c,)),
        "loading": (space.loading_CK, (c, k)),
        "whitening": (found.whitening_KK, (k, k)),
        "centre": (found.centre_JK, (j, k)),
        "weight": (found.weight_JK, (j, k)),
        "bias": (found.bias_J, (j,)),
        "platform": (found.platform_KR, (k, found.platform_KR.shape[-1])),
    }
    wrong = [name for name, (values, shape) in shapes.items() if values.shape != shape or not np.isfinite(values).all()]
    if wrong:
        return f"{wrong[0]} is not what it should be"
    if contents.axis_hash != gene_axis().hash:
        return "it is about another list of genes"
    if not (c and k and j) or space.axis_index_C.min() < 0 or space.axis_index_C.max() >= N_AXIS:
        return "it holds no gene or no class"
    if set(found.spreads) != set(Figure) - {Figure.IMPUTATION} or (space.scale_C <= 0).any():
        return "a scale is missing"
    return ""


@cached_per_model
def model_tissues(model: Model) -> TissueClassifier | None:
    """Return the classifier of a model's folder, ``None`` where it has none."""
    return read_tissues(model.folder)


@cached_per_model
def _positions(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Which genes of the classifier the model covers, and where among its genes."""
    classifier = model_tissues(model)
    assert classifier is not None
    at_A = np.full(N_AXIS, -1)
    at_A[model.space.axis_index_G] = np.arange(len(model.space))
    at_C = at_A[classifier.space.axis_index_C]
    return at_C >= 0, np.maximum(at_C, 0)


def sample_calls(model: Model, tpm_SG: np.ndarray) -> list[TissueCall]:
    """Return what samples on a model's genes are most like; empty where the model folder has no classifier.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        NaN where nothing was measured.
    """
    classifier = model_tissues(model)
    if classifier is None:
        return []
    known_C, at_C = _positions(model)
    tpm_SC = tpm_SG[:, at_C].astype(np.float64)
    measured_SC = ~np.isnan(tpm_SC) & known_C
    return classifier.calls(np.log1p(np.nan_to_num(tpm_SC)), measured_SC, known_C)
