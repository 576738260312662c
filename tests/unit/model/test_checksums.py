"""Whatever happens to a file of a model folder is one sentence that names it, before the model predicts anything."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.files import CHECKSUMS
from cellstate.model import load_model
from cellstate.model.checksums import write_model_checksums
from cellstate.model.folder import WEIGHTS, shipped_models
from cellstate.model.numpy_network import load_light_model
from train.__main__ import main

#: Flipped bits a file, and in the longer test all together.
_FEW, _MANY = 6, 1_000


@pytest.fixture
def folder(small_model, tmp_path):
    return shutil.copytree(small_model.folder, tmp_path / "m")


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def refused(folder):
    with pytest.raises(ModelError) as caught:
        load_model(folder, device="cpu")
    assert "\n" not in str(caught.value) and caught.value.hint
    return caught.value.message


def test_a_trained_folder_lists_all_its_files(small_model):
    listed = {line.split("  ")[1] for line in (small_model.folder / CHECKSUMS).read_text().splitlines()}
    assert listed == {path.name for path in small_model.folder.iterdir()} - {CHECKSUMS}
    subprocess.run(["sha256sum", "--check", "--strict", CHECKSUMS], cwd=small_model.folder, check=True, timeout=60)


@pytest.mark.parametrize("name", shipped_models())
def test_the_checksums_of_a_shipped_model_fit(name):
    """After a change that was meant: python -m train checksums models/NAME."""
    folder = shipped_models()[name]
    listed = (folder / CHECKSUMS).read_text().splitlines()
    assert {line.split("  ")[1] for line in listed} == {path.name for path in folder.iterdir()} - {CHECKSUMS}
    load_model(folder, device="cpu")


def test_a_flipped_bit_in_any_file_is_one_sentence(folder):
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for place in rng.integers(0, 8 * len(whole), _FEW):
            flip(path, place)
            message = refused(folder)
            assert path.name in message or path.name == CHECKSUMS
            path.write_bytes(whole)
    load_model(folder, device="cpu")


@pytest.mark.thorough
@pytest.mark.slow
def test_a_thousand_flipped_bits(folder):
    paths = sorted(folder.iterdir())
    sizes = np.array([path.stat().st_size for path in paths])
    seed = int(np.random.default_rng().integers(2**31))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for number in range(_MANY):
        # Every second one anywhere in the folder, the others in each file in turn.
        chosen = number // 2 % len(paths) if number % 2 else rng.choice(len(paths), p=sizes / sizes.sum())
        path = paths[chosen]
        whole = path.read_bytes()
        flip(path, rng.integers(0, 8 * len(whole)))
        refused(folder)
        path.write_bytes(whole)


def test_a_bit_of_a_weight_that_stays_finite_is_noticed_without_torch_too(folder):
    path = folder / WEIGHTS
    flip(path, 8 * (path.stat().st_size // 2))
    with pytest.raises(ModelError, match=rf"^{WEIGHTS} of the model folder m is not the one that was packaged\."):
        load_light_model(folder)


@pytest.mark.parametrize("change", ["gone", "empty", "foreign", "unlisted"])
def test_missing_and_foreign_files_are_named(folder, change):
    path = folder / "effects.safetensors"
    if change == "unlisted":
        shutil.copyfile(path, folder / "tissues.safetensors")
        assert refused(folder).startswith(f"tissues.safetensors is not listed in {CHECKSUMS}")
        return
    path.unlink()
    if change != "gone":
        path.write_bytes(b"" if change == "empty" else (folder / WEIGHTS).read_bytes())
    what = "is missing" if change == "gone" else "is not the one that was packaged"
    assert refused(folder) == f"effects.safetensors of the model folder m {what}."


@pytest.mark.parametrize(
    "text", ["", "\n", f"{'0' * 64}  ../secret\n", f"{'0' * 64}  /etc/passwd\n", f"{'0' * 63}  config.json\n", "\xff"]
)
def test_a_damaged_list_is_named(folder, text):
    (folder / CHECKSUMS).write_text(text, encoding="latin-1")
    assert refused(folder) == f"{CHECKSUMS} of the model folder m is damaged."


def test_files_of_a_folder_that_nobody_wrote_to_are_read_once(folder, monkeypatch):
    import os
    import time

    for path in folder.iterdir():
        os.utime(path, (time.time() - 60,) * 2)
    load_model(folder, device="cpu")
    monkeypatch.setattr("cellstate.model.checksums.changed_file", None)
    load_model(folder, device="cpu")


def test_a_change_that_was_meant_is_listed_by_one_command(folder, capsys):
    record = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(record))
    refused(folder)
    assert main(["checksums", str(folder)]) == 0
    assert set(json.loads(capsys.readouterr().out)[str(folder)]) == {p.name for p in folder.iterdir()} - {CHECKSUMS}
    load_model(folder, device="cpu")
    assert main(["checksums", str(folder.parent)]) == 2


def test_a_folder_in_training_lists_what_will_stay(folder):
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "a").write_bytes(b"a")
    (folder / "run.json").write_text("{}")
    listed = write_model_checksums(folder, without=("checkpoints", "run.json"))
    assert set(listed) == {p.name for p in folder.iterdir()} - {CHECKSUMS, "checkpoints", "run.json"}
