"""Hostile files and a short seeded fuzz run: every file is read or refused with an error."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import fuzz, fuzz_containers
from benchmarks.fuzz import Case
from benchmarks.fuzz_readers import FORMATS, check_samples
from benchmarks.fuzz_seeds import h5ad_seeds, text_seeds
from cellstate.errors import ModelError, ReadError
from cellstate.genes import N_AXIS
from cellstate.io import read_samples
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.checkpoint import load_checkpoint
from cellstate.model.network import AutoEncoder, initialise
from cellstate.samples import Samples
from tests.support.factories import make_space
from tests.support.read_codes import raises_code
from tests.unit.io.corpus import HOSTILE, referring

REPOSITORY = Path(__file__).resolve().parents[3]
#: These take seconds each; other hostile files cover their parts.
SLOW = {"90,000 columns of numbers", "gzip bomb of one wide line"}
INPUTS, SEED = 15, 1
FINDS = Path(__file__).with_name("finds")


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in SLOW])
def test_hostile_file_is_read_or_refused(name):
    try:
        samples = read_samples(HOSTILE[name](), name="upload")
    except ReadError as error:
        assert error.message.endswith(".") and "\n" not in error.message and len(error.message) < 400
    else:
        check_samples(samples)
        assert not any({"\n", "\r", "\x00"} & set(name) for name in samples.names)


@pytest.mark.parametrize("name", FORMATS)
def test_changed_files_are_read_or_refused(name):
    verdicts = [fuzz.judge(Case(name, SEED, number)) for number in range(INPUTS)]
    assert [v for v in verdicts if v.outcome not in ("read", "refused")] == []


@pytest.mark.parametrize("path", sorted(FINDS.iterdir()), ids=lambda path: path.name)
def test_finds_are_read_or_refused(path):
    """Files that once broke the law, or that only just kept it; a name begins with the format."""
    name = path.name.partition("-")[0]
    assert fuzz.judge_input(name, fuzz.Input(path.read_bytes())) in ("read", "refused")


@pytest.mark.parametrize("change", [fuzz_containers._wrap_sizes, fuzz_containers._redirect])
def test_sizes_and_addresses_of_hdf5_are_changed_in_place(change):
    data = h5ad_seeds()[0]
    changed = [change(Random(number), data) for number in range(20)]
    assert len(set(changed)) > 15 and {len(one) for one in changed} == {len(data)}
    outcomes = [fuzz.judge_input("h5ad", fuzz.Input(one)) for one in changed]
    assert set(outcomes) == {"read", "refused"}


def test_counts_add_up_over_runs_and_what_is_mended_is_forgotten(tmp_path):
    path, case = tmp_path / "build" / "fuzz.json", Case("zip", SEED, 0)
    tallies = fuzz.load(path)
    for verdict in (fuzz.Verdict(case, "refused", 2.0, 10), fuzz.Verdict(case, "IndexError: 3")):
        tallies["zip"].add(verdict)
    fuzz.save(tallies, path)
    again = fuzz.load(path)
    assert again == tallies and again["zip"].n == 2 and again["csv"].n == 0
    assert again["zip"].violations == [fuzz.Verdict(case, "IndexError: 3")]
    again["zip"].forget(again["zip"].violations[0])
    assert again["zip"].n == 2 and not again["zip"].violations and again["zip"].outcomes["violation"] == 0
    told = {one.name: one.value for one in fuzz.criteria_of(again)}
    assert (told["zip.inputs"], told["zip.violations"], told["fewest_inputs_of_a_format"]) == (2, 0, 0)
    assert told["zip.slowest_input"] == 2.0


def test_number_determines_the_input():
    assert fuzz.make_input(Case("csv", SEED, 7)) == fuzz.make_input(Case("csv", SEED, 7))
    assert fuzz.make_input(Case("csv", SEED, 7)) != fuzz.make_input(Case("csv", SEED, 8))
    assert fuzz.make_input(Case("csv", SEED, 7)) != fuzz.make_input(Case("csv", SEED + 1, 7))


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("10x h5", "zip", "baselines")])
def test_unchanged_seeds_are_read(name):
    """A changed file is a useful test only if the file before the change is read."""
    assert FORMATS[name].read(fuzz.Input(FORMATS[name].seeds()[0])) is not None


def test_no_other_file_is_read(tmp_path):
    """An upload that names another file of the server shows nothing of it."""
    secret = tmp_path / "secret.h5ad"
    secret.write_bytes(h5ad_seeds()[0])
    hostile = referring(secret)
    # A reference is not followed, so its column names no gene.
    assert read_samples(hostile.pop("reference to external storage")).report.id_type == "symbol"
    for data in hostile.values():
        with raises_code("refers_elsewhere"):
            read_samples(data)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gzip bomb of zeros", "too_large"),
        ("gzip bomb of short cells", "too_large"),
        ("dense claim of 240 million values", "damaged_h5ad"),
        ("sparse claim of 240 million values", "damaged_h5ad"),
        ("200 million names", "too_large"),
        ("sparse column outside", "damaged_h5ad"),
        ("200,000 columns of numbers", "not_a_table"),
        ("20,000 samples of one gene", "too_many_samples"),
        ("zip bomb", "binary_file"),
    ],
)
def test_codes_of_refused_hostile_files(name, code):
    with raises_code(code):
        read_samples(HOSTILE[name]())


def test_worker_processes_judge_each_input():
    verdicts = list(fuzz.in_processes([Case("zip", SEED, 0), Case("zip", SEED, 1)]))
    assert [v.case.number for v in verdicts] == [0, 1]


@pytest.mark.parametrize(
    ("verdict", "is_violation", "is_near"),
    [
        (("the process died (-11)",), True, False),
        (("read", 11), True, True),
        (("read", 1, 2 * 10**9), True, True),
        (("refused", 1, 10**6), False, False),
        (("read", 6), False, True),
        (("read", 1, 6 * 10**8), False, True),
        (("read", 1, 10**8), False, False),
    ],
)
def test_verdict_near_and_beyond_the_limits(verdict, is_violation, is_near):
    judged = fuzz.Verdict(Case("zip", SEED, 0), *verdict)
    assert (judged.violation is not None) == is_violation and (is_violation or judged.is_near == is_near)


def test_check_of_many_samples_takes_no_memory():
    """Its memory would count as the reader's."""
    names = tuple(f"patient {n}" for n in range(100))
    samples = Samples(names, np.full((100, N_AXIS), 1e6 / N_AXIS, np.float32), np.full(100, np.nan))
    tracemalloc.start()
    try:
        check_samples(samples)
        assert tracemalloc.get_traced_memory()[1] < samples.tpm_SA.nbytes / 4
    finally:
        tracemalloc.stop()


@pytest.fixture
def folder(tmp_path):
    """A small model folder."""
    space = make_space(30)
    network = AutoEncoder(ModelConfig("tiny", (30, 8, 4, 8, 30)))
    initialise(network, 1)
    save_model(
        tmp_path, network, space, pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols}), torch.float32
    )
    return tmp_path


CHANGES = {
    "cut in place": lambda path: os.truncate(path, 100),
    "written in place": lambda path: path.write_bytes(path.read_bytes() + b"\x00"),
    "replaced": lambda path: shutil.copy(path, path.with_name("new")) and path.with_name("new").replace(path),
    "removed": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_model_folder_that_changes_in_use_is_refused(folder, change):
    model, z_SG = load_model(folder, device="cpu"), np.zeros((1, 30), np.float32)
    before = model.reconstruct(z_SG)
    CHANGES[change](folder / "model.safetensors")
    with pytest.raises(ModelError, match="changed on disk"):
        model.reconstruct(z_SG)
    # The loaded weights are a copy: a running computation ends with them.
    with torch.inference_mode():
        assert np.array_equal(model.network(torch.from_numpy(z_SG)).numpy(), before)


def test_weights_cut_in_use_do_not_end_the_process(folder):
    code = (
        "import sys, torch; from pathlib import Path; from cellstate.model.checkpoint import load_checkpoint\n"
        "path = Path(sys.argv[1]); network, standardise, _ = load_checkpoint(path)\n"
        "open(path, 'r+b').truncate(0)\n"
        "print(float(network(torch.zeros(1, 30)).sum()), float(standardise['genes.mean'].sum()))"
    )
    command = [sys.executable, "-c", code, str(folder / "model.safetensors")]
    assert subprocess.run(command, capture_output=True, cwd=REPOSITORY).returncode == 0


def test_config_larger_than_its_file_is_refused(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for widths in ([30, 10**12, 30], [30] * 5000, [30, float("inf"), 30]):
        header = {"schema_version": 1, "gene_hash": "", "config": {"name": "x", "widths": widths}}
        save_file(tensors, path, metadata={"cellstate": json.dumps(header)})
        with pytest.raises(ModelError):
            load_checkpoint(path)


def _calls(path: Path) -> set[str]:
    """Return the imports and calls of a module that could run code from a data file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names} | {
                (getattr(node, "module", "") or "").split(".")[0]
            }
            found |= names & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
        elif isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if text in ("torch.load", "pd.read_pickle", "eval", "exec") or text.endswith(".to_pickle"):
                found.add(text)
            if text in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False":
                found.add(f"{text} without allow_pickle=False")
    return found


def test_nothing_is_unpickled():
    files = [path for folder in ("cellstate", "train", "pages") for path in (REPOSITORY / folder).rglob("*.py")]
    assert {str(path.relative_to(REPOSITORY)): _calls(path) for path in files if _calls(path)} == {}


def test_text_seeds_cover_every_reader_of_text():
    assert {"csv", "tsv", "gct", "salmon", "kallisto", "rsem", "star", "featurecounts", "gmt"} <= set(text_seeds())
