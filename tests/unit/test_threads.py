"""Threads of linear algebra: one, unless somebody asked for more."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
{first}
import numpy
from threadpoolctl import threadpool_info
print(json.dumps([one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas"]))
"""
FIRST = {
    "command": "from cellstate.cli import main; main(['model', 'list', '--json'])",
    "app": "import cellstate.ui",
}


def threads(first: str, **environment: str) -> list[int]:
    """Return the threads of each OpenBLAS that a process has loaded after some first statements."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    script = SCRIPT.format(first=first)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=kept | environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", FIRST)
def test_numpy_takes_one_thread(way):
    found = threads(FIRST[way])
    assert found and set(found) == {1}


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_in_the_environment_stands(name):
    # OpenBLAS takes no more threads than there are processors.
    wanted = min(2, os.cpu_count() or 1)
    found = threads(FIRST["app"], **{name: "2"})
    assert found and set(found) == {wanted}


def test_as_a_library_nothing_is_set():
    found = threads("import cellstate")
    assert found and set(found) == {os.cpu_count()}
