"""Units of expression values, and their detection from the values.

Shape suffixes: S samples, F features.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.io.raw_table import each_sample
from cellstate.samples import TPM_TOTAL, ReadWarning

MEASURES = ("counts", "coverage", "TPM", "FPKM", "CPM")
#: Logarithms of expression values are smaller; log2 of a million is 20.
LARGEST_LOG = 25.0
#: Smaller values are rounding errors around zero.
_ROUNDING = 1e-9
#: Number of samples that are examined.
_EXAMINED = 64
#: More than the reads of any sample; larger totals are summed base coverage.
_MAX_READS = 2e9
#: TPM and FPKM of a sample sum to less; larger totals of fractional values are counts.
_LARGEST_TPM_TOTAL = 2e6
_BASES = (2.0, math.e, 10.0)
_UNIT = re.compile(r"(?:log(2|10|1p)?|ln)[\s(]*(counts|coverage|TPM|FPKM|RPKM|CPM)\s*(?:\+\s*([\d.]+))?\s*\)?$", re.I)
#: Usual pseudocounts below one, which give negative logarithms. 0.5 is left out, because -1 has other meanings too.
_SMALL_OFFSETS = (0.001, 0.01, 0.1)


@dataclass(frozen=True)
class Unit:
    """A unit of expression.

    Attributes
    ----------
    measure : str
        One of `MEASURES`.
    base : float or None
        Base of the logarithm; None for linear values.
    offset : float
        Pseudocount that was added before the logarithm.
    """

    measure: str
    base: float | None = None
    offset: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Parse the name of a unit, such as ``counts``, ``log2(TPM+1)`` or ``log1p TPM``."""
        measures = {name.lower(): name for name in MEASURES} | {"rpkm": "FPKM"}
        if text.strip().lower() in measures:
            return cls(measures[text.strip().lower()])
        match = _UNIT.match(text.strip())
        if not match or (match.group(3) and not _is_positive(match.group(3))):
            raise ReadError(
                f"There is no unit {text!r}.",
                f"The units are {', '.join(MEASURES)}, or a logarithm such as log2(TPM+1) or log1p TPM.",
                code="unknown_option",
            )
        base = {"2": 2.0, "10": 10.0}.get(match.group(1) or "", math.e)
        return cls(measures[match.group(2).lower()], base, float(match.group(3) or 1.0))

    def __str__(self) -> str:
        if self.base is None:
            return self.measure
        if self.base == math.e:
            return f"log1p {self.measure}" if self.offset == 1 else f"ln({self.measure}+{self.offset:g})"
        return f"log{self.base:g}({self.measure}+{self.offset:g})"

    @property
    def needs_length(self) -> bool:
        """Whether values must be divided by the gene length to become TPM."""
        return self.measure in ("counts", "coverage", "CPM")

    def linear(self, values: np.ndarray) -> np.ndarray:
        """Return the values without the logarithm, if there is one."""
        if self.base is None:
            return values
        linear = np.exp(np.minimum(values, 2 * LARGEST_LOG) * math.log(self.base)) - self.offset
        linear[linear < _ROUNDING] = 0.0
        return linear


@dataclass(frozen=True)
class DetectedUnit:
    """A unit, with a warning about how it was detected."""

    unit: Unit
    warning: ReadWarning | None = None


def detect_unit(values_SF: np.ndarray, hint: str | None = None) -> DetectedUnit:
    """Detect the unit of a table from its values.

    Parameters
    ----------
    values_SF : ndarray, shape (S, F)
        Finite or NaN; negative only if they are logarithms.
    hint : str, optional
        Unit that a name suggests. It decides only where the values do not.
    """
    step = -(-len(values_SF) // _EXAMINED)
    examined_SF = np.array(values_SF[::step], dtype=np.float64, order="C")
    highest = float(np.nanmax(values_SF, initial=0.0))
    if (offset := log_offset(values_SF)) is not None:
        return _detect_log(examined_SF, hint, offset)
    whole = _whole_share(examined_SF)
    totals_S = np.array([np.nansum(row_F) for row_F in each_sample(values_SF)])
    if whole == 1.0 or totals_S.max() > _MAX_READS:
        return _detect_whole(examined_SF, totals_S)
    if highest <= LARGEST_LOG:
        return _detect_log(examined_SF, hint, 1.0)
    return _detect_fractional(examined_SF, totals_S, whole, hint)


def log_offset(values_SF: np.ndarray) -> float | None:
    """Return the pseudocount if the lowest value is very common and the log2 of a usual pseudocount, else None."""
    lowest = float(np.nanmin(values_SF, initial=0.0))
    if lowest >= 0:
        return None
    for offset in _SMALL_OFFSETS:
        if abs(lowest - math.log2(offset)) < 2e-3:
            n_lowest = sum(np.count_nonzero(np.abs(row_F - lowest) < 1e-3) for row_F in each_sample(values_SF))
            return offset if n_lowest > 0.05 * values_SF.size else None
    return None


def _detect_whole(examined_SF: np.ndarray, totals_S: np.ndarray) -> DetectedUnit:
    if _sums_to_million(totals_S):
        text = "The values are rounded TPM, so weakly expressed genes are inexact."
        return DetectedUnit(Unit("TPM"), ReadWarning(text, "rounded_tpm"))
    if totals_S.max() > _MAX_READS or _lacks_small_numbers(examined_SF):
        text = (
            f"The values are summed base coverage (up to {totals_S.max():,.0f} bases in a sample), not read counts; "
            "they are divided by gene length like counts, and reads are estimated at 100 bases each."
        )
        return DetectedUnit(Unit("coverage"), ReadWarning(text, "base_coverage"))
    return DetectedUnit(Unit("counts"))


def _detect_fractional(examined_SF: np.ndarray, totals_S: np.ndarray, whole: float, hint: str | None) -> DetectedUnit:
    total = float(np.median(totals_S))
    if _sums_to_million(totals_S):
        return _tpm_or_cpm(examined_SF)
    if hint in ("TPM", "FPKM", "CPM") and total <= _LARGEST_TPM_TOTAL:
        return DetectedUnit(Unit(hint))
    if whole > 0.3 or hint == "counts":
        return DetectedUnit(Unit("counts"))
    if total > _LARGEST_TPM_TOTAL:
        text = (
            f"The values are fractions that sum to about {total:,.0f} a sample; they are taken as normalised counts "
            "and divided by gene length. If they are something else, choose the unit."
        )
        return DetectedUnit(Unit("counts"), ReadWarning(text, "uncertain_unit"))
    if _is_near_million(total):
        return DetectedUnit(Unit("TPM"))
    text = (
        f"The values sum to about {total:,.0f} a sample, not to one million; they are taken as FPKM and scaled to TPM. "
        "If they are not corrected for gene length, choose the unit."
    )
    return DetectedUnit(Unit("FPKM"), ReadWarning(text, "uncertain_unit"))


def _detect_log(examined_SF: np.ndarray, hint: str | None, offset: float) -> DetectedUnit:
    """Detect the unit of logarithms: undo each possible logarithm and examine the result."""
    bases = _BASES if offset == 1.0 else (2.0,)
    undone = {base: Unit("TPM", base, offset).linear(examined_SF) for base in bases}
    totals = {base: np.nansum(values_SF, axis=1) for base, values_SF in undone.items()}
    for base in bases:
        if _sums_to_million(totals[base]):
            return _tpm_or_cpm(undone[base], base, offset)
    for base in bases:
        if _near_whole(undone[base]):
            return DetectedUnit(Unit("counts", base, offset))
    for base in bases:
        # Single-cell tools scale each sample to 10,000 before the logarithm.
        if np.allclose(totals[base], 1e4, rtol=0.01):
            text = "The values are logarithms of counts scaled to 10,000."
            return DetectedUnit(Unit("CPM", base, offset), ReadWarning(text, "scaled_counts"))
    base = min(bases, key=lambda b: abs(math.log(max(float(np.median(totals[b])), 1.0) / TPM_TOTAL)))
    total = float(np.median(totals[base]))
    if _is_near_million(total):
        return DetectedUnit(Unit(hint if hint in ("TPM", "FPKM", "CPM") else "TPM", base, offset))
    unit = Unit(hint or ("counts" if total > _LARGEST_TPM_TOTAL else "FPKM"), base, offset)
    text = (
        f"The values look like logarithms, but of what is unclear; they are taken as {unit}. "
        "If that is wrong, choose the unit."
    )
    return DetectedUnit(unit, ReadWarning(text, "uncertain_unit"))


def _tpm_or_cpm(values_SF: np.ndarray, base: float | None = None, offset: float = 1.0) -> DetectedUnit:
    """Return the unit of values that sum to one million without their logarithm."""
    if not _are_multiples(values_SF):
        return DetectedUnit(Unit("TPM", base, offset))
    text = "The values are counts per million (CPM); they are divided by gene length to become TPM."
    return DetectedUnit(Unit("CPM", base, offset), ReadWarning(text, "cpm"))


def _is_near_million(total: float) -> bool:
    return 0.6 * TPM_TOTAL < total < 1.1 * TPM_TOTAL


def _sums_to_million(totals_S: np.ndarray) -> bool:
    return bool(np.mean(np.abs(totals_S / TPM_TOTAL - 1) < 0.01) >= 0.9)


def _whole_share(values_SF: np.ndarray) -> float:
    """Return the share of whole numbers among the values above zero."""
    present = values_SF[values_SF > 0]
    return float(np.mean(present == np.floor(present))) if present.size else 1.0


def _lacks_small_numbers(values_SF: np.ndarray) -> bool:
    """Return whether values from 1 to 9 are rare although zeros are common, as in summed base coverage.

    In counts, some genes have a few reads. In coverage, a single read already counts about fifty bases.
    """
    present = values_SF[values_SF > 0]
    n_zero = np.count_nonzero(values_SF == 0)
    if present.size < 1000 or n_zero < 0.1 * (present.size + n_zero):
        return False
    return bool(np.mean(present < 10) < 0.03 and np.median(present) >= 30)


def _are_multiples(values_SF: np.ndarray) -> bool:
    """Return whether the small values of each sample are whole multiples of its smallest, as in scaled counts.

    Multiples of a power of ten such as 0.01 come from rounding and do not count.
    """
    found = []
    for row_F in values_SF:
        small = np.unique(row_F[row_F > _ROUNDING])[:40]
        if len(small) < 20:
            continue
        power = math.log10(small[0])
        ratio = small / small[0]
        is_rounding = abs(power - round(power)) < 1e-6
        found.append(not is_rounding and float(np.mean(np.abs(ratio - np.round(ratio)) < 0.02)) > 0.95)
    return bool(found) and float(np.mean(found)) > 0.5


def _near_whole(values_SF: np.ndarray) -> bool:
    """Return whether the small values above zero are whole numbers, up to rounding of the logarithm."""
    present = values_SF[(values_SF > 0.5) & (values_SF < 50)]
    distinct = np.unique(np.round(present, 2))
    return len(distinct) >= 10 and float(np.mean(np.abs(present - np.round(present)) < 0.03)) > 0.95


def _is_positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
