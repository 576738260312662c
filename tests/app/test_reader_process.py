"""Reader processes: what they return, and that none outlives its file, whatever that does."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cellstate.errors import CellStateError, GeneError, ReadError, Stopped
from cellstate.io import preview_file, read_gene_table, read_gmt, read_samples
from cellstate.io.sample_sheet import read_sheet
from cellstate.ui.runtime import reader_process
from cellstate.ui.runtime.reader_process import ReaderProcess
from tests.support import apart

PATIENCE_S = 30


@pytest.fixture(scope="module")
def read() -> Iterator[ReaderProcess]:
    reader = ReaderProcess()
    yield reader
    reader.close()


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def children(read: ReaderProcess) -> list[int]:
    assert read._program is not None
    listed = Path(f"/proc/{read._program.pid}/task/{read._program.pid}/children").read_text()
    return [int(child) for child in listed.split()]


def test_an_answer_is_that_of_the_function(read: ReaderProcess) -> None:
    assert read(apart.echo, b"abc" * 10_000_000, name="a") == (b"abc" * 10_000_000, "a")
    found, expected = read(apart.samples, 3), apart.samples(3)
    np.testing.assert_array_equal(found.tpm_SA, expected.tpm_SA)
    assert found.report == expected.report and found.names == expected.names
    assert found.report.warnings[0].code == "low_depth"


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "data" / "examples").glob("*.gz"))[:1], ids=str)
def test_files_are_read_as_in_this_process(read: ReaderProcess, path: Path) -> None:
    for source in (path, path.read_bytes()):
        found, expected = read(read_samples, source, name=path.name), read_samples(source, name=path.name)
        np.testing.assert_array_equal(found.tpm_SA, expected.tpm_SA)
        assert found.report == expected.report
        codes = [getattr(warning, "code", None) for warning in found.report.warnings]
        assert codes == [getattr(warning, "code", None) for warning in expected.report.warnings]
        assert read(preview_file, source, path.name) == preview_file(source, path.name)


def test_gene_sets_and_sheets_are_read_apart_too(read: ReaderProcess) -> None:
    assert read(read_gmt, b"S\tof\tTP53\tMYC\n", name="a.gmt") == {"S": ("TP53", "MYC")}
    table = read(read_gene_table, b"gene,note\nTP53,ours\n", name="mine.csv")
    assert (table.name, table.columns, list(table.rows.values())) == ("mine.csv", ("note",), [("ours",)])
    assert read(read_sheet, b"sample,group\nA,x\n", ("A", "B")).labels == {"A": "x"}


def test_errors_keep_their_sentences(read: ReaderProcess) -> None:
    with pytest.raises(GeneError) as raised:
        read(apart.refuses, b"")
    assert (raised.value.message, raised.value.hint, raised.value.code) == ("a sentence", "a hint", "a_code")


def test_a_mistake_is_logged_without_its_message(read: ReaderProcess, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CellStateError, match="our mistake"):
        read(apart.errs, b"")
    assert "ZeroDivisionError while reading" in caplog.text and "in errs" in caplog.text
    assert "division by" not in caplog.text


@pytest.mark.parametrize("function", [apart.loops, apart.sleeps])
def test_a_file_that_takes_too_long_is_refused(
    read: ReaderProcess, monkeypatch: pytest.MonkeyPatch, function: Callable[..., object]
) -> None:
    monkeypatch.setattr(reader_process, "WAIT_S", 0.5)
    with pytest.raises(ReadError) as raised:
        read(function, b"")
    assert raised.value.code == "reader_failed"
    assert not children(read)
    monkeypatch.undo()
    assert read(apart.echo, b"1", name="") == (b"1", "")


def test_the_kernel_ends_a_reader_that_takes_too_much_processor_time(
    read: ReaderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_process, "CPU_S", 0.1)
    monkeypatch.setattr(reader_process, "WAIT_S", 3600.0)
    with pytest.raises(ReadError) as raised:
        read(apart.loops, b"")
    assert raised.value.code == "reader_failed"


@pytest.mark.parametrize("function", [apart.crashes, apart.answers_otherwise])
def test_a_crash_or_another_answer_is_a_sentence(read: ReaderProcess, function: Callable[..., object]) -> None:
    with pytest.raises(ReadError) as raised:
        read(function, b"")
    assert raised.value.code == "reader_failed"
    assert not children(read)


def test_too_much_memory_is_a_sentence(read: ReaderProcess) -> None:
    with pytest.raises(CellStateError, match="memory"):
        read(apart.takes_memory, b"")


def test_whoever_stops_waiting_ends_the_process(read: ReaderProcess) -> None:
    shown: list[tuple[str, float]] = []

    def progress(step: str, fraction: float) -> None:
        shown.append((step, fraction))
        if step:
            assert len(children(read)) == 1
            raise Stopped("Enough.")

    with pytest.raises(Stopped):
        read(apart.sleeps, b"", progress=progress)
    assert shown[-1] == ("Reading the table", 0.5)
    assert not children(read)


def test_every_file_has_a_process_of_its_own(read: ReaderProcess) -> None:
    processes = {read(apart.number), read(apart.number), os.getpid()}
    assert len(processes) == 3
    assert all(is_gone(process) for process in processes - {os.getpid()})


def test_several_are_read_at_once(read: ReaderProcess) -> None:
    found: list[tuple[bytes, str]] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(read(apart.echo, bytes([n]) * 1000, name=str(n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(found) == [(bytes([n]) * 1000, str(n)) for n in range(8)]


def test_a_reader_knows_neither_torch_nor_streamlit_nor_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSTATE_SECRET", "1")
    read = ReaderProcess()
    try:
        assert "CELLSTATE_SECRET" not in read(apart.environment)
        assert not {"torch", "streamlit", "plotly"} & set(read(apart.modules))
    finally:
        read.close()


def test_a_reader_writes_no_file(read: ReaderProcess, tmp_path: Path) -> None:
    with pytest.raises(CellStateError, match="our mistake"):
        read(apart.writes, tmp_path / "leak")
    assert (tmp_path / "leak").read_bytes() == b""


def test_a_reader_reaches_no_network_where_the_system_allows_it(read: ReaderProcess) -> None:
    assert read._program is not None
    ours, theirs = (os.readlink(f"/proc/{process}/ns/net") for process in (os.getpid(), read._program.pid))
    if ours == theirs:
        pytest.skip("this system allows no network name space of one's own")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert apart.connects(port)
        assert not read(apart.connects, port)


def test_the_program_is_started_again_if_the_system_ended_it(read: ReaderProcess) -> None:
    read(apart.number)
    assert read._program is not None
    read._program.kill()
    read._program.wait()
    assert read(apart.echo, b"1", name="") == (b"1", "")


def test_no_reader_outlives_the_server() -> None:
    read, failed = ReaderProcess(), threading.Event()

    def wait() -> None:
        with pytest.raises(CellStateError):
            read(apart.loops, b"")
        failed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    end = time.monotonic() + PATIENCE_S
    while read._program is None or not (running := children(read)):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert read._socket is not None
    # As the kernel does when the server is killed.
    read._socket.shutdown(socket.SHUT_RDWR)
    assert failed.wait(PATIENCE_S)
    while not all(map(is_gone, running)):
        assert time.monotonic() < end
        time.sleep(0.02)
    thread.join(PATIENCE_S)
    read.close()
