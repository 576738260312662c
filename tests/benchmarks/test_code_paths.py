"""What counts as code that runs, and as a move between files."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.code_paths import Tracer

FILES = {
    "__init__": "",
    "a": "from traced.b import answer\ndef ask():\n    return answer()\n",
    "b": "from traced.c import Unused, make\nKEPT = make()\ndef answer():\n    return [n for n in range(3)]\n",
    "c": "class Unused:\n    pass\ndef make():\n    return 1\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "traced"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "traced"]:
        del sys.modules[name]


def test_import_time_is_left_out_and_moves_are_counted(package: Path) -> None:
    with Tracer(package) as tracer:
        ask = importlib.import_module("traced.a").ask
        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    files = {name: str(package / f"{name}.py") for name in FILES}
    assert set(tracer.calls) == {files["a"], files["b"]}
    assert tracer.moves == {(files["a"], files["b"]): 2}
    assert tracer.classes == {files["c"]}
