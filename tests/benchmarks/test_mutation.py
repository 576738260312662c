"""Sampled mutants: where faults can be put, which tests they are tried against, and what counts as noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutation
from benchmarks.mutants import REPOSITORY
from benchmarks.mutation import BROKEN, SURVIVED, TIMED_OUT, Mutant, Progress, Suite
from benchmarks.mutation_worker import KILLED

CODE = """\
from __future__ import annotations

LIMIT = 5


def share(n: int | None, total: int) -> float | None:
    if n is None or total < LIMIT:
        return None
    return n / total
"""
TESTS = {
    "passes": "def test_it(): assert True",
    "fails": "def test_it(): assert False",
    "does not load": "import nothing_of_this_name",
    "has no test": "x = 1",
    "dies": "import os\ndef test_it(): os.abort()",
    "does not end": "def test_it():\n    while True: pass",
    "leaves a process": "import subprocess, sys\ndef test_it(): subprocess.Popen(['sleep', '60'])",
}


@pytest.fixture
def mutant() -> Mutant:
    return Mutant("cellstate/expression/units.py", 3, 8, "NumberReplacer", "LIMIT = 5", "LIMIT = 6", "LIMIT = 6\n")


def test_sites_are_of_every_kind_and_none_is_an_annotation() -> None:
    sites = pytest.importorskip("benchmarks.mutation_sites", exc_type=ImportError)
    found = {(site.line, site.kind): site for site in sites.sites(CODE)}
    assert {(3, "NumberReplacer"), (7, "AddNot"), (7, "ReplaceOrWithAnd"), (7, "ReplaceComparisonOperator"),
            (9, "ReplaceBinaryOperator")} <= found.keys()  # fmt: skip
    assert len(found[9, "ReplaceBinaryOperator"].variants) == 6
    changed = [(site, sites.mutate(CODE, variant)) for site in found.values() for variant in site.variants]
    assert {site.line for site, text in changed if text is None} == {6}
    texts = [text for _, text in changed if text is not None]
    assert len(set(texts)) == len(texts) > 10 and CODE not in texts
    assert all(compile(text, "mutant", "exec") for text in texts)


def test_a_seed_determines_its_sample() -> None:
    pytest.importorskip("benchmarks.mutation_sites", exc_type=ImportError)
    texts = {"cellstate/expression/units.py": CODE, "train/plan.py": CODE.replace("5", "7")}
    drawn = mutation.draw(texts, 6, 3)
    assert drawn == mutation.draw(texts, 6, 3) and drawn != mutation.draw(texts, 6, 4)
    assert len({one.id for one in drawn}) == len(drawn) == 6
    assert {one.file for one in drawn} == set(texts)
    assert len(mutation.draw(texts, 1000, 3)) > 6


def test_the_lines_that_differ() -> None:
    assert mutation.difference("a\n  b = 1\nc", "a\n  b = 2\nc") == ("b = 1", "b = 2")
    assert mutation.difference("a\n@one\n@two\ndef f", "a\n@two\ndef f")[0].startswith("@one")


def test_a_listed_mutant_is_known_wherever_it_stands(mutant: Mutant) -> None:
    listed = [{"file": mutant.file, "old": mutant.old, "new": mutant.new, "why": "an example"}]
    assert mutation.is_equivalent(mutant, listed)
    assert not mutation.is_equivalent(mutant, [listed[0] | {"new": "LIMIT = 7"}])
    assert not mutation.is_equivalent(mutant, [listed[0] | {"file": "cellstate/io/read.py"}])


def test_equivalent_mutants_are_of_this_code_and_have_a_reason() -> None:
    for one in mutation.read_equivalent():
        lines = [line.strip() for line in (REPOSITORY / one["file"]).read_text().splitlines()]
        assert one["old"] in " ".join(lines), one
        assert one["new"] != one["old"] and one["why"].endswith("."), one


def test_survivors_lower_the_share_and_listed_ones_are_told_apart(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutants = [Mutant(mutant.file, line, 0, "AddNot", f"old {line}", "new", "") for line in range(5)]
    results = dict(zip((one.id for one in mutants), (KILLED, TIMED_OUT, SURVIVED, SURVIVED, BROKEN), strict=True))
    monkeypatch.setattr(mutation, "read_equivalent", lambda: [{"file": mutant.file, "old": "old 2", "new": "new"}])
    told = {one.name: one.value for one in mutation.report(mutants, results)}
    assert (told["mutants"], told["killed_share"], told["listed_as_equivalent"]) == (4, 0.5, 1)
    assert (told["killed_share.low"] or 1) < 0.5 < (told["killed_share.high"] or 0)
    assert told["killed_share_without_those"] == pytest.approx(2 / 3)
    assert told["killed_by_time_limit"] == 1 and told["left_to_try"] == 0
    assert "- old 3" in capsys.readouterr().out


def test_progress_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "build" / "progress.json"
    progress = Progress(path)
    progress.put(progress.results, "key", KILLED)
    progress.put(progress.sample, "seed", 7)
    again = Progress(path)
    assert again.results == {"key": KILLED} and again.sample == {"seed": 7} and again.seconds == {}


def test_the_mirrored_tests_come_first_then_those_that_import_the_module(tmp_path: Path) -> None:
    tests = Suite(Progress(tmp_path / "progress.json"))
    nearest = tests.nearest("cellstate/expression/units.py")
    assert nearest[0] == "tests/unit/expression/test_units.py"
    assert tests.nearest("train/ingest/bulk.py")[0] == "tests/unit/train/test_ingest_bulk.py"
    assert nearest[1] == mutation.GENERAL and len(nearest) == mutation.MOST_FILES
    # A test of another part is behind those of the own one, and those that lead nowhere near are not there.
    rooms = [test.split("/")[2] for test in nearest if test != mutation.GENERAL]
    assert rooms == sorted(rooms, key=lambda room: room != "io")
    assert "tests/unit/test_formatting.py" not in nearest


def test_what_counts_as_noticed(tmp_path: Path) -> None:
    """The process forks for each request, and goes on whatever happens to the fork."""
    requests = []
    for number, text in enumerate(TESTS.values()):
        (tmp_path / f"test_{number}.py").write_text(text)
        requests.append({"tests": [f"test_{number}.py"], "cpu_s": 5, "basetemp": str(tmp_path / "tmp")})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutation_worker"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = dict(zip(TESTS, map(json.loads, done.stdout.splitlines()), strict=True))
    assert {name: answer["result"] for name, answer in answers.items()} == {
        "passes": SURVIVED,
        "fails": KILLED,
        "does not load": KILLED,
        "has no test": BROKEN,
        "dies": KILLED,
        "does not end": TIMED_OUT,
        "leaves a process": SURVIVED,
    }
    assert answers["does not end"]["seconds"] >= 5
