"""Every code block of README and the documentation runs; those marked ``cluster`` are parsed."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.site.commands import reference
from tests.docs.code_blocks import (
    CLUSTER,
    COMMANDS,
    REPOSITORY,
    Block,
    blocks,
    commands_in_sentences,
    parse,
    script,
    servers,
    targets,
    workshop,
)
from tests.e2e.serving import wait_for

BLOCKS = list(blocks())
SHELL = [one for one in BLOCKS if one.language == "bash" and CLUSTER not in one.marks]


def place(block: Block) -> str:
    return block.place


def test_every_command_is_in_a_block_that_is_marked():
    hidden = [
        one.place
        for one in BLOCKS
        if one.language not in ("bash", "python", "text") and not one.language.startswith("{")
    ]
    hidden = [
        name for name in hidden for one in BLOCKS if one.place == name and set(one.text.split()[:1]) & set(COMMANDS)
    ]
    assert hidden == []
    assert {one.language for one in BLOCKS if CLUSTER in one.marks} == {"bash"}


def test_the_documentation_has_commands_of_every_kind():
    text = "\n".join(script(one) for one in SHELL)
    assert set(re.findall(r"^cellstate (\w+)", text, re.MULTILINE)) >= {
        "inspect",
        "perturb",
        "screen",
        "regulators",
        "pairs",
    }
    assert any(servers(one) for one in SHELL)


@pytest.mark.parametrize("block", [one for one in SHELL if script(one)], ids=place)
@pytest.mark.timeout(900)
def test_a_shell_block_runs(block: Block, tmp_path: Path):
    found = workshop(tmp_path)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(block)], cwd=tmp_path, env=found, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2_000:]


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=place)
@pytest.mark.timeout(600)
def test_a_python_block_runs(block: Block, tmp_path: Path):
    found = workshop(tmp_path)
    done = subprocess.run([sys.executable, "-c", block.text], cwd=tmp_path, env=found, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, done.stderr[-2_000:]


@pytest.mark.parametrize("line", sorted({line for one in SHELL for line in servers(one)}))
def test_a_command_that_serves_answers(line: str, tmp_path: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", *shlex.split(line, comments=True), "--port", str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=workshop(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()


def test_every_command_in_a_sentence_exists_with_its_options():
    parts = [part.split("\n", 1) for part in re.split(r"^#+ (?=cellstate )", reference(), flags=re.MULTILINE)[1:]]
    known = {name: {*re.findall(r"--[\w-]+", text), "--json", "--model"} for name, text in parts}
    wrong = []
    for page, line in commands_in_sentences():
        if line.startswith("python -m"):
            module = line.split()[2]
            exists, allowed = module.endswith(".NAME") or find_spec(module) is not None, None
        else:
            name = max((one for one in known if f"{line} ".startswith(f"{one} ")), key=len, default="")
            exists, allowed = bool(name), known.get(name)
        if not exists or (allowed and set(re.findall(r"--[a-z][\w-]*", line)) - allowed):
            wrong.append((page, line))
    assert wrong == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_every_target_of_make_exists():
    """`make test` runs these tests, and `make run` is what tests/packaging serves; here it is the names that count."""
    told = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    named = {target for one in BLOCKS for target in targets(one)}
    assert {"run", "test", "docs"} <= named
    assert named <= set(re.findall(r"^make ([\w-]+)", told, re.MULTILINE))


@pytest.mark.parametrize("line", sorted({line for one in BLOCKS if CLUSTER in one.marks for line in one.lines()}))
def test_a_command_for_a_cluster_is_one_that_its_program_takes(line: str):
    if not line.startswith("make "):
        parse(line)
