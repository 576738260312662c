"""Progress of reading is reported step by step; the callback may stop it."""

from __future__ import annotations

import gc
import gzip
import threading

import pytest

from benchmarks.fuzz_seeds import h5ad_seeds
from cellstate.errors import Stopped
from cellstate.io import ReadOptions, read_samples
from cellstate.io import table as table_module
from cellstate.io.raw_table import RawTable
from cellstate.io.source import FileContent
from cellstate.samples import Samples
from tests.support.read_codes import raises_code

STEPS = ["Unpacking", "Reading the table", "Matching names", "Converting to TPM"]


@pytest.fixture
def table(profile, monkeypatch) -> bytes:
    """A table of many blocks."""
    monkeypatch.setattr(table_module, "_BLOCK_BYTES", 20_000)
    return profile.frame(profile.tpm_SF).to_csv().encode()


def _reports(data: bytes, **options) -> list[tuple[str, float]]:
    reports: list[tuple[str, float]] = []
    read_samples(data, progress=lambda step, done: reports.append((step, done)), **options)
    return reports


def test_it_only_grows_from_the_first_step_to_the_whole(table, monkeypatch):
    in_blocks = _reports(table)
    monkeypatch.setattr(table_module, "_parse_blocks", lambda *_: None)
    for reports in (in_blocks, _reports(table), _reports(gzip.compress(table)), _reports(h5ad_seeds()[0])):
        steps, shares = zip(*reports, strict=True)
        assert list(dict.fromkeys(steps)) == STEPS and list(steps) == sorted(steps, key=STEPS.index)
        assert list(shares) == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0
    assert len({share for step, share in in_blocks if step == STEPS[1]}) > 5


def test_it_is_reported_in_the_thread_that_reads(table):
    threads = set()
    read_samples(table, progress=lambda *_: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_a_table_that_is_read_again_does_not_step_back(profile, monkeypatch):
    monkeypatch.setattr(table_module, "_BLOCK_BYTES", 20_000)
    frame = profile.frame(profile.tpm_SF)
    frame.insert(0, "note", [""] * 2000 + ["kinase"] * 1000)
    shares = [share for _, share in _reports(frame.to_csv().encode())]
    assert shares == sorted(shares)


@pytest.mark.parametrize("step", STEPS)
def test_what_it_raises_ends_the_read_and_leaves_nothing(table, step):
    error = Stopped("The run was stopped.")

    def stop(what: str, done: float) -> None:
        if what == step:
            raise error

    before = threading.active_count(), _held()
    for data in (table, gzip.compress(table), h5ad_seeds()[1]):
        with pytest.raises(Stopped) as caught:
            read_samples(data, progress=stop)
        assert caught.value is error
    error.__traceback__ = None  # its frames hold what was at hand
    del caught
    assert (threading.active_count(), _held()) == before


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), ValueError("mine"), OSError("mine")])
def test_whatever_it_raises_reaches_the_caller(table, error):
    for data in (table, gzip.compress(table), h5ad_seeds()[1]):
        for steps in (1, 3, 5):
            left = iter(range(steps))

            def stop(what: str, done: float, left=left) -> None:
                if next(left, None) is None:
                    raise error

            with pytest.raises(type(error)) as caught:
                read_samples(data, progress=stop)
            assert caught.value is error


def _held() -> int:
    """Count the tables and samples in memory."""
    gc.collect()
    return sum(type(held) in (FileContent, table_module.ParsedTable, RawTable, Samples) for held in gc.get_objects())


def test_a_refusal_comes_as_it_does_without(table):
    with raises_code("unknown_option"):
        read_samples(table, options=ReadOptions(format="loom"), progress=lambda *_: None)
