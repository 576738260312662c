"""Names of points that would cover each other."""

from __future__ import annotations

import numpy as np

from cellstate.viz.points import without_overlap


def test_a_name_that_would_cover_one_before_is_left_out() -> None:
    every = (np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    near, beside, below = (5.0, 0.5), (6.0, 0.51), (5.0, 0.2)
    x, y = (np.array(v) for v in zip(near, beside, below, strict=True))
    assert without_overlap((x, y), every) == [0, 2]
    assert without_overlap((x[:0], y[:0]), every) == []


def test_points_in_one_place_carry_one_name() -> None:
    same = (np.ones(3), np.zeros(3))
    assert without_overlap(same, same) == [0]
