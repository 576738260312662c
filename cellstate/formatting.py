"""Numbers, lists and names as text, the same on pages, in figures, in reports and on the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape

import numpy as np

#: A name from a file is cut beyond this: it may have any length.
MAX_CHARS = 80
_MARKDOWN_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Markdown finds links and emoji after it has removed backslashes; a word joiner (of no width) breaks their pattern.
_MARKDOWN_LATE = re.compile(r"(?i)([:@]|www(?=\.))")
_MINUS, _EN_DASH, _ELLIPSIS = "\u2212", "\u2013", "\u2026"


def percent(fraction: float | None, decimals: int = 0) -> str:
    """Return ``59%``, or a dash for None."""
    return _EN_DASH if fraction is None else real_minus(f"{100 * fraction:.{decimals}f}%")


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals, a dash where there is none."""
    return _EN_DASH if value is None or math.isnan(value) else real_minus(f"{round(value, digits) + 0.0:.{digits}f}")


def digits(value: float, n: int = 3) -> str:
    """Return a number with at most `n` significant digits, without an exponent."""
    text = np.format_float_positional(value, precision=n, fractional=False, trim="-", unique=False)
    return real_minus("0" if text == "-0" else text)


def signed(value: float, n: int = 3) -> str:
    """Return a change with its sign and at most `n` significant digits: ``+0.12``, ``−1.1``, ``0``."""
    text = digits(value, n)
    return f"+{text}" if value > 0 and text != "0" else text


def fold_change(log2: float, n: int = 2) -> str:
    """Return a change as log2 and as a factor: ``−1.1 log2, 0.47×``."""
    return f"{signed(log2, n)} log2, {digits(2.0**log2, max(n, 2))}×"


def percent_change(log2: float) -> str:
    """Return a log2 change as a signed percentage: −1.11 log2 is ``−54%``, 1 log2 is ``+100%``."""
    fraction = 2.0**log2 - 1
    text = percent(fraction, 0 if abs(fraction) >= 0.095 else 1)
    return f"+{text}" if fraction > 0 else text


def real_minus(text: str) -> str:
    """Return a formatted number with a minus sign in place of its leading hyphen."""
    return _MINUS + text[1:] if text.startswith("-") else text


def join_with_and(names: Sequence[str]) -> str:
    """Join names with commas, and with *and* before the last."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def plural(n: int, one: str, many: str = "") -> str:
    """Return ``1 gene``, ``2 genes``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def shorten(text: str, max_chars: int) -> str:
    """Return a text of at most `max_chars` characters; an ellipsis stands for what is missing."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + _ELLIPSIS


def escape_html(text: str) -> str:
    """Return text that HTML, and plotly, shows unchanged: a name from a file is never markup."""
    return escape(text, quote=False)


def one_line(text: object) -> str:
    """Return text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def escape_markdown(text: object, max_chars: int = MAX_CHARS) -> str:
    """Return text that Markdown shows unchanged, on one line, cut to a length."""
    return _MARKDOWN_PUNCTUATION.sub(r"\\\1", _MARKDOWN_LATE.sub("\\1\u2060", shorten(one_line(text), max_chars)))


def file_stem(text: str) -> str:
    """Return a sample name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._")[:60] or "sample"


def bin_label(low: float, high: float | None) -> str:
    """Return the label of a bin: ``2.5–10`` or ``100 and more``."""
    return f"{low:g} and more" if high is None or np.isinf(high) else f"{low:g}–{high:g}"
