"""Memory limits: users' data are counted from their arrays, and data that do not fit are refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellstate.errors import CellStateError
from cellstate.genes import gene_axis
from cellstate.ui.runtime import limits
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.runtime.limits import machine_bytes, run_seconds, server_bytes, session_bytes
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.state import memory
from cellstate.ui.state.memory import check_memory, memory_in_use, n_bytes
from cellstate.ui.state.session import FailedUpload, GeneSets, Loaded, Session
from tests.support.factories import make_samples

MB = 1_000_000
#: Names, labels and Python's own objects.
SMALL = 20_000


def about(n_bytes: float) -> object:
    return pytest.approx(n_bytes, abs=SMALL)


@dataclass
class Result:
    """A result as the pages cache one."""

    table: pd.DataFrame
    rows: dict[str, np.ndarray]
    title: str = ""


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(MB, np.uint8),
        bytes(MB),
        "x" * MB,
        pd.DataFrame({"a": np.zeros(MB // 2, np.uint8), "b": np.zeros(MB // 2, np.uint8)}),
        {"deep": [(np.zeros(MB, np.uint8),)]},
        Result(pd.DataFrame({"a": np.zeros(MB // 2, np.uint8)}), {"b": np.zeros(MB // 2, np.uint8)}),
    ],
    ids=["array", "bytes", "text", "table", "containers", "dataclass"],
)
def test_bytes_of_every_kind_are_counted(value: object) -> None:
    assert n_bytes(value) == about(MB)


def test_what_all_users_share_counts_for_none(small_model) -> None:
    assert n_bytes({"model": small_model, "genes": small_model.space, "axis": gene_axis()}) == 0


def test_a_session_counts_its_files_results_and_searches() -> None:
    state, samples = Session(), make_samples(20)
    state.load(Loaded(samples, bytes(MB), "file"))
    expected = MB + samples.tpm_SA.nbytes
    assert memory_in_use(state) == about(expected)
    # The bytes of one file count once.
    assert state.loaded is not None
    state.failed_upload = FailedUpload("file", CellStateError("refused"), source=state.loaded.source)
    assert memory_in_use(state) == about(expected)
    state.failed_upload = FailedUpload("another", CellStateError("refused"), source=bytes(2 * MB))
    expected += 2 * MB
    assert memory_in_use(state) == about(expected)
    state.cached("shift", 0, lambda: pd.DataFrame({"x": np.zeros(MB)}))
    expected += 8 * MB
    assert memory_in_use(state) == about(expected)
    state.load_group("control", Loaded(samples.take([0, 1]), b"", "control"))
    state.load_reference(Loaded(samples.take([0]), b"", "reference"))
    expected += 3 * samples.tpm_SA[0].nbytes
    assert memory_in_use(state) == about(expected)
    state.load_gene_sets(GeneSets("sets", {"A": ("x" * MB, "y" * MB)}))
    expected += 2 * MB
    assert memory_in_use(state) == about(expected)
    job = Job("screen", 0, "a search", lambda progress: np.zeros(MB), Queue(1))
    state.run(job)
    job.wait(10)
    assert state.finished("screen", 0) is job
    expected += 8 * MB
    assert memory_in_use(state) == about(expected)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Other users of the server."""
    sessions: list[Session] = []

    class Registry:
        def sessions(self) -> list[Session]:
            return sessions

    monkeypatch.setattr(memory, "session_registry", Registry)
    return sessions


def test_data_over_one_users_limit_are_refused(monkeypatch: pytest.MonkeyPatch, others: list) -> None:
    monkeypatch.setenv("CELLSTATE_SESSION_MB", "3")
    state = Session(loaded=Loaded(make_samples(1), bytes(2 * MB), "file"))
    check_memory(state, bytes(MB // 2))
    with pytest.raises(CellStateError, match=r"2 MB .* 2 MB of the 3 MB") as refused:
        check_memory(state, bytes(2 * MB))
    assert "Delete my data" in refused.value.hint
    # The session's own file is not counted again.
    assert state.loaded is not None
    check_memory(state, state.loaded.source)


def test_data_over_the_servers_limit_are_refused(monkeypatch: pytest.MonkeyPatch, others: list) -> None:
    monkeypatch.setenv("CELLSTATE_SERVER_MB", "10")
    state = Session()
    others += [state, Session(loaded=Loaded(make_samples(1), bytes(8 * MB), "file"))]
    check_memory(state, bytes(MB))
    with pytest.raises(CellStateError, match="server"):
        check_memory(state, bytes(3 * MB))
    others.pop()
    check_memory(state, bytes(3 * MB))


def test_settings_and_their_defaults(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for variable in ("CELLSTATE_SESSION_MB", "CELLSTATE_SERVER_MB", "CELLSTATE_RUN_MINUTES"):
        monkeypatch.delenv(variable, raising=False)
    assert session_bytes() == 1500 * MB
    assert run_seconds() == 2 * 3600
    assert server_bytes() == pytest.approx(0.4 * machine_bytes())
    monkeypatch.setenv("CELLSTATE_RUN_MINUTES", "0.5")
    assert run_seconds() == 30
    for wrong in ("many", "-1", "0", "nan"):
        monkeypatch.setenv("CELLSTATE_SESSION_MB", wrong)
        assert session_bytes() == 1500 * MB
    assert "CELLSTATE_SESSION_MB" in caplog.text


@pytest.mark.parametrize(("text", "counts"), [("1000000\n", True), ("max\n", False), (None, False)])
def test_a_container_has_its_own_memory(
    text: str | None, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        (tmp_path / "max").write_text(text)
    monkeypatch.setattr(limits, "_CONTAINER", (tmp_path / "max",))
    assert (machine_bytes() == MB) == counts
