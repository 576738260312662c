"""Progress of reading is reported step by step; the callback may stop it."""

from __future__ import annotations

import gc
import gzip
import threading

import pytest

from benchmarks.fuzz_seeds import h5ad_seeds
from cellstate.errors import Stopped
from cellstate.expression.reading import RawTable
from cellstate.io import read_samples
from cellstate.io import table as table_module
from cellstate.io.source import FileContent
from cellstate.samples import Samples

STEPS = ["Unpacking", "Reading the table", "Matching names", "Converting to TPM"]


@pytest.fixture
def table(profile, monkeypatch) -> bytes:
    """A table of many blocks."""
    monkeypatch.setattr(table_module, "_BLOCK_BYTES", 20_000)
    return profile.frame(profile.tpm_SF).to_csv().encode()


def _reports(data: bytes) -> list[tuple[str, float]]:
    reports: list[tuple[str, float]] = []
    threads = set()

    def note(step: str, done: float) -> None:
        reports.append((step, done))
        threads.add(threading.get_ident())

    read_samples(data, progress=note)
    assert threads == {threading.get_ident()}
    return reports


def test_progress_grows_from_zero_to_one(table, monkeypatch):
    in_blocks = _reports(table)
    monkeypatch.setattr(table_module, "_parse_blocks", lambda *_: None)
    for reports in (in_blocks, _reports(table), _reports(gzip.compress(table)), _reports(h5ad_seeds()[0])):
        steps, shares = zip(*reports, strict=True)
        assert list(dict.fromkeys(steps)) == STEPS and list(steps) == sorted(steps, key=STEPS.index)
        assert list(shares) == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0
    assert len({share for step, share in in_blocks if step == STEPS[1]}) > 5


def test_table_that_is_parsed_again_does_not_step_back(profile, monkeypatch):
    monkeypatch.setattr(table_module, "_BLOCK_BYTES", 20_000)
    frame = profile.frame(profile.tpm_SF)
    frame.insert(0, "note", [""] * 2000 + ["kinase"] * 1000)
    shares = [share for _, share in _reports(frame.to_csv().encode())]
    assert shares == sorted(shares)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [Stopped("The run was stopped."), KeyboardInterrupt(), ValueError("mine"), OSError()])
def test_error_of_the_callback_stops_the_read_and_frees_memory(table, step, error):
    def stop(reported: str, done: float) -> None:
        if reported == step:
            raise error

    before = threading.active_count(), _tables_in_memory()
    for data in (table, gzip.compress(table), h5ad_seeds()[1]):
        with pytest.raises(type(error)) as caught:
            read_samples(data, progress=stop)
        assert caught.value is error
    error.__traceback__ = None  # its frames hold the table
    del caught
    assert (threading.active_count(), _tables_in_memory()) == before


def _tables_in_memory() -> int:
    """Count the tables and samples in memory."""
    gc.collect()
    return sum(type(item) in (FileContent, table_module.ParsedTable, RawTable, Samples) for item in gc.get_objects())
