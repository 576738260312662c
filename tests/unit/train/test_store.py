"""What a store gives back, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from cellstate.errors import DataError
from cellstate.genes import N_AXIS
from tests.support.factories import make_samples
from tests.unit.train.stores import make_store
from train.store import COLUMNS, MANIFEST, TABLE, VALUES, open_store, write_store


def test_values_come_back_as_tpm_by_split(tmp_path):
    store = make_store(tmp_path / "store", n_genes=None, n_train=6, n_held_out=2)
    assert isinstance(store.log1p_SA, np.memmap) and store.log1p_SA.dtype == np.float16 and len(store) == 10
    assert set(COLUMNS) <= set(store.table.columns)
    assert store.manifest["splits"] == {"train": 6, "validation": 2, "test": 2} and store.manifest["complete"]
    held = store.split("validation")
    assert held.names == ("GSM0007", "GSM0008")
    np.testing.assert_allclose(held.tpm_SA, make_samples(10).tpm_SA[6:8], rtol=5e-3, atol=2e-3)
    np.testing.assert_array_equal(held.library_size_S, store.table["library_size"][6:8])


def test_a_limited_split_is_a_seeded_choice_in_order(tmp_path):
    store = make_store(tmp_path / "store", n_train=20, n_held_out=1)
    one, two = store.split("train", limit=5, seed=1), store.split("train", limit=5, seed=1)
    assert one.names == two.names == tuple(sorted(one.names)) and len(one) == 5
    assert store.split("train", limit=5, seed=2).names != one.names
    assert len(store.split("train", limit=500)) == 20


def test_a_split_without_samples_is_named(tmp_path):
    store = make_store(tmp_path / "store", n_train=2, n_held_out=0)
    for name in ("test", "older_test"):
        with pytest.raises(DataError, match=rf"no sample in split '{name}'.* It has: train \(2\)"):
            store.split(name)


def test_the_checksum_depends_on_values_and_splits(tmp_path):
    kinds = [{}, {"seed": 1}, {"n_train": 47, "n_held_out": 12}]
    sums = [make_store(tmp_path / str(i), **kind).manifest["sha256"] for i, kind in enumerate(kinds)]
    assert len(set(sums)) == 3
    assert make_store(tmp_path / "again").manifest["sha256"] == sums[0]


def test_rows_must_fit_the_table(tmp_path):
    table = pd.DataFrame({"split": ["train"] * 3})
    with pytest.raises(ValueError, match="2 rows were given for a table of 3"):
        write_store(tmp_path, [np.zeros((2, N_AXIS), np.float16)], table, {})


def _set(path, **entries):
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps(manifest | entries))


def _cut(path):
    with open(path / VALUES, "r+b") as file:
        file.truncate(5000)


def _move_to_test(path):
    pd.read_parquet(path / TABLE).assign(split="test").to_parquet(path / TABLE, index=False)


@pytest.mark.parametrize(
    "harm, message",
    [
        (lambda path: (path / MANIFEST).unlink(), "holds no complete store"),
        (lambda path: (path / MANIFEST).write_text("[1, 2"), "holds no complete store"),
        (lambda path: (path / MANIFEST).write_text("[1, 2]"), "holds no complete store"),
        (lambda path: _set(path, axis_hash="another"), "another gene axis"),
        (lambda path: (path / VALUES).unlink(), "incomplete: it lacks log1p_tpm.npy"),
        (lambda path: (path / TABLE).unlink(), "incomplete: it lacks samples.parquet"),
        (_cut, "another size"),
        (_move_to_test, "samples.parquet was changed"),
        (lambda path: (path / VALUES).write_bytes(bytes((path / VALUES).stat().st_size)), "is damaged"),
        (lambda path: _set(path, n_samples=11), "does not fit"),
    ],
)
def test_an_incomplete_store_is_refused_in_one_sentence(tmp_path, harm, message):
    path = make_store(tmp_path / "store", n_train=6, n_held_out=2).path
    harm(path)
    with pytest.raises(DataError, match=message) as refusal:
        open_store(path)
    assert refusal.value.message.count(". ") == 0 and refusal.value.hint
