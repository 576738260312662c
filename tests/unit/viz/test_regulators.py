"""The figure of regulators."""

import pandas as pd

from cellstate.viz import activity_bars


def table(n):
    z = [float(n - 2 * i) for i in range(n + 1)]
    return pd.DataFrame({"gene": [f"G<{i}>" for i in range(n + 1)], "z": z, "own_change": [value / 2 for value in z]})


def test_both_directions_most_active_on_top():
    drawn = activity_bars(table(30), "closest normal state", n=4)
    bars, points = drawn.figure.data
    assert len(bars.x) == len(points.x) == 8 and drawn.is_hypothesis
    assert list(bars.x) == sorted(bars.x) and bars.x[-1] == 30 and bars.x[0] == -30
    assert all("<" not in name for name in drawn.figure.layout.yaxis.ticktext)
    assert "G<0>" in drawn.alt and "G<30>" in drawn.alt


def test_one_direction_and_none():
    assert len(activity_bars(table(30).head(3), "group").figure.data[0].x) == 3
    assert not len(activity_bars(table(3).head(0), "group").figure.data[0].x)
