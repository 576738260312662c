"""From a table as it stands in the file to TPM on the gene axis.

Shape suffixes: S samples, F features of the file, A genes of the axis.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from cellstate.errors import ReadError, some
from cellstate.expression import TPM_TOTAL, ReadReport, Samples
from cellstate.genes import N_AXIS, Resolution, gene_axis
from cellstate.io.columns import id_type
from cellstate.io.depth import coverage_warnings, depth_warnings
from cellstate.io.table import LARGEST_VALUE, Overrides, RawTable, check_size, unique_names
from cellstate.io.units import Decision, Unit, decide_unit, log_offset

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
_OTHER_SPECIES = re.compile(r"ENS(MUS|RNO|DAR|SSC|BTA|CAF|GAL|MMU|PTR)[GT]\d{6,}")
_TITLE_CASE = re.compile(r"[A-Z](?=\d*[a-z])[a-z0-9]+(-[a-z0-9]+)?$")
_PROBE = re.compile(r"\d+(_[a-z])?_at$|ILMN_\d+$|cg\d{8}$")


def to_samples(table: RawTable, overrides: Overrides, source: str) -> Samples:
    """Resolve the names, decide the unit and convert to TPM over the measured genes of the axis.

    Raises
    ------
    ReadError
        When the names are no human genes, the values no expression values, or a sample is empty.
    """
    check_size(*table.values_SF.shape)
    if not table.values_SF.size:
        raise ReadError("The file holds no expression values.", "Check that it was exported completely.")
    resolution = gene_axis().resolve(table.feature_ids)
    name_warnings = _check_names(resolution)
    names = unique_names(table.sample_names)
    warnings = [*table.warnings]
    if len({name for name in table.sample_names if name}) < sum(map(bool, table.sample_names)):
        warnings.append("Some sample names occur more than once; the repeats were numbered.")
    values_SF, told = _check_values(table, overrides)
    warnings += told
    decision = _unit(table, overrides, values_SF)
    warnings += decision.warnings
    length_F, told = _lengths(table, resolution.index, decision.unit)
    warnings += told
    tpm_SA = np.empty((len(names), N_AXIS), dtype=np.float32)
    for sample, row_F in enumerate(values_SF):
        length = length_F[sample] if length_F is not None and length_F.ndim == 2 else length_F
        tpm_SA[sample] = _tpm(decision.unit.linear(row_F), length, resolution.index, names[sample])
    samples = Samples(names, tpm_SA, _library_size(table, decision.unit, values_SF))
    found = resolution.index[resolution.index >= 0]
    n_duplicates = len(found) - len(np.unique(found))
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
        told = [_meant(name[:_SHOWN]) for name in dates]
        warnings.append(f"{_n(dates, 'gene name')} turned into dates by a spreadsheet and left out: {some(told)}.")
    if ambiguous := resolution.with_status("ambiguous"):
        warnings.append(f"{_n(ambiguous, 'name')} left out as meaning more than one gene: {_some(ambiguous)}.")
    if len(unknown) > 0.1 * n_names:
        warnings.append(f"{_n(unknown, 'name')} left out, being no known gene: {_some(unknown)}.")
    return warnings


def _n(names: list[str], noun: str) -> str:
    return f"{len(names):,} {noun} was" if len(names) == 1 else f"{len(names):,} {noun}s were"


def _some(names: list[str]) -> str:
    return some([name[:_SHOWN] for name in names])


def _meant(name: str) -> str:
    candidates = gene_axis().candidates(name)
    return f"{name} (perhaps {' or '.join(candidates)})" if candidates else name


def _count_mouse(unknown: list[str]) -> int:
    """Count the names that are ids of another animal, or human symbols in title case as mouse genes are written."""
    titled = [name for name in unknown if _TITLE_CASE.match(name)]
    symbols = set(gene_axis().symbol)
    return sum(name.upper() in symbols for name in titled) + sum(bool(_OTHER_SPECIES.match(n)) for n in unknown)


def _a_mouse(unknown: list[str]) -> str:
    return next(n for n in unknown if _OTHER_SPECIES.match(n) or _TITLE_CASE.match(n))


def _check_values(table: RawTable, overrides: Overrides) -> tuple[np.ndarray, list[str]]:
    """Refuse what no expression value can be; set negatives that are noise to zero."""
    values_SF = table.values_SF
    absurd_S = np.array([bool((np.abs(row_F) > LARGEST_VALUE).any()) for row_F in values_SF])
    if absurd_S.any():
        n_samples = int(absurd_S.sum())
        raise ReadError(
            f"The file has infinite or absurdly large values in {n_samples:,} sample{'s' * (n_samples > 1)}.",
            "They come from a division by zero or a logarithm of zero; export the values before that step.",
        )
    lowest = float(np.nanmin(values_SF, initial=0.0))
    is_offset_log = log_offset(values_SF) is not None
    if lowest >= 0 or is_offset_log or (overrides.unit and Unit.parse(overrides.unit).offset < 1):
        return values_SF, []
    n_negative = int(np.count_nonzero(values_SF < 0))
    large = float(np.nanmax(values_SF)) > 100 or lowest > -1e-6
    if lowest <= _LOWEST_NOISE or n_negative > _MOST_NOISE * values_SF.size or not large:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are ratios or z-scores, not expression values.",
            "Upload counts, TPM or their logarithms, before any comparison, centring or scaling.",
        )
    told = f"{n_negative:,} small negative values (the lowest {lowest:.2g}) were set to zero."
    return np.maximum(values_SF, 0.0), [told]


def _unit(table: RawTable, overrides: Overrides, values_SF: np.ndarray) -> Decision:
    if overrides.unit is not None:
        unit = Unit.parse(overrides.unit)
        # A reader that knows its columns may have taken the TPM that stand beside the counts, or the reverse.
        return Decision(Unit.parse(table.unit) if table.unit in ("TPM", "FPKM") else unit)
    return Decision(Unit.parse(table.unit)) if table.unit else decide_unit(values_SF, table.unit_hint)


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
        told = (
            f"The file's gene lengths are about {np.median(ratio):.0f} times those of the exons, so they include "
            "introns; the exonic lengths of CellState's gene table are used instead."
        )
        return axis_F, [told]
    return np.where(np.isnan(own), axis_F, own), []


def _tpm(value_F: np.ndarray, length_F: np.ndarray | None, index_F: np.ndarray, name: str) -> np.ndarray:
    """Sum one sample's features into genes, and scale its measured genes to one million."""
    rate_F = value_F if length_F is None else value_F / length_F
    used_F = (index_F >= 0) & ~np.isnan(rate_F)
    position = index_F[used_F]
    total_A = np.bincount(position, weights=rate_F[used_F], minlength=N_AXIS)
    total = total_A.sum()
    if not total > _LEAST_TOTAL:
        raise ReadError(
            f"Sample {name[:60]!r} is empty: no gene has a value above zero.", "Remove it and upload again."
        )
    total_A *= TPM_TOTAL / total
    total_A[np.bincount(position, minlength=N_AXIS) == 0] = np.nan
    return total_A


def _library_size(table: RawTable, unit: Unit, values_SF: np.ndarray) -> np.ndarray:
    """Total reads of each sample over all features read, NaN where the file does not say."""
    if table.reads_S is not None:
        return table.reads_S.astype(np.float64)
    if unit.measure not in ("counts", "coverage"):
        return np.full(len(values_SF), np.nan)
    totals_S = np.array([np.nansum(unit.linear(row_F)) for row_F in values_SF])
    return totals_S / READ_LENGTH_BP if unit.measure == "coverage" else totals_S
