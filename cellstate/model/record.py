"""Record of a model folder: training, calibration and evaluation, and benchmarks.

They are ``metrics.json`` and ``evidence.json``. Both files are read once, against the types of this module: a missing
key, an unknown one, a value of the wrong type or length, or a number that is not finite is one ``ModelError`` that
names the file and the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from cellstate.default_rule import DefaultPredictor, check_default
from cellstate.errors import ModelError
from cellstate.evidence import Benchmark, BenchmarkResult, PredictorId, Records, records_of
from cellstate.files import atomic_write

METRICS, EVIDENCE = "metrics.json", "evidence.json"

#: Levels of predicted TPM with an interval of their own; the class axes of the table of conditional modes: expected
#: error, how often the gene is silent, level of predicted TPM.
N_INTERVAL_LEVELS = 10
MODE_SHAPE = (8, 5, 18)

_Levels = Annotated[tuple[float, ...], Meta(min_length=N_INTERVAL_LEVELS, max_length=N_INTERVAL_LEVELS)]
_Edges = Annotated[tuple[float, ...], Meta(min_length=MODE_SHAPE[0] - 1, max_length=MODE_SHAPE[0] - 1)]
_ModeLevels = Annotated[tuple[float, ...], Meta(min_length=MODE_SHAPE[2], max_length=MODE_SHAPE[2])]
_ModeClasses = Annotated[tuple[_ModeLevels, ...], Meta(min_length=MODE_SHAPE[1], max_length=MODE_SHAPE[1])]
_ModeTable = Annotated[tuple[_ModeClasses, ...], Meta(min_length=MODE_SHAPE[0], max_length=MODE_SHAPE[0])]
_Positive = Annotated[float, Meta(gt=0)]
_Count = Annotated[int, Meta(ge=0)]


class _Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record whose file may hold nothing else."""


class SourceFile(_Closed, frozen=True, kw_only=True):
    """One file of an ingested store."""

    name: str
    bytes: int = 0
    sha256: str = ""


class TrainingSource(_Closed, frozen=True, kw_only=True):
    """A cohort or store that a model was trained on.

    Attributes
    ----------
    name, source, source_sha256, licence, attribution : str
        ``source``: where the cohort comes from; empty where its makers did not say.
    sources : tuple of SourceFile
        Of an ingested store.
    filters : dict of str to int
        Samples that ingestion left out, by reason.
    splits : dict of str to int
        Samples by split.
    """

    name: str
    source: str = ""
    source_sha256: str = ""
    licence: str = ""
    attribution: str = ""
    sources: tuple[SourceFile, ...] = ()
    filters: dict[str, int] = {}
    splits: dict[str, _Count] = {}


class AdaptedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """The model that a fine-tuned one began with; the settings of the fine-tuning may stand beside these."""

    model: str
    weights_sha256: str
    genes_shared: int
    genes_new: int
    genes_left_out: int
    standardise: str
    learn: str


class DataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of the trainer's section ``[data]``."""

    min_detected: float


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of the trainer's section ``[network]``."""

    warm_start: str


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of the trainer's config; the file holds all of it."""

    data: DataSettings
    network: NetworkSettings


class RobustStats(_Closed, frozen=True, kw_only=True):
    """Median and robust SD (of the logarithm) of one part of the distance, over the validation patients."""

    median: _Positive
    robust_sd: _Positive


class OodReference(_Closed, frozen=True, kw_only=True):
    """How validation patients spread about the training profiles, by part of the distance."""

    residual: RobustStats
    state: RobustStats
    levels: RobustStats


class IntervalQuantiles(_Closed, frozen=True, kw_only=True):
    """Quantiles of the scaled errors of validation patients, per level of predicted TPM."""

    low: _Levels
    high: _Levels


class ConditionalMode(_Closed, frozen=True, kw_only=True):
    """The read-out at the conditional mode: bounds of the classes of expected error, and TPM by class and level."""

    error_edges: _Edges
    tpm: _ModeTable


class CopyThrough(_Closed, frozen=True, kw_only=True):
    """Response of a method to a rise of a gene by 1 SD, mean over the perturbed genes, in SD per SD.

    Attributes
    ----------
    own : float or None
        Response of the perturbed gene itself; ``None`` for a method that leaves it out by construction.
    others : float
        Root mean square response of all other genes.
    own_to_others : float or None
    leaf_to_tf : float or None
        Median response to genes that are no transcription factors, as a fraction of that to transcription factors;
        ``None`` where the model covers none.
    """

    own: float | None
    others: float
    own_to_others: float | None
    leaf_to_tf: float | None


class Calibration(_Closed, frozen=True, kw_only=True):
    """What was learnt from the validation patients and from the training profiles after training."""

    ood: OodReference
    intervals: IntervalQuantiles
    conditional_mode: ConditionalMode
    copy_through: dict[PredictorId, CopyThrough]


class AccuracyBin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accuracy of one method in one bin of true TPM; ``high`` is ``None`` for the last bin, ``accuracy`` when empty."""

    low: float
    high: float | None
    n: _Count
    accuracy: float | None


class CeilingBin(AccuracyBin, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The autoencoder's accuracy beside the counting-noise ceiling, and its accuracy at the conditional mode."""

    ceiling: float | None
    share_of_ceiling: float | None
    accuracy_conditional_mode: float | None = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Share of true values inside the intervals, over all and per bin."""

    nominal: float
    overall: float | None
    bins: tuple[float | None, ...]


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """R2 and accuracy of a baseline."""

    r2_pooled: float
    r2_gene_median: float | None
    r2_sample_median: float | None
    r2_within_median: float | None = None
    bins: tuple[AccuracyBin, ...]


class TissueQuality(_Closed, frozen=True, kw_only=True):
    """Reconstruction of one tissue's samples of data sets that no fit has seen.

    Attributes
    ----------
    n_samples, n_datasets : int
    r2_gene_median : float or None
        Median R2 of a gene over these samples, each data set's own mean removed; None where they are too few.
    coverage : float or None
        Share of true values inside the 90 % intervals.
    """

    n_samples: _Count
    n_datasets: _Count
    r2_gene_median: float | None
    coverage: float | None


class EvaluationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reconstruction of some samples by the autoencoder, beside its baselines.

    Attributes
    ----------
    batch_offset : Quality or None
        The autoencoder's with each sample's offset from the others of its batch (`cellstate.evaluation.batch_offset`).
    """

    r2_pooled: float
    r2_gene_median: float | None
    r2_sample_median: float | None
    r2_within_median: float | None = None
    bins: Annotated[tuple[CeilingBin, ...], Meta(min_length=1)]
    n_samples: _Count
    n_values: _Count
    interval_coverage: Coverage | None = None
    tissues: dict[str, TissueQuality] = {}
    batch_offset: Quality | None = None
    baselines: dict[PredictorId, Quality]

    def __post_init__(self) -> None:
        lengths = {len(one.bins) for one in self.baselines.values()} - {len(self.bins)}
        if lengths or (self.interval_coverage and len(self.interval_coverage.bins) != len(self.bins)):
            raise ValueError("Every list of bins has the same length")
        if PredictorId.GENE_MEAN not in self.baselines:
            raise ValueError("`baselines` lacks `gene_mean`")


class TrainingRecord(_Closed, frozen=True, kw_only=True):
    """``metrics.json``: how the weights were made, and what they reach on held-out patients.

    Attributes
    ----------
    trained_on : TrainingSource
    also_trained_on : tuple of TrainingSource
        Further cohorts, from which the baselines but PCA were fitted too.
    cohort_sha256, store_sha256 : str or None
        Checksum of what the samples were read from.
    adapted_from : AdaptedFrom or None
    config : TrainingSettings or None
    processes : int
    torch : str
    best_epoch : int
    validation_loss : float
    calibration : Calibration or None
    simulated_profiles : bool
        Whether the folder's profiles are drawn from what the network learnt, and not training samples.
    evaluation : dict of str to EvaluationRecord
        By split.
    peak_memory_gb, seconds : float
    tissues : tuple of str
        Tissues that the model covers, in the names of the folder's classifier of tissues; empty for any.
    """

    trained_on: TrainingSource
    also_trained_on: tuple[TrainingSource, ...] = ()
    cohort_sha256: str | None = None
    store_sha256: str | None = None
    adapted_from: AdaptedFrom | None = None
    config: TrainingSettings | None = None
    processes: int
    torch: str
    best_epoch: int
    validation_loss: float
    calibration: Calibration | None = None
    simulated_profiles: bool = False
    evaluation: dict[str, EvaluationRecord] = {}
    peak_memory_gb: float | None = None
    seconds: float
    tissues: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.json``: results of benchmarks, and the default method by the rule.

    Attributes
    ----------
    results : dict of Benchmark to BenchmarkResult
    default_predictor : DefaultPredictor or None
        ``None`` means the autoencoder.
    """

    results: dict[Benchmark, BenchmarkResult] = {}
    default_predictor: DefaultPredictor | None = None

    def __post_init__(self) -> None:
        for benchmark, result in self.results.items():
            if any(record.benchmark is not benchmark for record in result.records):
                raise ValueError(f"A record under `{benchmark}` names another benchmark")
        if self.default_predictor is not None:
            check_default(self.default_predictor, records_of(self.results.values()))


@dataclass(frozen=True, eq=False)
class ModelRecord:
    """Training and evidence of a model folder; empty for random weights.

    Attributes
    ----------
    training : TrainingRecord or None
    evidence : Evidence
    """

    training: TrainingRecord | None = None
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def calibration(self) -> Calibration | None:
        """What was calibrated after training."""
        return None if self.training is None else self.training.calibration

    @property
    def tissues(self) -> tuple[str, ...]:
        """Tissues that the model covers; empty for any."""
        return () if self.training is None else self.training.tissues

    @property
    def evaluation(self) -> Mapping[str, EvaluationRecord]:
        """Figures of held-out patients by split; empty for random weights."""
        return {} if self.training is None else self.training.evaluation

    @property
    def sources(self) -> tuple[TrainingSource, ...]:
        """The cohorts that the model was trained on, the main one first."""
        return () if self.training is None else (self.training.trained_on, *self.training.also_trained_on)

    @cached_property
    def records(self) -> Records:
        """Every evidence record."""
        return records_of(self.evidence.results.values())

    @property
    def default_predictor(self) -> PredictorId:
        """The default method that the folder names; the autoencoder where it names none."""
        chosen = self.evidence.default_predictor
        return PredictorId.AUTOENCODER if chosen is None else chosen.predictor


def read_record(folder: Path) -> ModelRecord:
    """Read ``metrics.json`` and ``evidence.json`` of a model folder; neither need be there.

    Raises
    ------
    ModelError
        One sentence that names the file, the place and what is wrong.
    """
    training = _read(folder / METRICS, TrainingRecord)
    return ModelRecord(training, _read(folder / EVIDENCE, Evidence) or Evidence())


def write_training(folder: Path, values: Mapping[str, Any]) -> TrainingRecord:
    """Check what the trainer measured against `TrainingRecord`, and write all of it as ``metrics.json``."""
    text = msgspec.json.encode(values)
    record = decode(text, TrainingRecord, METRICS)
    _write(folder / METRICS, text)
    return record


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write ``evidence.json``; an older one is there whole until the new one is."""
    _write(folder / EVIDENCE, msgspec.json.encode(evidence))


Kind = TypeVar("Kind")


def decode(text: bytes, kind: type[Kind], name: str) -> Kind:
    """Decode JSON into a type; raises a ``ModelError`` of one sentence that names file and place."""
    hint = "Copy the model folder again, or train it again."
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).rpartition(" - at ")
        # Such as "`$.calibration.intervals.low[3]`", and of a key of a mapping "`key` in `$.calibration`".
        inside = place.rpartition(" in ")[2].strip("`").removeprefix("$").removeprefix(".")
        where = f" at {inside}" if what and inside else ""
        raise ModelError(f"{name} is damaged{where}: {(what or str(error)).rstrip('.')}.", hint) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{name} is damaged: it is no JSON document.", hint) from error


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read.", "Copy the model folder again.") from error
    return decode(text, kind, path.name)


def _write(path: Path, text: bytes) -> None:
    with atomic_write(path) as partial:
        partial.write_bytes(msgspec.json.format(text, indent=2) + b"\n")
