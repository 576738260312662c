"""Expected errors and warnings by their codes, so that sentences may change."""

from __future__ import annotations

import pytest

from cellstate.errors import CellStateError, ReadError
from cellstate.expression.reading import ReadWarning
from cellstate.samples import Samples


def raises_code(code: str, error: type[CellStateError] = ReadError) -> pytest.RaisesExc:
    """Return ``pytest.raises`` for an error with a code."""
    return pytest.raises(error, check=lambda caught: caught.code == code)


def warning_codes(samples: Samples) -> list[str]:
    """Return the codes of the warnings of a read, in order."""
    return [warning.code for warning in samples.report.warnings if isinstance(warning, ReadWarning)]
