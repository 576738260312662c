"""Which unit a table's numbers are in, told from the numbers themselves.

Shape suffixes: S samples, F features.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.io.table import each_sample
from cellstate.samples import TPM_TOTAL

MEASURES = ("counts", "coverage", "TPM", "FPKM", "CPM")
#: No logarithm of an expression value exceeds this; log2 of a million is 20.
LARGEST_LOG = 25.0
#: No expression value above zero is as small.
_ROUNDING = 1e-9
#: Samples looked at; the decision is one for the whole file.
_LOOKED_AT = 64
#: No sequencing run puts this many reads in one sample, but its summed base coverage does.
_MOST_READS = 2e9
#: Fractional values that sum to more than this are counts; TPM and FPKM do not get there.
_LARGEST_TPM_TOTAL = 2e6
_BASES = (2.0, math.e, 10.0)
_UNIT = re.compile(r"(?:log(2|10|1p)?|ln)[\s(]*(counts|coverage|TPM|FPKM|RPKM|CPM)\s*(?:\+\s*([\d.]+))?\s*\)?$", re.I)
#: Pseudocounts below one give negative logarithms; these are the usual ones (the logarithm of 0.5 is -1, as is a sign).
_SMALL_OFFSETS = (0.001, 0.01, 0.1)


@dataclass(frozen=True)
class Unit:
    """A unit of expression.

    Attributes
    ----------
    measure : str
        One of `MEASURES`.
    base : float or None
        Base of the logarithm; None for plain values.
    offset : float
        What was added before the logarithm was taken.
    """

    measure: str
    base: float | None = None
    offset: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read a unit's name, such as ``counts``, ``log2(TPM+1)`` or ``log1p TPM``."""
        measures = {name.lower(): name for name in MEASURES} | {"rpkm": "FPKM"}
        if text.strip().lower() in measures:
            return cls(measures[text.strip().lower()])
        match = _UNIT.match(text.strip())
        if not match or (match.group(3) and not _is_number(match.group(3))):
            raise ReadError(
                f"There is no unit {text!r}.",
                f"The units are {', '.join(MEASURES)}, or a logarithm such as log2(TPM+1) or log1p TPM.",
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
        """Whether values must be divided by gene length to become TPM."""
        return self.measure in ("counts", "coverage", "CPM")

    def linear(self, values: np.ndarray) -> np.ndarray:
        """Undo the logarithm, if there is one."""
        if self.base is None:
            return values
        plain = np.exp(np.minimum(values, 2 * LARGEST_LOG) * math.log(self.base)) - self.offset
        # What was zero comes back as a trace of rounding, on either side of it.
        plain[plain < _ROUNDING] = 0.0
        return plain


@dataclass(frozen=True)
class Decision:
    """A unit, and the sentences that tell the user why or how sure it is."""

    unit: Unit
    warnings: tuple[str, ...] = ()


def decide_unit(values_SF: np.ndarray, hint: str | None = None) -> Decision:
    """Tell the unit of a table from its values.

    Parameters
    ----------
    values_SF : ndarray, shape (S, F)
        Finite or NaN; negative only where they are logarithms.
    hint : str, optional
        Unit that a name suggests; it settles only what the values leave open.
    """
    every = -(-len(values_SF) // _LOOKED_AT)
    look_SF = np.array(values_SF[::every], dtype=np.float64, order="C")
    highest = float(np.nanmax(values_SF, initial=0.0))
    if (offset := log_offset(values_SF)) is not None:
        return _decide_log(look_SF, hint, offset)
    whole = _whole_share(look_SF)
    totals_S = np.array([np.nansum(row_F) for row_F in each_sample(values_SF)])
    if whole == 1.0 or totals_S.max() > _MOST_READS:
        return _decide_whole(look_SF, totals_S)
    if highest <= LARGEST_LOG:
        return _decide_log(look_SF, hint, 1.0)
    return _decide_fractional(look_SF, totals_S, whole, hint)


def log_offset(values_SF: np.ndarray) -> float | None:
    """Return the pseudocount, if the lowest value is the base-2 logarithm of a usual one and very common."""
    lowest = float(np.nanmin(values_SF, initial=0.0))
    if lowest >= 0:
        return None
    for offset in _SMALL_OFFSETS:
        if abs(lowest - math.log2(offset)) < 2e-3:
            n_lowest = sum(np.count_nonzero(np.abs(row_F - lowest) < 1e-3) for row_F in each_sample(values_SF))
            return offset if n_lowest > 0.05 * values_SF.size else None
    return None


def _decide_whole(look_SF: np.ndarray, totals_S: np.ndarray) -> Decision:
    if _sums_to_million(totals_S):
        return Decision(Unit("TPM"), ("The values are rounded TPM, so weakly expressed genes are inexact.",))
    if totals_S.max() > _MOST_READS or _lacks_small_numbers(look_SF):
        told = (
            f"The values are summed base coverage (up to {totals_S.max():,.0f} bases in a sample), not read counts; "
            "they are divided by gene length like counts, and reads are estimated at 100 bases each."
        )
        return Decision(Unit("coverage"), (told,))
    return Decision(Unit("counts"))


def _decide_fractional(look_SF: np.ndarray, totals_S: np.ndarray, whole: float, hint: str | None) -> Decision:
    total = float(np.median(totals_S))
    if _sums_to_million(totals_S):
        return Decision(Unit("CPM" if _multiples(look_SF) else "TPM"), _cpm_note(look_SF))
    if hint in ("TPM", "FPKM", "CPM") and total <= _LARGEST_TPM_TOTAL:
        return Decision(Unit(hint))
    if whole > 0.3 or hint == "counts":
        return Decision(Unit("counts"))
    if total > _LARGEST_TPM_TOTAL:
        told = (
            f"The values are fractions that sum to about {total:,.0f} a sample; they are taken as normalised counts "
            "and divided by gene length. If they are something else, choose the unit."
        )
        return Decision(Unit("counts"), (told,))
    if 0.6 * TPM_TOTAL < total < 1.1 * TPM_TOTAL:
        return Decision(Unit("TPM"))
    told = (
        f"The values sum to about {total:,.0f} a sample, not to one million; they are taken as FPKM and scaled to TPM. "
        "If they are not corrected for gene length, choose the unit."
    )
    return Decision(Unit("FPKM"), (told,))


def _decide_log(look_SF: np.ndarray, hint: str | None, offset: float) -> Decision:
    """Undo each logarithm there may have been and see what comes out."""
    bases = _BASES if offset == 1.0 else (2.0,)
    undone = {base: Unit("TPM", base, offset).linear(look_SF) for base in bases}
    totals = {base: np.nansum(values_SF, axis=1) for base, values_SF in undone.items()}
    for base in bases:
        if _sums_to_million(totals[base]):
            measure = "CPM" if _multiples(undone[base]) else "TPM"
            return Decision(Unit(measure, base, offset), _cpm_note(undone[base]))
    for base in bases:
        if _near_whole(undone[base]):
            return Decision(Unit("counts", base, offset))
    for base in bases:
        # Single-cell tools scale each sample to 10,000 before they take the logarithm.
        if np.allclose(totals[base], 1e4, rtol=0.01):
            return Decision(Unit("CPM", base, offset), ("The values are logarithms of counts scaled to 10,000.",))
    base = min(bases, key=lambda b: abs(math.log(max(float(np.median(totals[b])), 1.0) / TPM_TOTAL)))
    total = float(np.median(totals[base]))
    if 0.6 * TPM_TOTAL < total < 1.1 * TPM_TOTAL:
        return Decision(Unit(hint if hint in ("TPM", "FPKM", "CPM") else "TPM", base, offset))
    likely = "counts" if total > _LARGEST_TPM_TOTAL else "FPKM"
    unit = Unit(hint or likely, base, offset)
    told = (
        f"The values look like logarithms, but of what is unclear; they are taken as {unit}. "
        "If that is wrong, choose the unit."
    )
    return Decision(unit, (told,))


def _cpm_note(values_SF: np.ndarray) -> tuple[str, ...]:
    if not _multiples(values_SF):
        return ()
    return ("The values are counts per million (CPM); they are divided by gene length to become TPM.",)


def _sums_to_million(totals_S: np.ndarray) -> bool:
    return bool(np.mean(np.abs(totals_S / TPM_TOTAL - 1) < 0.01) >= 0.9)


def _whole_share(values_SF: np.ndarray) -> float:
    """Share of whole numbers among the values above zero."""
    present = values_SF[values_SF > 0]
    return float(np.mean(present == np.floor(present))) if present.size else 1.0


def _lacks_small_numbers(values_SF: np.ndarray) -> bool:
    """Whether the values 1 to 9 are rare although zeros are common.

    Where some genes have no reads, others have a few; summed over bases even one read is some fifty.
    """
    present = values_SF[values_SF > 0]
    n_zero = np.count_nonzero(values_SF == 0)
    if present.size < 1000 or n_zero < 0.1 * (present.size + n_zero):
        return False
    return bool(np.mean(present < 10) < 0.03 and np.median(present) >= 30)


def _multiples(values_SF: np.ndarray) -> bool:
    """Whether each sample's small values are 1, 2, 3, ... times its smallest: counts times one factor.

    Multiples of 0.01 and the like come from rounding, and tell nothing.
    """
    found = []
    for row_F in values_SF:
        small = np.unique(row_F[row_F > _ROUNDING])[:40]
        if len(small) < 20:
            continue
        power = math.log10(small[0])
        ratio = small / small[0]
        rounded = abs(power - round(power)) < 1e-6
        found.append(not rounded and float(np.mean(np.abs(ratio - np.round(ratio)) < 0.02)) > 0.95)
    return bool(found) and float(np.mean(found)) > 0.5


def _near_whole(values_SF: np.ndarray) -> bool:
    """Whether the small values, all but zero, are whole numbers up to rounding of the logarithm."""
    present = values_SF[(values_SF > 0.5) & (values_SF < 50)]
    distinct = np.unique(np.round(present, 2))
    return len(distinct) >= 10 and float(np.mean(np.abs(present - np.round(present)) < 0.03)) > 0.95


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
