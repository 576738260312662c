import json
import subprocess
import sys
from pathlib import Path

import pytest

from cellstate.cli import main

REPOSITORY = Path(__file__).resolve().parents[3]


def test_train_opens_the_trainer_with_its_arguments(capsys):
    assert main(["train", "plan", "poster-geo", "--gpus", "96", "--samples", "237824", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["workload"]["ranks"] == 96
    assert main(["train", "fit", "no-such-config"]) == 2
    said = capsys.readouterr()
    assert not said.out and "poster-geo" in said.err


def test_help_of_the_trainer_names_its_commands(capsys):
    with pytest.raises(SystemExit) as done:
        main(["train", "--help"])
    assert done.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: cellstate train ")
    assert all(name in shown for name in ("ingest", "fit", "finetune", "plan", "manifest"))


def test_trainer_runs_under_the_name_that_a_wheel_gives_it(tmp_path):
    # In a wheel it lies inside the package, and no top-level package is called train.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "_train").symlink_to(REPOSITORY / "train")
    code = (
        "import sys; from elsewhere._train.__main__ import main\n"
        "status = main(['plan', 'poster-geo', '--samples', '9', '--json'])\n"
        "sys.exit(status or 10 * ('train' in sys.modules))\n"
    )
    path = f"{tmp_path}:{REPOSITORY}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["workload"]["samples"] == 9
