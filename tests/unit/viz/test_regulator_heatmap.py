"""The heat map of a cohort's regulators: what the browser gets."""

from __future__ import annotations

from base64 import b64decode

import numpy as np

from cellstate.viz.regulators import LEVELS, NO_VALUE, levels, regulator_heatmap


def test_the_browser_gets_one_row_a_regulator() -> None:
    z_SR = np.array([[5.0, -1.0], [4.0, np.nan], [6.0, -3.0]])
    drawn = regulator_heatmap(["a", "b", "c"], ["UP", "DOWN"], z_SR, groups=["g", "", "h"], reference="normal")
    z = np.frombuffer(b64decode(drawn.data["z"]), "<f4").reshape(2, 3)
    np.testing.assert_array_equal(z, z_SR.T)
    level = np.frombuffer(b64decode(drawn.data["level"]), "u1").reshape(2, 3)
    assert level[1, 1] == NO_VALUE and (level[0] > LEVELS // 2).all() and level[1, 2] < level[1, 0] < LEVELS // 2
    assert (drawn.data["groups"], drawn.data["group"]) == (["g", "h"], [0, -1, 1])
    assert "3 samples" in drawn.alt and drawn.alt.index("UP") < drawn.alt.index("DOWN")


def test_the_scale_is_symmetric_and_ends_at_its_limit() -> None:
    found = levels(np.array([-99.0, -4.0, 0.0, 4.0, 99.0]), 4.0)
    assert found.tolist() == [0, 0, LEVELS // 2, LEVELS - 1, LEVELS - 1]


def test_nothing_to_show() -> None:
    drawn = regulator_heatmap(["a", "b"], [], np.zeros((2, 0)))
    assert drawn.data["genes"] == [] and drawn.alt.endswith(".")
