"""Everything that is known about a model, section by section: tables from typed records, words from `narrative`.

A section is words, a table and notes, for a page and for a file alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from cellstate.evidence import TPM_BINS, Benchmark, Best, Dataset, EvidenceRecord, Metric, PredictorId, Stratum
from cellstate.formatting import bin_label, decimal, digits, join_with_and, percent
from cellstate.labels import DATASETS, METRICS, PREDICTORS, STRATA, in_sentence, predictor_label
from cellstate.model.record import EvaluationRecord, ModelRecord, Quality
from cellstate.report.narrative import evidence as narrative

#: What each split is for, in the order of a training.
USED = {
    "train": "Training",
    "validation": "Validation: early stopping, calibration",
    "test": DATASETS[Dataset.TEST],
    "older_test": DATASETS[Dataset.OLDER_TEST],
}
#: Outcome of a criterion inside a table's cell.
SYMBOLS = {True: "✓", False: "✗", None: ""}
PASSED = {True: "✓ passed", False: "✗ not passed", None: "–"}
CONDITIONAL_MODE = "conditional_mode"
_OOD_KINDS = (
    Stratum.HPA_BRAIN, Stratum.SHUFFLED_GENES, Stratum.COUNTS_AS_TPM, Stratum.LOG_OF_LOG, Stratum.GENES_MISSING,
    Stratum.MOST_GENES_MISSING, Stratum.MOUSE_ORTHOLOGS,
)  # fmt: skip
#: Of a model for some tissues: other laboratories' samples of its own, which are no alarm, and of other ones.
_OTHER_LABORATORIES = (Stratum.COLORECTAL_TUMOUR, Stratum.BREAST, Stratum.LUNG, Stratum.BLOOD)
_OOD_METRICS = (Metric.FALSE_ALARM_RATE, Metric.OOD_AUROC, Metric.OOD_FLAGGED)


@dataclass(frozen=True, eq=False)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key : str
        Names the section for whoever draws it.
    title : str
    text : str
        Markdown; of what came from a file it holds numbers and plain words alone.
    table : DataFrame, optional
        Cells are text, ready to be shown, and may hold names from a file.
    notes : tuple of str
        Plain text below the table; may hold names from a file.
    absent : str
        Why there is no table, in one sentence; empty where there is one, or where none belongs.
    """

    key: str
    title: str
    text: str
    table: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    absent: str = ""


def markdown(section: Section) -> str:
    """Return a section as it stands in a file."""
    parts = [f"## {section.title}", section.text]
    if section.table is not None:
        rows = [list(section.table.columns), ["---"] * section.table.shape[1], *section.table.to_numpy().tolist()]
        parts.append("\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows))
    if section.absent:
        parts.append(f"*{section.absent}*")
    if section.notes:
        parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(part for part in parts if part)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def sections(record: ModelRecord) -> list[Section]:
    """Return everything that is known about a model, in the order in which a reader asks."""
    return [
        data(record),
        reconstruction(record),
        half_hidden(record),
        levels(record),
        intervals(record),
        ood(record),
        copy_through(record),
        targets(record),
        simulated(record),
        pairs(record),
        experiments(record),
        real_perturbations(record),
        default_method(record),
        failures(record),
        Section("limits", "Limits", narrative.LIMITS),
    ]


def held_out(record: ModelRecord) -> dict[Dataset, EvaluationRecord]:
    """Return the figures of each held-out split; none for random weights."""
    return {split: record.evaluation[split] for split in narrative.HELD_OUT if split in record.evaluation}


def criteria(record: ModelRecord) -> tuple[int, int]:
    """Return how many criteria are passed, and how many there are."""
    outcomes = [one.passed for one in record.records if one.passed is not None]
    return sum(outcomes), len(outcomes)


def record_table(records: Iterable[EvidenceRecord]) -> pd.DataFrame:
    """Return one row a record, every cell ready to be shown."""
    rows = [
        (
            ", ".join(filter(None, (DATASETS[one.dataset], one.stratum and STRATA[one.stratum]))),
            "–" if one.predictor is None else PREDICTORS[one.predictor],
            METRICS[one.metric] + (f" over {in_sentence(PREDICTORS[one.reference])}" if one.reference else ""),
            _number(one.value, one.metric.definition.unit),
            _interval(one),
            _threshold(one),
            PASSED[one.passed],
        )
        for one in records
    ]
    return pd.DataFrame(rows, columns=["Data", "Method", "Metric", "Value", "95% interval", "Criterion", "Passed"])


def all_records(record: ModelRecord, *, failed: bool = False) -> pd.DataFrame:
    """Return every record, or those that do not pass their criterion, as text."""
    chosen = [one for one in record.records if not failed or one.passed is False]
    table = record_table(chosen)
    table.insert(0, "Benchmark", [one.benchmark.value for one in chosen])
    return table


def data(record: ModelRecord) -> Section:
    """Write sources, licences and splits."""
    if not record.sources:
        return Section("data", "Data", "", absent=narrative.RANDOM_WEIGHTS)
    first, *further = record.sources
    rows = [(words, first.name, f"{first.splits[name]:,}") for name, words in USED.items() if name in first.splits]
    notes = [narrative.source_sentence(first)]
    for one in further:
        n = one.splits.get("train", 0)
        rows.append((USED["train"], one.name, f"{n:,}"))
        notes.append(f"{narrative.source_sentence(one)} {n} profiles, for training alone.")
    table = pd.DataFrame(rows, columns=["Used for", "Cohort", "Samples"])
    return Section("data", "Data", narrative.DATA, table, tuple(notes))


def reconstruction(record: ModelRecord) -> Section:
    """R2 on held-out patients, beside PCA and the gene mean."""
    title, found = "Held-out patients", held_out(record)
    if not found:
        return Section("patients", title, "", absent=narrative.UNTRAINED)
    rows = [
        (DATASETS[split], PREDICTORS[name], decimal(one.r2_pooled, 4), decimal(one.r2_gene_median))
        for split, own in found.items()
        for name, one in _with_baselines(own)
    ]
    table = pd.DataFrame(rows, columns=["Patients", "Method", "Pooled R²", "Median R² per gene"])
    notes = (
        "R² is on log1p TPM. PCA has as many components as the autoencoder has latent units.",
        *narrative.tested_in(record),
    )
    return Section("patients", title, narrative.reconstruction(found), table, notes)


def _with_baselines(own: EvaluationRecord) -> list[tuple[PredictorId, EvaluationRecord | Quality]]:
    return [(PredictorId.AUTOENCODER, own), *own.baselines.items()]


def half_hidden(record: ModelRecord) -> Section:
    """Reconstruction of genes that were hidden."""
    return _as_recorded(record, Benchmark.RECONSTRUCTION, "Half of the genes hidden", narrative.HALF_HIDDEN)


def shares(one: EvaluationRecord) -> dict[str, list[float | None]]:
    """Return the accuracy of each method, and of the conditional mode, per bin as a share of the ceiling."""
    accuracy: dict[str, Sequence[float | None]] = {PredictorId.AUTOENCODER.value: [b.accuracy for b in one.bins]}
    if any(b.accuracy_conditional_mode is not None for b in one.bins):
        accuracy[CONDITIONAL_MODE] = [b.accuracy_conditional_mode for b in one.bins]
    accuracy |= {name.value: [b.accuracy for b in quality.bins] for name, quality in one.baselines.items()}
    return {
        name: [
            value / b.ceiling if value is not None and b.ceiling else None
            for value, b in zip(values, one.bins, strict=True)
        ]
        for name, values in accuracy.items()
    }


def levels(record: ModelRecord) -> Section:
    """Accuracy per TPM bin as a share of the counting-noise ceiling."""
    title, found = "Accuracy by expression level", held_out(record)
    if not found:
        return Section("levels", title, "", absent=narrative.UNTRAINED)
    bins = [bin_label(b.low, b.high) for b in next(iter(found.values())).bins]
    rows, lowest = [], {}
    for split, one in found.items():
        patients, by_method = DATASETS[split], shares(one)
        rows += [(patients, _read_out(name), *map(percent, values)) for name, values in by_method.items()]
        rows.append((patients, "Ceiling: within tolerance", *(percent(b.ceiling) for b in one.bins)))
        if CONDITIONAL_MODE in by_method:
            lowest[split] = by_method[PredictorId.AUTOENCODER][0], by_method[CONDITIONAL_MODE][0]
    pca = narrative.on_held_out(record, PredictorId.PCA, Metric.CEILING_SHARE_MODE, TPM_BINS[0])
    note = f"In the lowest bin, PCA at the conditional mode reaches {pca}: the gain comes from the read-out."
    columns = ["Patients", "Method", *(f"{one} TPM" for one in bins)]
    table = pd.DataFrame(rows, columns=columns)
    return Section("levels", title, narrative.levels(lowest, bins[0]), table, (note,) if pca else ())


def _read_out(name: str) -> str:
    if name == CONDITIONAL_MODE:
        return f"{PREDICTORS[PredictorId.AUTOENCODER]}, conditional mode"
    return predictor_label(name)


def intervals(record: ModelRecord) -> Section:
    """Share of true values inside the intervals."""
    title = "Prediction intervals"
    found = {split: (one, one.interval_coverage) for split, one in held_out(record).items() if one.interval_coverage}
    if not found:
        return Section("intervals", title, "", absent=narrative.UNTRAINED)
    first, coverage = next(iter(found.values()))
    assert coverage is not None
    rows = [
        (DATASETS[split], *(percent(share, 1) for share in (covered.overall, *covered.bins)))
        for split, (_, covered) in found.items()
        if covered is not None
    ]
    hidden = narrative.on_held_out(record, PredictorId.AUTOENCODER, Metric.INTERVAL_COVERAGE_HIDDEN)
    notes = (f"For genes that were hidden from the autoencoder: {hidden}.",) if hidden else ()
    columns = ["Patients", "All values", *(f"{bin_label(b.low, b.high)} TPM" for b in first.bins)]
    return Section(
        "intervals", title, narrative.intervals(coverage.nominal), pd.DataFrame(rows, columns=columns), notes
    )


def ood(record: ModelRecord) -> Section:
    """Which samples are flagged as out of distribution: beside held-out patients, and beside held-out data sets."""
    title, by = "Out-of-distribution detection", (Benchmark.RELIABILITY, Benchmark.OOD)
    figures = {
        (one.dataset, one.stratum, one.metric): one
        for benchmark, own in zip(by, (PredictorId.AUTOENCODER, None), strict=True)
        for one in record.records.where(benchmark=benchmark, predictor=own)
    }
    kinds = (None, *_OOD_KINDS, *(_OTHER_LABORATORIES if record.tissues else ()))
    there = [
        where
        for where in (*narrative.HELD_OUT, Dataset.CORPUS_TEST)
        if any((where, kind, metric) in figures for kind in kinds for metric in _OOD_METRICS)
    ]

    def cell(key: tuple[Dataset, Stratum | None, Metric]) -> str:
        one = figures.get(key)
        if one is None or one.value is None:
            return "–"
        shown = decimal(one.value) if one.metric is Metric.OOD_AUROC else percent(one.value, 1)
        return f"{shown} {SYMBOLS[one.passed]}".strip()

    def flagged(where: Dataset, kind: Stratum | None) -> str:
        alarms = cell((where, kind, Metric.FALSE_ALARM_RATE))
        return cell((where, kind, Metric.OOD_FLAGGED)) if alarms == "–" else alarms

    rows = [
        (
            "Held-out samples (false alarms)" if kind is None else STRATA[kind],
            *(text for where in there for text in (cell((where, kind, Metric.OOD_AUROC)), flagged(where, kind))),
        )
        for kind in kinds
    ]
    rows = [row for row in rows if any(text != "–" for text in row[1:])]
    if not rows:
        return Section("flags", title, narrative.OOD, absent=narrative.NOT_RECORDED.format(Benchmark.OOD))
    columns = ["Samples", *(f"{DATASETS[where]}: {what}" for where in there for what in ("AUROC", "flagged"))]
    measured = (narrative.measured_by(record, one) for one in by if one in record.evidence.results)
    return Section("flags", title, narrative.OOD, pd.DataFrame(rows, columns=columns), (narrative.LEGEND, *measured))


def copy_through(record: ModelRecord) -> Section:
    """Response of the perturbed gene itself beside that of other genes."""
    title = "Copy-through"
    if record.calibration is None or not record.calibration.copy_through:
        return Section("copy_through", title, "", absent=narrative.UNTRAINED)
    responses = record.calibration.copy_through
    rows = [
        (
            PREDICTORS[name],
            "left out" if one.own is None else f"{one.own:.2g} SD",
            f"{one.others:.2g} SD",
            "–" if one.own_to_others is None else f"{one.own_to_others:.1f} ×",
            "–" if one.leaf_to_tf is None else f"{one.leaf_to_tf:.2f} ×",
        )
        for name, one in responses.items()
    ]
    columns = ["Method", "Perturbed gene", "Other genes", "Perturbed / others", "Other gene / TF"]
    text = narrative.copy_through(responses.get(PredictorId.AUTOENCODER))
    return Section("copy_through", title, text, pd.DataFrame(rows, columns=columns))


def targets(record: ModelRecord) -> Section:
    """Known targets of transcription factors."""
    title = "Known targets of transcription factors"
    found = record.records.where(benchmark=Benchmark.REGULONS)
    fitted = [one for one in (Dataset.TARGETS_TUMOURS, Dataset.TARGETS_TUMOURS_ATLAS) if found.where(dataset=one)]
    text, rows, thresholds = narrative.TARGETS, [], []
    for where in fitted:
        here = found.where(dataset=where)
        auroc = {
            one.predictor: one.value
            for one in here.where(metric=Metric.TARGET_AUROC)
            if one.predictor is not None and one.value is not None
        }
        text += "".join(f"\n\n{sentence}" for sentence in [narrative.best_by_targets(where, auroc)] if sentence)
        for name in here.having("predictor"):
            own, gain, specificity = (
                next(iter(here.where(predictor=name, metric=metric)), None)
                for metric in (Metric.TARGET_AUROC, Metric.TARGET_AUROC_GAIN, Metric.TARGET_SPECIFICITY)
            )
            rows.append((DATASETS[where], predictor_label(name), _judged(own), _judged(gain), _judged(specificity)))
        thresholds += [
            f"{METRICS[one.metric]} {_threshold(one)} ({in_sentence(DATASETS[where])})"
            for one in here
            if one.threshold is not None
        ]
    if not rows:
        return Section("regulons", title, text, absent=narrative.NOT_RECORDED.format(Benchmark.REGULONS))
    columns = ["Data", "Method", "AUROC", "Gain over co-expression, low end of 95%", "Target specificity"]
    notes = (
        f"{narrative.LEGEND} Criteria: {'; '.join(dict.fromkeys(thresholds)) or 'none'}.",
        narrative.NO_CRITERION,
        narrative.measured_by(record, Benchmark.REGULONS),
    )
    return Section("regulons", title, text, pd.DataFrame(rows, columns=columns), notes)


def simulated(record: ModelRecord) -> Section:
    """Write the results on the simulated gene network."""
    return _as_recorded(record, Benchmark.SIMULATED, "Simulated gene network", narrative.SIMULATED)


def pairs(record: ModelRecord) -> Section:
    """Whether interacting pairs are found again in held-out patients."""
    return _as_recorded(record, Benchmark.PAIRS, "Interacting pairs in held-out patients", narrative.PAIRS)


def experiments(record: ModelRecord) -> Section:
    """Real perturbation experiments."""
    title = "Real perturbation experiments"
    found = record.records.where(benchmark=Benchmark.EXPERIMENTS)
    best = narrative.best_by_experiments([*found.where(metric=Metric.PEARSON_DELTA)])
    text = narrative.REAL + (f"\n\n{best}" if best else "")
    rows = [
        (
            DATASETS[where],
            predictor_label(name),
            decimal(found.value(Benchmark.EXPERIMENTS, where, name, Metric.PEARSON_DELTA)),
            percent(found.value(Benchmark.EXPERIMENTS, where, name, Metric.SIGN_ACCURACY_TOP50)),
        )
        for where in found.having("dataset")
        for name in found.where(dataset=where).having("predictor")
    ]
    if not rows:
        return Section("experiments", title, text, absent=narrative.NOT_RECORDED.format(Benchmark.EXPERIMENTS))
    columns = ["Experiment", "Method", "Pearson-delta", "Sign accuracy, top 50"]
    notes = (narrative.measured_by(record, Benchmark.EXPERIMENTS),)
    return Section("experiments", title, text, pd.DataFrame(rows, columns=columns), notes)


def real_perturbations(record: ModelRecord) -> Section:
    """Many real perturbations: ranking the perturbed gene, and predicting its effects."""
    key = Benchmark.REAL_PERTURBATIONS
    title, text = "Many real perturbations", narrative.REAL_MANY
    found = record.records.where(benchmark=key)
    if not found:
        return Section(key.value, title, text, absent=narrative.NOT_RECORDED.format(key))
    columns = {
        "Genes": (Metric.N_PERTURBED_GENES, 0),
        "Percentile": (Metric.REGULATOR_PERCENTILE, 3),
        "Matched": (Metric.REGULATOR_PERCENTILE_MATCHED, 3),
        "In the top 5%": (Metric.REGULATOR_TOP_5_PERCENT, 2),
        "Pearson-delta": (Metric.PEARSON_DELTA, 3),
        "Sign accuracy": (Metric.SIGN_ACCURACY_TOP100, 2),
        "Discrimination": (Metric.DISCRIMINATION, 2),
    }
    rows = [
        (
            DATASETS[where],
            predictor_label(name),
            *(decimal(found.value(key, where, name, metric), places) for metric, places in columns.values()),
        )
        for where in (Dataset.REAL_EXPERIMENTS, Dataset.GEO_SIGNATURES, Dataset.REAL_POOLED)
        for name in found.where(dataset=where, metric=Metric.N_PERTURBED_GENES).having("predictor")
    ]
    table = pd.DataFrame(rows, columns=["Data", "Method", *columns])
    return Section(key.value, title, text, table, (narrative.measured_by(record, key),))


def default_method(record: ModelRecord) -> Section:
    """Write the default method, by which rule, and what was measured of every method."""
    title, key = "Default prediction method", "default_predictor"
    default = record.evidence.default_predictor
    if default is None:
        return Section(key, title, "", absent=narrative.default_reason(record, record.default_predictor))
    rows = [
        (
            PREDICTORS[one.predictor],
            decimal(one.target_specificity),
            decimal(one.margin_ci_low),
            decimal(one.simulated_pearson_delta, 2),
            join_with_and([decimal(r, 2) for r in narrative.real_correlations(record, one.predictor)]) or "–",
            "default" if one.predictor is default.predictor else narrative.VERDICTS[one.verdict],
        )
        for one in default.competing
    ]
    reason = narrative.default_reason(record, default.predictor)
    parts = (reason, narrative.RULES[default.rule], narrative.disagreement(record))
    columns = [
        "Method",
        "Target specificity",
        "Gain over the autoencoder, low end of 95%",
        "Simulated network, r",
        "Real experiments, r",
        "By the rule",
    ]
    notes = (
        narrative.SELECTED_BY_THESE,
        *(
            narrative.measured_by(record, one)
            for one in (Benchmark.REGULONS, Benchmark.SIMULATED)
            if one in record.evidence.results
        ),
    )
    return Section(key, title, "\n\n".join(filter(None, parts)), pd.DataFrame(rows, columns=columns), notes)


def failures(record: ModelRecord) -> Section:
    """Known failures, and every criterion that is not passed."""
    title, (passed, total) = "Known failures", criteria(record)
    if not total:
        return Section("failures", title, narrative.FAILURES, absent="This model folder holds no criteria yet.")
    table = all_records(record, failed=True).drop(columns="Passed") if passed < total else None
    return Section("failures", title, f"{narrative.FAILURES}\n\n{narrative.criteria(passed, total)}", table)


def _as_recorded(record: ModelRecord, benchmark: Benchmark, title: str, text: str) -> Section:
    """Return a section whose table holds every record of a benchmark."""
    found = record.records.where(benchmark=benchmark)
    if not found:
        return Section(benchmark.value, title, text, absent=narrative.NOT_RECORDED.format(benchmark))
    return Section(benchmark.value, title, text, record_table(found), (narrative.measured_by(record, benchmark),))


def _judged(one: EvidenceRecord | None) -> str:
    """Return the number that a criterion applies to, and whether it is passed."""
    if one is None:
        return "–"
    value = one.ci_low if one.metric.definition.by_ci_low else one.value
    return f"{decimal(value)} {SYMBOLS[one.passed]}".strip()


def _number(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{digits(value)} {unit}".strip()


def _interval(one: EvidenceRecord) -> str:
    if one.ci_low is None and one.ci_high is None:
        return "–"
    return f"{_number(one.ci_low)} to {_number(one.ci_high)}"


def _threshold(one: EvidenceRecord) -> str:
    if one.threshold is None:
        return "–"
    bound = "at most" if one.metric.definition.best is Best.LOWER else "at least"
    of = "low end of 95% " if one.metric.definition.by_ci_low else ""
    return f"{of}{bound} {one.threshold:g}"
