"""Whether a predicted change points the right way, in experiments and in simulated truth."""

from __future__ import annotations

import numpy as np


def same_direction(predicted_N: np.ndarray, true_N: np.ndarray) -> np.ndarray:
    """Return 1 where the direction is right, 0 where it is wrong, and a half where either does not move, as a tie."""
    return (1 + np.sign(predicted_N) * np.sign(true_N)) / 2
