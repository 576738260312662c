"""Memory: what a user holds is counted from the arrays, and what does not fit is refused with a sentence."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from starlette.formparsers import MultiPartParser

from cellstate.errors import CellStateError
from cellstate.ui import limits
from cellstate.ui.held import held_bytes
from cellstate.ui.jobs import Job
from cellstate.ui.limits import check_room, machine_bytes, run_seconds, server_bytes, session_bytes
from cellstate.ui.queue import Queue
from cellstate.ui.session import Loaded, Session
from tests.factories import make_samples

MB = 1_000_000
#: Python's own objects around what is counted.
SMALL = 20_000


def about(n_bytes: float) -> object:
    return pytest.approx(n_bytes, abs=SMALL)


@pytest.mark.parametrize(
    "thing",
    [
        np.zeros(MB, np.uint8),
        np.zeros((1000, 1000), np.uint8)[::2],
        torch.zeros(MB, dtype=torch.uint8),
        bytes(MB),
        pd.DataFrame({"a": np.zeros(MB // 2, np.uint8), "b": np.zeros(MB // 2, np.uint8)}),
        pd.Series(np.zeros(MB, np.uint8)),
        {"deep": [(np.zeros(MB, np.uint8),)]},
    ],
    ids=["array", "view", "tensor", "bytes", "table", "column", "containers"],
)
def test_what_is_held_is_counted(thing: object) -> None:
    assert held_bytes(thing) == about(MB)


def test_nothing_counts_twice_and_circles_end() -> None:
    array = np.zeros(MB, np.uint8)
    circle: list = [array, array[:10], {"again": array}]
    circle.append(circle)
    assert held_bytes(circle, circle) == about(MB)


def test_what_a_function_needs_is_counted() -> None:
    array = np.zeros(MB, np.uint8)
    assert held_bytes(lambda: array) == about(MB)

    def work(progress: object) -> None:
        """Search."""

    work.__defaults__ = (array,)
    assert held_bytes(work) == about(MB)


def test_what_all_users_share_is_nobodys(small_model) -> None:
    assert held_bytes({"model": small_model, "genes": small_model.space}) < SMALL


def test_a_session_counts_its_files_results_and_searches(small_model) -> None:
    state, samples = Session(), make_samples(20)
    empty = held_bytes(state)
    state.load(Loaded(samples, bytes(MB), "file"))
    expected = MB + samples.tpm_SA.nbytes
    assert held_bytes(state) - empty == about(expected)
    state.once("shift", 0, lambda: pd.DataFrame({"x": np.zeros(MB)}))
    expected += 8 * MB
    assert held_bytes(state) - empty == about(expected)
    job = Job("screen", 0, "a search", lambda progress: np.zeros(MB), Queue(1))
    state.run(job)
    job.wait(10)
    expected += 8 * MB
    assert held_bytes(state) - empty == about(expected)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Other users of the server."""
    present: list[Session] = []

    class Listed:
        def sessions(self) -> list[Session]:
            return present

    monkeypatch.setattr(limits, "visitors", Listed)
    return present


def test_what_does_not_fit_beside_a_users_own_is_refused(monkeypatch: pytest.MonkeyPatch, others: list) -> None:
    monkeypatch.setenv("CELLSTATE_SESSION_MB", "3")
    state = Session(loaded=Loaded(make_samples(1), bytes(2 * MB), "file"))
    check_room(state, bytes(MB // 2))
    with pytest.raises(CellStateError, match=r"This takes 2 MB of memory; you hold 2 MB of the 3 MB") as refused:
        check_room(state, bytes(2 * MB))
    assert "Forget my data" in refused.value.hint
    # What is there already is not new.
    check_room(state, state.loaded)


def test_what_does_not_fit_beside_all_users_is_refused(monkeypatch: pytest.MonkeyPatch, others: list) -> None:
    monkeypatch.setenv("CELLSTATE_SERVER_MB", "10")
    state = Session()
    others += [state, Session(loaded=Loaded(make_samples(1), bytes(8 * MB), "file"))]
    check_room(state, bytes(MB))
    with pytest.raises(CellStateError, match="server's memory"):
        check_room(state, bytes(3 * MB))
    others.pop()
    check_room(state, bytes(3 * MB))


def test_settings_and_their_defaults(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(logging.getLogger("cellstate.app"), "disabled", False)
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
    assert "CELLSTATE_SESSION_MB is not a number above zero" in caplog.text


@pytest.mark.parametrize(("said", "counts"), [("1000000\n", True), ("max\n", False), (None, False)])
def test_a_container_has_its_own_memory(
    said: str | None, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        (tmp_path / "max").write_text(said)
    monkeypatch.setattr(limits, "_CONTAINER", (tmp_path / "max",))
    assert (machine_bytes() == MB) == counts


def test_uploads_never_pass_through_a_file() -> None:
    assert MultiPartParser.spool_max_size > 10**12
