"""Agreement of prediction methods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellstate.viz.columns import CHANGE, CHANGE_OF

#: Correlations from which two predictions are almost the same, or similar.
SAME, ALIKE = 0.98, 0.7


def agreement(table: pd.DataFrame) -> dict[str, float | None]:
    """Correlate the default method's change with each baseline's, over the genes that were not perturbed."""
    rest = table[~table["is_perturbed"]]
    columns = [column for column in rest.columns if column.startswith(CHANGE_OF)]
    return {column.removeprefix(CHANGE_OF): correlation(rest[[CHANGE, column]]) for column in columns}


def correlation(both: pd.DataFrame) -> float | None:
    """Correlate two columns (Pearson); None below three rows, and where one of them does not vary."""
    values_N2 = both.to_numpy(float)
    if len(values_N2) < 3 or not np.ptp(values_N2, axis=0).min() > 0:
        return None
    return float(np.corrcoef(values_N2.T)[0, 1])
