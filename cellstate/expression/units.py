"""Units of expression values. `cellstate.expression.unit_detection` finds the unit of a table."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError

#: Counts of one tag a transcript (3' sequencing, UMIs) or of a probe: they do not grow with the gene's length.
LENGTH_FREE = "counts, not length-dependent"
MEASURES = ("counts", LENGTH_FREE, "coverage", "TPM", "FPKM", "CPM")
#: Other names of measures, in lower case. Upper-quartile FPKM differ from FPKM by a factor a sample.
_SYNONYMS = {"rpkm": "FPKM", "fpkm-uq": "FPKM", "rpm": "CPM", "umi": LENGTH_FREE, "3' counts": LENGTH_FREE}
#: Logarithms of expression values are smaller. That of upper-quartile FPKM is up to 35.
LARGEST_LOG = 40.0
#: Smaller values are rounding errors around zero.
_ROUNDING = 1e-9
_NAMES = {name.lower(): name for name in MEASURES} | _SYNONYMS
_UNIT = re.compile(
    rf"(?:log(2|10|1p)?|ln)[\s(]*({'|'.join(map(re.escape, _NAMES))})\s*(?:\+\s*([\d.e-]+))?\s*(\))?$", re.IGNORECASE
)
#: Words that state a unit, the most specific first: a file of ``norm_counts_FPKM`` holds FPKM.
UNIT_NAMES = {
    "TPM": re.compile(r"(log2?|ln|log10)?(tpm|transcriptspermillion)"),
    "FPKM": re.compile(r"(log2?|ln|log10)?(fpkm(uq)?|rpkm)"),
    "CPM": re.compile(r"(log2?|ln|log10)?(cpm|rpm|tmm)|countspermillion|voom"),
    "coverage": re.compile(r"coverage"),
    LENGTH_FREE: re.compile(r"quantseq|umi|umis|tempo|temposeq|3prime|nanostring|nsolver|ampliseq|bcmatrix"),
    "counts": re.compile(r"(est|expected|read|raw|num|n)?(counts?|reads)|unstranded|readcount|rawcount"),
}
_VALUE_NAMES = re.compile(r"value|expression|expr|signal|abundance|level")
#: TPM of a sample sum to one million.
TPM_TOTAL = 1e6


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
        Pseudocount that was added before the logarithm; 0 if there was none.
    """

    measure: str
    base: float | None = None
    offset: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Parse the name of a unit, such as ``counts``, ``log2(TPM+1)`` or ``log1p TPM``."""
        if (measure := _NAMES.get(text.strip().lower())) is not None:
            return cls(measure)
        match = _UNIT.match(text.strip())
        if not match or (match.group(3) and not _is_positive(match.group(3))):
            raise ReadError(
                f"There is no unit {text!r}.",
                f"The units are {', '.join(MEASURES)}, or a logarithm such as log2(TPM+1) or log1p TPM.",
                code="unknown_option",
            )
        base = {"2": 2.0, "10": 10.0}.get(match.group(1) or "", math.e)
        # log2(CPM) has no pseudocount; log1p has one by its name.
        has_none = bool(match.group(4)) and not match.group(3) and match.group(1) in ("2", "10")
        return cls(_NAMES[match.group(2).lower()], base, 0.0 if has_none else float(match.group(3) or 1.0))

    def __str__(self) -> str:
        if self.base is None:
            return self.measure
        if self.base == math.e:
            return f"log1p {self.measure}" if self.offset == 1 else f"ln({self.measure}+{self.offset:g})"
        if self.offset == 0:
            return f"log{self.base:g}({self.measure})"
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


def _is_positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def plain_name(name: str) -> str:
    """Return the lower-case letters and digits of a column's name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def unit_in(name: str) -> str | None:
    """Return the unit that the name of a column or file has as a separate word, or None."""
    words = [plain_name(name), *re.split(r"[^a-z0-9]+", name.lower())]
    return next((unit for unit, pattern in UNIT_NAMES.items() if any(map(pattern.fullmatch, words))), None)


def is_value_name(name: str) -> bool:
    """Return whether the name of a column describes its numbers (such as "TPM"), not a sample."""
    plain = plain_name(name)
    return not plain or any(pattern.fullmatch(plain) for pattern in (_VALUE_NAMES, *UNIT_NAMES.values()))
