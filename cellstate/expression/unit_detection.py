"""Detection of the unit of a table: from what a name states, and from the values.

A stated unit wins where the values allow it. The values tell whether they are logarithms (and of what constant),
whether they are counts or counts that were scaled, and whether they sum to one million;
`cellstate.expression.length_bias` tells whether they grow with gene length.

Shape suffixes: S samples, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.length_bias import length_bias
from cellstate.expression.reading import ReadWarning, each_sample
from cellstate.expression.units import LARGEST_LOG, LENGTH_FREE, TPM_TOTAL, Unit

#: Number of samples that are examined.
_EXAMINED = 64
#: More than the reads of any sample; larger totals are summed base coverage.
_MAX_READS = 2e9
#: TPM and FPKM of a sample sum to less; larger totals of fractional values are counts.
_LARGEST_TPM_TOTAL = 2e6
#: CPM sum to one million, after TMM to a little more or less; scaled counts of other totals are normalised counts.
_MIN_CPM_TOTAL, _MAX_CPM_TOTAL = 0.5e6, 1.6e6
_BASES = (2.0, math.e, 10.0)
#: Plain values above this are not taken for logarithms without another sign of them.
_USUAL_LOG = 25.0
#: Zero becomes the lowest value of a logarithm. It is that of so many genes.
_SHARE_AT_FLOOR, _MAX_SHARE_AT_FLOOR = 0.04, 0.95
_SAME = 2e-3
#: The highest logarithm of expression is at least this.
_SMALLEST_MAXIMUM = 2.5
#: log10 of expression values is smaller, log2 of a whole sample's is not.
_LARGEST_LOG10 = 6.5
#: Scaled counts have far fewer different small values than their precision allows.
_SMALL, _MIN_SMALL, _MANY_SMALL, _FEW_DIFFERENT = 2.0, 200, 1000, 0.5
#: Smaller values are rounding errors around zero.
_ROUNDING = 1e-9
#: Values that grow with gene length as counts do, and that do not.
_STEEP, _FLAT, _SURE_SE = 0.9, 0.45, 0.1
#: A table of fewer features may be a panel, in which no gene needs to be silent.
_MANY_FEATURES = 2000
#: Shallow samples differ in their totals; so alike are only scaled ones.
_ALIKE_TOTALS = 0.02


@dataclass(frozen=True)
class DetectedUnit:
    """A unit, with a warning about how it was detected."""

    unit: Unit
    warning: ReadWarning | None = None


class LogFloor(NamedTuple):
    """What zero became in a table of logarithms.

    Attributes
    ----------
    value : float
        The lowest value, of many genes.
    is_common : bool
        Whether it is the same in all samples. In log CPM of edgeR and voom it depends on the sample's depth.
    """

    value: float
    is_common: bool


def detect_unit(values_SF: np.ndarray, hint: str | None = None, index_F: np.ndarray | None = None) -> DetectedUnit:
    """Detect the unit of a table.

    Parameters
    ----------
    values_SF : ndarray, shape (S, F)
        Finite or NaN; negative only if they are logarithms.
    hint : str, optional
        Measure that the name of a column or the file states.
    index_F : ndarray of int, optional, shape (F,)
        Position of each feature on the gene axis, -1 where it has none.

    Raises
    ------
    ReadError
        When the values are scaled, ranked or transformed so that expression cannot be told from them.
    """
    hint = "FPKM" if hint == "FPKM-UQ" else hint
    step = -(-len(values_SF) // _EXAMINED)
    examined_SF = np.array(values_SF[::step], dtype=np.float64, order="C")
    highest = float(np.nanmax(values_SF, initial=0.0))
    if (floor := find_floor(values_SF)) is not None and floor.value < 0:
        return _detect_log(examined_SF, hint, floor, index_F)
    whole = _whole_share(examined_SF)
    totals_S = np.array([np.nansum(row_F) for row_F in each_sample(values_SF)])
    if whole == 1.0 or (
        totals_S.max() > _MAX_READS and highest > LARGEST_LOG and not _are_upper_quartile(examined_SF, hint, index_F)
    ):
        return _detect_whole(examined_SF, totals_S, hint, index_F)
    if highest <= _USUAL_LOG or _are_large_logs(examined_SF, highest):
        _refuse_scaled(examined_SF, totals_S)
        return _detect_log(examined_SF, hint, floor or LogFloor(0.0, is_common=True), index_F)
    return _detect_fractional(examined_SF, totals_S, whole, hint, index_F)


def find_floor(values_SF: np.ndarray) -> LogFloor | None:
    """Return the value that zero became, if these are logarithms with many zeros; None otherwise."""
    step = -(-len(values_SF) // _EXAMINED)
    examined_SF = values_SF[::step]
    highest = float(np.nanmax(examined_SF, initial=0.0))
    if not are_log_like(examined_SF, highest):
        return None
    floors = []
    for row_F in each_sample(examined_SF):
        present_F = row_F[~np.isnan(row_F)]
        if not present_F.size:
            continue
        lowest = float(present_F.min())
        share = float(np.mean(present_F < lowest + _SAME / 2))
        if _SHARE_AT_FLOOR <= share < _MAX_SHARE_AT_FLOOR:
            floors.append(lowest)
    if len(floors) < 0.8 * len(examined_SF):
        return None
    lowest = min(floors)
    return LogFloor(lowest, is_common=float(np.median(floors)) - lowest < _SAME)


def are_log_like(values_SF: np.ndarray, highest: float) -> bool:
    """Return whether values look like logarithms of expression: moderate, and mostly positive if not at the lowest."""
    lowest = float(np.nanmin(values_SF, initial=0.0))
    if not _SMALLEST_MAXIMUM < highest <= LARGEST_LOG or highest < 0.4 * -lowest:
        return False
    with np.errstate(invalid="ignore"):
        above = values_SF[values_SF > lowest + _SAME]
    return bool(above.size) and float(np.mean(above < 0)) < 0.5


def is_regularised_log(values_SF: np.ndarray) -> bool:
    """Return whether these are logarithms with negative values but no common lowest one, as DESeq2's rlog."""
    highest, lowest = float(np.nanmax(values_SF, initial=0.0)), float(np.nanmin(values_SF, initial=0.0))
    with np.errstate(invalid="ignore"):
        n_negative = int(np.count_nonzero(values_SF < 0))
    return bool(
        lowest < 0
        and 8.0 < highest <= _USUAL_LOG
        and highest > 2 * -lowest
        and n_negative < 0.35 * values_SF.size
        and float(np.nanmedian(values_SF)) > 1.0
    )


def _are_large_logs(examined_SF: np.ndarray, highest: float) -> bool:
    """Return whether values above `_USUAL_LOG` are logarithms, as of upper-quartile FPKM: their middle is high too."""
    present = examined_SF[examined_SF > 0]
    return highest <= LARGEST_LOG and bool(present.size) and float(np.median(present)) > 0.3 * highest


def _refuse_scaled(examined_SF: np.ndarray, totals_S: np.ndarray) -> None:
    """Raise ``ReadError`` for values that were scaled to 0..1 gene by gene; shares of a sample sum to one."""
    highest = float(np.nanmax(examined_SF, initial=0.0))
    if highest > 1.0 or examined_SF.shape[1] < 50 or np.allclose(totals_S, 1.0, rtol=0.3):
        return
    raise ReadError(
        "The values lie between 0 and 1, so they were scaled and are not expression values.",
        "Upload counts, TPM or their logarithms, before scaling.",
        code="scaled_values",
    )


def _detect_whole(
    examined_SF: np.ndarray, totals_S: np.ndarray, hint: str | None, index_F: np.ndarray | None
) -> DetectedUnit:
    _refuse_ranks(examined_SF)
    total = float(np.median(totals_S))
    states_rate = hint in ("TPM", "FPKM", "CPM") and total <= _LARGEST_TPM_TOTAL
    if _sums_to_million(totals_S) or states_rate or _are_alike(totals_S):
        bias = _bias(examined_SF, index_F)
        measure = hint if states_rate and hint else "CPM" if bias >= _STEEP else "TPM"
        text = f"The values are rounded {measure}, so weakly expressed genes are inexact."
        return DetectedUnit(Unit(measure), ReadWarning(text, "rounded_tpm"))
    if hint == LENGTH_FREE:
        return DetectedUnit(Unit(LENGTH_FREE))
    if totals_S.max() > _MAX_READS or hint == "coverage" or _lacks_small_numbers(examined_SF):
        text = (
            f"The values are summed base coverage (up to {totals_S.max():,.0f} bases in a sample), not read counts; "
            "they are divided by gene length like counts, and reads are estimated at 100 bases each."
        )
        return DetectedUnit(Unit("coverage"), ReadWarning(text, "base_coverage"))
    if _is_flat(examined_SF, index_F):
        text = (
            "The counts do not grow with gene length, as in 3' sequencing (QuantSeq, UMIs), but are divided by it. "
            f"If they are such counts, choose the unit {LENGTH_FREE!r}."
        )
        return DetectedUnit(Unit("counts"), ReadWarning(text, "uncertain_length"))
    return DetectedUnit(Unit("counts"))


def _refuse_ranks(examined_SF: np.ndarray) -> None:
    n = examined_SF.shape[1]
    if n < 100:
        return
    for row_F in examined_SF[:3]:
        present = row_F[~np.isnan(row_F)]
        if (
            len(np.unique(present)) < 0.95 * n
            or not 0 <= present.min() <= 1
            or not 0.95 * n <= present.max() <= 1.05 * n
        ):
            return
    raise ReadError(
        "The values are ranks of the genes, not expression values.",
        "Upload counts, TPM or their logarithms, before ranking.",
        code="scaled_values",
    )


def _detect_fractional(
    examined_SF: np.ndarray, totals_S: np.ndarray, whole: float, hint: str | None, index_F: np.ndarray | None
) -> DetectedUnit:
    total = float(np.median(totals_S))
    if hint == LENGTH_FREE:
        return DetectedUnit(Unit(LENGTH_FREE))
    if total > _LARGEST_TPM_TOTAL and _are_upper_quartile(examined_SF, hint, index_F):
        return _upper_quartile(hint)
    if hint in ("TPM", "FPKM", "CPM") and total <= 1.5 * _LARGEST_TPM_TOTAL:
        return _checked(hint, examined_SF, totals_S, index_F)
    if _sums_to_million(totals_S):
        return _tpm_or_cpm(examined_SF, index_F, total)
    if whole > 0.3 or hint == "counts":
        return DetectedUnit(Unit("counts"))
    if _are_scaled_counts(examined_SF):
        return _tpm_or_cpm(examined_SF, index_F, total)
    if _has_no_zeros(examined_SF) and not _is_near_million(total):
        text = (
            "No gene is silent and the values are fractions, as in a microarray; they are taken as intensities, which "
            "do not depend on gene length. RNA-seq data suit the model better."
        )
        return DetectedUnit(Unit(LENGTH_FREE), ReadWarning(text, "uncertain_unit"))
    if total > _LARGEST_TPM_TOTAL:
        text = (
            f"The values are fractions that sum to about {total:,.0f} a sample; they are taken as normalised counts "
            "and divided by gene length. If they are something else, choose the unit."
        )
        return DetectedUnit(Unit("counts"), ReadWarning(text, "uncertain_unit"))
    if _is_near_million(total):
        return _tpm_or_cpm(examined_SF, index_F, total)
    text = (
        f"The values sum to about {total:,.0f} a sample, not to one million; they are taken as FPKM and scaled to TPM. "
        "If they are not corrected for gene length, choose the unit."
    )
    return DetectedUnit(Unit("FPKM"), ReadWarning(text, "uncertain_unit"))


def _are_upper_quartile(examined_SF: np.ndarray, hint: str | None, index_F: np.ndarray | None) -> bool:
    """Return whether large fractional values are FPKM over their upper quartile: a name says so, or length does."""
    if hint is not None:
        return hint == "FPKM"
    return float(np.nansum(examined_SF, axis=1).max()) > _MAX_READS and _is_flat(examined_SF, index_F)


def _upper_quartile(hint: str | None, *log: float) -> DetectedUnit:
    if hint == "FPKM":
        return DetectedUnit(Unit("FPKM", *log))
    text = "The values are large and do not grow with gene length; they are taken as upper-quartile FPKM."
    return DetectedUnit(Unit("FPKM", *log), ReadWarning(text, "uncertain_unit"))


def _checked(measure: str, examined_SF: np.ndarray, totals_S: np.ndarray, index_F: np.ndarray | None) -> DetectedUnit:
    """Return the stated unit, with a warning if the values look like another one."""
    doubt = ""
    if measure in ("TPM", "FPKM") and _are_scaled_counts(examined_SF):
        doubt = "the values look like counts per million; if they are, choose the unit CPM"
    elif measure == "TPM" and totals_S.max() > 1.1 * TPM_TOTAL:
        doubt = f"the values sum to up to {totals_S.max():,.0f} a sample"
    elif measure == "CPM" and _is_flat(examined_SF, index_F) and not _are_scaled_counts(examined_SF):
        doubt = "the values do not grow with gene length; if they are TPM, choose that unit"
    text = f"A name says {measure}, but {doubt}."
    return DetectedUnit(Unit(measure), ReadWarning(text, "uncertain_unit") if doubt else None)


def _detect_log(examined_SF: np.ndarray, hint: str | None, floor: LogFloor, index_F: np.ndarray | None) -> DetectedUnit:
    """Detect the unit of logarithms: undo each possible logarithm and examine the result."""
    if not floor.is_common:
        text = (
            "The lowest value differs from sample to sample, so these are log2 counts per million of edgeR or voom "
            "(logCPM); they are divided by gene length to become TPM."
        )
        return DetectedUnit(Unit("CPM", 2.0, 0.0), ReadWarning(text, "log_cpm"))
    logs = _possible_logs(floor.value, float(np.nanmax(examined_SF, initial=0.0)))
    undone = {log: Unit("TPM", *log).linear(examined_SF) for log in logs}
    totals = {log: np.nansum(values_SF, axis=1) for log, values_SF in undone.items()}
    if (sure := _sure_log(undone, totals, hint, index_F)) is not None:
        return sure
    # Of the possible bases, the one that gives the most usual total.
    log = min(logs, key=lambda of: abs(math.log(max(float(np.median(totals[of])), 1.0) / TPM_TOTAL)))
    total, states_rate = float(np.median(totals[log])), hint in ("TPM", "FPKM", "CPM")
    if _is_near_million(total) or (states_rate and floor.value <= 0):
        return DetectedUnit(Unit(hint if hint and states_rate else "TPM", *log))
    if examined_SF.shape[1] >= _MANY_FEATURES and _lowest(examined_SF) > 0.5:
        return _without_zeros(floor, has_floor=find_floor(examined_SF) is not None)
    if log[1] == 1.0 and hint is None and _are_upper_quartile(undone[log], hint, index_F):
        return _upper_quartile(hint, *log)
    return _unsure_log(log, floor, hint, total)


def _sure_log(
    undone: dict[tuple[float, float], np.ndarray],
    totals: dict[tuple[float, float], np.ndarray],
    hint: str | None,
    index_F: np.ndarray | None,
) -> DetectedUnit | None:
    """Return the unit of logarithms whose values are clear without the logarithm.

    They sum to a million, are counts, or were scaled to 10,000.
    """
    for log, totals_S in totals.items():
        if _sums_to_million(totals_S):
            if hint in ("TPM", "FPKM", "CPM"):
                return DetectedUnit(Unit(hint, *log))
            return _tpm_or_cpm(undone[log], index_F, TPM_TOTAL, *log)
    for log, values_SF in undone.items():
        if _near_whole(values_SF) and hint not in ("TPM", "FPKM"):
            return DetectedUnit(Unit(hint if hint == LENGTH_FREE else "counts", *log))
    for log, totals_S in totals.items():
        # Single-cell tools scale each sample to 10,000 before the logarithm.
        if np.allclose(totals_S, 1e4, rtol=0.01):
            text = "The values are logarithms of counts scaled to 10,000."
            return DetectedUnit(Unit("CPM", *log), ReadWarning(text, "scaled_counts"))
    return None


def _unsure_log(log: tuple[float, float], floor: LogFloor, hint: str | None, total: float) -> DetectedUnit:
    if log[1] != _round_offset(log[1]):
        unit = Unit(hint or "counts", *log)
        text = (
            f"The lowest value is {floor.value:.2f}, of no usual pseudocount, as after DESeq2's rlog; the values are "
            f"taken as {unit}, which is inexact for weakly expressed genes. Better upload the normalised counts."
        )
    else:
        unit = Unit(hint or ("counts" if total > _LARGEST_TPM_TOTAL else "FPKM"), *log)
        text = (
            f"The values look like logarithms, but of what is unclear; they are taken as {unit}. "
            "If that is wrong, choose the unit."
        )
    return DetectedUnit(unit, ReadWarning(text, "uncertain_unit"))


def _without_zeros(floor: LogFloor, *, has_floor: bool) -> DetectedUnit:
    """Return the unit of logarithms that stay above zero: of a variance-stabilising transformation, or a microarray."""
    if has_floor:
        text = (
            f"The lowest value is {floor.value:.2f} and common, as after DESeq2's vst; the values are taken as log2 "
            "normalised counts, which is inexact for weakly expressed genes. Better upload the normalised counts."
        )
        return DetectedUnit(Unit("counts", 2.0, round(2.0**floor.value, 3)), ReadWarning(text, "uncertain_unit"))
    text = (
        "No gene is silent, as in log2 intensities of a microarray (RMA); they are taken as such, without regard to "
        "gene length. RNA-seq data suit the model better."
    )
    return DetectedUnit(Unit(LENGTH_FREE, 2.0, 0.0), ReadWarning(text, "uncertain_unit"))


def _possible_logs(floor: float, highest: float) -> list[tuple[float, float]]:
    """Return the possible (base, pseudocount) of logarithms by what zero became, the most plausible first."""
    if abs(floor) < _SAME or floor > 0:
        return [(base, 1.0) for base in _BASES]
    bases = _BASES if highest > _LARGEST_LOG10 else tuple(reversed(_BASES))
    round_ones = [(base, offset) for base in bases if (offset := _round_offset(base**floor)) is not None]
    return round_ones or [(bases[0], float(f"{bases[0] ** floor:.3g}"))]


def _round_offset(offset: float) -> float | None:
    """Return a pseudocount as people choose it: 1, 2, 2.5 or 5 times a power of ten; None if it is none."""
    power = 10.0 ** math.floor(math.log10(offset) + 1e-3)
    return next((m * power for m in (1.0, 2.0, 2.5, 5.0) if abs(offset / (m * power) - 1) < 0.005), None)


def _tpm_or_cpm(
    values_SF: np.ndarray, index_F: np.ndarray | None, total: float, base: float | None = None, offset: float = 1.0
) -> DetectedUnit:
    """Return the unit of values that sum to about one million, or are scaled counts, without their logarithm."""
    if _are_scaled_counts(values_SF, base, offset):
        if not _MIN_CPM_TOTAL < total < _MAX_CPM_TOTAL:
            text = "The values are counts scaled by a factor a sample; they are divided by gene length to become TPM."
            return DetectedUnit(Unit("counts", base, offset), ReadWarning(text, "uncertain_unit"))
        text = "The values are counts per million (CPM); they are divided by gene length to become TPM."
        return DetectedUnit(Unit("CPM", base, offset), ReadWarning(text, "cpm"))
    if _bias(values_SF, index_F) > _STEEP:
        text = (
            "The values sum to one million and are taken as TPM, but they grow with gene length like counts per "
            "million; if they are, choose the unit CPM."
        )
        return DetectedUnit(Unit("TPM", base, offset), ReadWarning(text, "uncertain_unit"))
    return DetectedUnit(Unit("TPM", base, offset))


# --- properties of values ---


def _bias(values_SF: np.ndarray, index_F: np.ndarray | None) -> float:
    """Return the length bias, 0 where it is unknown."""
    bias = length_bias(values_SF, index_F).slope if index_F is not None else math.nan
    return 0.0 if math.isnan(bias) else bias


def _is_flat(values_SF: np.ndarray, index_F: np.ndarray | None) -> bool:
    if index_F is None:
        return False
    bias = length_bias(values_SF, index_F)
    return bias.slope < _FLAT and bias.standard_error < _SURE_SE


def _is_near_million(total: float) -> bool:
    return 0.6 * TPM_TOTAL < total < 1.1 * TPM_TOTAL


def _sums_to_million(totals_S: np.ndarray) -> bool:
    return bool(np.mean(np.abs(totals_S / TPM_TOTAL - 1) < 0.01) >= 0.9)


def _are_alike(totals_S: np.ndarray) -> bool:
    """Return whether several totals near a million differ by hardly anything, as those of rounded TPM do."""
    total = float(np.median(totals_S))
    return (
        len(totals_S) > 1
        and 0.8 * TPM_TOTAL < total < 1.1 * TPM_TOTAL
        and bool(np.ptp(totals_S) < _ALIKE_TOTALS * total)
    )


def _whole_share(values_SF: np.ndarray) -> float:
    """Return the share of whole numbers among the values above zero."""
    present = values_SF[values_SF > 0]
    return float(np.mean(present == np.floor(present))) if present.size else 1.0


def _lowest(values_SF: np.ndarray) -> float:
    return float(np.nanmin(values_SF))


def _has_no_zeros(values_SF: np.ndarray) -> bool:
    return values_SF.shape[1] >= _MANY_FEATURES and _lowest(values_SF) > 0.0


def _lacks_small_numbers(values_SF: np.ndarray) -> bool:
    """Return whether values from 1 to 9 are rare although zeros are common, as in summed base coverage.

    In counts, some genes have a few reads. In coverage, a single read already counts about fifty bases.
    """
    present = values_SF[values_SF > 0]
    n_zero = np.count_nonzero(values_SF == 0)
    if present.size < 1000 or n_zero < 0.1 * (present.size + n_zero):
        return False
    return bool(np.mean(present < 10) < 0.03 and np.median(present) >= 30)


def _are_scaled_counts(values_SF: np.ndarray, base: float | None = None, offset: float = 1.0) -> bool:
    """Return whether most samples are counts times a factor, whatever the rounding.

    One read a gene, two reads and so on give a few values that many genes share. Values that are not multiples of
    anything fill the grid of their rounding, which may be one of their logarithms to ``base`` of value + ``offset``.
    """
    found = []
    for row_F in values_SF:
        with np.errstate(invalid="ignore"):
            small = np.sort(row_F[row_F > _ROUNDING])
        small = small[small <= max(_SMALL, small[min(len(small), _MANY_SMALL) - 1])] if len(small) else small
        if len(small) < _MIN_SMALL:
            continue
        grid = _grid(small)
        different = len(np.unique(np.round(small / grid)))
        places = small[-1] / grid
        if base is not None:
            logs = np.log(small + offset) / math.log(base)
            places = min(places, (logs[-1] - logs[0]) / _grid(logs, off_grid=1e-3) + 1)
        # So many places of the grid would be in use if chance chose them.
        expected = places * -math.expm1(-len(small) / places)
        found.append(different < _FEW_DIFFERENT * expected and different < _FEW_DIFFERENT * len(small))
    return bool(found) and float(np.mean(found)) > 0.5


def _grid(small: np.ndarray, off_grid: float = 0.15) -> float:
    """Return the step of rounding of small values, as far as 1e-6; values after a logarithm are a little off it."""
    for decimals in range(5):
        step = 10.0**-decimals
        off = np.abs(small / step - np.round(small / step))
        if np.mean(off < off_grid) > 0.98:
            return step
    return 1e-6


def _near_whole(values_SF: np.ndarray) -> bool:
    """Return whether the small values above zero are whole numbers, up to rounding of the logarithm."""
    present = values_SF[(values_SF > 0.5) & (values_SF < 50)]
    distinct = np.unique(np.round(present, 2))
    return len(distinct) >= 10 and float(np.mean(np.abs(present - np.round(present)) < 0.03)) > 0.95
