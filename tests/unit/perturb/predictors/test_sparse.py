from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb.predictors.sparse import EFFECTS, load_effects, save_effects


def test_effects_survive_the_disc_within_what_eight_bits_hold(tmp_path, small_model):
    rng = np.random.default_rng(0)
    genes = len(small_model.space)
    dense = rng.normal(size=(genes, genes)) * (rng.random((genes, genes)) < 0.1)
    np.fill_diagonal(dense, 0)
    dense[:, 3] = 0  # a gene that nothing explains
    save_effects(csr_array(dense.astype(np.float32)), tmp_path)
    again = load_effects(replace(small_model, folder=tmp_path))
    assert np.allclose(again.toarray(), dense, atol=np.abs(dense).max() / 127)
    assert again.nnz == np.count_nonzero(dense)


def test_a_trained_model_has_them_and_random_weights_do_not(small_model, tmp_path):
    assert load_effects(small_model).nnz > 0
    create_model(tmp_path / "demo", "demo", dtype="float16")
    assert load_effects(load_model(tmp_path / "demo", device="cpu")) is None


@pytest.mark.parametrize(
    "name, change",
    [
        ("count", lambda t: t[:-1]),
        ("count", lambda t: t.astype(np.int32)),
        ("count", lambda t: t + np.uint16(1)),
        ("gene", lambda t: t + np.uint16(60_000)),
        ("gene", lambda t: t[:-1]),
        ("level", lambda t: t[:-1]),
        ("level", lambda t: t.astype(np.float32)),
        ("step", lambda t: t * np.float32(np.nan)),
        ("step", lambda t: -t - 1),
        ("step", lambda t: np.full_like(t, 3e38)),
    ],
)
def test_effects_that_no_trainer_wrote_are_refused(tmp_path, small_model, name, change):
    save_effects(load_effects(small_model), tmp_path)
    stored = load_file(tmp_path / EFFECTS)
    save_file(stored | {f"effects.{name}": np.ascontiguousarray(change(stored[f"effects.{name}"]))}, tmp_path / EFFECTS)
    with pytest.raises(ModelError, match="does not belong"):
        load_effects(replace(small_model, folder=tmp_path))


def test_a_gene_that_explains_itself_is_refused(tmp_path, small_model):
    genes = len(small_model.space)
    save_effects(csr_array(np.eye(genes, dtype=np.float32)), tmp_path)
    with pytest.raises(ModelError, match="does not belong"):
        load_effects(replace(small_model, folder=tmp_path))


def test_a_damaged_file_is_named(tmp_path, small_model):
    (tmp_path / EFFECTS).write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        load_effects(replace(small_model, folder=tmp_path))
