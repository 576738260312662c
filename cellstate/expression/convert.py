"""Conversion of a raw table to TPM on the gene axis, with refusals of implausible content and warnings for the user.

Shape suffixes: S samples, F features of the file, A genes of the axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.gene_names import (
    check_names,
    most_common_id_type,
    readable_names,
    without_stray_numbers,
)
from cellstate.expression.reading import (
    CONVERTING,
    LARGEST_VALUE,
    MATCHING,
    NAMES,
    ORIENTATION,
    SAMPLES,
    UNIT,
    Decision,
    ProgressReporter,
    RawTable,
    ReadOptions,
    ReadReport,
    ReadWarning,
    check_size,
    cut_name,
    each_sample,
    is_doubt,
    unique_names,
)
from cellstate.expression.unit_detection import DetectedUnit, detect_unit, find_floor, is_regularised_log
from cellstate.expression.units import LENGTH_FREE, TPM_TOTAL, Unit
from cellstate.formatting import plural
from cellstate.genes import FOUND, N_AXIS, Resolution, gene_axis, repairable_dates

#: Length of a read in base pairs, for the number of reads behind a base coverage.
READ_LENGTH_BP = 100
#: Exonic lengths differ from the gene table's by a factor of two or three; lengths with introns are 20 times larger.
_MAX_LENGTH_RATIO = 5.0
#: A sample with a smaller sum is empty; scaling it to one million would overflow.
_MIN_TOTAL = 1e-100
_SAMPLES_PER_REPORT = 16
#: Negative values are noise of a normalisation if they are above this, and no more than this share of all values.
_LOWEST_NOISE, _MAX_SHARE_OF_NOISE = -1.0, 0.02
#: Files that measure fewer genes of the axis get a warning, and samples with fewer reads or detected genes.
FEW_GENES = 15_000
FEW_READS = 1_000_000
FEW_DETECTED = 5_000
#: In a deep sample about a fifth of the detected genes lie below 1 TPM. In a shallow one, fewer than this share do, and
#: more than this share of the measured genes is silent.
_WEAK_TPM, _FEW_WEAK, _MANY_SILENT = 1.0, 0.08, 0.25
#: A unit whose values have the marks of it and of no other, one that the reader had to tell from another, and a guess.
_CLEAR, _TOLD_APART, _GUESSED = 0.95, 0.8, 0.4
#: So many genes in a file are no accident, however many names beside them are none.
_MANY_GENES = 10_000


class Converted(NamedTuple):
    """A table on the gene axis, with the fields of `cellstate.samples.Samples`."""

    names: tuple[str, ...]
    tpm_SA: np.ndarray
    library_size_S: np.ndarray
    report: ReadReport


def convert(table: RawTable, options: ReadOptions, source: str, report_progress: ProgressReporter) -> Converted:
    """Resolve the gene names, detect the unit and convert the values to TPM over the measured genes of the axis.

    Parameters
    ----------
    table : RawTable
    options : ReadOptions
    source : str
        Name of the file.
    report_progress : ProgressReporter

    Raises
    ------
    ReadError
        When the names are not human genes, the values not expression values, or a sample is empty.
    """
    check_size(*table.values_SF.shape)
    if not table.values_SF.size:
        raise ReadError(
            "The file holds no expression values.", "Check that it was exported completely.", code="no_values"
        )
    report_progress(MATCHING)
    resolution = without_stray_numbers(gene_axis().resolve(readable_names(table.feature_ids)))
    date_names = dict.fromkeys(resolution.with_status("date"))
    dates = tuple((name, tuple(gene_axis().candidates(name))) for name in date_names)
    gene_of_date = repairable_dates(resolution) if options.repair_dates else {}
    resolution = resolution.repaired(gene_of_date)
    repaired = tuple((name, gene_axis().symbol[gene]) for name, gene in gene_of_date.items())
    n_other_species = check_names(resolution)
    report_progress(MATCHING, 0.5)
    unit = _known_unit(table, options)
    values_SF, value_warnings = _check_values(table.values_SF, unit)
    detected = DetectedUnit(unit) if unit else detect_unit(values_SF, table.unit_hint, resolution.index)
    length_F, length_warnings = _lengths(table, resolution.index, detected.unit)
    names = unique_names(table.sample_names)
    tpm_SA = _to_tpm(values_SF, detected.unit, length_F, resolution.index, names, report_progress)
    library_size_S = _library_size(table, detected.unit, values_SF)
    n_names_A = np.bincount(resolution.index[resolution.index >= 0], minlength=N_AXIS)
    id_type = most_common_id_type(resolution)
    duplicates = () if id_type == "transcript" else _duplicates(n_names_A)
    warnings = [
        *table.warnings,
        *_repeated_sample_warnings(table.sample_names),
        *value_warnings,
        *filter(None, [detected.warning]),
        *length_warnings,
        *_duplicate_warnings(duplicates),
        *_repair_warnings(repaired),
        *_name_warnings(resolution, n_other_species),
        *_coverage_warnings(names, tpm_SA),
        *_depth_warnings(names, tpm_SA, library_size_S, is_tpm=detected.unit.measure == "TPM"),
    ]
    report = ReadReport(
        source=source,
        format=table.format,
        orientation=table.orientation,
        unit=str(detected.unit),
        id_type=id_type,
        n_genes_read=len(table.feature_ids),
        status_counts=resolution.counts(),
        unmatched=tuple(resolution.with_status("unknown", "ambiguous", "date")),
        n_duplicates=int(n_names_A.sum() - np.count_nonzero(n_names_A)),
        duplicates=duplicates,
        dates=dates,
        repaired=repaired,
        warnings=tuple(sorted(dict.fromkeys(warnings), key=lambda warning: not is_doubt(warning))),
        annotations=table.annotations,
        number_columns=table.number_columns,
        sample_columns=table.sample_columns,
        decisions=_decisions(table, options, detected, resolution, id_type, n_other_species),
        sheets=table.sheets,
    )
    return Converted(names, tpm_SA, library_size_S, report)


# --- conversion ---


def _known_unit(table: RawTable, options: ReadOptions) -> Unit | None:
    """Return the unit that the user or the format determines; None if it must be detected from the values."""
    chosen = Unit.parse(options.unit) if options.unit is not None else None
    # A format with several units in one file has already selected the columns by the user's choice.
    of_format = Unit.parse(table.unit) if table.unit and (chosen is None or table.unit in ("TPM", "FPKM")) else None
    return of_format or chosen


def _lengths(table: RawTable, index_F: np.ndarray, unit: Unit) -> tuple[np.ndarray | None, list[ReadWarning]]:
    """Return the length to divide each feature by, and warnings.

    Lengths in the file are used if they are plausible, otherwise those of the gene axis.
    """
    if not unit.needs_length:
        return None, []
    axis_F = np.where(index_F >= 0, gene_axis().length_bp[index_F], np.nan)
    if table.length_bp is None:
        return axis_F, []
    file_F = np.where(table.length_bp >= 1, table.length_bp, np.nan)
    ratio = file_F / axis_F
    ratio = ratio[~np.isnan(ratio)]
    if ratio.size and np.median(ratio) > _MAX_LENGTH_RATIO:
        text = (
            f"The file's gene lengths are about {np.median(ratio):.0f} times those of the exons, so they include "
            "introns; the exonic lengths of CellState's gene table are used instead."
        )
        return axis_F, [ReadWarning(text, "lengths_with_introns")]
    return np.where(np.isnan(file_F), axis_F, file_F), []


def _to_tpm(
    values_SF: np.ndarray,
    unit: Unit,
    length_F: np.ndarray | None,
    index_F: np.ndarray,
    names: Sequence[str],
    report_progress: ProgressReporter,
) -> np.ndarray:
    """Sum features into genes and scale each sample to one million; shape (S, A) of float32.

    ``length_F`` has shape (F,) or (S, F).
    """
    tpm_SA = np.empty((len(values_SF), N_AXIS), dtype=np.float32)
    on_axis = np.flatnonzero(index_F >= 0)
    position = index_F[on_axis]
    is_absent_A = np.bincount(position, minlength=N_AXIS) == 0
    for sample, row_F in enumerate(each_sample(values_SF)):
        if sample % _SAMPLES_PER_REPORT == 0:
            report_progress(CONVERTING, sample / len(values_SF))
        rate = unit.linear(row_F[on_axis])
        if length_F is not None:
            rate = rate / (length_F[sample] if length_F.ndim == 2 else length_F)[on_axis]
        has_value = ~np.isnan(rate)
        if has_value.all():
            total_A, is_missing_A = np.bincount(position, weights=rate, minlength=N_AXIS), is_absent_A
        else:
            total_A = np.bincount(position[has_value], weights=rate[has_value], minlength=N_AXIS)
            is_missing_A = np.bincount(position[has_value], minlength=N_AXIS) == 0
        total = total_A.sum()
        if not total > _MIN_TOTAL:
            raise ReadError(
                f"Sample {names[sample][:60]!r} is empty: no gene has a value above zero.",
                "Remove it and upload again.",
                code="empty_sample",
            )
        total_A *= TPM_TOTAL / total
        total_A[is_missing_A] = np.nan
        tpm_SA[sample] = total_A
    report_progress(CONVERTING, 1.0)
    return tpm_SA


def _library_size(table: RawTable, unit: Unit, values_SF: np.ndarray) -> np.ndarray:
    """Return the total reads of each sample over all features, NaN where they are unknown."""
    if table.reads_S is not None:
        return table.reads_S.astype(np.float64)
    # Logarithms of intensities are no reads.
    if unit.measure not in ("counts", "coverage") and unit != Unit(LENGTH_FREE):
        return np.full(len(values_SF), np.nan)
    totals_S = np.array([np.nansum(unit.linear(row_F)) for row_F in each_sample(values_SF)])
    return totals_S / READ_LENGTH_BP if unit.measure == "coverage" else totals_S


def _duplicates(n_names_A: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the genes with several names and their number of names, the largest number first."""
    several = np.flatnonzero(n_names_A > 1)
    ordered = several[np.argsort(-n_names_A[several], kind="stable")].tolist()
    return tuple((gene_axis().symbol[gene], int(n_names_A[gene])) for gene in ordered)


# --- refusals ---


def _check_values(values_SF: np.ndarray, unit: Unit | None) -> tuple[np.ndarray, list[ReadWarning]]:
    """Return the values with negative noise set to zero, and warnings.

    Raise ``ReadError`` if values are infinite, too large, or negative but not logarithms. ``unit`` is None if the unit
    is not yet known.
    """
    lowest, highest = float(np.nanmin(values_SF, initial=0.0)), float(np.nanmax(values_SF, initial=0.0))
    if max(-lowest, highest) > LARGEST_VALUE:
        n_samples = sum(bool((np.abs(row_F) > LARGEST_VALUE).any()) for row_F in values_SF)
        raise ReadError(
            f"The file has infinite or absurdly large values in {plural(n_samples, 'sample')}.",
            "They come from a division by zero or a logarithm of zero; export the values before that step.",
            code="infinite_values",
        )
    n_negative = int(np.count_nonzero(values_SF < 0))
    floor = find_floor(values_SF) if lowest < 0 else None
    is_log = floor is not None
    if is_log and unit and unit.base is None:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are logarithms, not plain {unit}.",
            "Choose the logarithm as the unit, or upload the values before it was taken.",
            code="negative_logarithms",
        )
    if lowest >= 0 or is_log or (unit and unit.offset < 1):
        return values_SF, []
    if is_regularised_log(values_SF):
        raise ReadError(
            f"The file has {n_negative:,} negative values without a common lowest one, as after DESeq2's rlog.",
            "Upload the normalised counts, counts(dds, normalized=TRUE), or the counts themselves.",
            code="regularised_log",
        )
    may_be_noise = highest > 100 or lowest > -1e-6
    if lowest <= _LOWEST_NOISE or n_negative > _MAX_SHARE_OF_NOISE * values_SF.size or not may_be_noise:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are ratios or z-scores, not expression values.",
            "Upload counts, TPM or their logarithms, before any comparison, centring or scaling.",
            code="negative_values",
        )
    text = f"{n_negative:,} small negative values (the lowest {lowest:.2g}) were set to zero."
    return np.maximum(values_SF, 0.0), [ReadWarning(text, "negative_noise")]


# --- warnings ---


def _repeated_sample_warnings(names: Sequence[str]) -> Iterator[ReadWarning]:
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        yield ReadWarning("Some sample names occur more than once; the repeats were numbered.", "repeated_sample_names")


def _duplicate_warnings(duplicates: Sequence[tuple[str, int]]) -> Iterator[ReadWarning]:
    if n := sum(n_names - 1 for _, n_names in duplicates):
        verb = "gene names occur" if n > 1 else "gene name occurs"
        text = f"{n:,} {verb} more than once, also under an older name; their values were summed."
        yield ReadWarning(text, "duplicate_genes")


def _repair_warnings(repaired: Sequence[tuple[str, str]]) -> Iterator[ReadWarning]:
    """Warn about the restored dates, given as (date, symbol)."""
    if repaired:
        pairs = summarise_list([f"{cut_name(name)} is {symbol}" for name, symbol in repaired])
        text = f"{_were(len(repaired), 'gene name')} put back from dates, each meaning one gene only: {pairs}."
        yield ReadWarning(text, "repaired_dates")


def _name_warnings(resolution: Resolution, n_other_species: int) -> Iterator[ReadWarning]:
    """Warn about the names that are left out."""
    n_names, unknown = len(resolution.names), resolution.with_status("unknown")
    if n_other_species > 0.2 * n_names:
        text = f"{n_other_species:,} of {n_names:,} gene names look like mouse genes; they were left out."
        yield ReadWarning(text, "other_species")
    if dates := resolution.with_status("date"):
        meanings = summarise_list([_with_candidates(cut_name(name)) for name in dates])
        text = f"{_were(len(dates), 'gene name')} turned into dates by a spreadsheet and left out: {meanings}."
        yield ReadWarning(text, "date_names")
    if ambiguous := resolution.with_status("ambiguous"):
        text = f"{_were(len(ambiguous), 'name')} left out as meaning more than one gene: {_first(ambiguous)}."
        yield ReadWarning(text, "ambiguous_names")
    if len(unknown) > 0.1 * n_names:
        text = f"{_were(len(unknown), 'name')} left out, being no known gene: {_first(unknown)}."
        yield ReadWarning(text, "unknown_names")


def _were(n: int, noun: str) -> str:
    return f"{plural(n, noun)} {'was' if n == 1 else 'were'}"


def _first(names: list[str]) -> str:
    return summarise_list([cut_name(name) for name in names])


def _with_candidates(name: str) -> str:
    candidates = gene_axis().candidates(name)
    return f"{name} (perhaps {' or '.join(candidates)})" if candidates else name


def _coverage_warnings(names: Sequence[str], tpm_SA: np.ndarray) -> Iterator[ReadWarning]:
    """Warn about genes of the axis that the file, or single samples of it, do not measure."""
    measured_SA = ~np.isnan(tpm_SA)
    n_genes = int(measured_SA.any(axis=0).sum())
    if n_genes < FEW_GENES:
        text = f"The file measures {n_genes:,} of {N_AXIS:,} genes; the others are treated as missing, not as zero."
        yield ReadWarning(text, "few_genes")
    if fewer := [name for name, n in zip(names, measured_SA.sum(axis=1), strict=True) if n < 0.95 * n_genes]:
        subject = f"{plural(len(fewer), 'sample')} {'has' if len(fewer) == 1 else 'have'}"
        text = f"{subject} no value for more than one gene in twenty: {summarise_list(fewer)}."
        yield ReadWarning(text, "uneven_coverage")


def _depth_warnings(
    names: Sequence[str], tpm_SA: np.ndarray, library_size_S: np.ndarray, *, is_tpm: bool
) -> Iterator[ReadWarning]:
    """Warn about samples of very low sequencing depth.

    If the depth of TPM is unknown, it is judged by the weakly expressed genes.
    """
    measured_S = (~np.isnan(tpm_SA)).sum(axis=1)
    detected_S = np.count_nonzero(tpm_SA > 0, axis=1)
    has_few_reads_S = library_size_S < FEW_READS
    # A file that measures few genes cannot have many detected ones.
    measures_many_S = measured_S > 2 * FEW_DETECTED
    has_few_detected_S = (detected_S < FEW_DETECTED) & measures_many_S
    is_unknown_S = is_tpm & np.isnan(library_size_S) & measures_many_S
    is_shallow_S = (
        has_few_reads_S | has_few_detected_S | (is_unknown_S & _lacks_weak_genes(tpm_SA, measured_S, detected_S))
    )
    shallow = [name for name, is_shallow in zip(names, is_shallow_S, strict=True) if is_shallow]
    if shallow:
        subject = f"Sample {shallow[0]} is" if len(shallow) == 1 else f"{len(shallow):,} samples are"
        listed = "" if len(shallow) == 1 else f": {summarise_list(shallow)}"
        text = (
            f"{subject} very shallow (fewer than {FEW_READS:,} reads or too few weakly expressed genes), "
            f"so weaker genes are mostly chance{listed}."
        )
        yield ReadWarning(text, "low_depth")


def _lacks_weak_genes(tpm_SA: np.ndarray, measured_S: np.ndarray, detected_S: np.ndarray) -> np.ndarray:
    """Return whether many genes of a sample are silent and few are weakly expressed, as with few reads; shape (S,)."""
    measured_S, detected_S = np.maximum(measured_S, 1), np.maximum(detected_S, 1)
    weak_S = np.array([np.count_nonzero((row_A > 0) & (row_A < _WEAK_TPM)) for row_A in tpm_SA])
    return (detected_S < (1 - _MANY_SILENT) * measured_S) & (weak_S < _FEW_WEAK * detected_S)


# --- decisions ---


def _decisions(
    table: RawTable, options: ReadOptions, detected: DetectedUnit, resolution: Resolution, id_type: str, n_other: int
) -> tuple[Decision, ...]:
    """Return the decisions on unit, names, orientation and samples, and on the sheet of a workbook.

    Parameters
    ----------
    table : RawTable
    options : ReadOptions
    detected : DetectedUnit
    resolution : Resolution
        Of the feature names.
    id_type : str
    n_other : int
        Number of names that look like those of another animal.
    """
    by_format = {
        ORIENTATION: Decision(ORIENTATION, table.orientation, 1.0, f"the format {table.format} determines it"),
        SAMPLES: Decision(SAMPLES, "", 1.0, f"the format {table.format} determines them"),
    }
    told = {decision.name: decision for decision in table.decisions}
    return (
        _unit_decision(table, options, detected),
        _names_decision(resolution, options, id_type, n_other),
        *(by_format | told).values(),
    )


def _unit_decision(table: RawTable, options: ReadOptions, detected: DetectedUnit) -> Decision:
    value = str(detected.unit)
    if options.unit is not None and Unit.parse(options.unit) == detected.unit:
        return Decision(UNIT, value, 1.0, "it was chosen")
    if table.unit:
        return Decision(UNIT, value, 1.0, f"the format {table.format} states it")
    if (warning := detected.warning) is not None:
        return Decision(UNIT, value, _GUESSED if is_doubt(warning) else _TOLD_APART, str(warning))
    stated = f"a name states {table.unit_hint}, and " if table.unit_hint else ""
    return Decision(UNIT, value, _CLEAR, f"{stated}the values are as those of {value}")


def _names_decision(resolution: Resolution, options: ReadOptions, id_type: str, n_other: int) -> Decision:
    if options.id_type is not None:
        return Decision(NAMES, options.id_type, 1.0, "they were chosen")
    counts, n = resolution.counts(), max(1, len(resolution.names))
    n_known = sum(counts.get(status, 0) for status in (*FOUND, "outside", "date"))
    n_found = sum(counts.get(status, 0) for status in FOUND)
    confidence = max(n_known / n, min(1.0, n_found / _MANY_GENES)) * (1.0 - n_other / n)
    return Decision(NAMES, id_type, confidence, f"{n_known:,} of {n:,} names are known genes")
