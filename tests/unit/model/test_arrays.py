from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from cellstate.errors import ModelError
from cellstate.model.checkpoint import read_arrays


def test_arrays_come_back(tmp_path):
    path = tmp_path / "some.safetensors"
    save_file({"level": np.arange(6, dtype=np.uint8).reshape(2, 3)}, path)
    np.testing.assert_array_equal(read_arrays(path)["level"], [[0, 1, 2], [3, 4, 5]])


def test_a_type_that_numpy_lacks_is_refused(tmp_path):
    """Found by `benchmarks.fuzz`: the library then looks for an attribute of numpy that is not there."""
    header = json.dumps({"level": {"dtype": "F8_E5M2", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "some.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ModelError, match=r"some\.safetensors is damaged"):
        read_arrays(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}rest"])
def test_a_damaged_file_is_named(tmp_path, data):
    path = tmp_path / "some.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"some\.safetensors is damaged"):
        read_arrays(path)
