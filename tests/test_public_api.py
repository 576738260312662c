"""The few public names, in every form in which Python lets a user import them."""

import inspect
import subprocess
import sys

import pytest

import cellstate
import cellstate.perturb.edits as edits_module
from cellstate import Edit, evaluate, load_model, perturb, read_samples
from cellstate.resources import resource_path


def test_the_few_names_work_together():
    samples = read_samples(sorted(resource_path("data", "examples").glob("*.tsv.gz"))[0])
    model = load_model(device="cpu")
    table = perturb(model, samples, [Edit("TP53", "knock-out")]).table()
    assert table["gene"].iloc[-1] == "TP53"
    assert cellstate.evaluate(model, samples).quality["autoencoder"].r2_pooled > 0.9
    assert evaluate is cellstate.evaluate


def test_a_package_named_as_its_function_is_still_a_package():
    assert edits_module.Edit is Edit
    assert "edits" in inspect.signature(perturb).parameters
    assert set(cellstate.__all__) <= {*dir(cellstate), *cellstate.__all__}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cellstate.nothing


def test_the_package_alone_does_not_wait_for_torch():
    code = "import sys, cellstate; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=resource_path())
