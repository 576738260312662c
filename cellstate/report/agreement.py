"""How far predictors of a shift agree: what the page and the report say of them alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellstate.viz.shift import RIVAL

#: From here on two predictors say the same, or point the same way.
SAME, ALIKE = 0.98, 0.7


def agreement(table: pd.DataFrame) -> dict[str, float | None]:
    """Correlate the leading shift with everyone else's over the genes that were not edited."""
    rest = table[~table["edited"]]
    found: dict[str, float | None] = {}
    for column in rest.columns:
        if column.startswith(RIVAL):
            both = rest["delta_log2"].to_numpy(float), rest[column].to_numpy(float)
            moves = len(rest) > 2 and min(np.ptp(v) for v in both) > 0
            found[column.removeprefix(RIVAL)] = float(np.corrcoef(*both)[0, 1]) if moves else None
    return found
