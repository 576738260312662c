"""``pairs``: its answer, and that a stopped, killed or shared run gives the answer of one that ran alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cellstate.files import resource_path
from cellstate.perturb.search import pair_sweep as sweep

#: 240 genes in 15 blocks.
ROWS = 16
#: Runs the command as ``python -m cellstate`` does, with small blocks that take a while.
DRIVER = f"""
import os, runpy, sys, time
from cellstate.perturb.search import pair_sweep as sweep
sweep.ROWS = {ROWS}
plain, rank = sweep._block, int(os.environ.get("RANK", 0))
def slow(*arguments):
    time.sleep(float(os.environ.get("PAUSE", 0)))
    if os.environ.get("KILLED") == str(rank) and len(list(os.scandir(os.environ["FOLDER"]))) > 5:
        os.kill(os.getpid(), 9)
    return plain(*arguments)
sweep._block = slow
if os.environ.get("LATE") == str(rank):
    all_of = sweep.sweep
    import cellstate.perturb.search.pairs as pairs
    def late(*arguments):
        time.sleep(2)
        return all_of(*arguments)
    pairs.sweep = late
runpy.run_module("cellstate", run_name="__main__")
"""


@pytest.fixture
def arguments(table, small_model):
    """A pair search on the first sample of the upload, of all pairs of the small model's genes."""
    first, second, third = small_model.space.symbols[:3]
    goal = f"genes:+{first},+{second},-{third}"
    where = ["--sample", "P060", "--model", str(small_model.folder)]
    return ["pairs", str(table), "--goal", goal, "--by", "interaction", *where]


@pytest.fixture
def start(tmp_path):
    """Start the command with small blocks, in one process or in several of one group."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    running = []

    def call(arguments, n: int = 0, **variables) -> subprocess.Popen:
        several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)] if n else []
        process = subprocess.Popen(
            [sys.executable, *several, str(script), *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(resource_path())} | {k: str(v) for k, v in variables.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts the tests in the background lets them ignore Ctrl-C, and so would this process.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        running.append(process)
        return process

    yield call
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def counted(monkeypatch):
    """Small blocks in this process too; the numbers of those that are computed."""
    computed, plain = [], sweep._block

    def block(engine, plan, number, *others):
        computed.append(number)
        return plain(engine, plan, number, *others)

    monkeypatch.setattr(sweep, "_block", block)
    monkeypatch.setattr(sweep, "ROWS", ROWS)
    return computed


def finish(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def assert_same(found: dict, expected: dict) -> None:
    """Assert the same pairs, up to the last digits: threads add up in another order."""
    assert found["n_pairs"] == expected["n_pairs"]
    a, b = (pd.DataFrame(answer["pairs"]) for answer in (found, expected))
    assert (a[["a", "b"]] == b[["a", "b"]]).all(axis=None)
    numbers = ["score", "score_a", "score_b", "interaction", "fraction_of_distance", "p", "fdr"]
    pd.testing.assert_frame_equal(a[numbers], b[numbers], rtol=1e-4, atol=1e-9)


def test_pairs(run, arguments, tmp_path):
    shown = run(*arguments, "--top", "9", "--out", tmp_path / "out.csv", "--json")
    assert shown.keys() >= {"goal", "sample", "kind", "pairs", "n_pairs", "scale", "goal_missing", "is_ood"}
    assert (shown["n_pairs"], shown["n_exact"], shown["kind"]) == (240 * 239 // 2, 20_000, "hypothesis")
    rows = shown["pairs"]
    assert len(rows) == 9
    keys = {"a", "b", "score", "score_a", "score_b", "interaction", "fraction_of_distance", "p", "fdr"}
    assert rows[0].keys() >= keys
    assert [row["interaction"] for row in rows] == sorted((row["interaction"] for row in rows), reverse=True)
    written = pd.read_csv(tmp_path / "out.csv")
    assert len(written) == 1000 and written["a"].head(9).tolist() == [row["a"] for row in rows]
    lines = run(*arguments, "--top", "2").out.splitlines()
    assert shown["predictor"] == "autoencoder" and "no evidence" in shown["predictor_reason"]
    assert "hypotheses" in lines[0] and "Interaction is" in lines[3] and len(lines) == 6 + 2
    assert lines[4] == f"The autoencoder scores. {shown['predictor_reason']}"


def test_rows_partners_anchor_and_rank(run, arguments, small_model, tmp_path):
    first, *others = small_model.space.symbols[:5]
    (tmp_path / "one").write_text(f"{first}\n")
    (tmp_path / "few").write_text("\n".join(others))
    shown = run(*arguments, "--genes", tmp_path / "one", "--partners", tmp_path / "few", "--json")
    assert shown["n_pairs"] == 4
    assert {frozenset((row["a"], row["b"])) for row in shown["pairs"]} == {frozenset((first, o)) for o in others}
    assert run(*arguments, "--genes", tmp_path / "one", "--json")["n_pairs"] == 239
    shown = run(*arguments, "--by", "cohort", "--top", "7", "--json")
    by_cohort = [row["cohort_r"] for row in shown["pairs"]]
    assert shown["by"] == "cohort" and by_cohort == sorted(by_cohort, reverse=True) and len(by_cohort) == 7
    assert "The cohort ranks" in run(*arguments, "--by", "cohort", "--top", "1").out
    by_default = [one for one in arguments if one not in ("--by", "interaction")]
    assert run(*by_default, "--top", "7", "--json") == shown
    shown = run(*arguments, "--anchor", first, "--by", "score", "--json")
    assert shown["n_pairs"] == 239 and len(shown["pairs"]) == 50
    assert all(first in (row["a"], row["b"]) for row in shown["pairs"])
    assert [row["score"] for row in shown["pairs"]] == sorted((row["score"] for row in shown["pairs"]), reverse=True)


def test_a_kept_folder_is_used_again_and_belongs_to_one_search(run, arguments, counted, tmp_path):
    keep = ("--keep", tmp_path / "kept")
    whole = run(*arguments, *keep, "--json")
    assert sorted(counted) == list(range(15))
    counted.clear()
    (tmp_path / "kept" / "block-000003.npz").write_bytes(b"damaged")
    assert run(*arguments, *keep, "--json") == whole and counted == [3]
    for changed in (("--sample", "P061"), ("--perturb", "x3"), ("--by", "score"), ("--top", "2000")):
        captured = run(*arguments, *changed, *keep, status=2)
        assert "another sample, goal, model or choice of genes" in captured.err and "another folder" in captured.err
    assert len(run(*arguments, *keep, "--top", "5", "--json")["pairs"]) == 5  # shown fewer, searched the same


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_or_killed_goes_on(run, arguments, start, counted, tmp_path, how):
    kept, out = tmp_path / "kept", tmp_path / "out.csv"
    process = start([*arguments, "--keep", kept, "--out", out], PAUSE=0.3)
    while not (kept / "block-000002.npz").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(how)
    shown, printed = process.communicate(timeout=30)
    assert shown == "" and not out.exists()
    finished = sorted(int(path.stem[-6:]) for path in kept.glob("block-*.npz"))
    assert 3 <= len(finished) < 15
    if how == signal.SIGINT:
        assert process.returncode == 130 and "Traceback" not in printed
        assert f"{len(finished)} finished block(s) are kept in {kept}. The same command goes on." in printed
    found = run(*arguments, "--keep", kept, "--json")
    assert sorted([*finished, *counted]) == list(range(15))
    assert_same(found, run(*arguments, "--json"))


def test_a_stop_without_a_folder_leaves_nothing(run, arguments, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "_block", stopped)
    captured = run(*arguments, "--out", tmp_path / "out.csv", status=130)
    assert captured.out == "" and captured.err.splitlines()[-1] == "stopped" and not list(tmp_path.iterdir())


def test_two_processes_give_the_answer_of_one(run, arguments, start, counted, tmp_path):
    """Also when one of them starts late: what the other finished by then is still shared out the same way."""
    process = start([*arguments, "--keep", tmp_path / "kept", "--json"], n=2, LATE=1)
    assert_same(finish(process), run(*arguments, "--json"))


@pytest.mark.thorough
def test_the_work_of_a_killed_process_is_redone(run, arguments, start, counted, tmp_path):
    kept = tmp_path / "kept"
    process = start([*arguments, "--keep", kept, "--json"], n=2, KILLED=1, FOLDER=kept, PAUSE=0.1)
    shown, _ = process.communicate(timeout=120)
    assert process.returncode != 0 and shown == ""
    finished = sorted(int(path.stem[-6:]) for path in kept.glob("block-*.npz"))
    assert 3 <= len(finished) < 15
    found = run(*arguments, "--keep", kept, "--json")
    assert sorted([*finished, *counted]) == list(range(15))
    assert_same(found, run(*arguments, "--json"))


def test_two_processes_print_one_error(arguments, start):
    process = start([*arguments, "--anchor", "NOSUCHGENE"], n=2)
    shown, printed = process.communicate(timeout=120)
    assert process.returncode != 0 and shown == ""
    assert printed.count("error: No gene is called 'NOSUCHGENE'") == 1


def test_the_folder_of_finished_blocks_is_made_only_where_it_is_named(run, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(Path(tmp_path).rglob("*"))
    run(*arguments, "--json")
    assert set(Path(tmp_path).rglob("*")) == before
