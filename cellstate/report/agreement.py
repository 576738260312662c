"""How far predictors of a shift agree: what the page and the report say of them alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellstate.viz.columns import CHANGE_OF

#: From here on two predictors say the same, or point the same way.
SAME, ALIKE = 0.98, 0.7


def agreement(table: pd.DataFrame) -> dict[str, float | None]:
    """Correlate the leading shift with everyone else's over the genes that were not edited."""
    rest = table[~table["is_perturbed"]]
    rivals = [column for column in rest.columns if column.startswith(CHANGE_OF)]
    return {rival.removeprefix(CHANGE_OF): correlation(rest[["log2_fold_change", rival]]) for rival in rivals}


def correlation(both: pd.DataFrame) -> float | None:
    """Correlate two columns (Pearson); None below three rows, and where one of them does not vary."""
    values_N2 = both.to_numpy(float)
    if len(values_N2) < 3 or not np.ptp(values_N2, axis=0).min() > 0:
        return None
    return float(np.corrcoef(values_N2.T)[0, 1])
