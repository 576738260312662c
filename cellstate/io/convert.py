"""From a table as it stands in the file to TPM on the gene axis.

Shape suffixes: S samples, F features of the file, A genes of the axis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.genes import N_AXIS, Resolution, gene_axis
from cellstate.io.columns import id_type
from cellstate.io.dates import certain, dates_of
from cellstate.io.depth import coverage_warnings, depth_warnings
from cellstate.io.progress import CONVERTING, MATCHING, Told
from cellstate.io.table import LARGEST_VALUE, Overrides, RawTable, check_size, each_sample, one_line, unique_names
from cellstate.io.units import Decision, Unit, decide_unit, log_offset
from cellstate.samples import TPM_TOTAL, ReadReport, Samples

#: Length of a read, to estimate reads from base coverage.
READ_LENGTH_BP = 100
#: Negatives no lower than this, and no more of them than the share, are noise of a normalisation.
_LOWEST_NOISE, _MOST_NOISE = -1.0, 0.02
#: Lengths of exons differ from the axis's by a factor of two or three; with introns they are some twenty times longer.
_SPAN_RATIO = 5.0
#: A sample that sums to less is empty: scaling it to one million would overflow.
_LEAST_TOTAL = 1e-100
#: Letters of a name that a sentence quotes.
_SHOWN = 40
_FEWEST_NAMES, _SMALLEST_SHARE = 100, 0.02
#: Samples converted between two reports of progress.
_TOLD_EVERY = 16
_OTHER_SPECIES = re.compile(r"ENS(MUS|RNO|DAR|SSC|BTA|CAF|GAL|MMU|PTR)[GT]\d{6,}")
_TITLE_CASE = re.compile(r"[A-Z](?=\d*[a-z])[a-z0-9]+(-[a-z0-9]+)?$")
_PROBE = re.compile(r"\d+(_[a-z])?_at$|ILMN_\d+$|cg\d{8}$")


def to_samples(table: RawTable, overrides: Overrides, source: str, told: Told) -> Samples:
    """Resolve the names, decide the unit and convert to TPM over the measured genes of the axis.

    Parameters
    ----------
    table : RawTable
    overrides : Overrides
    source : str
        Name of the file.
    told : Told
        Who is told how far this is.

    Raises
    ------
    ReadError
        When the names are no human genes, the values no expression values, or a sample is empty.
    """
    check_size(*table.values_SF.shape)
    if not table.values_SF.size:
        raise ReadError("The file holds no expression values.", "Check that it was exported completely.")
    told(MATCHING)
    resolution = gene_axis().resolve(table.feature_ids)
    dates = dates_of(resolution)
    put_back = certain(resolution) if overrides.repair_dates else {}
    resolution = resolution.repaired(put_back)
    repaired = tuple((name, gene_axis().symbol[gene]) for name, gene in put_back.items())
    name_warnings = [*_repair_warning(repaired), *_check_names(resolution)]
    names = unique_names(table.sample_names)
    warnings = [*table.warnings]
    if len({name for name in table.sample_names if name}) < sum(map(bool, table.sample_names)):
        warnings.append("Some sample names occur more than once; the repeats were numbered.")
    told(MATCHING, 0.5)
    unit = _decided_unit(table, overrides)
    values_SF, said = _check_values(table.values_SF, unit)
    warnings += said
    decision = Decision(unit) if unit else decide_unit(values_SF, table.unit_hint)
    warnings += decision.warnings
    length_F, said = _lengths(table, resolution.index, decision.unit)
    warnings += said
    tpm_SA = _tpm(values_SF, decision.unit, length_F, resolution.index, names, told)
    samples = Samples(names, tpm_SA, _library_size(table, decision.unit, values_SF))
    n_names_A = np.bincount(resolution.index[resolution.index >= 0], minlength=N_AXIS)
    n_duplicates = int(n_names_A.sum() - np.count_nonzero(n_names_A))
    kind = id_type(resolution)
    if n_duplicates and kind != "transcript":
        rows = "gene names occur" if n_duplicates > 1 else "gene name occurs"
        warnings.append(f"{n_duplicates:,} {rows} more than once, also under an older name; their values were summed.")
    warnings += name_warnings
    warnings += coverage_warnings(samples)
    warnings += depth_warnings(samples, from_tpm=decision.unit.measure == "TPM")
    report = ReadReport(
        source=source,
        format=table.format,
        orientation=table.orientation,
        unit=str(decision.unit),
        id_type=kind,
        n_genes_read=len(table.feature_ids),
        status_counts=resolution.counts(),
        unmatched=tuple(resolution.with_status("unknown", "ambiguous", "date")),
        n_duplicates=n_duplicates,
        duplicates=() if kind == "transcript" else _duplicates(n_names_A),
        dates=dates,
        repaired=repaired,
        warnings=tuple(dict.fromkeys(warnings)),
    )
    return replace(samples, report=report)


def _check_names(resolution: Resolution) -> list[str]:
    """Refuse names that are no human genes; warn of those that are left out."""
    names, n_names = resolution.names, len(resolution.names)
    n_found = int((resolution.index >= 0).sum())
    unknown = resolution.with_status("unknown")
    n_mouse = _count_mouse(unknown)
    if n_mouse > n_found:
        raise ReadError(
            f"The gene names look like those of mouse or another animal, for example {_a_mouse(unknown)}.",
            "CellState reads human data; convert the names to human orthologues first.",
        )
    n_date = len(resolution.with_status("date"))
    if n_found == 0 or (n_found < _FEWEST_NAMES and n_found + n_date < _SMALLEST_SHARE * n_names):
        if sum(bool(_PROBE.match(name)) for name in unknown[:1000]) > 0.3 * min(len(unknown), 1000):
            raise ReadError("The names are microarray probes, not genes.", "Convert them to gene symbols first.")
        first = "None" if n_found == 0 else f"Only {n_found:,}"
        raise ReadError(
            f"{first} of the {n_names:,} names is a known human protein-coding gene, for example {names[0][:30]!r}.",
            "Name genes by Ensembl id, Entrez id or approved symbol, in the first column or the first row.",
        )
    warnings = []
    if n_mouse > 0.2 * n_names:
        warnings.append(f"{n_mouse:,} of {n_names:,} gene names look like mouse genes; they were left out.")
    if dates := resolution.with_status("date"):
        told = [_meant(one_line(name, _SHOWN)) for name in dates]
        warnings.append(
            f"{_n(dates, 'gene name')} turned into dates by a spreadsheet and left out: {summarise_list(told)}."
        )
    if ambiguous := resolution.with_status("ambiguous"):
        warnings.append(f"{_n(ambiguous, 'name')} left out as meaning more than one gene: {_some(ambiguous)}.")
    if len(unknown) > 0.1 * n_names:
        warnings.append(f"{_n(unknown, 'name')} left out, being no known gene: {_some(unknown)}.")
    return warnings


def _repair_warning(repaired: Sequence[tuple[str, str]]) -> list[str]:
    if not repaired:
        return []
    listed = summarise_list([f"{one_line(name, _SHOWN)} is {symbol}" for name, symbol in repaired])
    names = [name for name, _ in repaired]
    return [f"{_n(names, 'gene name')} put back from dates, each meaning one gene only: {listed}."]


def _duplicates(n_names_A: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the genes that several names meant, the most first."""
    several = np.flatnonzero(n_names_A > 1)
    ordered = several[np.argsort(-n_names_A[several], kind="stable")].tolist()
    return tuple((gene_axis().symbol[gene], int(n_names_A[gene])) for gene in ordered)


def _n(names: list[str], noun: str) -> str:
    return f"{len(names):,} {noun} was" if len(names) == 1 else f"{len(names):,} {noun}s were"


def _some(names: list[str]) -> str:
    return summarise_list([one_line(name, _SHOWN) for name in names])


def _meant(name: str) -> str:
    candidates = gene_axis().candidates(name)
    return f"{name} (perhaps {' or '.join(candidates)})" if candidates else name


def _count_mouse(unknown: list[str]) -> int:
    """Count the names that are ids of another animal, or human symbols in title case as mouse genes are written."""
    titled = [name for name in unknown if _TITLE_CASE.match(name)]
    symbols = set(gene_axis().symbol)
    return sum(name.upper() in symbols for name in titled) + sum(bool(_OTHER_SPECIES.match(n)) for n in unknown)


def _a_mouse(unknown: list[str]) -> str:
    return one_line(next(n for n in unknown if _OTHER_SPECIES.match(n) or _TITLE_CASE.match(n)), _SHOWN)


def _check_values(values_SF: np.ndarray, unit: Unit | None) -> tuple[np.ndarray, list[str]]:
    """Refuse what is no expression value in the unit decided, or in any; set negatives that are noise to zero."""
    lowest, highest = float(np.nanmin(values_SF, initial=0.0)), float(np.nanmax(values_SF, initial=0.0))
    if max(-lowest, highest) > LARGEST_VALUE:
        n_samples = sum(bool((np.abs(row_F) > LARGEST_VALUE).any()) for row_F in values_SF)
        raise ReadError(
            f"The file has infinite or absurdly large values in {n_samples:,} sample{'s' * (n_samples > 1)}.",
            "They come from a division by zero or a logarithm of zero; export the values before that step.",
        )
    n_negative = int(np.count_nonzero(values_SF < 0))
    is_log = log_offset(values_SF) is not None
    if is_log and unit and unit.base is None:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are logarithms, not plain {unit}.",
            "Choose the logarithm as the unit, or upload the values before it was taken.",
        )
    if lowest >= 0 or is_log or (unit and unit.offset < 1):
        return values_SF, []
    large = highest > 100 or lowest > -1e-6
    if lowest <= _LOWEST_NOISE or n_negative > _MOST_NOISE * values_SF.size or not large:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are ratios or z-scores, not expression values.",
            "Upload counts, TPM or their logarithms, before any comparison, centring or scaling.",
        )
    said = f"{n_negative:,} small negative values (the lowest {lowest:.2g}) were set to zero."
    return np.maximum(values_SF, 0.0), [said]


def _decided_unit(table: RawTable, overrides: Overrides) -> Unit | None:
    """Return the unit that the user or the format decides, None where the values must tell."""
    asked = Unit.parse(overrides.unit) if overrides.unit is not None else None
    # A reader that knows its columns may have taken the TPM that stand beside the counts, or the reverse.
    fixed = Unit.parse(table.unit) if table.unit and (asked is None or table.unit in ("TPM", "FPKM")) else None
    return fixed or asked


def _lengths(table: RawTable, index_F: np.ndarray, unit: Unit) -> tuple[np.ndarray | None, list[str]]:
    """Return the length to divide each feature by: the file's own where it fits, otherwise the gene axis's."""
    if not unit.needs_length:
        return None, []
    axis_F = np.where(index_F >= 0, gene_axis().length_bp[index_F], np.nan)
    if table.length_bp is None:
        return axis_F, []
    own = np.where(table.length_bp >= 1, table.length_bp, np.nan)
    ratio = own / axis_F
    ratio = ratio[~np.isnan(ratio)]
    if ratio.size and np.median(ratio) > _SPAN_RATIO:
        said = (
            f"The file's gene lengths are about {np.median(ratio):.0f} times those of the exons, so they include "
            "introns; the exonic lengths of CellState's gene table are used instead."
        )
        return axis_F, [said]
    return np.where(np.isnan(own), axis_F, own), []


def _tpm(
    values_SF: np.ndarray,
    unit: Unit,
    length_F: np.ndarray | None,
    index_F: np.ndarray,
    names: Sequence[str],
    told: Told,
) -> np.ndarray:
    """Sum features into genes, and scale each sample's measured genes to one million; shape (S, A) of float32.

    ``length_F`` may differ by sample: shape (F,) or (S, F).
    """
    tpm_SA = np.empty((len(values_SF), N_AXIS), dtype=np.float32)
    placed = np.flatnonzero(index_F >= 0)
    position = index_F[placed]
    unmeasured_A = np.bincount(position, minlength=N_AXIS) == 0
    for sample, row_F in enumerate(each_sample(values_SF)):
        if sample % _TOLD_EVERY == 0:
            told(CONVERTING, sample / len(values_SF))
        rate = unit.linear(row_F[placed])
        if length_F is not None:
            rate = rate / (length_F[sample] if length_F.ndim == 2 else length_F)[placed]
        used = ~np.isnan(rate)
        if used.all():
            total_A, missing_A = np.bincount(position, weights=rate, minlength=N_AXIS), unmeasured_A
        else:
            total_A = np.bincount(position[used], weights=rate[used], minlength=N_AXIS)
            missing_A = np.bincount(position[used], minlength=N_AXIS) == 0
        total = total_A.sum()
        if not total > _LEAST_TOTAL:
            raise ReadError(
                f"Sample {names[sample][:60]!r} is empty: no gene has a value above zero.",
                "Remove it and upload again.",
            )
        total_A *= TPM_TOTAL / total
        total_A[missing_A] = np.nan
        tpm_SA[sample] = total_A
    told(CONVERTING, 1.0)
    return tpm_SA


def _library_size(table: RawTable, unit: Unit, values_SF: np.ndarray) -> np.ndarray:
    """Total reads of each sample over all features read, NaN where the file does not say."""
    if table.reads_S is not None:
        return table.reads_S.astype(np.float64)
    if unit.measure not in ("counts", "coverage"):
        return np.full(len(values_SF), np.nan)
    totals_S = np.array([np.nansum(unit.linear(row_F)) for row_F in each_sample(values_SF)])
    return totals_S / READ_LENGTH_BP if unit.measure == "coverage" else totals_S
