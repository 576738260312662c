"""A folder of finished blocks: whole or not at all, of one run only, and none the worse for damage."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np
import pytest

from cellstate.errors import CellStateError
from cellstate.files import resource_path
from cellstate.perturb.search.pair_blocks import Block, FolderBlocks, fingerprint


def make_block(seed: int, n: int = 20) -> Block:
    rng = np.random.default_rng(seed)
    positions = rng.integers(0, 1000, (4, n))
    return Block(
        a_N=positions[0],
        b_N=positions[1].astype(np.int32),
        value_N=rng.normal(size=n).astype(np.float32),
        null_a=positions[2][:7],
        null_b=positions[3][:7],
        null_value=rng.normal(size=7),
        n_pairs=123_456_789_012,
    )


def same(a: Block, b: Block) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Block))


def test_a_folder_gives_back_what_was_put_in(tmp_path):
    kept = FolderBlocks(tmp_path / "new" / "folder", "x")
    blocks = {number: make_block(number) for number in (0, 7, 1_234_567)}
    kept.update(blocks)
    again = FolderBlocks(tmp_path / "new" / "folder", "x")
    assert list(again) == [0, 7, 1_234_567] and len(again) == again.n_found == 3
    assert all(same(again[number], block) for number, block in blocks.items())
    assert again[0].value_N.dtype == np.float32 and again[0].b_N.dtype == np.int32
    assert again[0].n_pairs == 123_456_789_012 and isinstance(again[0].n_pairs, int)
    assert 3 not in again
    del again[7]
    assert 7 not in kept and list(kept) == [0, 1_234_567]
    with pytest.raises(KeyError):
        del again[7]
    assert not list(kept.folder.glob("*.partial"))


def test_an_empty_block_is_a_block(tmp_path):
    none = np.array([], dtype=int)
    kept = FolderBlocks(tmp_path, "x")
    kept[0] = Block(none, none, none.astype(float), none, none, none.astype(float), 0)
    assert len(kept[0].a_N) == 0


def test_a_folder_of_another_run_is_refused(tmp_path):
    FolderBlocks(tmp_path, "x")[0] = make_block(0)
    with pytest.raises(CellStateError, match="another sample, goal, model or choice of genes") as error:
        FolderBlocks(tmp_path, "y")
    assert "Choose another folder" in error.value.hint
    assert 0 in FolderBlocks(tmp_path, "x")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(CellStateError, match="something other than a stopped run"):
        FolderBlocks(tmp_path, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_blocks_without_settings_are_nobodys(tmp_path):
    FolderBlocks(tmp_path, "x")[0] = make_block(0)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(CellStateError, match="something other than a stopped run"):
        FolderBlocks(tmp_path, "x")


@pytest.mark.parametrize("text", ["", "[1]", '{"other": 1}', '{"fingerprint": '])
def test_damaged_settings_are_refused(tmp_path, text):
    FolderBlocks(tmp_path, "x")
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(CellStateError, match="is damaged"):
        FolderBlocks(tmp_path, "x")


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CellStateError, match="cannot be used: File exists"):
        FolderBlocks(tmp_path / "file", "x")


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    at = data.index(b"value_N.npy") + 200
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def _foreign(data: bytes) -> bytes:
    return b"not a block at all"


def _empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [_cut, _flip, _foreign, _empty])
def test_a_damaged_block_is_dropped_and_redone(tmp_path, damage):
    kept = FolderBlocks(tmp_path, "x")
    kept[0], kept[1] = make_block(0), make_block(1)
    path = tmp_path / "block-000001.npz"
    path.write_bytes(damage(path.read_bytes()))
    again = FolderBlocks(tmp_path, "x")
    assert list(again) == [0] and again.n_found == 1 and not path.exists()
    again[1] = make_block(1)
    assert same(again[1], make_block(1))


def test_a_block_damaged_while_the_folder_is_open_counts_as_missing(tmp_path):
    kept = FolderBlocks(tmp_path, "x")
    kept[0] = make_block(0)
    (tmp_path / "block-000000.npz").write_bytes(b"")
    assert 0 not in kept and len(kept) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"a_N": np.arange(3)},  # of another length
        {"value_N": np.array(["a"] * 20)},
        {"null_a": np.zeros((7, 1), int)},
        {"n_pairs": np.array([1, 2])},
        {"a_N": np.array([{"pickled": print}] * 20, dtype=object)},  # never unpickled
    ],
)
def test_a_file_that_is_no_block_is_dropped(tmp_path, change):
    kept = FolderBlocks(tmp_path, "x")
    arrays = {f.name: getattr(make_block(0), f.name) for f in fields(Block)} | change
    np.savez(tmp_path / "block-000000.npz", **arrays)
    assert 0 not in kept and not (tmp_path / "block-000000.npz").exists()


def test_a_half_written_block_is_never_seen(tmp_path, monkeypatch):
    kept = FolderBlocks(tmp_path, "x")

    def stopped(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stopped)
    with pytest.raises(KeyboardInterrupt):
        kept[0] = make_block(0)
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]


def test_what_a_kill_left_half_written_is_not_read_and_is_overwritten(tmp_path):
    kept = FolderBlocks(tmp_path, "x")
    (tmp_path / "block-000000.npz.partial").write_bytes(b"half")
    again = FolderBlocks(tmp_path, "x")
    assert len(again) == 0
    again[0] = make_block(0)
    assert same(kept[0], make_block(0)) and not (tmp_path / "block-000000.npz.partial").exists()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(file, **arrays):
        raise OSError(28, "No space left on device")

    kept = FolderBlocks(tmp_path, "x")
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CellStateError, match="cannot be used: No space left on device") as error:
        kept[0] = make_block(0)
    assert "what is finished is kept" in error.value.hint


def test_processes_may_open_a_new_folder_at_the_same_time(tmp_path):
    code = (
        "import sys; from tests.unit.perturb.search.test_pair_blocks import *\n"
        "FolderBlocks(sys.argv[1], 'x')[int(sys.argv[2])] = make_block(int(sys.argv[2]))\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "new"), str(i)], cwd=resource_path())
        for i in range(2)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert list(FolderBlocks(tmp_path / "new", "x")) == [0, 1]
    assert json.loads((tmp_path / "new" / "settings.json").read_text()) == {"fingerprint": "x"}


def test_a_kill_in_the_middle_leaves_only_whole_blocks(tmp_path):
    code = (
        "import sys; from tests.unit.perturb.search.test_pair_blocks import *\n"
        "kept = FolderBlocks(sys.argv[1], 'x')\n"
        "while True:\n"
        "    for number in range(4): kept[number] = make_block(number, 20_000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=resource_path())
    while not (tmp_path / "block-000003.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.013)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = FolderBlocks(tmp_path, "x")
    assert list(kept) == [0, 1, 2, 3]
    assert all(same(kept[number], make_block(number, 20_000)) for number in kept)


def test_a_fingerprint_tells_apart_what_a_run_depends_on():
    parts = [
        ("a",), ("b",), ("a", "b"), ("ab",), (1,), (1.0,), ("1",), (None,), (True,),
        (np.array([1, 2]),), (np.array([1, 3]),), (np.array([1.0, 2.0]),), (np.array([[1, 2]]),), (np.array([]), "a"),
    ]  # fmt: skip
    assert len({fingerprint(*some) for some in parts}) == len(parts)
    assert fingerprint("a", np.arange(4)[::2]) == fingerprint("a", np.array([0, 2]))
