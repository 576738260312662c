"""One number of a plan, with what it was computed from."""

from __future__ import annotations

from dataclasses import dataclass

_SCALED = ("bytes", "bytes/s", "FLOP", "FLOP/s")
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


@dataclass(frozen=True)
class Figure:
    """A value, its unit (bytes, bytes/s, FLOP, s, samples, steps), and its formula."""

    value: float
    unit: str
    formula: str

    def __str__(self) -> str:
        if self.unit == "s":
            return duration(self.value)
        if self.unit not in _SCALED:
            return f"{self.value:,.0f} {self.unit}" if self.value >= 100 else f"{self.value:.3g} {self.unit}"
        value, prefix = float(self.value), 0
        while value >= 1000 and prefix < len(_PREFIXES) - 1:
            value, prefix = value / 1000, prefix + 1
        unit = self.unit.replace("bytes", "B")
        return f"{value:.4g} {_PREFIXES[prefix]}{unit}"


def duration(seconds: float) -> str:
    """Return a time as people say it: 41 ms, 3.2 s, 12 min, 5.1 h."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    for limit, unit in ((60, "s"), (3600, "min")):
        if seconds < limit:
            return f"{60 * seconds / limit:.3g} {unit}"
    return f"{seconds / 3600:,.3g} h"
