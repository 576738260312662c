"""A killed ingest goes on where it was and ends with the same store; nothing but a whole store is ever in its place."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cellstate.errors import DataError, Stopped
from tests.unit.train.archs4_files import make_counts, write_archs4
from train.ingest import IngestSettings, ingest
from train.ingest.archs4 import Archs4, open_archs4
from train.ingest.journal import Journal

N = 24
REPOSITORY = Path(__file__).resolve().parents[3]
#: Ingests a file with a pause after each part, so that a test can kill it between two.
SLOWLY = """
import sys, time
from pathlib import Path
import train.ingest.matrix
from train.ingest import IngestSettings, ingest
from train.ingest.archs4 import open_archs4
from train.ingest.journal import Journal
train.ingest.matrix.BLOCK = 1
append = Journal.append
Journal.append = lambda journal, block: (append(journal, block), time.sleep(0.2))
ingest(open_archs4([Path(sys.argv[1])], 0.5), Path(sys.argv[2]), IngestSettings(), print)
"""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    """Parts of one chunk, three samples, so that the file has eight."""
    monkeypatch.setattr("train.ingest.matrix.BLOCK", 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_archs4(tmp_path_factory.mktemp("archs4") / "a.h5", make_counts(N), chunks=(8000, 3))


@pytest.fixture(scope="module")
def whole(path, tmp_path_factory):
    """The store of a run that nothing disturbed, in one part."""
    out = tmp_path_factory.mktemp("undisturbed") / "store"
    return ingest(open_archs4([path], 0.5), out, IngestSettings(), lambda _: None)


def _stop_after(monkeypatch, n_parts, error):
    append, seen = Journal.append, []

    def until(journal, block):
        if len(seen) == n_parts:
            raise error
        seen.append(1)
        append(journal, block)

    monkeypatch.setattr(Journal, "append", until)


def _go_on(path, out, monkeypatch):
    """Run to the end; returns (store, lines of progress, parts that were read)."""
    lines, read = [], []
    read_part = Archs4.read
    with monkeypatch.context() as patch:
        patch.setattr(Archs4, "read", lambda source, part: read.append(part) or read_part(source, part))
        store = ingest(open_archs4([path], 0.5), out, IngestSettings(), lines.append)
    return store, lines, sorted(read)


def test_kill_9_and_go_on_gives_the_same_store(tmp_path, path, whole, monkeypatch):
    out = tmp_path / "store"
    command = [sys.executable, "-c", SLOWLY, str(path), str(out)]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": "."}, stdout=subprocess.PIPE)
    journal = tmp_path / ".store.partial" / "journal.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not out.exists()
    n_kept = journal.read_bytes().count(b"\n") - 1
    with open(journal, "a") as file:  # a line that the kill cut, and rows that no line counts
        file.write('{"rows": 3, "sha')
    with open(tmp_path / ".store.partial" / "rows.f16", "ab") as file:
        file.write(b"torn")
    store, lines, read = _go_on(path, out, monkeypatch)
    assert f"continues: {n_kept} of 8 parts are finished" in lines and read == list(range(n_kept, 8))
    assert store.manifest["sha256"] == whole.manifest["sha256"]
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_ctrl_c_keeps_the_parts(tmp_path, path, whole, monkeypatch):
    out = tmp_path / "store"
    with monkeypatch.context() as patch:
        _stop_after(patch, 3, KeyboardInterrupt())
        with pytest.raises(Stopped, match="not complete yet"):
            ingest(open_archs4([path], 0.5), out, IngestSettings(), lambda _: None)
    store, _, read = _go_on(path, out, monkeypatch)
    assert read == [3, 4, 5, 6, 7] and store.manifest["sha256"] == whole.manifest["sha256"]


def test_a_disk_that_fills_while_the_store_is_written(tmp_path, path, whole, monkeypatch):
    out = tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setattr("train.store.os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(DataError, match="the disk is full"):
            ingest(open_archs4([path], 0.5), out, IngestSettings(), lambda _: None)
    assert not out.exists()
    store, _, read = _go_on(path, out, monkeypatch)
    assert read == [] and store.manifest["sha256"] == whole.manifest["sha256"]


def _kept_parts(path, out, monkeypatch, n_parts=3):
    with monkeypatch.context() as patch:
        _stop_after(patch, n_parts, KeyboardInterrupt())
        with pytest.raises(Stopped):
            ingest(open_archs4([path], 0.5), out, IngestSettings(), lambda _: None)
    return out.with_name(f".{out.name}.partial")


def test_other_settings_or_a_changed_source_start_again(tmp_path, path, monkeypatch):
    own = tmp_path / "a.h5"
    own.write_bytes(path.read_bytes())
    out = tmp_path / "store"
    _kept_parts(own, out, monkeypatch)
    os.utime(own, (1, 1))
    _, lines, read = _go_on(own, out, monkeypatch)
    assert lines[0].startswith("starts again") and len(read) == 8


def _cut_rows(work):
    (work / "rows.f16").write_bytes(b"")


def _lose_rows(work):
    (work / "rows.f16").unlink()


@pytest.mark.parametrize("harm", [_cut_rows, _lose_rows])
def test_lost_parts_are_found_and_the_next_run_starts_anew(tmp_path, path, whole, monkeypatch, harm):
    harm(_kept_parts(path, tmp_path / "store", monkeypatch))
    with pytest.raises(DataError, match="cut on disk"):
        _go_on(path, tmp_path / "store", monkeypatch)
    store, _, read = _go_on(path, tmp_path / "store", monkeypatch)
    assert len(read) == 8 and store.manifest["sha256"] == whole.manifest["sha256"]


def test_a_damaged_line_costs_the_parts_from_there_on(tmp_path, path, whole, monkeypatch):
    journal = _kept_parts(path, tmp_path / "store", monkeypatch) / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], b"\0" * 40 + b"\n", *lines[3:]]))
    store, _, read = _go_on(path, tmp_path / "store", monkeypatch)
    assert read == list(range(1, 8)) and store.manifest["sha256"] == whole.manifest["sha256"]


def test_damaged_parts_are_found_before_a_store_is_made(tmp_path, path, whole, monkeypatch):
    out = tmp_path / "store"
    work = _kept_parts(path, out, monkeypatch)
    with open(work / "rows.f16", "r+b") as file:
        file.seek(1000)
        file.write(b"\x55\x55")
    with pytest.raises(DataError, match="damaged on disk"):
        _go_on(path, out, monkeypatch)
    assert not out.exists() and not work.exists()
    store, _, read = _go_on(path, out, monkeypatch)
    assert len(read) == 8 and store.manifest["sha256"] == whole.manifest["sha256"]


def test_written_values_are_checked_by_reading(tmp_path, path, monkeypatch):
    fsync = os.fsync

    def harm(descriptor):
        fsync(descriptor)
        os.pwrite(descriptor, b"\x55\x55", 5000)

    monkeypatch.setattr("train.store.os.fsync", harm)
    with pytest.raises(DataError, match="reads back other than it was written"):
        ingest(open_archs4([path], 0.5), tmp_path / "store", IngestSettings(), lambda _: None)
    assert not list(tmp_path.iterdir())
