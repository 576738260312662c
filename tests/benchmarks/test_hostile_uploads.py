"""The benchmark of hostile uploads: its figures come from reader processes and have thresholds."""

from __future__ import annotations

import pytest

from benchmarks import hostile_uploads


def test_a_small_file_is_read_both_ways() -> None:
    here, apart, more = hostile_uploads.compare_small(1)
    assert here.value and apart.value and more.threshold == hostile_uploads.MORE_SMALL_S
    assert more.value == pytest.approx(apart.value - hostile_uploads.TIMES_SMALL * here.value)


def test_mutants_are_read_or_refused() -> None:
    n, read, failed, slowest = hostile_uploads.read_mutants(3, seed=0)
    assert n.value == 3 and read.value is not None and failed.value is not None
    assert 0 <= read.value + failed.value <= 3
    assert slowest.threshold == hostile_uploads.REFUSED_S and slowest.value
