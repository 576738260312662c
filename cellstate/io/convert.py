"""Conversion of a raw table to TPM on the gene axis.

Shape suffixes: S samples, F features of the file, A genes of the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import N_AXIS, gene_axis, repairable_dates
from cellstate.io.checks import check_names, check_values, coverage_warnings, depth_warnings, repair_warnings
from cellstate.io.columns import most_common_id_type
from cellstate.io.raw_table import RawTable, ReadOptions, check_size, each_sample, unique_names
from cellstate.io.source import CONVERTING, MATCHING, ProgressReporter
from cellstate.io.units import DetectedUnit, Unit, detect_unit
from cellstate.samples import TPM_TOTAL, ReadReport, ReadWarning, Samples

#: Length of a read in base pairs, for the number of reads behind a base coverage.
READ_LENGTH_BP = 100
#: Exonic lengths differ from the gene table's by a factor of two or three; lengths with introns are 20 times larger.
_MAX_LENGTH_RATIO = 5.0
#: A sample with a smaller sum is empty; scaling it to one million would overflow.
_MIN_TOTAL = 1e-100
_SAMPLES_PER_REPORT = 16


def convert_to_samples(
    table: RawTable, options: ReadOptions, source: str, report_progress: ProgressReporter
) -> Samples:
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
    resolution = gene_axis().resolve(table.feature_ids)
    date_names = dict.fromkeys(resolution.with_status("date"))
    dates = tuple((name, tuple(gene_axis().candidates(name))) for name in date_names)
    gene_of_date = repairable_dates(resolution) if options.repair_dates else {}
    resolution = resolution.repaired(gene_of_date)
    repaired = tuple((name, gene_axis().symbol[gene]) for name, gene in gene_of_date.items())
    name_warnings = [*repair_warnings(repaired), *check_names(resolution)]
    names = unique_names(table.sample_names)
    warnings = [*table.warnings]
    if len({name for name in table.sample_names if name}) < sum(map(bool, table.sample_names)):
        warnings.append(
            ReadWarning("Some sample names occur more than once; the repeats were numbered.", "repeated_sample_names")
        )
    report_progress(MATCHING, 0.5)
    unit = _known_unit(table, options)
    values_SF, value_warnings = check_values(table.values_SF, unit)
    detected = DetectedUnit(unit) if unit else detect_unit(values_SF, table.unit_hint)
    length_F, length_warnings = _lengths(table, resolution.index, detected.unit)
    warnings += [*value_warnings, *detected.warnings, *length_warnings]
    tpm_SA = _to_tpm(values_SF, detected.unit, length_F, resolution.index, names, report_progress)
    samples = Samples(names, tpm_SA, _library_size(table, detected.unit, values_SF))
    n_names_A = np.bincount(resolution.index[resolution.index >= 0], minlength=N_AXIS)
    n_duplicates = int(n_names_A.sum() - np.count_nonzero(n_names_A))
    id_type = most_common_id_type(resolution)
    if n_duplicates and id_type != "transcript":
        verb = "gene names occur" if n_duplicates > 1 else "gene name occurs"
        warnings.append(
            ReadWarning(
                f"{n_duplicates:,} {verb} more than once, also under an older name; their values were summed.",
                "duplicate_genes",
            )
        )
    warnings += name_warnings
    warnings += coverage_warnings(samples)
    warnings += depth_warnings(samples, is_tpm=detected.unit.measure == "TPM")
    report = ReadReport(
        source=source,
        format=table.format,
        orientation=table.orientation,
        unit=str(detected.unit),
        id_type=id_type,
        n_genes_read=len(table.feature_ids),
        status_counts=resolution.counts(),
        unmatched=tuple(resolution.with_status("unknown", "ambiguous", "date")),
        n_duplicates=n_duplicates,
        duplicates=() if id_type == "transcript" else _duplicates(n_names_A),
        dates=dates,
        repaired=repaired,
        warnings=tuple(dict.fromkeys(warnings)),
    )
    return replace(samples, report=report)


def _duplicates(n_names_A: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the genes with several names and their number of names, the largest number first."""
    several = np.flatnonzero(n_names_A > 1)
    ordered = several[np.argsort(-n_names_A[several], kind="stable")].tolist()
    return tuple((gene_axis().symbol[gene], int(n_names_A[gene])) for gene in ordered)


def _known_unit(table: RawTable, options: ReadOptions) -> Unit | None:
    """Return the unit that the user or the format determines; None if it must be detected from the values."""
    chosen = Unit.parse(options.unit) if options.unit is not None else None
    # A format with several units in one file has already selected the columns by the user's choice.
    of_format = Unit.parse(table.unit) if table.unit and (chosen is None or table.unit in ("TPM", "FPKM")) else None
    return of_format or chosen


def _lengths(table: RawTable, index_F: np.ndarray, unit: Unit) -> tuple[np.ndarray | None, list[str]]:
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
        warning = ReadWarning(
            f"The file's gene lengths are about {np.median(ratio):.0f} times those of the exons, so they include "
            "introns; the exonic lengths of CellState's gene table are used instead.",
            "lengths_with_introns",
        )
        return axis_F, [warning]
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
    """Return the total reads of each sample over all features, NaN where the file does not tell."""
    if table.reads_S is not None:
        return table.reads_S.astype(np.float64)
    if unit.measure not in ("counts", "coverage"):
        return np.full(len(values_SF), np.nan)
    totals_S = np.array([np.nansum(unit.linear(row_F)) for row_F in each_sample(values_SF)])
    return totals_S / READ_LENGTH_BP if unit.measure == "coverage" else totals_S
