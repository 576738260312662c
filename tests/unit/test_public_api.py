"""The few public names, in every form in which Python lets a user import them."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import cellstate
from cellstate.files import resource_path

NAMES = [
    "Goal", "Perturbation", "Samples", "combine", "compare", "evaluate", "load_model", "pairs", "predict",
    "prepare_sample", "read_goal", "read_samples", "regulators", "screen", "titrate",
]  # fmt: skip


def test_the_few_names_work_together():
    samples = cellstate.read_samples(sorted(resource_path("data", "examples").glob("*.tsv.gz"))[0])
    sample = cellstate.prepare_sample(cellstate.load_model(device="cpu"), samples)
    table = cellstate.predict(sample, [cellstate.Perturbation("TP53", "knock-out")]).table()
    assert table["gene"].iloc[-1] == "TP53"
    goal = cellstate.read_goal("genes:+CDH1,-VIM", sample)
    assert isinstance(goal, cellstate.Goal)
    assert len(cellstate.screen(sample, goal, genes=np.arange(4)).table) == 4


def test_exactly_these_names_are_public():
    assert sorted(cellstate.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(cellstate))
    assert all(callable(getattr(cellstate, name)) for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cellstate.nothing


@pytest.mark.parametrize("name", NAMES)
def test_no_module_is_shadowed_by_a_public_name(name):
    assert find_spec(f"cellstate.{name}") is None


def test_the_package_alone_does_not_wait_for_torch():
    code = "import sys, cellstate; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=resource_path())
