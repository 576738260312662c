"""Typed evidence: what a benchmark measured, of which prediction method, on which data, by which metric.

Everything is found by ids. Whether a criterion is passed is computed from the value, the threshold and the metric's
direction; where a file states it, the statement must agree. A missing value never passes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class Benchmark(StrEnum):
    """Benchmarks by the name of their module: ``python -m benchmarks.NAME``."""

    ADMIXTURE = "admixture"
    APP = "app"
    ARCHS4_SCALE = "archs4_scale"
    BASE = "base"
    BATCH_OFFSET = "batch_offset"
    CODE_PATHS = "code_paths"
    ENGINE = "engine"
    EXPERIMENTS = "experiments"
    FIRST_SCREEN = "first_screen"
    FUZZ = "fuzz"
    GPU_CHECK = "gpu_check"
    HOSTILE_UPLOADS = "hostile_uploads"
    INGEST = "ingest"
    LATENCY = "latency"
    MUTANTS = "mutants"
    MUTATION = "mutation"
    NULL_CALIBRATION = "null_calibration"
    OOD = "ood"
    PAIRS = "pairs"
    POSTER = "poster"
    POSTER_HUMAN = "poster_human"
    REAL_PERTURBATIONS = "real_perturbations"
    RECONSTRUCTION = "reconstruction"
    REGULATORS = "regulators"
    REGULONS = "regulons"
    RELIABILITY = "reliability"
    SIMULATED = "simulated"
    SOAK = "soak"
    TRAINING = "training"
    TRANSFER = "transfer"
    UPLOAD = "upload"


class Dataset(StrEnum):
    """What a figure was measured on."""

    #: Held-out patients, by the split of the cohort.
    TEST = "test"
    OLDER_TEST = "older_test"
    #: The mean profile of the training samples, in which one gene at a time is raised by 1 SD.
    TRAINING_MEAN = "training_mean"
    #: Known targets (CollecTRI), with methods fitted to tumours, or to tumours and the tissue atlas.
    TARGETS_TUMOURS = "targets_tumours"
    TARGETS_TUMOURS_ATLAS = "targets_tumours_atlas"
    #: Known targets, with the methods that the model folder holds, as the product uses them.
    TARGETS_MODEL = "targets_model"
    #: Real perturbation experiments.
    HOXA1_KNOCKDOWN = "hoxa1_knockdown"
    EHF_OVEREXPRESSION = "ehf_overexpression"
    #: Many real perturbations: measured fold changes, lists of changed genes from GEO, and both pooled by target gene.
    REAL_EXPERIMENTS = "real_experiments"
    GEO_SIGNATURES = "geo_signatures"
    REAL_POOLED = "real_pooled"
    #: A simulated gene network, in which every effect is known. It judges methods, not the weights of a folder.
    SIMULATION = "simulation"
    #: Data sets of the broad corpus that no fit has seen, by the committed split.
    CORPUS_VALIDATION = "corpus_validation"
    CORPUS_TEST = "corpus_test"


class PredictorId(StrEnum):
    """Whatever predicts or ranks: the product's methods, reference rankings, and candidates of the simulation."""

    AUTOENCODER = "autoencoder"
    PCA = "pca"
    COEXPRESSION = "coexpression"
    RIDGE = "ridge"
    ELASTIC_NET = "elastic_net"
    RIDGE_TF = "ridge_tf"
    WHITENED_COEXPRESSION = "whitened_coexpression"
    NO_CHANGE = "no_change"
    #: References.
    GENE_MEAN = "gene_mean"
    PPCA = "ppca"
    RANDOM = "random"
    VARIABILITY = "variability"
    TRUTH = "truth"
    #: Curated targets (CollecTRI), by correlation of the signed edges and by their sign-weighted mean.
    COLLECTRI = "collectri"
    COLLECTRI_MEAN = "collectri_mean"
    #: The mean change of other perturbations of the same cell system, and other experiments with the same gene.
    OTHER_PERTURBATIONS = "other_perturbations"
    REPLICATES = "replicates"
    #: Effects learned from a broad corpus, the recipe chosen without the target that is reported.
    CORPUS_NESTED = "corpus_nested"
    #: What the patients of the model's cohort show of pairs of genes.
    COHORT = "cohort"
    #: The folder's autoencoder, averaged over profiles of which half of the genes are hidden.
    AUTOENCODER_HIDDEN_INPUT = "autoencoder_hidden_input"
    #: Candidates of the simulation that are no part of the product.
    MASKED_AUTOENCODER = "masked_autoencoder"
    MASKED_AUTOENCODER_ENSEMBLE = "masked_autoencoder_ensemble"
    RIDGE_MASKED_AUTOENCODER = "ridge_masked_autoencoder"
    SPARSE_LINKS = "sparse_links"
    SPARSE_LINKS_CURVES = "sparse_links_curves"
    PRODUCTS = "products"
    FUSION = "fusion"
    STATE_ELASTIC_NET = "state_elastic_net"


#: Methods that a model folder can hold, in the order in which tables show them.
METHODS = (
    PredictorId.AUTOENCODER,
    PredictorId.PCA,
    PredictorId.COEXPRESSION,
    PredictorId.WHITENED_COEXPRESSION,
    PredictorId.RIDGE,
    PredictorId.ELASTIC_NET,
    PredictorId.RIDGE_TF,
)
#: Methods that are given the list of transcription factors.
PRIOR_KNOWLEDGE = frozenset({PredictorId.RIDGE_TF})
#: Rankings that do not depend on the perturbed gene.
UNINFORMED = frozenset({PredictorId.RANDOM, PredictorId.VARIABILITY})


class Stratum(StrEnum):
    """A part of a dataset: a bin of true TPM, a kind of out-of-distribution sample, or a set of gene pairs."""

    TPM_0_2_5 = "tpm_0_2.5"
    TPM_2_5_10 = "tpm_2.5_10"
    TPM_10_100 = "tpm_10_100"
    TPM_100_UP = "tpm_100_up"
    HPA_BRAIN = "hpa_brain"
    SHUFFLED_GENES = "shuffled_genes"
    COUNTS_AS_TPM = "counts_as_tpm"
    LOG_OF_LOG = "log_of_log"
    GENES_MISSING = "genes_missing"
    MOST_GENES_MISSING = "most_genes_missing"
    MOUSE_ORTHOLOGS = "mouse_orthologs"
    COLORECTAL_TUMOUR = "colorectal_tumour"
    BREAST = "breast"
    LUNG = "lung"
    BLOOD = "blood"
    ALL_PAIRS = "all_pairs"
    REGULATOR_PAIRS = "regulator_pairs"


#: The bins of true TPM, ascending: those of `cellstate.evaluation.metrics.EDGES`.
TPM_BINS = (Stratum.TPM_0_2_5, Stratum.TPM_2_5_10, Stratum.TPM_10_100, Stratum.TPM_100_UP)


class Best(StrEnum):
    """Which values of a metric are better."""

    HIGHER = "higher"
    LOWER = "lower"


class Definition(NamedTuple):
    """Unit and direction of a metric, and whether a threshold applies to the low end of the interval."""

    unit: str = ""
    best: Best | None = Best.HIGHER
    by_ci_low: bool = False


class Metric(StrEnum):
    """What is measured. A ``..._gain`` is a method's figure less that of the record's ``reference`` method."""

    # Reconstruction.
    R2_GENE_MEDIAN = "r2_gene_median"
    R2_GENE_MEDIAN_GAIN = "r2_gene_median_gain"
    R2_HIDDEN_GENE_MEDIAN = "r2_hidden_gene_median"
    R2_HIDDEN_GENE_MEDIAN_GAIN = "r2_hidden_gene_median_gain"
    CEILING_SHARE = "ceiling_share"
    CEILING_SHARE_MODE = "ceiling_share_mode"
    MODE_ACCURACY_GAIN_WORST_BIN = "mode_accuracy_gain_worst_bin"
    # Intervals, out-of-distribution flag, copy-through.
    INTERVAL_COVERAGE = "interval_coverage"
    INTERVAL_COVERAGE_ERROR = "interval_coverage_error"
    INTERVAL_COVERAGE_HIDDEN = "interval_coverage_hidden"
    FALSE_ALARM_RATE = "false_alarm_rate"
    OOD_AUROC = "ood_auroc"
    OOD_FLAGGED = "ood_flagged"
    # What a sample is called.
    TISSUE_FIRST = "tissue_first"
    TISSUE_FIRST_TWO = "tissue_first_two"
    STATE_ACCURACY = "state_accuracy"
    TISSUE_CALIBRATION_ERROR = "tissue_calibration_error"
    RESPONSE_OTHERS = "response_others"
    RESPONSE_OWN = "response_own"
    RESPONSE_OWN_TO_OTHERS = "response_own_to_others"
    RESPONSE_LEAF_TO_TF = "response_leaf_to_tf"
    # Agreement with measured or simulated expression changes.
    PEARSON_DELTA = "pearson_delta"
    PEARSON_DELTA_GAIN = "pearson_delta_gain"
    PEARSON_DELTA_MEDIAN = "pearson_delta_median"
    SIGN_ACCURACY_TOP50 = "sign_accuracy_top50"
    SIGN_ACCURACY_TOP100 = "sign_accuracy_top100"
    # Ranking the perturbed gene from its measured change.
    REGULATOR_PERCENTILE = "regulator_percentile"
    REGULATOR_PERCENTILE_GAIN = "regulator_percentile_gain"
    REGULATOR_PERCENTILE_MATCHED = "regulator_percentile_matched"
    REGULATOR_TOP_5_PERCENT = "regulator_top_5_percent"
    DISCRIMINATION = "discrimination"
    # Known targets.
    TARGET_AUROC = "target_auroc"
    TARGET_AUROC_GAIN = "target_auroc_gain"
    TARGET_AUROC_LOG2 = "target_auroc_log2"
    TARGET_SPECIFICITY = "target_specificity"
    TARGET_SPECIFICITY_GAIN = "target_specificity_gain"
    # Simulated regulators and combinations.
    REGULATOR_AUROC = "regulator_auroc"
    REGULATOR_PRECISION_TOP20 = "regulator_precision_top20"
    LEAF_EFFECT_RATIO = "leaf_effect_ratio"
    COMBINATION_OF_3_SHARE = "combination_of_3_share"
    SUBTYPE_REGULATOR_TOP5 = "subtype_regulator_top5"
    OTHER_SUBTYPE_REGULATOR_TOP5 = "other_subtype_regulator_top5"
    # Pairs of genes.
    PLANTED_PAIR_AUROC = "planted_pair_auroc"
    PLANTED_PAIR_PRECISION_TOP20 = "planted_pair_precision_top20"
    PLANTED_PAIR_FDR = "planted_pair_fdr"
    PLANTED_PAIR_POWER = "planted_pair_power"
    COOPERATING_SHARE = "cooperating_share"
    GOAL_PAIR_AUROC = "goal_pair_auroc"
    GOAL_PAIR_TOP20 = "goal_pair_top20"
    GOAL_PAIRS_CALLED = "goal_pairs_called"
    GOAL_PAIR_FDR = "goal_pair_fdr"
    JOINT_PAIR_TOP20 = "joint_pair_top20"
    PAIR_SIGN_AGREEMENT_TOP1000 = "pair_sign_agreement_top1000"
    # Sizes.
    N_REGULATORS = "n_regulators"
    N_TARGETS = "n_targets"
    N_GENE_SETS = "n_gene_sets"
    N_PERTURBED_GENES = "n_perturbed_genes"

    @property
    def definition(self) -> Definition:
        """Unit, direction, and what a threshold applies to."""
        return _DEFINITIONS.get(self, Definition())


_LOWER, _NEITHER = Best.LOWER, None
#: Metrics that are not a plain number of which more is better.
_DEFINITIONS = {
    Metric.MODE_ACCURACY_GAIN_WORST_BIN: Definition("percentage points"),
    Metric.INTERVAL_COVERAGE_ERROR: Definition(best=_LOWER),
    Metric.FALSE_ALARM_RATE: Definition(best=_LOWER),
    Metric.TISSUE_CALIBRATION_ERROR: Definition(best=_LOWER),
    Metric.RESPONSE_OTHERS: Definition("SD per SD", _NEITHER),
    Metric.RESPONSE_OWN: Definition("SD per SD", _NEITHER),
    Metric.RESPONSE_OWN_TO_OTHERS: Definition("×", _NEITHER),
    Metric.RESPONSE_LEAF_TO_TF: Definition("×", _LOWER),
    Metric.TARGET_AUROC_GAIN: Definition(by_ci_low=True),
    Metric.TARGET_SPECIFICITY_GAIN: Definition(by_ci_low=True),
    Metric.REGULATOR_PERCENTILE_GAIN: Definition(by_ci_low=True),
    Metric.LEAF_EFFECT_RATIO: Definition("×", _LOWER),
    Metric.OTHER_SUBTYPE_REGULATOR_TOP5: Definition(best=_LOWER),
    Metric.PLANTED_PAIR_FDR: Definition(best=_LOWER),
    Metric.GOAL_PAIRS_CALLED: Definition("per goal", _NEITHER),
    Metric.GOAL_PAIR_FDR: Definition(best=_LOWER),
    Metric.N_REGULATORS: Definition(best=_NEITHER),
    Metric.N_TARGETS: Definition(best=_NEITHER),
    Metric.N_GENE_SETS: Definition(best=_NEITHER),
    Metric.N_PERTURBED_GENES: Definition(best=_NEITHER),
}


def passes(value: float | None, threshold: float | None, best: Best | None) -> bool | None:
    """Return whether a value meets a threshold: ``None`` without a threshold, ``False`` for a missing value."""
    if threshold is None:
        return None
    if best is None:
        raise ValueError("A threshold needs a direction")
    if value is None:
        return False
    return value >= threshold if best is Best.HIGHER else value <= threshold


class EvidenceRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measured figure.

    Attributes
    ----------
    benchmark, dataset, metric
        Ids.
    predictor : PredictorId or None
        ``None`` where the figure is about the benchmark itself, such as its number of gene sets.
    value, ci_low, ci_high : float or None
        The figure and its 95% interval, in the metric's unit; ``None`` where it could not be computed.
    threshold : float or None
        What the value, or for some metrics ``ci_low``, must meet.
    passed : bool or None
        Computed; ``None`` without a threshold.
    stratum : Stratum or None
        The part of the dataset, where the figure is about one.
    reference : PredictorId or None
        The method that a difference is taken from.
    """

    benchmark: Benchmark
    dataset: Dataset
    predictor: PredictorId | None
    metric: Metric
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    threshold: float | None = None
    passed: bool | None = None
    stratum: Stratum | None = None
    reference: PredictorId | None = None

    def __post_init__(self) -> None:
        for name in ("value", "ci_low", "ci_high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                msgspec.structs.force_setattr(self, name, None)
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError("A threshold is a finite number")
        _, best, by_ci_low = self.metric.definition
        passed = passes(self.ci_low if by_ci_low else self.value, self.threshold, best)
        if self.passed is not None and self.passed is not passed:
            raise ValueError(f"`passed` of {self.metric} contradicts its value and threshold")
        msgspec.structs.force_setattr(self, "passed", passed)

    @property
    def key(self) -> tuple[Dataset, PredictorId | None, Metric, Stratum | None, PredictorId | None]:
        """What a record of a benchmark is found by."""
        return self.dataset, self.predictor, self.metric, self.stratum, self.reference

    @property
    def name(self) -> str:
        """The key as one id, such as ``test.autoencoder.ood_auroc.hpa_brain``."""
        less = None if self.reference is None else f"less_{self.reference}"
        return ".".join(filter(None, (self.dataset, self.predictor, self.metric, self.stratum, less)))


_NAME = re.compile(r"[a-z0-9]+(?:[._][a-z0-9]+)*")


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measurement of a benchmark, and the threshold that it is held to where there is one.

    Attributes
    ----------
    name : str
        An id: lower-case words and numbers, joined by ``_`` and ``.``.
    value : float or None
        ``None`` where it could not be measured; that passes no threshold.
    unit : str
    threshold : float or None
    best : Best or None
        Direction of the threshold.
    passed : bool or None
        Computed; ``None`` without a threshold.
    """

    name: str
    value: float | None
    unit: str
    threshold: float | None = None
    best: Best | None = None
    passed: bool | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no id of a criterion")
        if self.value is not None and not math.isfinite(self.value):
            msgspec.structs.force_setattr(self, "value", None)
        passed = passes(self.value, self.threshold, self.best)
        if self.passed is not None and self.passed is not passed:
            raise ValueError(f"`passed` of {self.name} contradicts its value and threshold")
        msgspec.structs.force_setattr(self, "passed", passed)

    @classmethod
    def of(cls, record: EvidenceRecord) -> Criterion:
        """Return the criterion of a record; a measurement alone where it has no threshold."""
        unit, best, by_ci_low = record.metric.definition
        value = record.ci_low if by_ci_low and record.threshold is not None else record.value
        return cls(record.name, value, unit, record.threshold, best)


class BenchmarkResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model folder keeps of one run of a benchmark.

    Attributes
    ----------
    date : str
        ISO date of the run.
    machine : str
    records : tuple of EvidenceRecord
        No two with the same key.
    weights_sha256 : str or None
        Of the weights that were measured; ``None`` for the simulation, which fits its own.
    """

    date: str
    machine: str
    records: tuple[EvidenceRecord, ...]
    weights_sha256: str | None = None

    def __post_init__(self) -> None:
        keys = [record.key for record in self.records]
        if len(set(keys)) < len(keys):
            twice = next(record.name for record in self.records if keys.count(record.key) > 1)
            raise ValueError(f"Two records are named {twice}")


class Records(tuple[EvidenceRecord, ...]):
    """Records in order, found by ids."""

    __slots__ = ()

    def where(self, **ids: object) -> Records:
        """Return the records whose fields equal these ids."""
        return Records(one for one in self if all(getattr(one, name) == value for name, value in ids.items()))

    def one(
        self,
        benchmark: Benchmark,
        dataset: Dataset,
        predictor: PredictorId | None,
        metric: Metric,
        *,
        stratum: Stratum | None = None,
        reference: PredictorId | None = None,
    ) -> EvidenceRecord | None:
        """Return the record with this key, ``None`` where there is none."""
        key = (dataset, predictor, metric, stratum, reference)
        return next((one for one in self if one.benchmark == benchmark and one.key == key), None)

    def value(
        self, benchmark: Benchmark, dataset: Dataset, predictor: PredictorId | None, metric: Metric, **more: Any
    ) -> float | None:
        """Return the value of the record with this key (see `one`), ``None`` where there is no record or no value."""
        found = self.one(benchmark, dataset, predictor, metric, **more)
        return None if found is None else found.value

    def having(self, name: str) -> list:
        """Return the distinct values of a field, in the order of the records."""
        return list(dict.fromkeys(getattr(one, name) for one in self))


def records_of(results: Iterable[BenchmarkResult]) -> Records:
    """Return the records of several results, in order."""
    return Records(record for result in results for record in result.records)
